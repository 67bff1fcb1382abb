//! [`NetworkInfo`]: all that a compute agent needs to know of an instance's vNICs (specification §4.1).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{
    Cidr, HostId, IfName, InstanceId, MacAddr, Mtu, Name, NetworkId, PortBinding, PortId, PortStatus,
    ProjectId, Revision, Route, SubnetId,
};

/// An instance's vNICs, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInfo {
    /// Whose vNICs these are.
    pub instance: InstanceId,
    /// Which life of the instance, counted from 1.
    pub incarnation: u64,
    /// The host that plugs them.
    pub host: HostId,
    /// The move that is under way, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration: Option<Migration>,
    /// The vNICs, by position.
    pub vifs: Vec<Vif>,
}

/// A move of an instance from its host to another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// The host that it goes to.
    pub destination: HostId,
    /// That host's revision when the move began: what tells it from any other move there.
    pub revision: Revision,
}

/// One vNIC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vif {
    /// The port's id.
    pub id: PortId,
    /// Its hardware address.
    pub mac: MacAddr,
    /// Name of its device on the host.
    pub device: IfName,
    /// What kind of device it is.
    pub binding: PortBinding,
    /// What is known of the plug.
    #[serde(flatten)]
    pub status: PortStatus,
    /// Its plug on the host that the instance is being moved to; none when it is not being moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<VifDestination>,
    /// The network that it is plugged into.
    pub network: VifNetwork,
}

/// A vNIC on the host that its instance is being moved to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VifDestination {
    /// What kind of device it is there.
    pub binding: PortBinding,
    /// What is known of the plug there.
    #[serde(flatten)]
    pub status: PortStatus,
}

/// A vNIC's network, with the subnets in which the vNIC has addresses: IPv4 before IPv6.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VifNetwork {
    /// Identity.
    pub id: NetworkId,
    /// What people call it.
    pub label: Name,
    /// The owner; none for a global network.
    pub project: Option<ProjectId>,
    /// Name of its bridge on the host.
    pub bridge: IfName,
    /// What it carries.
    pub mtu: Mtu,
    /// Whether a compute agent writes the guest's network configuration into its disk.
    #[serde(default)]
    pub is_injected: bool,
    /// Its subnets, IPv4 before IPv6.
    pub subnets: Vec<SubnetInfo>,
}

/// A subnet and the addresses that the vNIC has in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetInfo {
    /// Identity.
    pub id: SubnetId,
    /// Its prefix.
    pub cidr: Cidr,
    /// The router to use.
    pub gateway: Option<IpAddr>,
    /// Name servers, in the order to ask them.
    pub dns: Vec<IpAddr>,
    /// The vNIC's fixed IPs in it, ascending.
    pub fixed_ips: Vec<IpAddr>,
    /// The floating IPs that lead to them, ascending.
    #[serde(default)]
    pub floating_ips: Vec<FloatingLink>,
    /// Static routes beside the one to the gateway, by destination.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Who answers the vNIC's DHCP requests.
    #[serde(default)]
    pub dhcp_server: Option<IpAddr>,
}

/// A floating IP and the fixed IP that it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FloatingLink {
    /// The floating IP.
    pub floating: IpAddr,
    /// The fixed IP.
    pub fixed: IpAddr,
}
