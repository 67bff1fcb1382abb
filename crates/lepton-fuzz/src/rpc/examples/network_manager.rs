//! Calls about the networks, and what instances have of them.

use lepton_proto::v1;

use super::{
    DATABASE, Example, GONE, HOST, NEW, OTHER_HOST, OTHER_PROJECT, PROJECT, WEB, call, call_by,
    subnet::subnet,
};
use crate::{
    callers::{COMPUTE, MEMBER, READER},
    rpc::world::Named,
};

/// A network with a subnet.
fn network(label: &str, project: &str, cidrs: &[&str]) -> v1::NetworkSpec {
    v1::NetworkSpec {
        label: label.into(),
        project_id: project.into(),
        subnets: cidrs.iter().map(|cidr| subnet(cidr)).collect(),
        ..Default::default()
    }
}

/// The networks that there are.
pub(in crate::rpc) fn networks() -> v1::CreateNetworksRequest {
    let networks = vec![
        network("shared", "", &["10.1.0.0/24", "fd00:1::/64"]),
        network("own", PROJECT, &["10.2.0.0/28"]),
        network("spare", "green", &["10.3.0.0/29"]),
    ];
    v1::CreateNetworksRequest { networks, ..Default::default() }
}

/// How an instance gets its vNICs.
pub(in crate::rpc) fn allocation(instance: &str) -> v1::AllocateForInstanceRequest {
    let veth = || v1::PortBinding {
        kind: Some(v1::port_binding::Kind::Veth(v1::port_binding::Veth {
            netns_path: "/run/netns/db".into(),
            guest_device: "eth%d".into(),
        })),
    };
    let of_other = instance == GONE;
    v1::AllocateForInstanceRequest {
        instance_id: instance.into(),
        project_id: if of_other { OTHER_PROJECT } else { PROJECT }.into(),
        host: if instance == DATABASE { OTHER_HOST } else { HOST }.into(),
        binding: (instance == DATABASE).then(veth),
        request_id: format!("boot {instance}").replace(' ', "-"),
        hostname: "guest".into(),
        ..Default::default()
    }
}

pub(super) fn migration(instance: &str, source: &str, dest: &str) -> v1::MigrateInstanceStartRequest {
    v1::MigrateInstanceStartRequest {
        instance_id: instance.into(),
        source: source.into(),
        dest: dest.into(),
        request_id: format!("move-{instance}"),
        ..Default::default()
    }
}

pub(super) fn calls(named: &Named) -> Vec<Example> {
    [of_networks(named), of_instances(named), of_moves()].concat()
}

fn of_networks(named: &Named) -> Vec<Example> {
    let creation = v1::CreateNetworksRequest {
        networks: vec![network("new", PROJECT, &["10.4.0.0/24", "fd00:4::/64"])],
        request_id: "create-1".into(),
        ..Default::default()
    };
    let carving = v1::CarveNetworksRequest {
        network: Some(network("carved", "", &[])),
        num_networks: 3,
        range_v4: "10.16.0.0/16".into(),
        network_size: 256,
        range_v6: "fd00:16::/48".into(),
        prefix_length_v6: 64,
        request_id: "carve-1".into(),
        ..Default::default()
    };
    let change = v1::ModifyNetworkRequest {
        network_id: named.own.clone(),
        label: Some("renamed".into()),
        priority: Some(-5),
        injected: Some(true),
        ..Default::default()
    };
    let association = v1::AssociateNetworkRequest {
        network_id: named.spare.clone(),
        with: Some(v1::associate_network_request::With::Host(HOST.into())),
        ..Default::default()
    };
    let disassociation = v1::DisassociateNetworkRequest {
        network_id: named.spare.clone(),
        project: true,
        ..Default::default()
    };
    let validation = v1::ValidateNetworksRequest {
        project_id: PROJECT.into(),
        networks: vec![v1::RequestedNetwork {
            network_id: named.own.clone(),
            fixed_ips: vec!["10.2.0.9".into()],
        }],
        ..Default::default()
    };
    vec![
        call_by(MEMBER, "/lepton.v1.NetworkManager/CreateNetworks", &creation),
        call("/lepton.v1.NetworkManager/CarveNetworks", &carving),
        call("/lepton.v1.NetworkManager/ModifyNetwork", &change),
        call("/lepton.v1.NetworkManager/AssociateNetwork", &association),
        call("/lepton.v1.NetworkManager/DisassociateNetwork", &disassociation),
        call(
            "/lepton.v1.NetworkManager/DeleteNetwork",
            &v1::DeleteNetworkRequest { network_id: named.spare.clone(), ..Default::default() },
        ),
        call_by(
            READER,
            "/lepton.v1.NetworkManager/GetNetwork",
            &v1::GetNetworkRequest { network_id: named.shared.clone() },
        ),
        call_by(
            MEMBER,
            "/lepton.v1.NetworkManager/ListNetworks",
            &v1::ListNetworksRequest { page_size: 1, ..Default::default() },
        ),
        call("/lepton.v1.NetworkManager/ValidateNetworks", &validation),
    ]
}

fn of_instances(named: &Named) -> Vec<Example> {
    let requested = |network_id: &str, fixed_ips: &[&str]| v1::RequestedNetwork {
        network_id: network_id.into(),
        fixed_ips: fixed_ips.iter().map(|&address| address.to_owned()).collect(),
    };
    let allocation = v1::AllocateForInstanceRequest {
        networks: vec![requested(&named.own, &["10.2.0.9"]), requested(&named.shared, &[])],
        wait_for_active: Some(prost_types::Duration { seconds: 3, nanos: 0 }),
        availability_zone: "north".into(),
        ..allocation(NEW)
    };
    let json = v1::GetInstanceNwInfoJsonRequest {
        instance_id: WEB.into(),
        form: v1::NetworkInfoForm::Legacy.into(),
    };
    let end = v1::DeallocateForInstanceRequest {
        instance_id: WEB.into(),
        request_id: "end-1".into(),
        ..Default::default()
    };
    vec![
        call_by(COMPUTE, "/lepton.v1.NetworkManager/AllocateForInstance", &allocation),
        call_by(COMPUTE, "/lepton.v1.NetworkManager/DeallocateForInstance", &end),
        call_by(
            MEMBER,
            "/lepton.v1.NetworkManager/GetInstanceNwInfo",
            &v1::GetInstanceNwInfoRequest { instance_id: WEB.into() },
        ),
        call("/lepton.v1.NetworkManager/GetInstanceNwInfoJson", &json),
    ]
}

fn of_moves() -> Vec<Example> {
    let finish = v1::MigrateInstanceFinishRequest {
        instance_id: DATABASE.into(),
        source: OTHER_HOST.into(),
        dest: HOST.into(),
        ..Default::default()
    };
    let setup = v1::SetupNetworksOnHostRequest {
        instance_id: WEB.into(),
        host: OTHER_HOST.into(),
        ..Default::default()
    };
    vec![
        call("/lepton.v1.NetworkManager/MigrateInstanceStart", &migration(WEB, HOST, OTHER_HOST)),
        call("/lepton.v1.NetworkManager/MigrateInstanceFinish", &finish),
        call("/lepton.v1.NetworkManager/SetupNetworksOnHost", &setup),
        call(
            "/lepton.v1.NetworkManager/FenceHost",
            &v1::FenceHostRequest { host: OTHER_HOST.into(), ..Default::default() },
        ),
    ]
}
