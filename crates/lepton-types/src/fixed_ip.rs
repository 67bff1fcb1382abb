//! [`FixedIpInfo`]: what an address of a subnet is. [`Lease`]: one that a DHCP server has given to a guest.

use std::{net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{HostId, InstanceId, MacAddr, NetworkId, PortId, ProjectId, SubnetId, Timestamp};

/// An address as a DHCP server has given it to a guest, for so long as the server has not taken it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// To which MAC.
    pub mac: MacAddr,
    /// When the server told of it.
    pub at: Timestamp,
    /// How long the guest may use it without asking again, in whole seconds.
    pub time: Duration,
}

/// What an address of a subnet is: whose, or why nobody's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedIpInfo {
    /// The address.
    pub address: IpAddr,
    /// Its subnet.
    pub subnet: SubnetId,
    /// The subnet's network.
    pub network: NetworkId,
    /// What it is.
    pub state: FixedIpState,
    /// What it is reserved for: what an operator said, or what its subnet keeps it for.
    pub reason: Option<String>,
    /// The port that has it.
    pub owner: Option<FixedIpOwner>,
    /// Since when the port has it, or since when it is reserved or rests.
    pub since: Option<Timestamp>,
    /// The lease by which a guest has it.
    pub lease: Option<Lease>,
    /// Until when it rests.
    pub resting_until: Option<Timestamp>,
}

/// What an address of a subnet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FixedIpState {
    /// Nobody's; a guest may have it.
    Free,
    /// Kept by its subnet, as the gateway's is, or by an operator.
    Reserved,
    /// A port's, and not leased to it by a DHCP server.
    Allocated,
    /// A port's, and leased to it.
    Leased,
    /// Taken from a port whose host has not followed yet.
    Leaving,
    /// Nobody's, and not to be given out yet.
    Resting,
}

/// The port that has an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedIpOwner {
    /// The port.
    pub port: PortId,
    /// Its hardware address.
    pub mac: MacAddr,
    /// Its instance.
    pub instance: InstanceId,
    /// The instance's project.
    pub project: ProjectId,
    /// The host that plugs it.
    pub host: HostId,
}
