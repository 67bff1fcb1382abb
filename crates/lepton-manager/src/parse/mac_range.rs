//! Requests about ranges of MACs.

use lepton_ipam::MacBase;
use lepton_ledger::{CreateMacRange, DeleteMacRange, GetMacRange, ListMacRanges, Refusal, Scope};
use lepton_proto::v1;

use super::Fields;

/// Parses `CreateMacRange`; `mac_base` is what ports' MACs start with otherwise.
pub(crate) fn create_mac_range(
    mut fields: Fields,
    request: &v1::CreateMacRangeRequest,
    mac_base: MacBase,
) -> Result<CreateMacRange, Refusal> {
    let prefix = fields.required("range", &request.range);
    fields.finish(prefix.map(|prefix| CreateMacRange { prefix, mac_base }))
}

/// Parses `DeleteMacRange`.
pub(crate) fn delete_mac_range(
    mut fields: Fields,
    request: &v1::DeleteMacRangeRequest,
) -> Result<DeleteMacRange, Refusal> {
    let range = fields.required("mac_range_id", &request.mac_range_id);
    fields.finish(range.map(|range| DeleteMacRange { range }))
}

/// Parses `GetMacRange`; who may make the call sees all of them.
pub(crate) fn get_mac_range(request: &v1::GetMacRangeRequest, _: Scope) -> Result<GetMacRange, Refusal> {
    let mut fields = Fields::default();
    let range = fields.required("mac_range_id", &request.mac_range_id);
    fields.finish(range.map(|range| GetMacRange { range }))
}

/// Parses `ListMacRanges`, which says nothing.
#[expect(clippy::unnecessary_wraps, reason = "as every parser of a question")]
pub(crate) fn list_mac_ranges(_: &v1::ListMacRangesRequest, _: Scope) -> Result<ListMacRanges, Refusal> {
    Ok(ListMacRanges)
}
