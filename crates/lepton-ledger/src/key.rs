//! [`Key`]: what a command may ask the ledger for.

mod selection;

use std::net::IpAddr;

use lepton_types::{
    DomainName, HostId, InstanceId, Ipv4Range, MacAddr, MacRangeId, Name, NetworkId, PortId, ProjectId,
    SubnetId,
};

pub use selection::Selection;

use crate::{FreeMacPlace, RequestKey, row::EntryKey};

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
    /// The sequence number of the newest network, deleted ones included.
    NewestNetwork,
    /// All ranges of MACs.
    MacRanges,
    /// The MACs of a range that are free for longest, behind `after`.
    FreeMacs {
        /// Whose MACs.
        range: MacRangeId,
        /// Only MACs behind this one.
        after: Option<FreeMacPlace>,
    },
    /// One subnet.
    Subnet(SubnetId),
    /// The first block of a subnet that has no row yet.
    Frontier(SubnetId),
    /// The lowest blocks of a subnet, above `after`, that have a free address and a row, but for those that are left to others who
    /// share the ledger.
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
    /// An instance, its ports of any incarnation, their addresses, and the floating IPs that lead to these.
    Instance(InstanceId),
    /// All that is told of an instance's vNICs: what the keys of the instance, of the floating IPs that lead to its ports and of
    /// their networks load. For questions.
    NetworkInfo(InstanceId),
    /// The last incarnation of an instance that has ended.
    PastLives(InstanceId),
    /// One port with its addresses.
    Port(PortId),
    /// Which port has a MAC, which is noted.
    Mac(MacAddr),
    /// The port that has a MAC, with its addresses.
    PortOfMac(MacAddr),
    /// The port that has an address of a subnet, with its addresses.
    PortWith(SubnetId, IpAddr),
    /// The addresses that a DHCP server has leased to a MAC and not taken back, and that rest since their port is gone, of any
    /// subnet: those that are this one, with their blocks.
    LeasedTo(MacAddr, IpAddr),
    /// From which hosts a port must still go, beside its own.
    PendingUnplugs(PortId),
    /// The pool of floating IPs of this name, with its ranges and their subnets.
    FloatingPool(Name),
    /// The range of a pool that a subnet is.
    FloatingRange(SubnetId),
    /// The ranges of any pools that have an address of this range.
    FloatingRangesIn(Ipv4Range),
    /// One floating IP.
    FloatingIp(IpAddr),
    /// Whose a floating IP is, which may change until it is loaded by its address.
    FloatingOwner(IpAddr),
    /// The floating IPs that lead to a port.
    FloatingIpsOf(PortId),
    /// A host's revision.
    Host(HostId),
    /// The DNS domain of this name.
    DnsDomain(DomainName),
    /// One entry of a DNS domain.
    DnsEntry(EntryKey),
    /// The entries of DNS domains that end with an address of a subnet.
    BoundNames(SubnetId, IpAddr),
    /// What a project has, and may have, as it stands. Others may change it until the batch is written, which counts for theirs too.
    /// So whatever is given back is asked for with this or before: what was counted when it was seen is no less.
    Quota(ProjectId),
    /// Rows by a condition.
    Select(Selection),
}
