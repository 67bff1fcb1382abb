//! The ledger's rows beyond those of `lepton-types`, and what all rows have in common.

use std::{fmt, net::IpAddr};

use lepton_ipam::Block;
use lepton_types::{
    AvailabilityZone, DnsDomain, DnsDomainId, DnsEntry, FloatingIp, FloatingRange, HostId, Hostname,
    InstanceId, Lease, MacAddr, MacRange, MacRangeId, Migration, Name, Network, NetworkId, Port, PortId,
    ProjectId, Quota, RecordType, RequestId, Revision, Subnet, SubnetId, Timestamp,
};

use crate::{
    AddressPlace, Change, InstancePlace, Refusal, RowChange, view::Indexes, view::Table, view::Tables,
};

/// One address of a subnet and who has it. An address without a row is free, or the subnet keeps it for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedIp {
    /// The subnet; addresses are unique within it.
    pub subnet: SubnetId,
    /// The address.
    pub address: IpAddr,
    /// Who has it.
    pub holder: Holder,
    /// Since when the port has it, or since when no port does.
    pub since: Timestamp,
    /// The lease by which a guest has it, or had it when its port was unplugged.
    pub lease: Option<Lease>,
    /// Whether the port has it because this very address was asked for.
    pub is_asked_for: bool,
}

impl FixedIp {
    /// Where it stands among all addresses that have a row.
    pub fn place(&self) -> AddressPlace {
        (self.address, self.subnet)
    }
}

/// Who has an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A port, released or not: an address is a port's until its host has unplugged it.
    Port(PortId),
    /// A port from which it was taken, until the port's host has proved that the port cannot use it any more.
    Leaving {
        /// Which port.
        port: PortId,
        /// The revision of the port's host from which on the port is told without it.
        revision: Revision,
    },
    /// Nobody; an operator keeps it for something.
    Reserved {
        /// For what.
        reason: Name,
        /// Until when it would rest if it were not reserved; none when it was free.
        resting_until: Option<Timestamp>,
    },
    /// Nobody; it rests until this moment.
    Quarantine(Timestamp),
}

impl Holder {
    /// The port that has it, also while it is leaving.
    pub fn port(&self) -> Option<PortId> {
        match self {
            Self::Port(port) | Self::Leaving { port, .. } => Some(*port),
            Self::Reserved { .. } | Self::Quarantine(_) => None,
        }
    }

    /// The port that may use it: not one from which it was taken.
    pub(crate) fn user(&self) -> Option<PortId> {
        match self {
            Self::Port(port) => Some(*port),
            Self::Leaving { .. } | Self::Reserved { .. } | Self::Quarantine(_) => None,
        }
    }
}

/// Where the blocks of a subnet's pools end that have a row: every block below `next` has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontier {
    /// The subnet.
    pub subnet: SubnetId,
    /// Start of the lowest block that may have no row yet; none when all of them have one.
    pub next: Option<IpAddr>,
}

/// One life of an instance: from its allocation to its deallocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The compute service's id.
    pub id: InstanceId,
    /// Which life, counted from 1.
    pub incarnation: u64,
    /// Its project.
    pub project: ProjectId,
    /// The host that plugs its ports.
    pub host: HostId,
    /// What it calls itself.
    pub hostname: Option<Hostname>,
    /// The availability zone that it is in, which has a say in where its names are.
    pub availability_zone: Option<AvailabilityZone>,
    /// Whether names in DNS may end with its addresses: without, nobody has to look for them.
    pub has_names: bool,
    /// Whether the allocation named its networks; if not, it was given its project's own and the global ones.
    pub has_named_networks: bool,
    /// When it was allocated.
    pub created_at: Timestamp,
    /// The move to another host that is under way, if there is one.
    pub migration: Option<Migration>,
    /// The moves of this life that were finished, the latest last; at most [`Instance::MOST_ARRIVALS`]. Whoever waits for a move
    /// finds it here, also when the instance has moved on before it looked.
    pub arrivals: Vec<Migration>,
}

impl Instance {
    /// Most finished moves that are kept of an instance: of so many one after the other the first is still known.
    pub const MOST_ARRIVALS: usize = 4;

    /// The instance as it is when the move that is under way is finished.
    pub(crate) fn arrived(mut self) -> Self {
        if let Some(migration) = self.migration.take() {
            self.host = migration.destination.clone();
            self.arrivals.push(migration);
            let forgotten = self.arrivals.len().saturating_sub(Self::MOST_ARRIVALS);
            self.arrivals.drain(..forgotten);
        }
        self
    }

    /// Refuses what is about another life of the instance.
    pub(crate) fn must_be(&self, incarnation: Option<u64>) -> Result<(), Refusal> {
        let (instance, live) = (self.id, self.incarnation);
        match incarnation.filter(|given| *given != live) {
            Some(given) => Err(Refusal::IncarnationMismatch { instance, given, live }),
            None => Ok(()),
        }
    }

