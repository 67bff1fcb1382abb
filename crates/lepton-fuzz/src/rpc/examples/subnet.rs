//! Calls about the subnets and their routes.

use lepton_proto::v1;

use super::{Example, ROUTE, call, call_by};
use crate::{callers::MEMBER, rpc::world::Named};

pub(super) fn route(named: &Named, destination: &str) -> v1::AddRouteRequest {
    v1::AddRouteRequest {
        subnet_id: named.shared_subnet.clone(),
        destination: destination.into(),
        gateway: ROUTE.1.into(),
        ..Default::default()
    }
}

pub(super) fn subnet(cidr: &str) -> v1::SubnetSpec {
    v1::SubnetSpec { cidr: cidr.into(), ..Default::default() }
}

pub(super) fn calls(named: &Named) -> Vec<Example> {
    let pool = |first: &str, last: &str| v1::AllocationPool { first: first.into(), last: last.into() };
    let addition = v1::AddSubnetRequest {
        network_id: named.own.clone(),
        subnet: Some(v1::SubnetSpec {
            gateway: "10.5.0.1".into(),
            dns: vec!["10.5.0.2".into(), "fd00::53".into()],
            allocation_pools: vec![pool("10.5.0.10", "10.5.0.20"), pool("10.5.0.30", "10.5.0.40")],
            quarantine: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
            ..subnet("10.5.0.0/24")
        }),
        ..Default::default()
    };
    let change = v1::ModifySubnetRequest {
        subnet_id: named.own_subnet.clone(),
        gateway: Some("10.2.0.14".into()),
        dns: Some(v1::DnsServers { addresses: vec!["10.2.0.13".into()] }),
        dhcp_server: Some("10.2.0.14".into()),
        ..Default::default()
    };
    let removal = v1::RemoveRouteRequest {
        subnet_id: named.shared_subnet.clone(),
        destination: "10.99.0.0".into(),
        netmask: "255.255.0.0".into(),
        ..Default::default()
    };
    let spare = || named.spare_subnet.clone();
    vec![
        call_by(MEMBER, "/lepton.v1.Subnets/AddSubnet", &addition),
        call("/lepton.v1.Subnets/GetSubnet", &v1::GetSubnetRequest { subnet_id: spare() }),
        call_by(MEMBER, "/lepton.v1.Subnets/ModifySubnet", &change),
        call(
            "/lepton.v1.Subnets/DeleteSubnet",
            &v1::DeleteSubnetRequest { subnet_id: spare(), ..Default::default() },
        ),
        call("/lepton.v1.Subnets/AddRoute", &route(named, "10.98.0.0/16")),
        call("/lepton.v1.Subnets/RemoveRoute", &removal),
    ]
}
