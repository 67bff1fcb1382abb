//! [`Dump`]: all that a ledger holds.

use std::{collections::BTreeMap, net::IpAddr};

use lepton_ledger::{
    Block, FixedIp, FreeMac, Frontier, Host, Instance, JournalBounds, JournalRow, PendingUnplug,
    RequestRecord, View,
};
use lepton_types::{
    DnsDomain, DnsEntry, FloatingIp, FloatingRange, MacRange, Network, Port, PortId, Quota, Subnet, Timestamp,
};

/// Everything that a ledger holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dump {
    /// The networks.
    pub networks: Vec<Network>,
    /// Their subnets.
    pub subnets: Vec<Subnet>,
    /// Where blocks begin that nobody has used yet.
    pub frontiers: Vec<Frontier>,
    /// The blocks of addresses.
    pub blocks: Vec<Block>,
    /// The column that repeats what the bitmap says.
    pub free: Vec<i64>,
    /// The instances.
    pub instances: Vec<Instance>,
    /// The ports.
    pub ports: Vec<Port>,
    /// The fixed IPs.
    pub fixed_ips: Vec<FixedIp>,
    /// The ranges of the pools of floating IPs.
    pub floating_ranges: Vec<FloatingRange>,
    /// The floating IPs that projects have.
    pub floating_ips: Vec<FloatingIp>,
    /// The hosts.
    pub hosts: Vec<Host>,
    /// The DNS domains.
    pub dns_domains: Vec<DnsDomain>,
    /// Their entries.
    pub dns_entries: Vec<DnsEntry>,
    /// What hosts have yet to unplug.
    pub pending_unplugs: Vec<PendingUnplug>,
    /// What projects may have, and have.
    pub quotas: Vec<Quota>,
    /// The ranges of MACs.
    pub mac_ranges: Vec<MacRange>,
    /// MACs of ranges that were had before.
    pub free_macs: Vec<FreeMac>,
    /// Answers that are kept for repeated requests.
    pub requests: Vec<RequestRecord>,
    /// The events, a command each.
    pub journal: Vec<JournalRow>,
    /// From where to where the journal goes.
    pub journal_bounds: JournalBounds,
    /// What has ended.
    pub history: History,
}

/// What has ended, and when. [`Dump::of_view`] leaves it out: when something ended is what the clock of whoever ended it said, and in
/// the simulation one manager's clock is ahead of the other's, so what came first may have ended last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Those that were, and until when.
    pub networks: Vec<(Network, Timestamp)>,
    /// Those that were, and until when.
    pub subnets: Vec<(Subnet, Timestamp)>,
    /// Those that were, and until when.
    pub instances: Vec<(Instance, Timestamp)>,
    /// Those that were, and until when.
    pub ports: Vec<(Port, Timestamp)>,
    /// Those that were, and until when.
    pub fixed_ips: Vec<(FixedIp, Timestamp)>,
    /// Those that were, and until when.
    pub floating_ips: Vec<(FloatingIp, Timestamp)>,
}

impl Dump {
    /// Everything that a complete view holds, but for what has ended.
    pub fn of_view(view: &View) -> Self {
        let blocks: Vec<Block> = view.rows().cloned().collect();
        let (journal, journal_bounds) = view.whole_journal();
        Self {
            networks: view.rows().cloned().collect(),
            subnets: view.rows().cloned().collect(),
            frontiers: view.rows().cloned().collect(),
            free: blocks.iter().map(|block| block.free().into()).collect(),
            blocks,
            instances: view.rows().cloned().collect(),
            ports: view.rows().cloned().collect(),
            fixed_ips: view.rows().cloned().collect(),
            floating_ranges: view.rows().cloned().collect(),
            floating_ips: view.rows().cloned().collect(),
            hosts: view.rows().cloned().collect(),
            dns_domains: view.rows().cloned().collect(),
            dns_entries: view.rows().cloned().collect(),
            pending_unplugs: view.rows().cloned().collect(),
            quotas: view.rows().cloned().collect(),
            mac_ranges: view.rows().cloned().collect(),
            free_macs: view.rows().cloned().collect(),
            requests: view.rows().cloned().collect(),
            journal: journal.cloned().collect(),
            journal_bounds,
            history: History::default(),
        }
    }

    /// Who has which address.
    pub fn held(&self) -> BTreeMap<IpAddr, PortId> {
        self.fixed_ips.iter().filter_map(|row| Some((row.address, row.holder.port()?))).collect()
    }
}
