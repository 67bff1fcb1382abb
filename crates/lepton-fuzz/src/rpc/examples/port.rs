//! Calls about the ports.

use lepton_proto::v1;

use super::{Example, WEB, call, call_by};
use crate::{callers::MEMBER, rpc::world::Named};

pub(super) fn calls(named: &Named) -> Vec<Example> {
    let get = v1::GetPortRequest { mac_address: named.mac.clone(), ..Default::default() };
    let list = v1::ListPortsRequest { instance_id: WEB.into(), page_size: 1, ..Default::default() };
    vec![call("/lepton.v1.Ports/GetPort", &get), call_by(MEMBER, "/lepton.v1.Ports/ListPorts", &list)]
}
