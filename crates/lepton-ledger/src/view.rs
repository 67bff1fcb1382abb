//! [`View`]: the part of the ledger that a batch of commands has in memory.

mod attempt;
mod audit;
mod dhcp;
mod dns;
mod draws;
mod find;
mod fixed_ip;
mod floating;
mod forget;
mod history;
mod hosts;
mod journal;
mod leave;
mod lookup;
mod mac_range;
mod moments;
mod seen;
mod table;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::IpAddr,
};

pub(crate) use self::draws::Draws;
pub(crate) use self::table::Table;
use self::{
    audit::Audit, history::History, hosts::HostPages, journal::Journal, moments::Moments, seen::Seen,
};
pub use self::{mac_range::FREE_MACS_AT_ONCE, seen::MOST_SEEN};
use crate::{
    AddressPage, AddressPlace, Change, FixedIp, FloatingOwner, FreeMac, FreeMacPlace, Frontier, Host,
    Instance, InstancePlace, Key, PendingUnplug, RequestRecord, Row, RowChange, Stop, dhcp::DhcpGuest,
    row::EntryKey,
};
use lepton_ipam::Block;
use lepton_types::{
    AddressFamily, Amounts, Cidr, DnsDomain, DnsDomainId, DnsEntry, DomainName, FloatingIp, FloatingRange,
    HostId, Hostname, InstanceId, Ipv4Range, Limit, MacAddr, MacRange, MacRangeId, Name, Network, NetworkId,
    Port, PortId, ProjectId, Quota, Revision, Subnet, SubnetId, Timestamp,
};

/// The part of the ledger that a batch of commands has in memory: rows as loaded, overlaid with what the batch decided.
///
/// A view that is *complete* holds everything, so that what it lacks does not exist; any other view answers only for
/// the [`Key`]s that were loaded into it, and notes every other key that it is asked for.
#[derive(Clone, Debug)]
pub struct View {
    tables: Tables,
    indexes: Indexes,
    incarnations: BTreeMap<InstanceId, u64>,
    newest_network: u64,
    free_blocks_known: BTreeMap<SubnetId, Option<IpAddr>>,
    rested_known: BTreeMap<SubnetId, Option<(Timestamp, IpAddr)>>,
    /// Subnets of which a decision has found nothing left, whatever became of it.
    dry: BTreeSet<SubnetId>,
    /// Up to where a store has looked for a page of addresses, where that is not to the end.
    addresses_known: BTreeMap<AddressPage, AddressPlace>,
    /// Hosts that have more ports to fence than were loaded.
    fenced_in_part: BTreeSet<HostId>,
    /// Hosts that more ports have left, and wait for, than were loaded.
    left_in_part: BTreeSet<HostId>,
    seen: Seen,
    /// Whose floating IPs are and where they lead, as far as that was asked before they were loaded.
    floating_owners: BTreeMap<IpAddr, FloatingOwner>,
    journal: Journal,
    history: History,
    host_pages: HostPages,
    audit: Audit,
    default_limits: Amounts<Limit>,
    /// Whether the store holds ranges of MACs, if that was said with a network.
    has_mac_ranges: Option<bool>,
    /// Up to which free MAC of a range all are loaded; none: every one.
    free_macs_known: BTreeMap<MacRangeId, Option<FreeMacPlace>>,
    /// The guests of the networks that were asked for.
    guests: BTreeMap<NetworkId, Vec<DhcpGuest>>,
    is_complete: bool,
    loaded: HashSet<Key>,
    /// Those of what is [left](View::leave) to the next batch.
    lasting: HashSet<Key>,
    missing: BTreeSet<Key>,
    changes: Vec<Change>,
    now: Timestamp,
    moments: Moments,
    draws: Draws,
}

