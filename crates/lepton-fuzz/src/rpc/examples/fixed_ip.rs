//! Calls about the fixed IPs.

use lepton_proto::v1;

use super::{Example, RESERVED, WEB, call, call_by};
use crate::{
    callers::{COMPUTE, MEMBER},
    rpc::world::Named,
};

pub(super) fn reservation(named: &Named, address: &str) -> v1::ReserveFixedIpRequest {
    v1::ReserveFixedIpRequest {
        network_id: named.shared.clone(),
        address: address.into(),
        reason: "a printer".into(),
        ..Default::default()
    }
}

pub(super) fn lease(named: &Named) -> v1::LeaseFixedIpRequest {
    v1::LeaseFixedIpRequest {
        address: named.fixed_ip.clone(),
        mac_address: named.mac.clone(),
        ..Default::default()
    }
}

pub(super) fn calls(named: &Named) -> Vec<Example> {
    let addition = v1::AddFixedIpRequest {
        instance_id: WEB.into(),
        network_id: named.shared.clone(),
        request_id: "add-1".into(),
        ..Default::default()
    };
    let removal = v1::RemoveFixedIpRequest {
        instance_id: WEB.into(),
        address: named.fixed_ip.clone(),
        ..Default::default()
    };
    let unreservation = v1::UnreserveFixedIpRequest {
        subnet_id: named.shared_subnet.clone(),
        address: RESERVED.into(),
        ..Default::default()
    };
    let get = v1::GetFixedIpRequest { address: named.fixed_ip.clone(), ..Default::default() };
    let list = v1::ListFixedIpsRequest {
        network_id: named.shared.clone(),
        state: v1::FixedIpState::Allocated.into(),
        page_size: 1,
        ..Default::default()
    };
    let release = v1::ReleaseFixedIpRequest {
        address: named.fixed_ip.clone(),
        mac_address: named.mac.clone(),
        ..Default::default()
    };
    vec![
        call_by(MEMBER, "/lepton.v1.FixedIps/AddFixedIp", &addition),
        call("/lepton.v1.FixedIps/RemoveFixedIp", &removal),
        call("/lepton.v1.FixedIps/ReserveFixedIp", &reservation(named, "10.1.0.201")),
        call("/lepton.v1.FixedIps/UnreserveFixedIp", &unreservation),
        call("/lepton.v1.FixedIps/GetFixedIp", &get),
        call("/lepton.v1.FixedIps/ListFixedIps", &list),
        call_by(COMPUTE, "/lepton.v1.FixedIps/LeaseFixedIp", &lease(named)),
        call("/lepton.v1.FixedIps/ReleaseFixedIp", &release),
    ]
}
