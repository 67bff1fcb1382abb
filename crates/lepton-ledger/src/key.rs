//! [`Key`]: what a command may ask the ledger for.

use std::net::IpAddr;

use lepton_types::{
    Cidr, DnsDomainId, DomainName, HostId, Hostname, InstanceId, Ipv4Range, MacAddr, MacPrefix, Name,
    NetworkId, PortId, ProjectId, RecordType, Revision, SubnetId, Timestamp,
};

use crate::{
    AddressPlace, FloatingFilter, HostPortPlace, InstancePlace, PortFilter, PortPlace, RequestKey,
    row::EntryKey,
};

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
    /// All ranges of MACs.
    MacRanges,
    /// The lowest free MACs of ranges, above `after`.
    FreeMacs {
        /// Only MACs above this one.
        after: Option<MacAddr>,
    },
    /// Whether ports have any of these MACs: one of them is noted, if there is any.
    PortOfMacs(MacPrefix),
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
    /// Whether a subnet's addresses are held by anybody: one of them is noted, if there is any.
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
    /// An instance, its ports of any incarnation, their addresses, and the floating IPs that lead to these.
    Instance(InstanceId),
    /// All that is told of an instance's vNICs: what the keys of the instance, of the floating IPs that lead to its ports and of
    /// their networks load. For questions.
    NetworkInfo(InstanceId),
    /// The last incarnation of an instance that has ended.
    PastLives(InstanceId),
    /// A page of instances by project, in the order of their allocation, with their ports and addresses.
    InstancePage {
        /// Only this project's.
        project: Option<ProjectId>,
        /// Only those behind this one.
        after: Option<InstancePlace>,
        /// Most instances to load.
        limit: u16,
    },
    /// A page of the owner rows of addresses in a range, of any subnet, in the order of the addresses.
    AddressPage {
        /// The range.
        range: Cidr,
        /// Only those behind this one.
        after: Option<AddressPlace>,
        /// Most addresses to load.
        limit: u16,
    },
    /// A page of the owner rows of addresses in some subnets.
    FixedIpPage {
        /// Which subnets, in the order in which the page goes through them.
        subnets: Vec<SubnetId>,
        /// Of the first one, only those behind this one.
        after: Option<IpAddr>,
        /// Most addresses to load.
        limit: u16,
    },
    /// One port with its addresses.
    Port(PortId),
    /// Which port has a MAC, which is noted.
    Mac(MacAddr),
    /// A page of ports by network and id, with their addresses and networks.
    PortPage {
        /// Which ones.
        filter: PortFilter,
        /// Only those behind this one.
        after: Option<PortPlace>,
        /// Most ports to load.
        limit: u16,
    },
    /// A page of a host's ports in the order in which they changed, with their addresses.
    HostPortPage {
        /// Which host.
        host: HostId,
        /// Only those behind this one.
        after: Option<HostPortPlace>,
        /// Most ports to load.
        limit: u16,
    },
    /// The port that has a MAC, with its addresses.
    PortOfMac(MacAddr),
    /// The port that has an address of a subnet, with its addresses.
    PortWith(SubnetId, IpAddr),
    /// The addresses that a DHCP server has leased to a MAC and not taken back, and that rest since their port is gone, of any
    /// subnet: those that are this one, with their blocks.
    LeasedTo(MacAddr, IpAddr),
    /// Whether a network has ports: one of them is noted, if there is any.
    PortOn(NetworkId),
    /// The live ports of a network with their IPv4 addresses and their instances. There may be very many: for questions.
    GuestsOn(NetworkId),
    /// The ports of a host that changed after a revision, with their addresses, those on their way there included, and those
    /// that must go from it since then.
    HostPorts(HostId, Revision),
    /// The first ports of a host, released ones before the others, with their addresses; those on their way there; and the
    /// first of those that have left it and wait for it.
    PortsToFence {
        /// Which host.
        host: HostId,
        /// Most ports of each kind to load.
        limit: u16,
    },
    /// From which hosts a port must still go, beside its own.
    PendingUnplugs(PortId),
    /// The pool of floating IPs of this name, with its ranges and their subnets.
    FloatingPool(Name),
    /// A page of pools of floating IPs in the order of creation, with their ranges.
    FloatingPoolPage {
        /// Only pools made after the one with this sequence number.
        after: u64,
        /// Most pools to load.
        limit: u16,
    },
    /// The range of a pool that a subnet is.
    FloatingRange(SubnetId),
    /// The range of a pool that a floating IP is of.
    FloatingRangeOf(IpAddr),
    /// The ranges of any pools that have an address of this range.
    FloatingRangesIn(Ipv4Range),
    /// One floating IP.
    FloatingIp(IpAddr),
    /// Whose a floating IP is, which may change until it is loaded by its address.
    FloatingOwner(IpAddr),
    /// The floating IPs that lead to a port.
    FloatingIpsOf(PortId),
    /// Whether a range has allocated addresses: one of them is noted, if there is any.
    FloatingIpIn(SubnetId),
    /// A page of floating IPs in the order of their addresses, with the ports and networks that they lead to and their pools.
    FloatingIpPage {
        /// Which ones.
        filter: FloatingFilter,
        /// Only those behind this address.
        after: Option<IpAddr>,
        /// Most floating IPs to load.
        limit: u16,
    },
    /// A host's revision.
    Host(HostId),
    /// The DNS domain of this name.
    DnsDomain(DomainName),
    /// A page of DNS domains in the order of their names.
    DnsDomainPage {
        /// Only this project's public domains and those of no project.
        project: Option<ProjectId>,
        /// Only domains behind this name.
        after: Option<DomainName>,
        /// Most domains to load.
        limit: u16,
    },
    /// One entry of a DNS domain.
    DnsEntry(EntryKey),
    /// A page of a DNS domain's entries in the order of their names.
    DnsEntryPage {
        /// Whose entries.
        domain: DnsDomainId,
        /// Only those that lead to this address.
        address: Option<IpAddr>,
        /// Only those behind this one.
        after: Option<(Hostname, RecordType)>,
        /// Most entries to load.
        limit: u16,
    },
    /// A page of the entries of any DNS domain that lead to an address, with their domains.
    DnsNames {
        /// Which address.
        address: IpAddr,
        /// Only those behind this one.
        after: Option<(DnsDomainId, Hostname)>,
        /// Most entries to load.
        limit: u16,
    },
    /// The entries of DNS domains that end with an address of a subnet.
    BoundNames(SubnetId, IpAddr),
    /// What a project has, and may have.
    Quota(ProjectId),
    /// A page of quotas in the order of their projects.
    QuotaPage {
        /// Only those behind this project.
        after: Option<ProjectId>,
        /// Most quotas to load.
        limit: u16,
    },
    /// Where the journal begins and ends.
    JournalBounds,
    /// What one look behind a revision goes through of the journal.
    Journal(u64),
}
