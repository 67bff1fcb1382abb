//! [`FloatingIp`]: an address of a pool that a project has, and the fixed IP that it leads to.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{InstanceId, Ipv4Range, NetworkId, PortId, ProjectId, SubnetId, Timestamp};

/// A range of addresses that a pool of floating IPs has, maybe with gaps: where some were withdrawn. The allocation pools of its
/// subnet are the pieces between the gaps. No two ranges of any pools share an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloatingRange {
    /// The subnet of the pool's network that the range is.
    pub subnet: SubnetId,
    /// The pool: an external network.
    pub pool: NetworkId,
    /// From its first to its last address, gaps included.
    pub addresses: Ipv4Range,
    /// How many addresses it has, without those in gaps.
    pub total: u64,
    /// How many of them projects have.
    pub allocated: u64,
}

/// An address of a pool that a project has. One without a row is free, or in no pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloatingIp {
    /// The address, which is also what identifies it.
    pub address: IpAddr,
    /// The range that it is of.
    pub subnet: SubnetId,
    /// The pool that it is of: an external network.
    pub pool: NetworkId,
    /// Whose it is.
    pub project: ProjectId,
    /// Where it leads; none: nowhere yet.
    pub target: Option<FloatingTarget>,
    /// Whether an allocation gave it to an instance by itself; it leads there, and goes with the instance.
    pub is_auto_assigned: bool,
    /// When the project got it.
    pub allocated_at: Timestamp,
    /// Since when it leads where it leads.
    pub since: Timestamp,
}

/// The fixed IP that a floating IP leads to. All that is said here of its port never changes while the port lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FloatingTarget {
    /// The port that has the fixed IP.
    pub port: PortId,
    /// The port's instance.
    pub instance: InstanceId,
    /// The port's network.
    pub network: NetworkId,
    /// The fixed IP's subnet.
    pub subnet: SubnetId,
    /// The fixed IP.
    pub address: IpAddr,
}

impl FloatingRange {
    /// Whether some of its addresses are nobody's.
    pub fn has_room(&self) -> bool {
        self.allocated < self.total
    }
}
