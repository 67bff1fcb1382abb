//! Calls about the ranges of MACs.

use lepton_proto::v1;

use super::{Example, call};
use crate::rpc::world::Named;

pub(super) fn calls(named: &Named) -> Vec<Example> {
    let id = || named.mac_range.clone();
    vec![
        call(
            "/lepton.v1.MacRanges/CreateMacRange",
            &v1::CreateMacRangeRequest { range: "06:00:00:00:00:00/47".into(), ..Default::default() },
        ),
        call("/lepton.v1.MacRanges/GetMacRange", &v1::GetMacRangeRequest { mac_range_id: id() }),
        call("/lepton.v1.MacRanges/ListMacRanges", &v1::ListMacRangesRequest {}),
        call(
            "/lepton.v1.MacRanges/DeleteMacRange",
            &v1::DeleteMacRangeRequest { mac_range_id: id(), ..Default::default() },
        ),
    ]
}
