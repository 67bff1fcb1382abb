//! Writes what a batch decided: set by set, in the order that the foreign keys want.

use std::collections::BTreeSet;

use lepton_ledger::{
    Block, Change, Ended, FixedIp, FreeMac, Frontier, Host, Instance, PendingUnplug, RequestRecord,
    RowChange, coalesce,
};
use lepton_types::{
    DnsDomain, DnsDomainId, DnsEntry, FloatingIp, FloatingRange, MacRange, Network, Port, Subnet, SubnetId,
    Timestamp,
};

use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    table::{self, Stored},
    tables::{dns_entries, ended_subnets, fixed_ips, instances, networks},
    together::Together,
};

/// The changes of a batch, by table, one a row.
#[derive(Debug, Default)]
struct Sets<'c> {
    networks: Vec<&'c RowChange<Network>>,
    subnets: Vec<&'c RowChange<Subnet>>,
    frontiers: Vec<&'c RowChange<Frontier>>,
    blocks: Vec<&'c RowChange<Block>>,
    recounted: Vec<&'c Block>,
    instances: Vec<&'c RowChange<Instance>>,
    ports: Vec<&'c RowChange<Port>>,
    fixed_ips: Vec<&'c RowChange<FixedIp>>,
    floating_ranges: Vec<&'c RowChange<FloatingRange>>,
    floating_ips: Vec<&'c RowChange<FloatingIp>>,
    hosts: Vec<&'c RowChange<Host>>,
    dns_domains: Vec<&'c RowChange<DnsDomain>>,
    dns_entries: Vec<&'c RowChange<DnsEntry>>,
    pending_unplugs: Vec<&'c RowChange<PendingUnplug>>,
    mac_ranges: Vec<&'c RowChange<MacRange>>,
    free_macs: Vec<&'c RowChange<FreeMac>>,
    requests: Vec<&'c RowChange<RequestRecord>>,
}

impl<'c> Sets<'c> {
    fn new(changes: &'c [Change]) -> Self {
        let mut sets = Self::default();
        for change in changes {
            match change {
                Change::Network(change) => sets.networks.push(change),
                Change::Subnet(change) => sets.subnets.push(change),
                Change::Frontier(change) => sets.frontiers.push(change),
                Change::Block(change) => sets.blocks.push(change),
                Change::RecountedBlock(block) => sets.recounted.push(block),
                Change::Instance(change) => sets.instances.push(change),
                Change::Port(change) => sets.ports.push(change),
                Change::FixedIp(change) => sets.fixed_ips.push(change),
                Change::FloatingRange(change) => sets.floating_ranges.push(change),
                Change::FloatingIp(change) => sets.floating_ips.push(change),
                Change::Host(change) => sets.hosts.push(change),
                Change::DnsDomain(change) => sets.dns_domains.push(change),
                Change::DnsEntry(change) => sets.dns_entries.push(change),
                Change::PendingUnplug(change) => sets.pending_unplugs.push(change),
                Change::MacRange(change) => sets.mac_ranges.push(change),
                Change::FreeMac(change) => sets.free_macs.push(change),
                Change::RequestRecord(change) => sets.requests.push(change),
                // Last of all, when the rest is certain.
                Change::Quota(_) | Change::RecountedQuota(_) | Change::Journal(_) => {}
            }
        }
        sets
    }
}

impl Sets<'_> {
    /// Drops what the batch did to the pools of subnets that it then ended: they go with the subnet. Answers which those are.
    fn forget_ended_subnets(&mut self) -> BTreeSet<SubnetId> {
        let ended: BTreeSet<SubnetId> =
            self.subnets.iter().filter_map(|change| ended_subnet(change)).collect();
        if !ended.is_empty() {
            self.frontiers.retain(|change| !is_of(&ended, change, |row| row.subnet));
            self.blocks.retain(|change| !is_of(&ended, change, Block::subnet));
        }
        ended
    }
}

fn is_of<R>(subnets: &BTreeSet<SubnetId>, change: &RowChange<R>, subnet_of: impl Fn(&R) -> SubnetId) -> bool {
    let mut rows = change.before.iter().chain(&change.after);
    rows.any(|row| subnets.contains(&subnet_of(row)))
}

