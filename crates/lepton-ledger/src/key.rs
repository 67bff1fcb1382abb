//! [`Key`]: what a command may ask the ledger for.

use std::net::IpAddr;

use lepton_types::{
    HostId, InstanceId, MacAddr, NetworkId, PortId, ProjectId, Revision, SubnetId, Timestamp,
};

use crate::RequestKey;

/// A row, or a small indexed set of rows, that a command needs in its view.
///
/// Keys are ordered so that what one round misses does not depend on who missed it first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The record of an earlier request, if there is one.
    Request(RequestKey),
    /// One network with its subnets.
    Network(NetworkId),
    /// The networks that a project may use, its own and the global ones, with their subnets.
    NetworksOf(ProjectId),
    /// The global networks, with their subnets.
    GlobalNetworks,
    /// A page of networks in the order of creation, with their subnets.
    NetworkPage {
        /// Only the networks that this project may use.
        project: Option<ProjectId>,
        /// Only networks made after the one with this sequence number.
        after: u64,
        /// Most networks to load.
        limit: u16,
    },
    /// The sequence number of the newest network, deleted ones included.
    NewestNetwork,
    /// One subnet.
    Subnet(SubnetId),
    /// The first block of a subnet that has no row yet.
    Frontier(SubnetId),
    /// The lowest blocks of a subnet, above `after`, that have a free address and a row.
    FreeBlocks {
        /// Whose blocks.
        subnet: SubnetId,
        /// Only blocks that start above this one.
        after: Option<IpAddr>,
    },
    /// The block of a subnet that starts at this address.
    Block(SubnetId, IpAddr),
    /// The owner row of one address of a subnet.
    FixedIp(SubnetId, IpAddr),
    /// Whether a subnet's addresses are held by anybody: at least one of them, if there is any.
    HeldIn(SubnetId),
    /// Addresses of a subnet whose quarantine is over, a bounded number of them.
    RestedIn {
        /// Whose addresses.
        subnet: SubnetId,
        /// Only those behind this one, in the order in which quarantine ended.
        after: Option<(Timestamp, IpAddr)>,
    },
    /// Addresses of any subnet whose quarantine is over, a bounded number of them.
    Rested,
    /// An instance, its ports of any incarnation and their addresses.
    Instance(InstanceId),
    /// The last incarnation of an instance that has ended.
    PastLives(InstanceId),
    /// One port with its addresses.
    Port(PortId),
    /// The live port that has a MAC.
    Mac(MacAddr),
    /// Whether a network has ports: at least one of them, if there is any.
    PortOn(NetworkId),
    /// The ports of a host that changed after a revision, with their addresses, and those that its fencing has ended since.
    HostPorts(HostId, Revision),
    /// The first ports of a host, released ones before the others, with their addresses.
    PortsToFence {
        /// Which host.
        host: HostId,
        /// Most ports to load.
        limit: u16,
    },
    /// What is left of one port that its host's fencing has ended.
    FencedPort(PortId),
    /// A host's revision.
    Host(HostId),
}
