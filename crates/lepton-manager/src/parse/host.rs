//! Requests about hosts.

use lepton_ledger::{FenceHost, Refusal};
use lepton_proto::v1;

use super::Fields;

/// Parses `FenceHost`.
pub(crate) fn fence_host(mut fields: Fields, request: &v1::FenceHostRequest) -> Result<FenceHost, Refusal> {
    let host = fields.required("host", &request.host);
    fields.finish(host.map(|host| FenceHost { host }))
}
