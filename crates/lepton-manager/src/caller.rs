//! [`Caller`]: who called, as the connection proves it; never what a request says about itself.
//!
//! [`Trust`] is asked once a request, with what the transport left in the request's extensions:
//!
//! ```text
//! mTLS           the client certificate's SPIFFE id          role, name and, by the role, host or project from the id
//! unix socket    the peer's uid, from the kernel             root and the daemon itself: admin; others: as configured
//! loopback TCP   nothing but that it is on this machine      as configured
//! ```
//!
//! What a role may call is `authorise.rs`.

use std::{fmt, net::SocketAddr, str::FromStr};

use lepton_ledger::Scope;
use lepton_types::HostId;
use tonic::{
    Code, Status,
    codegen::http,
    transport::server::{TcpConnectInfo, TlsConnectInfo, UdsConnectInfo},
};

use crate::status::status;

mod certificate;

pub use certificate::{CertificateError, TrustDomain, TrustDomainError};

/// The uid of root, to whom the kernel denies nothing on this machine anyway.
const ROOT: u32 = 0;

/// What a caller is allowed to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// An operator: everything.
    Admin,
    /// A compute agent: gives instances their vNICs and takes them back.
    Compute,
    /// A host agent: learns what its host should be and reports what it is.
    Agent,
    /// A tenant: works with what belongs to its project.
    Member,
    /// A dashboard or an auditor: reads.
    Reader,
}

/// A text that is no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a role (expected admin, compute, agent, member or reader)")]
pub struct RoleError(String);

/// Who called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    name: Box<str>,
    role: Role,
    host: Option<HostId>,
    scope: Scope,
}

/// Whom the server believes, for each way to connect.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The uid that this process runs as: its owner is an admin over the unix socket.
    pub daemon_uid: u32,
    /// What everybody else is who can open the unix socket; `None` refuses them.
    pub unix_role: Option<Role>,
    /// What every process of this machine is over loopback TCP without TLS; `None` refuses them.
    pub loopback_role: Option<Role>,
    /// Whether the name in a compute or agent certificate is the only host that its owner may act for.
    pub binds_hosts: bool,
    /// The SPIFFE trust domain that client certificates must belong to; `None` leaves it to the client CA.
    pub trust_domain: Option<TrustDomain>,
}

/// Why a connection does not prove who calls.
#[derive(Debug, thiserror::Error)]
pub enum Unidentified {
    /// The certificate says nothing, or not enough.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// TLS without a client certificate.
    #[error("the client sent no certificate")]
    NoCertificate,
    /// The kernel did not say who opened the socket.
    #[error("the unix socket does not tell who opened it")]
    NoPeerCredentials,
    /// A user of this machine without a role.
    #[error("user id {0} is neither root nor the daemon's own user, and auth.unix_role gives others no role")]
    UserWithoutRole(u32),
    /// Loopback TCP is not trusted here.
    #[error("callers over loopback TCP have no role (auth.loopback_role): use the unix socket, or TLS")]
    LoopbackWithoutRole,
    /// TCP without TLS from elsewhere, or from nowhere.
    #[error("the peer {0:?} is not on this machine, and the connection has no TLS")]
    NotLoopback(Option<SocketAddr>),
    /// A transport that this function does not know.
    #[error("the connection does not tell who calls")]
    UnknownTransport,
}

impl Role {
    /// Every role, the most powerful first.
    pub const ALL: [Self; 5] = [Self::Admin, Self::Compute, Self::Agent, Self::Member, Self::Reader];

    /// The role's name in certificates, configuration and documentation.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Compute => "compute",
            Self::Agent => "agent",
            Self::Member => "member",
            Self::Reader => "reader",
        }
    }
}

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        let role = Self::ALL.into_iter().find(|role| role.as_str() == text);
        role.ok_or_else(|| RoleError(text.to_owned()))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl Caller {
    /// The caller's name: the same for every call of the same principal, so it is also the scope of its request ids.
    ///
    /// `unix:` and the uid, `loopback` for all who call that way (ADR 9), or the SPIFFE id of the certificate.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the caller is allowed to be.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The only host that the caller may act for; none: any.
    pub fn host(&self) -> Option<&HostId> {
        self.host.as_ref()
    }

    /// What of the ledger the caller may see and change.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The caller that a client certificate (DER) names, as the whole of a trust domain's server believes it once the certificate
    /// itself is proven; a compute or agent certificate's name is its host, a member's is its project.
    ///
    /// # Errors
    ///
    /// [`CertificateError`]: it names nobody.
    pub fn by_certificate(der: &[u8], trusted: Option<&TrustDomain>) -> Result<Self, CertificateError> {
        certificate::caller(der, trusted)
    }

    /// The caller that [`Authorise`](crate::Authorise) left in the request.
    ///
    /// Errors: `INTERNAL` when it never saw the request, which is a mistake in the wiring of the server.
    pub fn of<T>(request: &tonic::Request<T>) -> Result<&Self, Status> {
        let missing = || status(Code::Internal, "INTERNAL", "the request was never authorised", []);
        request.extensions().get().ok_or_else(missing)
    }
}

impl Trust {
    /// Who calls over the connection that left these extensions.
    ///
    /// TLS is looked at first: its connections carry the TCP peer too, which must not make anybody trusted.
    pub fn identify(&self, connection: &http::Extensions) -> Result<Caller, Unidentified> {
        if let Some(tls) = connection.get::<TlsConnectInfo<TcpConnectInfo>>() {
            self.by_certificate(tls)
        } else if let Some(unix) = connection.get::<UdsConnectInfo>() {
            self.by_uid(unix)
        } else if let Some(tcp) = connection.get::<TcpConnectInfo>() {
            self.by_loopback(tcp)
        } else {
            Err(Unidentified::UnknownTransport)
        }
    }

    fn by_certificate(&self, tls: &TlsConnectInfo<TcpConnectInfo>) -> Result<Caller, Unidentified> {
        let chain = tls.peer_certs().ok_or(Unidentified::NoCertificate)?;
        let leaf = chain.first().ok_or(Unidentified::NoCertificate)?;
        let mut caller = Caller::by_certificate(leaf, self.trust_domain.as_ref())?;
        caller.host = caller.host.filter(|_| self.binds_hosts);
        Ok(caller)
    }

    fn by_uid(&self, unix: &UdsConnectInfo) -> Result<Caller, Unidentified> {
        let uid = unix.peer_cred.ok_or(Unidentified::NoPeerCredentials)?.uid();
        let role = if uid == ROOT || uid == self.daemon_uid {
            Role::Admin
        } else {
            self.unix_role.ok_or(Unidentified::UserWithoutRole(uid))?
        };
        Ok(Caller { name: format!("unix:{uid}").into(), role, host: None, scope: Scope::Everything })
    }

    fn by_loopback(&self, tcp: &TcpConnectInfo) -> Result<Caller, Unidentified> {
        if !tcp.remote_addr.is_some_and(|peer| peer.ip().to_canonical().is_loopback()) {
            return Err(Unidentified::NotLoopback(tcp.remote_addr));
        }
        let role = self.loopback_role.ok_or(Unidentified::LoopbackWithoutRole)?;
        Ok(Caller { name: "loopback".into(), role, host: None, scope: Scope::Everything })
    }
}

#[cfg(test)]
mod tests;
