//! Events: what the changes of one command mean to those who follow the ledger.
//!
//! ```text
//!   Command ──decide──▶ Change, Change, …  ──of──▶ Event, Event, …  ──record──▶ Change::Journal ──▶ the writer
//!                        (a command's)                                           gives revisions, last of all
//! ```
//!
//! The changes of a command are reduced to one a row, so that what was made and changed at once is told once. The match over
//! [`Change`] below has no "everything else": whoever adds a kind of row says here what is told of it, or that nothing is.
//! What a row's change means is in a file of its own, named like the row's.

mod dns;
mod fixed_ip;
mod floating_ip;
mod instance;
mod mac_range;
mod network;
mod port;
mod quota;
mod read;
mod subnet;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use lepton_ipam::Reserved;
use lepton_types::{
    DnsDomain, DnsDomainId, DnsEntry, Event, FloatingIp, MacRange, Network, NetworkId, Port, PortId, Quota,
    Subnet, SubnetId,
};

use self::port::Addresses;
pub use self::read::{EventFilter, EventPage, EventStart, ReadEvents};
use crate::{Change, Envelope, FixedIp, Instance, JournalEntry, RowChange, View, coalesce};

/// Most events of one entry of the journal; what a command does beyond that has further entries. It bounds what a page costs.
pub(crate) const MOST_IN_ENTRY: usize = 256;

/// What can happen; the comments in `proto/lepton/v1/event.proto` say what each tells, and a test compares them.
pub const EVENT_KINDS: &[&str] = &[
    "dns_domain.associated",
    "dns_domain.created",
    "dns_domain.deleted",
    "dns_domain.disassociated",
    "dns_domain.modified",
    "dns_entry.created",
    "dns_entry.deleted",
    "dns_entry.modified",
    "fixed_ip.added",
    "fixed_ip.freed",
    "fixed_ip.leased",
    "fixed_ip.released",
    "fixed_ip.removed",
    "fixed_ip.reserved",
    "fixed_ip.resting",
    "fixed_ip.unreserved",
    "floating_ip.allocated",
    "floating_ip.associated",
    "floating_ip.disassociated",
    "floating_ip.modified",
    "floating_ip.released",
    "instance.allocated",
    "instance.deallocated",
    "instance.migrated",
    "instance.migrating",
    "instance.migration_aborted",
    "mac_range.created",
    "mac_range.deleted",
    "network.associated",
    "network.created",
    "network.deleted",
    "network.disassociated",
    "network.modified",
    "port.active",
    "port.created",
    "port.deleted",
    "port.error",
    "port.modified",
    "port.pending",
    "port.released",
    "quota.modified",
    "subnet.created",
    "subnet.deleted",
    "subnet.modified",
];

/// Records what a command's changes, which begin with the `from`th, mean to those who follow the ledger.
pub(crate) fn record(ledger: &mut View, from: usize, envelope: &Envelope, call: &'static str) {
    let mut events = of(&ledger.changes()[from..], ledger);
    debug_assert!(events.iter().all(|event| EVENT_KINDS.contains(&&*event.kind)), "{events:?}");
    while !events.is_empty() {
        let rest = events.split_off(events.len().min(MOST_IN_ENTRY));
        ledger.append(JournalEntry {
            at: ledger.now(),
            actor: envelope.actor().to_owned(),
            request_id: envelope.request_key().map(|key| key.id.clone()),
            call: call.into(),
            events: std::mem::replace(&mut events, rest),
        });
    }
}

/// The changes of rows that are told of, by kind.
#[derive(Default)]
struct Sets<'c> {
    networks: Vec<&'c RowChange<Network>>,
    subnets: Vec<&'c RowChange<Subnet>>,
    instances: Vec<&'c RowChange<Instance>>,
    ports: Vec<&'c RowChange<Port>>,
    fixed_ips: Vec<&'c RowChange<FixedIp>>,
    floating_ips: Vec<&'c RowChange<FloatingIp>>,
    dns_domains: Vec<&'c RowChange<DnsDomain>>,
    dns_entries: Vec<&'c RowChange<DnsEntry>>,
    quotas: Vec<&'c RowChange<Quota>>,
    mac_ranges: Vec<&'c RowChange<MacRange>>,
}

