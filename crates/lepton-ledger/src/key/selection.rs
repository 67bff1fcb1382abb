//! [`Selection`]: rows that are asked for by a condition.

use std::net::IpAddr;

use lepton_types::{
    DnsDomainId, DomainName, HostId, Hostname, MacPrefix, NetworkId, ProjectId, RecordType, Revision,
    SubnetId, Timestamp,
};

use crate::{
    AddressPage, FixedIpKind, FloatingFilter, HoldingFilter, HostPortPlace, InstancePlace, PoolSpan,
    PortFilter, PortPlace, Which,
};

/// Rows that a command finds by a condition: pages of a list, one row of many, a bounded number of them. Few commands of a
/// batch ask for such, so each is loaded by a statement of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selection {
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
    /// Whether ports have any of these MACs: some of them are noted, if there are any.
    PortOfMacs(MacPrefix),
    /// Whether a subnet's addresses are held by anybody: some of them are noted, if there are any.
    HeldIn(SubnetId),
    /// Addresses of a subnet whose quarantine is over, a bounded number of them, with their blocks. Who shares the ledger is told of
    /// none, unless they were locked with all that is left of the subnet; it looks for them when all is decided.
    RestedIn {
        /// Whose addresses.
        subnet: SubnetId,
        /// Only those behind this one, in the order in which quarantine ended.
        after: Option<(Timestamp, IpAddr)>,
    },
    /// Addresses of any subnet whose quarantine is over, a bounded number of them, with their blocks.
    Rested,
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
    AddressPage(AddressPage),
    /// A page of the owner rows of addresses in some subnets.
    FixedIpPage {
        /// Which subnets, in the order in which the page goes through them.
        subnets: Vec<SubnetId>,
        /// Which of their rows.
        kind: FixedIpKind,
        /// Of the first one, only those behind this one.
        after: Option<IpAddr>,
        /// Most addresses to load.
        limit: u16,
    },
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
    /// Whether a network has ports: some of them are noted, if there are any.
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
    /// A page of pools of floating IPs in the order of creation, with their ranges.
    FloatingPoolPage {
        /// Only pools made after the one with this sequence number.
        after: u64,
        /// Most pools to load.
        limit: u16,
    },
    /// What the first hosts behind one have, counted. For questions.
    HostFigures {
        /// Only hosts behind this one.
        after: Option<HostId>,
        /// Most hosts to count the ports of.
        limit: u16,
    },
    /// Whether a range has allocated addresses: some of them are noted, if there are any.
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
    /// A page of the networks whose own host this is, in the order of their ids, without their subnets.
    NetworksOnHost {
        /// Which host.
        host: HostId,
        /// Only this one and those behind it.
        from: NetworkId,
        /// Most networks to load.
        limit: u16,
    },
    /// A page of floating IPs that lead to some networks.
    FloatingIpsOn {
        /// Which networks, in the order in which the page goes through them.
        networks: Vec<NetworkId>,
        /// Of the first one, only those behind this address.
        after: Option<IpAddr>,
        /// Most floating IPs to load.
        limit: u16,
    },
    /// A page of DNS domains in the order of their names.
    DnsDomainPage {
        /// Only this project's public domains and those of no project.
        project: Option<ProjectId>,
        /// Only domains behind this name.
        after: Option<DomainName>,
        /// Most domains to load.
        limit: u16,
    },
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
    /// A page of quotas in the order of their projects.
    QuotaPage {
        /// Only those behind this project.
        after: Option<ProjectId>,
        /// Most quotas to load.
        limit: u16,
    },
    /// A page of holdings in the order of their ends, and before when what ended may be forgotten. For questions.
    Holdings(HoldingFilter),
    /// A page of subnets in the order of their ids.
    SubnetPage {
        /// Only those behind this one.
        after: Option<SubnetId>,
        /// Most subnets to load.
        limit: u16,
    },
    /// What an audit looks at of a subnet, with its blocks locked before the rest is read.
    AuditPool(PoolSpan),
    /// Ranges of floating IPs, locked, and then counted again.
    CountedRanges(Which<SubnetId>),
    /// Quotas, locked, and then counted again.
    CountedQuotas(Which<ProjectId>),
    /// Who had an address of a subnet at last, as the history tells.
    LastHolder {
        /// Whose address.
        subnet: SubnetId,
        /// Which one.
        address: IpAddr,
        /// Whether it is of a range of floating IPs.
        is_floating: bool,
    },
    /// What the latest entries of the journal tell of an address.
    JournalAbout(IpAddr),
    /// Where the journal begins and ends.
    JournalBounds,
    /// What one look behind a revision goes through of the journal.
    Journal(u64),
}
