//! Things with fixed ids and times: the two networks and the instance of the specification's worked example (§4.2).

use lepton_proto::v1::{self as pb, port_binding::Kind};
use prost_types::{Duration, Timestamp};

pub(crate) const NETWORK: &str = "11111111-1111-4111-8111-111111111111";
pub(crate) const SUBNET: &str = "51111111-0004-4111-8111-111111111111";
pub(crate) const STORAGE: &str = "22222222-2222-4222-8222-222222222222";
pub(crate) const INSTANCE: &str = "99999999-0001-4000-8000-000000000001";
pub(crate) const PORT: &str = "aaaaaaaa-0001-4000-8000-000000000001";
pub(crate) const STORAGE_PORT: &str = "bbbbbbbb-0002-4000-8000-000000000002";

/// A project's dual-stack network with everything that a network can have.
pub(crate) fn private() -> pb::Network {
    pb::Network {
        id: NETWORK.into(),
        project_id: "p1".into(),
        label: "private".into(),
        priority: -1,
        mtu: 1450,
        subnets: vec![
            pb::Subnet {
                id: SUBNET.into(),
                cidr: "10.1.0.0/24".into(),
                gateway: "10.1.0.1".into(),
                dns: texts(["8.8.8.8", "8.8.4.4"]),
                address_mode: pb::AddressMode::Pool.into(),
                allocation_pools: vec![pool("10.1.0.2", "10.1.0.99"), pool("10.1.0.200", "10.1.0.254")],
                quarantine: Some(Duration { seconds: 60, nanos: 0 }),
                network_id: NETWORK.into(),
                routes: vec![pb::Route {
                    destination: "192.168.50.0/24".into(),
                    gateway: "10.1.0.254".into(),
                }],
                dhcp_server: "10.1.0.1".into(),
            },
            pb::Subnet {
                id: "51111111-0006-4111-8111-111111111111".into(),
                cidr: "fd00:1::/64".into(),
                gateway: "fd00:1::1".into(),
                dns: vec![],
                address_mode: pb::AddressMode::Eui64.into(),
                allocation_pools: vec![],
                quarantine: None,
                network_id: NETWORK.into(),
                ..pb::Subnet::default()
            },
        ],
        created_at: Some(Timestamp { seconds: 1_767_323_045, nanos: 0 }), // 2026-01-02T03:04:05Z
        bridge: "brq11111111-11".into(),
        host: "node-9".into(),
        injected: true,
    }
}

/// A global network without gateway.
pub(crate) fn storage() -> pb::Network {
    let subnet = pb::Subnet {
        id: "52222222-0004-4222-8222-222222222222".into(),
        cidr: "10.2.0.0/24".into(),
        address_mode: pb::AddressMode::Pool.into(),
        allocation_pools: vec![pool("10.2.0.1", "10.2.0.254")],
        network_id: STORAGE.into(),
        ..pb::Subnet::default()
    };
    pb::Network {
        id: STORAGE.into(),
        label: "storage".into(),
        mtu: 9000,
        subnets: vec![subnet],
        created_at: Some(Timestamp { seconds: 1_767_323_045, nanos: 250_000_000 }),
        bridge: "brq22222222-22".into(),
        ..pb::Network::default()
    }
}

/// An instance with a plugged tap on `private`, and on `storage` a veth whose state the caller says.
pub(crate) fn instance(status: pb::PortStatus, error: &str) -> pb::NetworkInfo {
    let private = pb::Vif {
        id: PORT.into(),
        mac_address: "fa:16:3e:11:22:33".into(),
        device: "tapaaaaaaaa-00".into(),
        binding: Some(pb::PortBinding { kind: Some(Kind::Tap(pb::port_binding::Tap {})) }),
        status: pb::PortStatus::Active.into(),
        error: String::new(),
        network: Some(vif_network(
            private(),
            vec![
                vif_subnet(&private().subnets[0], ["10.1.0.2"]),
                vif_subnet(&private().subnets[1], ["fd00:1::f816:3eff:fe11:2233"]),
            ],
        )),
        destination: None,
    };
    let veth = pb::port_binding::Veth { netns_path: "/run/netns/web1".into(), guest_device: "eth1".into() };
    let storage = pb::Vif {
        id: STORAGE_PORT.into(),
        mac_address: "fa:16:3e:44:55:66".into(),
        device: "tapbbbbbbbb-00".into(),
        binding: Some(pb::PortBinding { kind: Some(Kind::Veth(veth)) }),
        status: status.into(),
        error: error.into(),
        network: Some(vif_network(storage(), vec![vif_subnet(&storage().subnets[0], ["10.2.0.2"])])),
        destination: None,
    };
    let host = "node-1".into();
    let (vifs, destination) = (vec![private, storage], String::new());
    pb::NetworkInfo { instance_id: INSTANCE.into(), incarnation: 1, host, vifs, destination }
}

/// The same on its way to `node-2`, which could not plug `storage` there.
pub(crate) fn moving() -> pb::NetworkInfo {
    let mut info = instance(pb::PortStatus::Active, "");
    info.destination = "node-2".into();
    let plugs = [(pb::PortStatus::Active, ""), (pb::PortStatus::Error, "no such namespace")];
    for (vif, (status, error)) in info.vifs.iter_mut().zip(plugs) {
        let binding = vif.binding.clone();
        vif.destination = Some(pb::VifDestination { binding, status: status.into(), error: error.into() });
    }
    info
}

fn vif_network(network: pb::Network, subnets: Vec<pb::VifSubnet>) -> pb::VifNetwork {
    let pb::Network { id, label, project_id, bridge, mtu, injected, .. } = network;
    pb::VifNetwork { id, label, project_id, bridge, mtu, injected, subnets }
}

fn vif_subnet<const N: usize>(subnet: &pb::Subnet, fixed_ips: [&str; N]) -> pb::VifSubnet {
    let pb::Subnet { id, cidr, gateway, dns, routes, dhcp_server, .. } = subnet.clone();
    let (fixed_ips, floating_ips) = (texts(fixed_ips), vec![]);
    pb::VifSubnet { id, cidr, gateway, dns, fixed_ips, floating_ips, routes, dhcp_server }
}

fn pool(first: &str, last: &str) -> pb::AllocationPool {
    pb::AllocationPool { first: first.into(), last: last.into() }
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}