impl<'c> Sets<'c> {
    fn new(changes: &'c [Change]) -> Self {
        let mut sets = Self::default();
        for change in changes {
            match change {
                Change::Network(change) => sets.networks.push(change),
                Change::Subnet(change) => sets.subnets.push(change),
                Change::Instance(change) => sets.instances.push(change),
                Change::Port(change) => sets.ports.push(change),
                Change::FixedIp(change) => sets.fixed_ips.push(change),
                Change::FloatingIp(change) => sets.floating_ips.push(change),
                Change::DnsDomain(change) => sets.dns_domains.push(change),
                Change::DnsEntry(change) => sets.dns_entries.push(change),
                Change::Quota(change) => sets.quotas.push(change),
                Change::MacRange(change) => sets.mac_ranges.push(change),
                // How the ledger keeps its books is nobody's business.
                Change::Frontier(_)
                | Change::Block(_)
                | Change::RecountedBlock(_)
                | Change::FloatingRange(_)
                | Change::Host(_)
                | Change::PendingUnplug(_)
                | Change::FreeMac(_)
                | Change::RecountedQuota(_)
                | Change::RequestRecord(_)
                | Change::Journal(_) => {}
            }
        }
        sets
    }
}

/// The events of one command's changes, in a fixed order. What they need to know beside the changes, such as whose network a
/// subnet is in, they look up in `ledger`; the command had to know it, too.
fn of(changes: &[Change], ledger: &View) -> Vec<Event> {
    let sets = Sets::new(changes);
    let facts = Facts {
        ledger,
        networks: ended(&sets.networks),
        ports: ended(&sets.ports),
        subnets: sets.subnets.iter().filter_map(|change| change.after.as_ref()).map(|row| row.id).collect(),
    };
    let ports = coalesce(sets.ports);
    let fixed_ips = coalesce(sets.fixed_ips);
    let addresses = Addresses::new(&ports, &fixed_ips);
    let networks = coalesce(sets.networks);
    let mut events: Vec<Event> = networks.iter().flat_map(network::events).collect();
    events.extend(coalesce(sets.subnets).iter().filter_map(|change| subnet::event(change, &facts)));
    events.extend(coalesce(sets.instances).iter().filter_map(instance::event));
    events.extend(ports.iter().flat_map(|change| port::events(change, &addresses)));
    let by_themselves = fixed_ips.iter().filter(|change| !addresses.are_told_with_port(change));
    events.extend(by_themselves.flat_map(|change| fixed_ip::events(change, &facts)));
    events.extend(fixed_ips.iter().filter_map(|change| fixed_ip::event_of_network(change, &facts)));
    let floating_ips = coalesce(sets.floating_ips);
    events.extend(floating_ips.iter().flat_map(|change| floating_ip::events(change, &facts)));
    events.extend(coalesce(sets.dns_domains).iter().flat_map(dns::domain_events));
    events.extend(coalesce(sets.quotas).iter().filter_map(quota::event));
    events.extend(coalesce(sets.mac_ranges).iter().filter_map(mac_range::event));
    events.extend(coalesce(sets.dns_entries).iter().filter_map(|change| dns::entry_event(change, &facts)));
    events
}

/// The rows that ended, by key.
fn ended<'c, R: crate::Row>(changes: &[&'c RowChange<R>]) -> BTreeMap<R::Key, &'c R> {
    let gone = changes.iter().filter(|change| change.after.is_none());
    gone.filter_map(|change| change.before.as_ref()).map(|row| (row.key(), row)).collect()
}

/// Rows that an event is about beside the one that changed; those that ended with it included.
struct Facts<'c> {
    ledger: &'c View,
    networks: BTreeMap<NetworkId, &'c Network>,
    ports: BTreeMap<PortId, &'c Port>,
    /// Those that were changed.
    subnets: BTreeSet<SubnetId>,
}

impl Facts<'_> {
    fn network(&self, id: NetworkId) -> Option<&Network> {
        self.ledger.row(&id).or_else(|| self.networks.get(&id).copied())
    }

    fn port(&self, id: PortId) -> Option<&Port> {
        self.ledger.row(&id).or_else(|| self.ports.get(&id).copied())
    }

    fn dns_domain(&self, id: DnsDomainId) -> Option<&DnsDomain> {
        self.ledger.row(&id)
    }

    /// Whether a subnet keeps the address for itself: its gateway's, say. A next hop may be a guest that asks for it.
    fn is_kept(&self, subnet: SubnetId, address: IpAddr) -> bool {
        self.ledger.row::<Subnet>(&subnet).is_some_and(|subnet| Reserved::of(subnet, address).is_some())
    }

    /// Whether the command changed a subnet, and not only who has its addresses.
    fn has_changed(&self, subnet: SubnetId) -> bool {
        self.subnets.contains(&subnet)
    }

    fn network_of(&self, subnet: SubnetId) -> Option<NetworkId> {
        self.ledger.row::<Subnet>(&subnet).map(|subnet| subnet.network)
    }
}

#[cfg(test)]
mod tests;