/// The rows, a table each.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    pub(crate) networks: Table<Network>,
    pub(crate) subnets: Table<Subnet>,
    pub(crate) frontiers: Table<Frontier>,
    pub(crate) blocks: Table<Block>,
    pub(crate) instances: Table<Instance>,
    pub(crate) ports: Table<Port>,
    pub(crate) fixed_ips: Table<FixedIp>,
    pub(crate) floating_ranges: Table<FloatingRange>,
    pub(crate) floating_ips: Table<FloatingIp>,
    pub(crate) hosts: Table<Host>,
    pub(crate) dns_domains: Table<DnsDomain>,
    pub(crate) dns_entries: Table<DnsEntry>,
    pub(crate) pending_unplugs: Table<PendingUnplug>,
    pub(crate) quotas: Table<Quota>,
    pub(crate) mac_ranges: Table<MacRange>,
    pub(crate) free_macs: Table<FreeMac>,
    pub(crate) requests: Table<RequestRecord>,
}

/// Orders in which commands look rows up other than by their keys.
#[derive(Clone, Debug, Default)]
pub struct Indexes {
    pub(crate) networks_by_project: BTreeSet<(Option<ProjectId>, u64, NetworkId)>,
    pub(crate) networks_by_sequence: BTreeSet<(u64, NetworkId)>,
    pub(crate) networks_by_host: BTreeSet<(HostId, NetworkId)>,
    pub(crate) subnets_by_network: BTreeSet<(NetworkId, AddressFamily, Cidr, SubnetId)>,
    pub(crate) instances_by_project: BTreeSet<InstancePlace>,
    pub(crate) ports_by_instance: BTreeSet<(InstanceId, u64, u16, PortId)>,
    pub(crate) ports_by_mac: BTreeSet<(MacAddr, PortId)>,
    pub(crate) ports_by_network: BTreeSet<(NetworkId, PortId)>,
    pub(crate) ports_by_host: BTreeSet<(HostId, Revision, PortId)>,
    pub(crate) unplugs_by_host: BTreeSet<(HostId, Revision, PortId)>,
    pub(crate) unplugs_by_port: BTreeSet<(PortId, HostId)>,
    pub(crate) fixed_ips_by_port: BTreeSet<(PortId, SubnetId, IpAddr)>,
    pub(crate) pools: BTreeSet<(Name, NetworkId)>,
    pub(crate) floating_ranges_by_pool: BTreeSet<(NetworkId, Ipv4Range, SubnetId)>,
    pub(crate) floating_ips_by_port: BTreeSet<(PortId, IpAddr)>,
    pub(crate) floating_ips_by_network: BTreeSet<(NetworkId, IpAddr)>,
    pub(crate) fixed_ips_by_address: BTreeSet<AddressPlace>,
    pub(crate) fixed_ips_by_lease: BTreeSet<(MacAddr, IpAddr, SubnetId)>,
    pub(crate) free_macs_by_range: BTreeSet<(MacRangeId, Timestamp, MacAddr)>,
    pub(crate) quarantine: BTreeSet<(Timestamp, SubnetId, IpAddr)>,
    pub(crate) free_blocks: BTreeSet<(SubnetId, IpAddr)>,
    pub(crate) dns_domains_by_name: BTreeSet<(DomainName, DnsDomainId)>,
    pub(crate) dns_entries_by_address: BTreeSet<(IpAddr, DnsDomainId, Hostname)>,
    pub(crate) dns_entries_by_bond: BTreeSet<(SubnetId, IpAddr, EntryKey)>,
}

impl View {
    /// A view into which a store loads what commands miss.
    pub fn partial(now: Timestamp, seed: [u8; 32]) -> Self {
        Self::new(false, now, seed)
    }

    /// A view of an empty ledger that is all in memory.
    pub fn complete(now: Timestamp, seed: [u8; 32]) -> Self {
        Self::new(true, now, seed)
    }

    fn new(is_complete: bool, now: Timestamp, seed: [u8; 32]) -> Self {
        Self {
            tables: Tables::default(),
            indexes: Indexes::default(),
            incarnations: BTreeMap::new(),
            newest_network: 0,
            free_blocks_known: BTreeMap::new(),
            rested_known: BTreeMap::new(),
            dry: BTreeSet::new(),
            addresses_known: BTreeMap::new(),
            fenced_in_part: BTreeSet::new(),
            left_in_part: BTreeSet::new(),
            seen: Seen::default(),
            floating_owners: BTreeMap::new(),
            journal: Journal::default(),
            history: History::default(),
            host_pages: HostPages::new(),
            audit: Audit::default(),
            default_limits: Amounts::DEFAULT,
            has_mac_ranges: None,
            free_macs_known: BTreeMap::new(),
            guests: BTreeMap::new(),
            is_complete,
            loaded: HashSet::new(),
            lasting: HashSet::new(),
            missing: BTreeSet::new(),
            changes: Vec::new(),
            now,
            moments: now.into(),
            draws: Draws::new(seed),
        }
    }

