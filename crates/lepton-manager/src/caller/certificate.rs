//! The caller that a client certificate names: `spiffe://<trust domain>/lepton/<role>/<name>` among its subject
//! alternative names.
//!
//! Only the name is read here. That the certificate is signed by the client CA, is in its time and belongs to whoever
//! sent it was proven by rustls before the first request.

use std::{fmt, str::FromStr};

use lepton_ledger::Scope;
use lepton_types::Shown;
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

use super::{Caller, Role};

/// Longest SPIFFE id that is accepted, in bytes: as long as every other name that Lepton keeps.
const ID_MAX: usize = 255;

/// The administrative realm of a SPIFFE id: lower-case letters, digits, dots, dashes and underscores.
///
/// Source: SPIFFE-ID §2.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustDomain(Box<str>);

/// A text that cannot be a trust domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a trust domain (expected lower-case letters, digits, '.', '-' and '_', for example example.org)"
)]
pub struct TrustDomainError(String);

/// Why a client certificate does not name a caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not a certificate, or its subject alternative names are malformed.
    #[error("the client certificate cannot be read: {0}")]
    Unreadable(String),
    /// No SPIFFE id, or more than one, so nobody can say which.
    #[error("the client certificate has {0} SPIFFE ids (expected one URI SAN {EXPECTED})")]
    NotOneId(usize),
    /// A SPIFFE id of another form.
    #[error("{0} does not name a caller (expected a URI SAN {EXPECTED})")]
    NotACaller(Shown),
    /// The role is none of ours.
    #[error("the role of {0:?} is unknown (expected admin, compute, agent, member or reader)")]
    UnknownRole(String),
    /// Signed by the client CA, yet from a realm that this server does not serve.
    #[error("{id:?} is not in the trust domain {expected}")]
    ForeignTrustDomain {
        /// The SPIFFE id.
        id: String,
        /// The trust domain of this server.
        expected: TrustDomain,
    },
}

/// The form of a SPIFFE id that names a caller, as the errors tell it.
const EXPECTED: &str = "spiffe://<trust domain>/lepton/<role>/<name>";

impl FromStr for TrustDomain {
    type Err = TrustDomainError;

    fn from_str(text: &str) -> Result<Self, TrustDomainError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
        if !text.is_empty() && text.len() <= ID_MAX && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(TrustDomainError(text.to_owned()))
        }
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The caller that a client certificate (DER) names; a compute or agent certificate's name is its host, a
/// member's is its project.
///
/// Source: SPIFFE X509-SVID §2 for exactly one id a certificate.
pub(super) fn caller(der: &[u8], trusted: Option<&TrustDomain>) -> Result<Caller, CertificateError> {
    let id = spiffe_id(der)?;
    let (domain, role, name) = split(&id).ok_or_else(|| CertificateError::NotACaller(Shown::new(&id)))?;
    if !is_segment(name) || id.len() > ID_MAX {
        return Err(CertificateError::NotACaller(Shown::new(&id)));
    }
    if let Some(expected) = trusted
        && domain != *expected
    {
        return Err(CertificateError::ForeignTrustDomain { id, expected: expected.clone() });
    }
    let role = role.parse::<Role>().map_err(|_| CertificateError::UnknownRole(id.clone()))?;
    let no_caller = || CertificateError::NotACaller(Shown::new(&id));
    let (mut host, mut scope) = (None, Scope::Everything);
    match role {
        Role::Compute | Role::Agent => host = Some(name.parse().map_err(|_| no_caller())?),
        Role::Member => scope = Scope::Project(name.parse().map_err(|_| no_caller())?),
        Role::Admin | Role::Reader => {}
    }
    Ok(Caller { host, scope, name: id.into(), role })
}

/// The one SPIFFE id among the certificate's subject alternative names; names of other kinds do not matter.
fn spiffe_id(der: &[u8]) -> Result<String, CertificateError> {
    let unreadable = |error: &dyn fmt::Display| CertificateError::Unreadable(error.to_string());
    let (_, certificate) = parse_x509_certificate(der).map_err(|error| unreadable(&error))?;
    let names = certificate.subject_alternative_name().map_err(|error| unreadable(&error))?;
    let names = names.as_ref().map_or(&[][..], |extension| &extension.value.general_names);
    let ids: Vec<&str> = names.iter().filter_map(uri).filter(|uri| is_spiffe(uri)).collect();
    match ids[..] {
        [id] => Ok(id.to_owned()),
        _ => Err(CertificateError::NotOneId(ids.len())),
    }
}

fn uri<'a>(name: &GeneralName<'a>) -> Option<&'a str> {
    if let GeneralName::URI(uri) = name { Some(uri) } else { None }
}

/// Whether the URI claims to be a SPIFFE id. The scheme's case is ignored here so that a `SPIFFE://` is counted, and
/// then refused by [`split`], rather than overlooked.
fn is_spiffe(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("spiffe"))
}

/// Trust domain, role and name of `spiffe://<trust domain>/lepton/<role>/<name>`.
fn split(id: &str) -> Option<(TrustDomain, &str, &str)> {
    let (domain, path) = id.strip_prefix("spiffe://")?.split_once('/')?;
    let (role, name) = path.strip_prefix("lepton/")?.split_once('/')?;
    Some((domain.parse().ok()?, role, name))
}

/// Whether the text is one segment of a SPIFFE id's path.
///
/// Source: SPIFFE-ID §2.2: letters, digits, dots, dashes, underscores; not `.` or `..`.
fn is_segment(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !text.is_empty() && text != "." && text != ".." && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests;