    /// Refuses to move the instance from a host that it is not on.
    pub(crate) fn must_live_on(&self, source: &HostId) -> Result<(), Refusal> {
        if self.host == *source {
            return Ok(());
        }
        let (given, lives) = (source.clone(), self.host.clone());
        Err(Refusal::InstanceNotOnHost { instance: self.id, given, lives })
    }

    /// Refuses to move an instance that is on its way to another host already.
    pub(crate) fn must_not_move_elsewhere(&self, to: &HostId) -> Result<(), Refusal> {
        match &self.migration {
            Some(Migration { destination, .. }) if destination != to => {
                Err(Refusal::InstanceIsMoving { instance: self.id, destination: destination.clone() })
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// A host and how often what it must have has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its name.
    pub id: HostId,
    /// Version of what it must have.
    pub revision: Revision,
    /// Whether its agent has been there ([`crate::RegisterHost`]). Nothing is told to a host before, so nothing was ever
    /// plugged on one that has not: there is nobody to wait for.
    pub is_registered: bool,
}

/// A port that must go from a host, and of whose going there is no proof yet: one that has moved away, or one that ended
/// because the host was fenced. This is how the host hears of it. That a released port must go from its own host is said by
/// the port's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingUnplug {
    /// Which port. It may have ended.
    pub port: PortId,
    /// The host that has not unplugged it.
    pub host: HostId,
    /// The host's revision since which it is to unplug the port. What the host said before is no proof.
    pub revision: Revision,
    /// Whether the host was fenced, which counts as proof: then nobody waits for it.
    pub is_fenced: bool,
}

/// A MAC of a range that a port had and no port has any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeMac {
    /// The MAC.
    pub mac: MacAddr,
    /// Its range.
    pub range: MacRangeId,
    /// Since when nobody has it. Who has waited longest is drawn first.
    pub since: Timestamp,
}

/// A free MAC's place among those of its range.
pub type FreeMacPlace = (Timestamp, MacAddr);

/// What identifies an entry of a DNS domain: a name has one of each type.
pub type EntryKey = (DnsDomainId, Hostname, RecordType);

/// Under which name an answer is remembered: request ids of different callers are different.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey {
    /// Who asked, as its credentials say.
    pub caller: String,
    /// What the caller chose.
    pub id: RequestId,
}

/// A remembered answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// Its name.
    pub key: RequestKey,
    /// In which form the fingerprint and the answer are written.
    pub format: u64,
    /// SHA-256 of the call's name and its body.
    pub fingerprint: [u8; 32],
    /// The answer, as JSON.
    pub answer: String,
    /// When it was given.
    pub created_at: Timestamp,
}

impl RequestRecord {
    /// The form in which this program writes records, and the only one that it reads.
    pub const FORMAT: u64 = 1;
}

/// What all rows of the ledger have in common. There are no others than the ledger's own.
pub trait Row: Indexed + Clone + PartialEq + fmt::Debug {
    /// What identifies the row in its table.
    type Key: Clone + Ord + fmt::Debug;

    /// What identifies this row.
    fn key(&self) -> Self::Key;
}

/// Where a view keeps a row, and by what it finds it. Nobody outside can name this trait, so nobody else has rows.
pub trait Indexed: Sized {
    /// Its table among the others.
    fn table(tables: &Tables) -> &Table<Self>
    where
        Self: Row;

    /// Its table among the others.
    fn table_mut(tables: &mut Tables) -> &mut Table<Self>
    where
        Self: Row;

    /// A change of such a row as a change of the ledger.
    fn change(change: RowChange<Self>) -> Change;

    /// Enters the row into the indexes (`is_there`) or takes it out of them.
    fn index(&self, indexes: &mut Indexes, is_there: bool) {
        let _ = (indexes, is_there);
    }
}

/// Adds `entry` to an index or takes it out.
fn enter<T: Ord>(set: &mut std::collections::BTreeSet<T>, entry: T, is_there: bool) {
    if is_there {
        set.insert(entry);
    } else {
        set.remove(&entry);
    }
}

macro_rules! row {
    ($row:ident, $key:ty, $table:ident, |$self:ident| $key_of:expr $(, |$indexes:ident, $is_there:ident| $index:block)?) => {
        impl Row for $row {
            type Key = $key;

            fn key(&$self) -> $key {
                $key_of
            }
        }

        impl Indexed for $row {
            fn table(tables: &Tables) -> &Table<Self> {
                &tables.$table
            }

            fn table_mut(tables: &mut Tables) -> &mut Table<Self> {
                &mut tables.$table
            }

            fn change(change: RowChange<Self>) -> Change {
                Change::$row(change)
            }

            $(fn index(&$self, $indexes: &mut Indexes, $is_there: bool) $index)?
        }
    };
}

