//! `port.proto`: NetworkInfo to the wire.

use lepton_types::{
    FloatingLink, Name, NetworkInfo, Port, PortBinding, PortStatus, SubnetInfo, Vif, VifDestination,
    VifNetwork,
};

use crate::{
    network::text,
    timestamp,
    v1::{self, port_binding},
};

impl From<NetworkInfo> for v1::NetworkInfo {
    fn from(info: NetworkInfo) -> Self {
        Self {
            instance_id: info.instance.to_string(),
            incarnation: info.incarnation,
            host: info.host.into(),
            vifs: info.vifs.into_iter().map(Into::into).collect(),
            destination: info.migration.map(|to| String::from(to.destination)).unwrap_or_default(),
        }
    }
}

impl From<Vif> for v1::Vif {
    fn from(vif: Vif) -> Self {
        let (status, error) = plug(vif.status);
        Self {
            id: vif.id.to_string(),
            mac_address: vif.mac.to_string(),
            device: vif.device.into(),
            binding: Some(vif.binding.into()),
            status: status.into(),
            error,
            network: Some(vif.network.into()),
            destination: vif.destination.map(Into::into),
        }
    }
}

/// A port, its network's label and its addresses as one message.
pub fn port(port: Port, network_label: &Name, fixed_ips: Vec<v1::PortFixedIp>) -> v1::Port {
    let device = port.device();
    let (status, error) = plug(port.status);
    let (destination_host, destination) = port.target.map_or_else(Default::default, |target| {
        let there = VifDestination { binding: target.binding, status: target.status };
        (target.host.to_string(), Some(there.into()))
    });
    v1::Port {
        id: port.id.to_string(),
        instance_id: port.instance.to_string(),
        incarnation: port.incarnation,
        position: port.position.into(),
        project_id: port.project.into(),
        network_id: port.network.to_string(),
        network_label: network_label.to_string(),
        host: port.host.into(),
        mac_address: port.mac.to_string(),
        device: device.into(),
        binding: Some(port.binding.into()),
        status: status.into(),
        error,
        is_released: port.is_released,
        fixed_ips,
        destination_host,
        destination,
        created_at: Some(timestamp(port.created_at)),
    }
}

impl From<VifDestination> for v1::VifDestination {
    fn from(there: VifDestination) -> Self {
        let (status, error) = plug(there.status);
        Self { binding: Some(there.binding.into()), status: status.into(), error }
    }
}

/// What is known of a plug, and why there is none.
fn plug(status: PortStatus) -> (v1::PortStatus, String) {
    match status {
        PortStatus::Pending => (v1::PortStatus::Pending, String::new()),
        PortStatus::Active => (v1::PortStatus::Active, String::new()),
        PortStatus::Error(error) => (v1::PortStatus::Error, error),
    }
}

impl From<PortBinding> for v1::PortBinding {
    fn from(binding: PortBinding) -> Self {
        let kind = match binding {
            PortBinding::Tap => port_binding::Kind::Tap(port_binding::Tap {}),
            PortBinding::Veth { netns, guest_device } => port_binding::Kind::Veth(port_binding::Veth {
                netns_path: netns.into(),
                guest_device: guest_device.into(),
            }),
        };
        Self { kind: Some(kind) }
    }
}

impl From<VifNetwork> for v1::VifNetwork {
    fn from(network: VifNetwork) -> Self {
        Self {
            id: network.id.to_string(),
            label: network.label.to_string(),
            project_id: network.project.map(String::from).unwrap_or_default(),
            bridge: network.bridge.into(),
            mtu: network.mtu.into(),
            subnets: network.subnets.into_iter().map(Into::into).collect(),
            injected: network.is_injected,
        }
    }
}

impl From<SubnetInfo> for v1::VifSubnet {
    fn from(subnet: SubnetInfo) -> Self {
        Self {
            id: subnet.id.to_string(),
            cidr: subnet.cidr.to_string(),
            gateway: text(subnet.gateway),
            dns: subnet.dns.iter().map(ToString::to_string).collect(),
            fixed_ips: subnet.fixed_ips.iter().map(ToString::to_string).collect(),
            floating_ips: subnet.floating_ips.into_iter().map(Into::into).collect(),
            routes: subnet.routes.into_iter().map(Into::into).collect(),
            dhcp_server: text(subnet.dhcp_server),
        }
    }
}

impl From<FloatingLink> for v1::FloatingLink {
    fn from(link: FloatingLink) -> Self {
        Self { floating_ip: link.floating.to_string(), fixed_ip: link.fixed.to_string() }
    }
}
