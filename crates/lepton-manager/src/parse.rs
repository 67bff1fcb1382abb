//! From the wire to commands that cannot be wrong. Every wrong field of a request is told at once.

pub(crate) mod audit;
pub(crate) mod dhcp;
pub(crate) mod dns;
pub(crate) mod event;
pub(crate) mod explain;
mod fields;
pub(crate) mod fixed_ip;
pub(crate) mod floating_ip;
pub(crate) mod history;
pub(crate) mod host;
pub(crate) mod instance;
pub(crate) mod mac_range;
pub(crate) mod migration;
pub(crate) mod network;
mod page;
pub(crate) mod port;
pub(crate) mod query;
pub(crate) mod quota;
pub(crate) mod subnet;

use lepton_types::RequestId;

pub(crate) use self::fields::Fields;

/// Most networks that one request names.
pub(crate) const MOST_NETWORKS: usize = lepton_ledger::MOST_VNICS;

/// The id under which the answer is remembered, if the request has one.
pub(crate) fn request_id(fields: &mut Fields, text: &str) -> Option<RequestId> {
    fields.optional("request_id", text)
}