row!(Network, NetworkId, networks, |self| self.id, |indexes, is_there| {
    if !self.is_external {
        enter(&mut indexes.networks_by_project, (self.project.clone(), self.sequence, self.id), is_there);
    }
    enter(&mut indexes.networks_by_sequence, (self.sequence, self.id), is_there);
    if self.is_external {
        enter(&mut indexes.pools, (self.label.clone(), self.id), is_there);
    }
    if let Some(host) = &self.host {
        enter(&mut indexes.networks_by_host, (host.clone(), self.id), is_there);
    }
});
row!(Subnet, SubnetId, subnets, |self| self.id, |indexes, is_there| {
    enter(&mut indexes.subnets_by_network, (self.network, self.family(), self.cidr, self.id), is_there);
});
row!(Port, PortId, ports, |self| self.id, |indexes, is_there| {
    enter(
        &mut indexes.ports_by_instance,
        (self.instance, self.incarnation, self.position, self.id),
        is_there,
    );
    enter(&mut indexes.ports_by_mac, (self.mac, self.id), is_there);
    enter(&mut indexes.ports_by_network, (self.network, self.id), is_there);
    enter(&mut indexes.ports_by_host, (self.host.clone(), self.revision, self.id), is_there);
    if let Some(target) = &self.target {
        enter(&mut indexes.ports_by_host, (target.host.clone(), target.revision, self.id), is_there);
    }
});
row!(FixedIp, (SubnetId, IpAddr), fixed_ips, |self| (self.subnet, self.address), |indexes, is_there| {
    enter(&mut indexes.fixed_ips_by_address, (self.address, self.subnet), is_there);
    match self.holder {
        Holder::Port(port) | Holder::Leaving { port, .. } => {
            enter(&mut indexes.fixed_ips_by_port, (port, self.subnet, self.address), is_there);
        }
        Holder::Quarantine(until) => {
            enter(&mut indexes.quarantine, (until, self.subnet, self.address), is_there);
        }
        Holder::Reserved { .. } => {}
    }
    if let Some(lease) = self.lease {
        enter(&mut indexes.fixed_ips_by_lease, (lease.mac, self.address, self.subnet), is_there);
    }
});
row!(Block, (SubnetId, IpAddr), blocks, |self| (self.subnet(), self.first()), |indexes, is_there| {
    if self.free() > 0 || !is_there {
        enter(&mut indexes.free_blocks, (self.subnet(), self.first()), is_there);
    }
});
row!(FloatingRange, SubnetId, floating_ranges, |self| self.subnet, |indexes, is_there| {
    enter(&mut indexes.floating_ranges_by_pool, (self.pool, self.addresses, self.subnet), is_there);
});
row!(FloatingIp, IpAddr, floating_ips, |self| self.address, |indexes, is_there| {
    if let Some(target) = self.target {
        enter(&mut indexes.floating_ips_by_port, (target.port, self.address), is_there);
        enter(&mut indexes.floating_ips_by_network, (target.network, self.address), is_there);
    }
});
row!(Frontier, SubnetId, frontiers, |self| self.subnet);
row!(Instance, InstanceId, instances, |self| self.id, |indexes, is_there| {
    enter(&mut indexes.instances_by_project, InstancePlace::of(self), is_there);
});
row!(Host, HostId, hosts, |self| self.id.clone());
row!(Quota, ProjectId, quotas, |self| self.project.clone());
row!(
    PendingUnplug,
    (PortId, HostId),
    pending_unplugs,
    |self| (self.port, self.host.clone()),
    |indexes, is_there| {
        enter(&mut indexes.unplugs_by_host, (self.host.clone(), self.revision, self.port), is_there);
        enter(&mut indexes.unplugs_by_port, (self.port, self.host.clone()), is_there);
    }
);
row!(DnsDomain, DnsDomainId, dns_domains, |self| self.id, |indexes, is_there| {
    enter(&mut indexes.dns_domains_by_name, (self.name.clone(), self.id), is_there);
});
row!(
    DnsEntry,
    EntryKey,
    dns_entries,
    |self| (self.domain, self.name.clone(), self.record_type()),
    |indexes, is_there| {
        enter(&mut indexes.dns_entries_by_address, (self.address, self.domain, self.name.clone()), is_there);
        if let Some(bond) = self.bound {
            enter(&mut indexes.dns_entries_by_bond, (bond.subnet, self.address, self.key()), is_there);
        }
    }
);
row!(MacRange, MacRangeId, mac_ranges, |self| self.id);
row!(FreeMac, MacAddr, free_macs, |self| self.mac, |indexes, is_there| {
    enter(&mut indexes.free_macs_by_range, (self.range, self.since, self.mac), is_there);
});
row!(RequestRecord, RequestKey, requests, |self| self.key.clone());
