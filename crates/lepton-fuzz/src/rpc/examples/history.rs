//! Calls about who had an address.

use lepton_proto::v1;

use super::{Example, call};
use crate::rpc::world::Named;

pub(super) fn calls(named: &Named) -> Vec<Example> {
    let holders = v1::ListHoldersRequest {
        what: Some(v1::list_holders_request::What::Address(named.fixed_ip.clone())),
        since: Some(prost_types::Timestamp { seconds: 0, nanos: 0 }),
        page_size: 2,
        ..Default::default()
    };
    vec![call("/lepton.v1.History/ListHolders", &holders)]
}