    /// Starts a new batch on a complete view, or on what the batch before has [left](View::leave): its moment, its seed, and no changes
    /// yet. What a batch did not [keep](View::keep) is taken back.
    pub fn restart(&mut self, now: Timestamp, seed: [u8; 32]) {
        self.undo_to(0);
        (self.now, self.moments) = (now, now.into());
        self.draws = Draws::new(seed);
    }

    /// The same view, in which projects may have so much whose limits nobody has set.
    #[must_use]
    pub fn with_default_limits(self, default_limits: Amounts<Limit>) -> Self {
        Self { default_limits, ..self }
    }

    /// What projects may have whose limits nobody has set.
    pub fn default_limits(&self) -> &Amounts<Limit> {
        &self.default_limits
    }

    /// The moment of the decision.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Says what time it is by now, for what is decided from here on. A clock that was set back says nothing.
    pub fn go_on_at(&mut self, now: Timestamp) {
        if now > self.now {
            self.now = now;
            self.moments.go_on_at(self.changes.len(), now);
        }
    }

    /// What is random in the decision.
    pub(crate) fn draws(&mut self) -> &mut Draws {
        &mut self.draws
    }

    /// The row with this key, if the view knows it to be there.
    pub fn row<R: Row>(&self, key: &R::Key) -> Option<&R> {
        R::table(&self.tables).get(key)
    }

