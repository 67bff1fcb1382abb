//! The service: authorises a call, submits its command, wakes the hosts, waits for a plug when asked.
//!
//! A call comes in through [`Authorise`], which proves who it is ([`Caller`], by [`Trust`]) and whether that role may
//! make it, before any handler sees it.

mod authorise;
mod caller;

pub use authorise::{Authorise, Authorised};
pub use caller::{
    Caller, CertificateError, Role, RoleError, Trust, TrustDomain, TrustDomainError, Unidentified,
};
