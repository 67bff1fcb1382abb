//! Calls about the floating IPs and their pools.

use lepton_proto::v1;

use super::{Example, POOL, PROJECT, WEB, call, call_by};
use crate::{callers::MEMBER, rpc::world::Named};

/// The pool that is meant when none is named.
pub(in crate::rpc) fn pool() -> v1::CreateFloatingPoolRequest {
    v1::CreateFloatingPoolRequest {
        name: POOL.0.into(),
        ranges: vec!["203.0.113.0/28".into()],
        interface: "eth0".into(),
        ..Default::default()
    }
}

pub(super) fn spare_pool() -> v1::CreateFloatingPoolRequest {
    v1::CreateFloatingPoolRequest {
        name: "spare".into(),
        ranges: vec!["198.51.100.0/29".into(), "198.51.100.20-198.51.100.30".into()],
        ..Default::default()
    }
}

pub(super) fn floating_ip_of(project: &str) -> Example {
    let wish = v1::AllocateFloatingIpRequest { project_id: project.into(), ..Default::default() };
    call("/lepton.v1.FloatingIps/AllocateFloatingIp", &wish)
}

pub(super) fn leading(address: &str) -> v1::AssociateFloatingIpRequest {
    v1::AssociateFloatingIpRequest { address: address.into(), instance_id: WEB.into(), ..Default::default() }
}

pub(super) fn calls(named: &Named) -> Vec<Example> {
    [of_floating_ips(named), of_floating_pools()].concat()
}

fn of_floating_ips(named: &Named) -> Vec<Example> {
    let wish = v1::AllocateFloatingIpRequest {
        project_id: PROJECT.into(),
        pool: POOL.0.into(),
        address: "203.0.113.7".into(),
        request_id: "float-1".into(),
        ..Default::default()
    };
    let release =
        v1::ReleaseFloatingIpRequest { address: POOL.1.into(), disassociate: true, ..Default::default() };
    let to_address = v1::AssociateFloatingIpRequest {
        fixed_ip: named.fixed_ip.clone(),
        network_id: named.own.clone(),
        instance_id: String::new(),
        ..leading(POOL.2)
    };
    let end = v1::DisassociateFloatingIpRequest { address: POOL.1.into(), ..Default::default() };
    let list = v1::ListFloatingIpsRequest {
        selection: Some(v1::list_floating_ips_request::Selection::Pool(POOL.0.into())),
        page_size: 1,
        ..Default::default()
    };
    vec![
        call_by(MEMBER, "/lepton.v1.FloatingIps/AllocateFloatingIp", &wish),
        call("/lepton.v1.FloatingIps/ReleaseFloatingIp", &release),
        call("/lepton.v1.FloatingIps/AssociateFloatingIp", &to_address),
        call_by(MEMBER, "/lepton.v1.FloatingIps/DisassociateFloatingIp", &end),
        call("/lepton.v1.FloatingIps/GetFloatingIp", &v1::GetFloatingIpRequest { address: POOL.1.into() }),
        call("/lepton.v1.FloatingIps/ListFloatingIps", &list),
    ]
}

fn of_floating_pools() -> Vec<Example> {
    let creation = v1::CreateFloatingPoolRequest {
        name: "new".into(),
        ranges: vec!["192.0.2.0/28".into()],
        ..Default::default()
    };
    let withdrawal = v1::DeleteFloatingRangesRequest {
        name: POOL.0.into(),
        ranges: vec!["203.0.113.8/29".into()],
        ..Default::default()
    };
    vec![
        call("/lepton.v1.FloatingIps/CreateFloatingPool", &creation),
        call("/lepton.v1.FloatingIps/DeleteFloatingRanges", &withdrawal),
        call(
            "/lepton.v1.FloatingIps/DeleteFloatingPool",
            &v1::DeleteFloatingPoolRequest { name: "spare".into(), ..Default::default() },
        ),
        call(
            "/lepton.v1.FloatingIps/ListFloatingPools",
            &v1::ListFloatingPoolsRequest { page_size: 1, ..Default::default() },
        ),
    ]
}
