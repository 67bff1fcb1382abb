//! Which role may make which call, and the layer that holds every call to it.
//!
//! [`Authorise`] stands in front of the whole router, so a service is guarded because it is served, not because it
//! remembered to ask. A method without a row in the table reaches nobody.
//!
//! ```text
//! request ─► Trust: who is it? ─► table: may that role? ─► handler, with the Caller in the extensions
//!                 └ UNAUTHENTICATED     └ PERMISSION_DENIED, or UNIMPLEMENTED without a row
//! ```

use std::{
    future::{self, Ready},
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::Either;
use tonic::{Code, Status, body::Body, codegen::http};
use tower::{Layer, Service};
use tracing::Span;

use crate::{
    caller::{Caller, Role, Trust, Unidentified},
    status::status,
};

use Role::{Admin, Agent, Compute, Member, Reader};

/// The roles that may call each method; the comments in `proto/lepton/v1` say the same, and a test compares them.
const ACCESS: &[(&str, &[Role])] = &[
    ("/lepton.v1.NetworkManager/CreateNetworks", &[Admin, Member]),
    ("/lepton.v1.NetworkManager/CarveNetworks", &[Admin]),
    ("/lepton.v1.NetworkManager/ModifyNetwork", &[Admin, Member]),
    ("/lepton.v1.NetworkManager/AssociateNetwork", &[Admin]),
    ("/lepton.v1.NetworkManager/DisassociateNetwork", &[Admin]),
    ("/lepton.v1.NetworkManager/DeleteNetwork", &[Admin, Member]),
    ("/lepton.v1.NetworkManager/GetNetwork", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.NetworkManager/ListNetworks", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.NetworkManager/ValidateNetworks", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.NetworkManager/AllocateForInstance", &[Admin, Compute]),
    ("/lepton.v1.NetworkManager/DeallocateForInstance", &[Admin, Compute]),
    ("/lepton.v1.NetworkManager/MigrateInstanceStart", &[Admin, Compute]),
    ("/lepton.v1.NetworkManager/MigrateInstanceFinish", &[Admin, Compute]),
    ("/lepton.v1.NetworkManager/SetupNetworksOnHost", &[Admin, Compute]),
    ("/lepton.v1.NetworkManager/FenceHost", &[Admin]),
    ("/lepton.v1.NetworkManager/GetInstanceNwInfo", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.NetworkManager/GetInstanceNwInfoJson", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.Subnets/AddSubnet", &[Admin, Member]),
    ("/lepton.v1.Subnets/GetSubnet", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.Subnets/ModifySubnet", &[Admin, Member]),
    ("/lepton.v1.Subnets/DeleteSubnet", &[Admin, Member]),
    ("/lepton.v1.Subnets/AddRoute", &[Admin, Member]),
    ("/lepton.v1.Subnets/RemoveRoute", &[Admin, Member]),
    ("/lepton.v1.Ports/GetPort", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.Ports/ListPorts", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.FixedIps/AddFixedIp", &[Admin, Compute, Member]),
    ("/lepton.v1.FixedIps/RemoveFixedIp", &[Admin, Compute, Member]),
    ("/lepton.v1.FixedIps/ReserveFixedIp", &[Admin]),
    ("/lepton.v1.FixedIps/UnreserveFixedIp", &[Admin]),
    ("/lepton.v1.FixedIps/GetFixedIp", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.FixedIps/ListFixedIps", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.FixedIps/LeaseFixedIp", &[Admin, Compute, Agent]),
    ("/lepton.v1.FixedIps/ReleaseFixedIp", &[Admin, Compute, Agent]),
    ("/lepton.v1.Dns/CreateDnsDomain", &[Admin]),
    ("/lepton.v1.Dns/DeleteDnsDomain", &[Admin]),
    ("/lepton.v1.Dns/ListDnsDomains", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.Dns/AddDnsEntry", &[Admin, Member]),
    ("/lepton.v1.Dns/ModifyDnsEntry", &[Admin, Member]),
    ("/lepton.v1.Dns/DeleteDnsEntry", &[Admin, Member]),
    ("/lepton.v1.Dns/ListDnsEntries", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.FloatingIps/CreateFloatingPool", &[Admin]),
    ("/lepton.v1.FloatingIps/DeleteFloatingRanges", &[Admin]),
    ("/lepton.v1.FloatingIps/DeleteFloatingPool", &[Admin]),
    ("/lepton.v1.FloatingIps/ListFloatingPools", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.FloatingIps/AllocateFloatingIp", &[Admin, Member]),
    ("/lepton.v1.FloatingIps/ReleaseFloatingIp", &[Admin, Member]),
    ("/lepton.v1.FloatingIps/AssociateFloatingIp", &[Admin, Member]),
    ("/lepton.v1.FloatingIps/DisassociateFloatingIp", &[Admin, Member]),
    ("/lepton.v1.FloatingIps/GetFloatingIp", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.FloatingIps/ListFloatingIps", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.History/ListHolders", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.Explain/ExplainInstance", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.Explain/ExplainPort", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.Explain/ExplainAddress", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.Events/WatchEvents", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.Events/ListEvents", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.Queries/FindInstances", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.Dhcp/GetDhcpHosts", &[Admin, Compute, Reader]),
    ("/lepton.v1.Dhcp/GetDhcpLeases", &[Admin, Compute, Reader]),
    ("/lepton.v1.Dhcp/GetDhcpOptions", &[Admin, Compute, Reader]),
    ("/lepton.v1.MacRanges/CreateMacRange", &[Admin]),
    ("/lepton.v1.MacRanges/GetMacRange", &[Admin, Compute, Reader]),
    ("/lepton.v1.MacRanges/ListMacRanges", &[Admin, Compute, Reader]),
    ("/lepton.v1.MacRanges/DeleteMacRange", &[Admin]),
    ("/lepton.v1.Audits/AuditLedger", &[Admin, Reader]),
    ("/lepton.v1.Audits/RepairFinding", &[Admin]),
    // Only the roles of the call that is planned may plan it.
    ("/lepton.v1.Plans/PlanCall", &[Admin, Compute, Agent, Member]),
    ("/lepton.v1.Plans/ApplyPlan", &[Admin, Compute, Agent, Member]),
    ("/lepton.v1.Quotas/GetQuota", &[Admin, Compute, Member, Reader]),
    ("/lepton.v1.Quotas/SetQuota", &[Admin]),
    ("/lepton.v1.Quotas/ListQuotas", &[Admin, Compute, Reader]),
    // What every caller may ask, whatever it is.
    ("/grpc.health.v1.Health/Check", &Role::ALL),
    ("/grpc.health.v1.Health/Watch", &Role::ALL),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", &Role::ALL),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &Role::ALL),
];

/// Most characters of an unknown method that an answer repeats; ours have half of that.
const LONGEST_METHOD: usize = 128;

/// The tower layer that identifies every caller and refuses the calls that its role does not include.
#[derive(Clone, Debug)]
pub struct Authorise {
    trust: Arc<Trust>,
}

/// A service behind [`Authorise`].
#[derive(Clone, Debug)]
pub struct Authorised<S> {
    trust: Arc<Trust>,
    inner: S,
}

/// Why a call does not reach its handler.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the caller did not prove who it is: {0}")]
    Unidentified(#[from] Unidentified),
    #[error("{method} is for {}, and {:?} is {}", list(allowed), caller.name(), caller.role())]
    RoleNotAllowed { method: String, caller: Caller, allowed: &'static [Role] },
    #[error("this server has no method {method}; it may be older than its caller")]
    UnknownMethod { method: String },
}

/// Every method that the server has, by its path.
pub(crate) fn methods() -> impl Iterator<Item = &'static str> {
    ACCESS.iter().map(|(method, _)| *method)
}

impl Role {
    /// The methods that callers of this role may call, by their paths.
    pub fn methods(self) -> impl Iterator<Item = &'static str> {
        ACCESS.iter().filter(move |(_, roles)| roles.contains(&self)).map(|(method, _)| *method)
    }
}

impl Authorise {
    /// A layer that believes callers as `trust` says.
    pub fn new(trust: Trust) -> Self {
        Self { trust: Arc::new(trust) }
    }
}

impl<S> Layer<S> for Authorise {
    type Service = Authorised<S>;

    fn layer(&self, inner: S) -> Authorised<S> {
        Authorised { trust: Arc::clone(&self.trust), inner }
    }
}

impl<S, B> Service<http::Request<B>> for Authorised<S>
where
    S: Service<http::Request<B>, Response = http::Response<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<B>) -> Self::Future {
        match authorise(&self.trust, request.uri().path(), request.extensions()) {
            Ok(caller) => {
                Span::current().record("caller", caller.name());
                request.extensions_mut().insert(caller);
                Either::Left(self.inner.call(request))
            }
            Err(refusal) => {
                tracing::info!(method = request.uri().path(), %refusal, "call refused");
                Either::Right(future::ready(Ok(Status::from(refusal).into_http())))
            }
        }
    }
}

/// Refuses a call that one who was identified makes within another one.
pub(crate) fn authorise_within(caller: &Caller, method: &str) -> Result<(), Status> {
    Ok(must_be_allowed(caller, method)?)
}

/// Who calls, if that caller may call `method`.
fn authorise(trust: &Trust, method: &str, connection: &http::Extensions) -> Result<Caller, Refusal> {
    let caller = trust.identify(connection)?;
    must_be_allowed(&caller, method)?;
    Ok(caller)
}

fn must_be_allowed(caller: &Caller, method: &str) -> Result<(), Refusal> {
    let Some((_, allowed)) = ACCESS.iter().find(|(name, _)| *name == method) else {
        // Whoever called it knows how it goes on; the answer must stay small.
        return Err(Refusal::UnknownMethod { method: method.chars().take(LONGEST_METHOD).collect() });
    };
    if !allowed.contains(&caller.role()) {
        return Err(Refusal::RoleNotAllowed { method: method.to_owned(), caller: caller.clone(), allowed });
    }
    Ok(())
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::Unidentified(_) => status(Code::Unauthenticated, "UNAUTHENTICATED", message, []),
            Refusal::RoleNotAllowed { method, caller, allowed } => {
                let metadata = [
                    ("method", method),
                    ("caller", caller.name().to_owned()),
                    ("role", caller.role().to_string()),
                    ("allowed_roles", list(allowed)),
                ];
                status(Code::PermissionDenied, "ROLE_NOT_ALLOWED", message, metadata)
            }
            // The code with which every gRPC server answers; clients probe for methods this way.
            Refusal::UnknownMethod { method } => {
                status(Code::Unimplemented, "METHOD_NOT_FOUND", message, [("method", method)])
            }
        }
    }
}

/// `admin, compute, reader`.
fn list(roles: &[Role]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