fn ended_subnet(change: &RowChange<Subnet>) -> Option<SubnetId> {
    change.before.as_ref().filter(|_| change.after.is_none()).map(|subnet| subnet.id)
}

/// The net effect on each table.
struct Nets<'c> {
    networks: Net<'c, Network>,
    subnets: Net<'c, Subnet>,
    frontiers: Net<'c, Frontier>,
    blocks: Net<'c, Block>,
    recounted: Vec<&'c Block>,
    instances: Net<'c, Instance>,
    ports: Net<'c, Port>,
    fixed_ips: Net<'c, FixedIp>,
    floating_ranges: Net<'c, FloatingRange>,
    floating_ips: Net<'c, FloatingIp>,
    hosts: Net<'c, Host>,
    names: Names<'c>,
    pending_unplugs: Net<'c, PendingUnplug>,
    mac_ranges: Net<'c, MacRange>,
    free_macs: Net<'c, FreeMac>,
    requests: Net<'c, RequestRecord>,
}

impl<'c> Nets<'c> {
    fn new(changes: &'c [Change]) -> Self {
        let mut sets = Sets::new(changes);
        let ended = sets.forget_ended_subnets();
        Self {
            names: Names::new(sets.dns_domains, sets.dns_entries),
            networks: Net::new(sets.networks),
            subnets: Net::new(sets.subnets),
            frontiers: Net::new(sets.frontiers),
            blocks: Net::new(sets.blocks),
            recounted: sets.recounted,
            instances: Net::new(sets.instances),
            ports: Net::new(sets.ports),
            fixed_ips: Net::new(sets.fixed_ips).ending(|row| ended.contains(&row.subnet)),
            floating_ranges: Net::new(sets.floating_ranges),
            floating_ips: Net::new(sets.floating_ips),
            hosts: Net::new(sets.hosts),
            pending_unplugs: Net::new(sets.pending_unplugs),
            mac_ranges: Net::new(sets.mac_ranges),
            free_macs: Net::new(sets.free_macs),
            requests: Net::new(sets.requests),
        }
    }

    /// Ends rows: what refers to a row goes before it.
    async fn end(&self, tx: &mut Tx) -> Result<(), Failure> {
        self.names.end(tx).await?;
        self.floating_ips.end(tx).await?;
        self.floating_ranges.end(tx).await?;
        self.pending_unplugs.end(tx).await?;
        self.fixed_ips.end(tx).await?;
        self.ports.end(tx).await?;
        self.free_macs.end(tx).await?;
        self.mac_ranges.end(tx).await?;
        self.instances.end(tx).await?;
        self.subnets.end(tx).await?;
        self.networks.end(tx).await?;
        self.requests.end(tx).await
    }

    /// Adds rows that come or change: what is referred to comes before what refers to it.
    fn put(&self, together: &mut Together) {
        self.networks.put(together);
        self.subnets.put(together);
        ended_subnets::note(together, &self.subnets.ended());
        self.frontiers.put(together);
        self.blocks.put(together);
        let recounted: Vec<_> = self.recounted.iter().map(|block| (*block, *block)).collect();
        table::update(together, &recounted);
        self.instances.put(together);
        self.mac_ranges.put(together);
        self.free_macs.put(together);
        self.ports.put(together);
        self.fixed_ips.put(together);
        self.names.put(together);
        self.floating_ranges.put(together);
        self.floating_ips.put(together);
        self.hosts.put(together);
        self.pending_unplugs.put(together);
        self.requests.put(together);
    }
}

/// What a batch did to DNS.
struct Names<'c> {
    domains: Net<'c, DnsDomain>,
    entries: Net<'c, DnsEntry>,
    /// Domains that end: what is in them goes with them, what the batch itself put there included.
    ended: Vec<DnsDomainId>,
}

impl<'c> Names<'c> {
    fn new(domains: Vec<&'c RowChange<DnsDomain>>, entries: Vec<&'c RowChange<DnsEntry>>) -> Self {
        let ended = domains.iter().filter(|change| change.after.is_none());
        let ended: Vec<DnsDomainId> = ended.filter_map(|change| Some(change.before.as_ref()?.id)).collect();
        let entries = Net::new(entries).ending(|entry| ended.contains(&entry.domain));
        Self { domains: Net::new(domains), entries, ended }
    }