    /// The rows of a table that the view knows to be there, in the order of their keys.
    pub fn rows<'v, R: Row + 'v>(&'v self) -> impl Iterator<Item = &'v R> {
        R::table(&self.tables).rows()
    }

    /// What the batch decided so far, in order.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// What the batch decided, in order, when nothing else of the view is needed any more.
    pub fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    /// Records that `row` comes to be. What must be unique about it, the store's indexes enforce.
    pub(crate) fn insert<R: Row>(&mut self, row: R) {
        self.record(RowChange { before: None, after: Some(row) });
    }

    /// Records that a row, found by its key, becomes `row`; nothing when it is so already.
    pub(crate) fn replace<R: Row>(&mut self, row: R) {
        let before = R::table(&self.tables).get(&row.key()).cloned();
        if before.as_ref() != Some(&row) {
            self.record(RowChange { before, after: Some(row) });
        }
    }

    /// Records that a row ends; nothing when it is not there.
    pub(crate) fn end<R: Row>(&mut self, key: &R::Key) {
        if let Some(before) = R::table(&self.tables).get(key).cloned() {
            self.record(RowChange { before: Some(before), after: None });
        }
    }

    /// Has a block's count of free addresses written anew.
    pub(crate) fn recount_block(&mut self, block: Block) {
        self.changes.push(Change::RecountedBlock(block));
    }

    /// Has what a project has written as it was counted; nothing when it is so already.
    pub(crate) fn recount_quota(&mut self, quota: Quota) {
        let before = self.row::<Quota>(&quota.project).cloned();
        if before.as_ref() != Some(&quota) {
            let change = RowChange { before, after: Some(quota) };
            self.apply(&change);
            self.changes.push(Change::RecountedQuota(change));
        }
    }

    fn record<R: Row>(&mut self, change: RowChange<R>) {
        self.apply(&change);
        self.changes.push(R::change(change));
    }

    fn apply<R: Row>(&mut self, change: &RowChange<R>) {
        if let Some(before) = &change.before {
            before.index(&mut self.indexes, false);
            self.set_absent::<R>(&before.key());
        }
        if let Some(after) = &change.after {
            after.index(&mut self.indexes, true);
            R::table_mut(&mut self.tables).set(after.key(), Some(after.clone()));
        }
    }

    /// Notes that a row is not there. A partial view must know so, lest the store's row be loaded later.
    fn set_absent<R: Row>(&mut self, key: &R::Key) {
        let table = R::table_mut(&mut self.tables);
        if self.is_complete { table.forget(key) } else { table.set(key.clone(), None) }
    }

    /// Enters a row that the store holds, unless the view knows better already. Where others write meanwhile, a store that
    /// is to write enters what it has locked, or what it will find changed when it writes: a row that is known is not entered
    /// anew.
    pub fn load<R: Row>(&mut self, row: R) {
        if !R::table(&self.tables).knows(&row.key()) {
            row.index(&mut self.indexes, true);
            R::table_mut(&mut self.tables).set(row.key(), Some(row));
        }
    }

    /// Says that everything the key names has been loaded.
    pub fn mark_loaded(&mut self, key: Key) {
        if key.is_of_lasting() {
            self.lasting.insert(key)
        } else {
            self.loaded.insert(key)
        };
    }

    /// Whether everything the key names has been loaded, or is all there anyway.
    fn has_loaded(&self, key: &Key) -> bool {
        self.is_complete || if key.is_of_lasting() { &self.lasting } else { &self.loaded }.contains(key)
    }

    /// Says that an instance had this incarnation.
    pub fn note_incarnation(&mut self, instance: InstanceId, incarnation: u64) {
        let last = self.incarnations.entry(instance).or_default();
        *last = incarnation.max(*last);
    }

    /// Says which sequence number the newest network has.
    pub fn note_newest_network(&mut self, sequence: u64) {
        self.newest_network = self.newest_network.max(sequence);
    }

    /// Says that of the subnet's blocks with a row and a free address all are loaded that start at or below `up_to`;
    /// all of them, when that is none.
    pub fn note_free_blocks(&mut self, subnet: SubnetId, up_to: Option<IpAddr>) {
        self.free_blocks_known.insert(subnet, up_to);
    }

    /// Says that of the subnet's addresses whose quarantine is over all are loaded up to this one; all of them, when that
    /// is none.
    pub fn note_rested(&mut self, subnet: SubnetId, up_to: Option<(Timestamp, IpAddr)>) {
        self.rested_known.insert(subnet, up_to);
    }

    /// Subnets of which some decision has found no address left.
    pub fn dry(&self) -> &BTreeSet<SubnetId> {
        &self.dry
    }

    /// Notes that a decision has found nothing left of a subnet, as far as it knows; a view of everything knows it all.
    pub(crate) fn note_dry(&mut self, subnet: SubnetId) {
        if !self.is_complete {
            self.dry.insert(subnet);
        }
    }

    /// Says that for this page addresses were looked for up to this one, and that there may be more behind it.
    pub fn note_addresses(&mut self, page: AddressPage, up_to: AddressPlace) {
        self.addresses_known.insert(page, up_to);
    }

    /// Says that a host has more ports to fence than were loaded.
    pub fn note_more_to_fence(&mut self, host: HostId) {
        self.fenced_in_part.insert(host);
    }

    /// Says that more ports have left a host, and wait for it, than were loaded.
    pub fn note_more_have_left(&mut self, host: HostId) {
        self.left_in_part.insert(host);
    }

    /// What the commands missed since the last call, each key once and in order.
    pub fn take_missing(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.missing).into_iter().collect()
    }

    /// Stops unless all keys are loaded; notes all that are not, so that one round loads them together.
    ///
    /// # Errors
    ///
    /// [`Stop::Missing`].
    pub(crate) fn need(&mut self, keys: impl IntoIterator<Item = Key>) -> Result<(), Stop> {
        if self.want(keys) { Ok(()) } else { Err(Stop::Missing) }
    }

    /// Notes the keys that are not loaded, without stopping: what the decision will need a few lines on, so that it
    /// comes with the same round. Answers whether all are there.
    pub(crate) fn want(&mut self, keys: impl IntoIterator<Item = Key>) -> bool {
        let mut is_all_there = true;
        for key in keys {
            if !self.has_loaded(&key) {
                self.missing.insert(key);
                is_all_there = false;
            }
        }
        is_all_there
    }
}

#[cfg(test)]
mod tests;
