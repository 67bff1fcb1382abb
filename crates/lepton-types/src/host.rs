//! What a manager tells a host to have, and what the host reports of it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{IfName, MacAddr, Mtu, NetworkId, PortBinding, PortId, PortStatus, Revision};

/// What a host must have: everything, or what changed after the revision that its agent holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostChanges {
    /// The revision that the host has once it has followed these changes.
    pub revision: Revision,
    /// Whether `ports` is all that the host must have, and `released` all that must go. What neither of them names is not
    /// known here, which is no reason to remove it.
    pub is_complete: bool,
    /// Ports that must be there, new or changed.
    pub ports: Vec<HostPort>,
    /// Ports that must be gone, and whose absence the host must report.
    pub released: Vec<PortId>,
}

/// One port as its host must have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostPort {
    /// Identity.
    pub id: PortId,
    /// The host's revision at the last change of the port that the host must see.
    pub revision: Revision,
    /// Name of its device on the host.
    pub device: IfName,
    /// The network that it is plugged into.
    pub network: NetworkId,
    /// Name of that network's bridge on the host.
    pub bridge: IfName,
    /// What the bridge and the port carry.
    pub mtu: Mtu,
    /// The only source MAC that the port may use.
    pub mac: MacAddr,
    /// The only source addresses that the port may use, beside the MAC's IPv6 link-local one.
    pub addresses: Vec<IpAddr>,
    /// What kind of device to make.
    pub binding: PortBinding,
}

/// What a host has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReport {
    /// The revision up to which the host has followed, successfully or not.
    pub revision: Revision,
    /// Ports whose plug came to be, failed, or was lost.
    pub ports: Vec<PortReport>,
    /// Released ports that are no longer on the host: the proof that frees their addresses.
    pub unplugged: Vec<PortId>,
}

/// What a host has to say of one port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortReport {
    /// Which port.
    pub id: PortId,
    /// What became of it.
    pub status: PortStatus,
    /// The port's revision by which it is filtered: it can use the addresses that the host was told then, and no others.
    /// None where that is not certain.
    pub filtered_at: Option<Revision>,
}