    async fn end(&self, tx: &mut Tx) -> Result<(), Failure> {
        self.entries.end(tx).await?;
        dns_entries::delete_in(tx, &self.ended).await?;
        self.domains.end(tx).await
    }

    fn put(&self, together: &mut Together) {
        self.domains.put(together);
        self.entries.put(together);
    }
}

/// Writes the changes and their history, which is what they ended and when: first what ends, then all that comes or changes. What
/// projects have is not among it, nor the journal ([`close`](crate::close::close)).
pub(crate) async fn write(
    tx: &mut Tx,
    changes: &[Change],
    history: &[(Ended, Timestamp)],
) -> Result<(), Failure> {
    let all = Nets::new(changes);
    all.end(tx).await?;
    let mut together = Together::default();
    all.put(&mut together);
    remember(&mut together, history)?;
    together.carry_out(tx).await?;
    instances::must_be_new(tx, &all.instances.born()).await?;
    note_newest_network(tx, changes).await
}

/// Counts every network that came to be, also one that ended in the same batch: its number is in the history.
async fn note_newest_network(tx: &mut Tx, changes: &[Change]) -> Result<(), Failure> {
    let sequence = |change: &Change| {
        let Change::Network(RowChange { before: None, after: Some(network) }) = change else { return None };
        Some(network.sequence)
    };
    match changes.iter().filter_map(sequence).max() {
        Some(newest) => networks::note_newest(tx, newest).await,
        None => Ok(()),
    }
}

/// The net effect on one table.
pub(crate) struct Net<'c, R> {
    changes: Vec<RowChange<&'c R>>,
}

impl<'c, R: Stored> Net<'c, R> {
    pub(crate) fn new(changes: Vec<&'c RowChange<R>>) -> Self {
        Self { changes: coalesce(changes) }
    }

    /// Whatever else became of the rows that `is_ended` names, they end.
    fn ending(mut self, is_ended: impl Fn(&R) -> bool) -> Self {
        for change in &mut self.changes {
            change.after = change.after.filter(|row| !is_ended(row));
        }
        self
    }

    /// The rows that end, as they were.
    fn ended(&self) -> Vec<&'c R> {
        let ended = self.changes.iter().filter(|change| change.after.is_none());
        ended.filter_map(|change| change.before).collect()
    }

    /// The rows that are new.
    pub(crate) fn born(&self) -> Vec<&'c R> {
        let born = self.changes.iter().filter(|change| change.before.is_none());
        born.filter_map(|change| change.after).collect()
    }

    /// The rows that are overwritten, each as it was and as it is to be.
    pub(crate) fn changed(&self) -> Vec<(&'c R, &'c R)> {
        self.changes.iter().filter_map(|change| change.before.zip(change.after)).collect()
    }

    async fn end(&self, tx: &mut Tx) -> Result<(), Failure> {
        table::delete(tx, &self.ended()).await
    }

    fn put(&self, together: &mut Together) {
        table::insert(together, &self.born());
        table::update(together, &self.changed());
    }
}

/// Appends what ended to the history. Nothing ends before it began, whatever the clock says by now.
fn remember(together: &mut Together, history: &[(Ended, Timestamp)]) -> Result<(), StoreError> {
    let mut networks = Vec::new();
    let mut subnets = Vec::new();
    let mut instances = Vec::new();
    let mut ports = Vec::new();
    let mut fixed_ips = Vec::new();
    let mut floating_ips = Vec::new();
    for (ended, at) in history {
        match ended {
            Ended::Network(row) => networks.push((row, row.created_at.max(*at))),
            Ended::Subnet(row) => subnets.push((row, *at)),
            Ended::Instance(row) => instances.push((row, row.created_at.max(*at))),
            Ended::Port(row) => ports.push((row, row.created_at.max(*at))),
            Ended::FixedIp(row, instance) => fixed_ips.push((row, *instance, row.since.max(*at))),
            Ended::FloatingIp(row) => floating_ips.push((row, row.since.max(*at))),
        }
    }
    table::remember(together, &networks)?;
    table::remember(together, &subnets)?;
    instances::note_past_lives(together, instances.iter().map(|(life, _)| *life));
    table::remember(together, &instances)?;
    table::remember(together, &ports)?;
    fixed_ips::remember(together, &fixed_ips)?;
    table::remember(together, &floating_ips)
}
