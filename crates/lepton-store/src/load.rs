//! Loads what a batch misses: one statement a table, and one order of the tables.
//!
//! That is also the order in which rows are locked, and it is here alone: the networks' counter, instances, ports, floating IPs,
//! what must still go from hosts, hosts, entries of DNS, ranges of pools, ranges of MACs, blocks, addresses by key; and quotas when all
//! else is written ([`close`](crate::close)), but for who counts them anew. Rows of one table are locked in the order of their keys.
//! Within one round no two managers wait for each other. Commands ask for what is locked late in late rounds, or look for it without
//! locks first ([`Key::PortWith`], [`Key::FloatingOwner`]), and addresses of a port are locked by the port; `tests/order.rs` holds those
//! to it that asked in another order. Who has blocks in hand waits for no others ([`blocks`]). Where a
//! later round of one manager waits for an earlier one of the other all the same, PostgreSQL ends one of them after a second, which
//! decides again.
//!
//! What is only looked for is noted in the view and entered in no table: there it would stand for the row that is locked later
//! ([`View::note_held_in`] and its like; `tests/seen.rs`).

use std::net::IpAddr;

use lepton_ledger::{Block, EntryKey, Key, RequestKey, Selection, View};
use lepton_types::{
    DomainName, HostId, InstanceId, Ipv4Range, MacAddr, Name, NetworkId, PortId, ProjectId, SubnetId,
    Timestamp,
};

use crate::{
    engine::Tx,
    failure::Failure,
    tables::{
        audit, blocks, dns_domains, dns_entries, fixed_ips, floating_ips, floating_ranges, frontiers, guests,
        holdings, hosts, instances, journal, mac_ranges, network_info, networks, pending_unplugs, ports,
        quotas, requests, subnets,
    },
};

/// The keys of one round, by kind.
#[derive(Debug, Default)]
struct Round<'k> {
    requests: Vec<RequestKey>,
    has_newest_network: bool,
    networks: Vec<NetworkId>,
    projects: Vec<ProjectId>,
    subnets: Vec<SubnetId>,
    frontiers: Vec<SubnetId>,
    has_mac_ranges: bool,
    free_macs: Vec<mac_ranges::FreeKey>,
    free_blocks: Vec<(SubnetId, Option<IpAddr>)>,
    blocks: Vec<(SubnetId, IpAddr)>,
    fixed_ips: Vec<(SubnetId, IpAddr)>,
    instances: Vec<InstanceId>,
    /// Instances of which is asked what is told of their vNICs.
    told: Vec<InstanceId>,
    past_lives: Vec<InstanceId>,
    ports: Vec<PortId>,
    macs: Vec<MacAddr>,
    ports_of_macs: Vec<MacAddr>,
    /// Addresses of which the ports are asked for that have them.
    ports_with: Vec<(SubnetId, IpAddr)>,
    leases: Vec<(MacAddr, IpAddr)>,
    pending_unplugs: Vec<PortId>,
    pools: Vec<Name>,
    floating_ranges: Vec<SubnetId>,
    floating_ranges_in: Vec<Ipv4Range>,
    floating_ips: Vec<IpAddr>,
    floating_owners: Vec<IpAddr>,
    /// Ports of which it is asked which floating IPs lead to them.
    led_to: Vec<PortId>,
    hosts: Vec<HostId>,
    quotas: Vec<ProjectId>,
    dns_domains: Vec<DomainName>,
    dns_entries: Vec<EntryKey>,
    bound_names: Vec<(SubnetId, IpAddr)>,
    has_rested: bool,
    rested_in: Vec<(SubnetId, Option<(Timestamp, IpAddr)>)>,
    selections: Vec<&'k Selection>,
}

impl<'k> Round<'k> {
    fn new(keys: &'k [Key]) -> Self {
        let mut round = Self::default();
        for key in keys {
            match key {
                Key::MacRanges => round.has_mac_ranges = true,
                Key::FreeMacs { range, after } => round.free_macs.push((*range, *after)),
                Key::Request(key) => round.requests.push(key.clone()),
                Key::Network(id) => round.networks.push(*id),
                Key::NetworksOf(project) => round.projects.push(project.clone()),
                Key::Subnet(id) => round.subnets.push(*id),
                Key::Frontier(id) => round.frontiers.push(*id),
                Key::FreeBlocks { subnet, after } => round.free_blocks.push((*subnet, *after)),
                Key::Block(subnet, first) => round.blocks.push((*subnet, *first)),
                Key::FixedIp(subnet, address) => round.fixed_ips.push((*subnet, *address)),
                Key::Instance(id) => round.instances.push(*id),
                Key::NetworkInfo(id) => round.told.push(*id),
                Key::PastLives(id) => round.past_lives.push(*id),
                Key::Port(id) => round.ports.push(*id),
                Key::Mac(mac) => round.macs.push(*mac),
                Key::PortOfMac(mac) => round.ports_of_macs.push(*mac),
                Key::PortWith(subnet, address) => round.ports_with.push((*subnet, *address)),
                Key::LeasedTo(mac, address) => round.leases.push((*mac, *address)),
                Key::PendingUnplugs(id) => round.pending_unplugs.push(*id),
                Key::FloatingPool(name) => round.pools.push(name.clone()),
                Key::FloatingRange(subnet) => round.floating_ranges.push(*subnet),
                Key::FloatingRangesIn(addresses) => round.floating_ranges_in.push(*addresses),
                Key::FloatingIp(address) => round.floating_ips.push(*address),
                Key::FloatingOwner(address) => round.floating_owners.push(*address),
                Key::FloatingIpsOf(port) => round.led_to.push(*port),
                Key::Host(id) => round.hosts.push(id.clone()),
                Key::Quota(project) => round.quotas.push(project.clone()),
                Key::DnsDomain(name) => round.dns_domains.push(name.clone()),
                Key::DnsEntry(key) => round.dns_entries.push(key.clone()),
                Key::BoundNames(subnet, address) => round.bound_names.push((*subnet, *address)),
                Key::NewestNetwork => round.has_newest_network = true,
                Key::Select(Selection::Rested) => round.has_rested = true,
                Key::Select(Selection::RestedIn { subnet, after }) => round.rested_in.push((*subnet, *after)),
                Key::Select(selection) => round.selections.push(selection),
            }
        }
        round
    }

    /// Says of subnets that nothing has rested there, but of those that the batch has begun anew for: whether that is so is looked at when
    /// all is decided ([`dry`](crate::dry)).
    fn put_off_what_rested(&mut self, tx: &Tx, view: &mut View) {
        self.rested_in.retain(|(subnet, _)| {
            let is_scarce = tx.is_scarce(*subnet);
            if !is_scarce {
                view.note_rested(*subnet, None);
            }
            is_scarce
        });
    }

    /// Says what was loaded beside what was asked for.
    fn mark_loaded(self, view: &mut View) {
        self.hosts.into_iter().for_each(|host| view.mark_loaded(Key::Host(host)));
        self.quotas.into_iter().for_each(|project| view.mark_loaded(Key::Quota(project)));
        self.ports.into_iter().for_each(|port| view.mark_loaded(Key::Port(port)));
        self.blocks.into_iter().for_each(|(subnet, first)| view.mark_loaded(Key::Block(subnet, first)));
    }
}

/// The keys but for those of addresses, unless there are no others. So whatever commands of a batch ask for addresses, they ask in one
/// round as a rule, which locks all of their blocks in one order.
pub(crate) fn addresses_last(mut keys: Vec<Key>) -> Vec<Key> {
    if !keys.iter().all(is_of_addresses) {
        keys.retain(|key| !is_of_addresses(key));
    }
    keys
}

/// Whether the key is one of those that [`load_addresses`] loads.
fn is_of_addresses(key: &Key) -> bool {
    match key {
        Key::Frontier(_)
        | Key::FreeBlocks { .. }
        | Key::Block(..)
        | Key::FixedIp(..)
        | Key::LeasedTo(..)
        | Key::Select(Selection::RestedIn { .. } | Selection::Rested) => true,
        Key::MacRanges
        | Key::FreeMacs { .. }
        | Key::Request(_)
        | Key::Network(_)
        | Key::NetworksOf(_)
        | Key::Subnet(_)
        | Key::Instance(_)
        | Key::NetworkInfo(_)
        | Key::PastLives(_)
        | Key::Port(_)
        | Key::Mac(_)
        | Key::PortOfMac(_)
        | Key::PortWith(..)
        | Key::PendingUnplugs(_)
        | Key::FloatingPool(_)
        | Key::FloatingRange(_)
        | Key::FloatingRangesIn(_)
        | Key::FloatingIp(_)
        | Key::FloatingOwner(_)
        | Key::FloatingIpsOf(_)
        | Key::Host(_)
        | Key::Quota(_)
        | Key::DnsDomain(_)
        | Key::DnsEntry(_)
        | Key::BoundNames(..)
        | Key::NewestNetwork
        | Key::Select(_) => false,
    }
}

/// Loads everything that the keys name into the view and says so in it. The order is the one that the module tells.
pub(crate) async fn load(tx: &mut Tx, keys: Vec<Key>, view: &mut View) -> Result<(), Failure> {
    let mut round = Round::new(&keys);
    if tx.is_shared() {
        round.put_off_what_rested(tx, view);
    }
    ask_ahead(tx, &round).await?;
    requests::load(tx, &round.requests, view).await?;
    // Before the networks: who carves a range sees those of whoever had the counter.
    if round.has_newest_network {
        networks::load_newest(tx, view).await?;
    }
    networks::load(tx, &round.networks, view).await?;
    if !round.projects.is_empty() {
        networks::load_of_projects(tx, &round.projects, view).await?;
    }
    subnets::load(tx, &round.subnets, view).await?;
    // Whoever writes asks for the same by other keys next, under locks. So do many at once, a statement a table.
    if !tx.is_writing() && round.told.len() <= network_info::FEW {
        network_info::load(tx, &round.told, view).await?;
    }
    let found = instances::load(tx, &round.instances, &round.past_lives, view).await?;
    round.led_to.extend(found.ports);
    round.ports.extend(ports::with_macs(tx, &round.ports_of_macs).await?);
    round.ports.extend(fixed_ips::ports_with(tx, &round.ports_with).await?);
    let owners = ports::load(tx, &round.ports, view).await?;
    ports::note_macs(tx, &round.macs, view).await?;
    floating_ips::load(tx, &round.floating_ips, &round.led_to, view).await?;
    floating_ips::note_owners(tx, &round.floating_owners, view).await?;
    dns_domains::load(tx, &round.dns_domains, view).await?;
    pending_unplugs::load(tx, &round.pending_unplugs, view).await?;
    for selection in &round.selections {
        select(tx, selection, view).await?;
    }
    // A change of an instance is a change of its host. All of a batch's hosts are locked at once and in one order, lest
    // two managers wait for each other.
    if tx.is_writing() {
        round.hosts.extend(found.hosts);
        round.hosts.sort_unstable();
        round.hosts.dedup();
        // A port that ends is given back to its project's quota.
        round.quotas.extend(owners);
        round.quotas.sort_unstable();
        round.quotas.dedup();
    }
    hosts::load(tx, &round.hosts, view).await?;
    dns_entries::load(tx, &round.dns_entries, view).await?;
    dns_entries::load_bound(tx, &round.bound_names, view).await?;
    quotas::load(tx, &round.quotas, view).await?;
    load_ranges(tx, &round, view).await?;
    load_macs(tx, &round, view).await?;
    if keys.iter().any(is_of_addresses) {
        load_addresses(tx, &mut round, view).await?;
    }
    tx.forget_answers();
    round.mark_loaded(view);
    keys.into_iter().for_each(|key| view.mark_loaded(key));
    Ok(())
}

/// Asks at once what every allocation asks that finds all else where the batch before has left it.
async fn ask_ahead(tx: &mut Tx, round: &Round<'_>) -> Result<(), Failure> {
    let keys = [
        round.requests.len(),
        round.instances.len(),
        round.past_lives.len(),
        round.macs.len(),
        round.fixed_ips.len(),
    ];
    if !tx.asks_ahead(keys.iter().sum()) {
        return Ok(());
    }
    let questions = [
        requests::question(&round.requests),
        instances::question(&round.instances),
        instances::question_of_past_lives(&round.past_lives),
        ports::question_of_macs(&round.macs),
        fixed_ips::question(&round.fixed_ips),
    ];
    tx.ask_ahead(questions.into_iter().flatten().collect()).await
}

/// Loads ranges of MACs, and then what is free of them, which nobody changes but whoever has the ranges.
async fn load_macs(tx: &mut Tx, round: &Round<'_>, view: &mut View) -> Result<(), Failure> {
    if round.has_mac_ranges {
        mac_ranges::load(tx, view).await?;
    }
    mac_ranges::load_free(tx, &round.free_macs, view).await
}

/// Loads ranges of pools. They are locked before their blocks are.
async fn load_ranges(tx: &mut Tx, round: &Round<'_>, view: &mut View) -> Result<(), Failure> {
    floating_ranges::load_pools(tx, &round.pools, view).await?;
    floating_ranges::load(tx, &round.floating_ranges, view).await?;
    for addresses in &round.floating_ranges_in {
        floating_ranges::load_in(tx, *addresses, view).await?;
    }
    Ok(())
}

/// Loads what is free of subnets, and single addresses, which are locked behind their blocks.
async fn load_addresses(tx: &mut Tx, round: &mut Round<'_>, view: &mut View) -> Result<(), Failure> {
    frontiers::load(tx, &round.frontiers, view).await?;
    let mut found = fixed_ips::leased(tx, &round.leases).await?;
    if round.has_rested {
        found.extend(fixed_ips::rested(tx, view.now()).await?);
    }
    // Of subnets that the batch has begun anew for all that is left is locked at once: what is free, and what has rested.
    for subnet in tx.take_scarce() {
        round.free_blocks.push((subnet, None));
        round.rested_in.push((subnet, None));
        view.mark_loaded(Key::FreeBlocks { subnet, after: None });
    }
    for (subnet, after) in &round.rested_in {
        found.extend(fixed_ips::rested_in(tx, *subnet, *after, view).await?);
    }
    round.blocks.extend(found.iter().map(|(subnet, address)| (*subnet, Block::start_of(*address))));
    round.blocks.sort_unstable();
    round.blocks.dedup();
    if tx.is_shared() {
        blocks::load_in_turn(tx, &round.blocks, &round.free_blocks, view).await?;
    } else {
        blocks::load(tx, &round.blocks, view).await?;
        blocks::load_free(tx, &round.free_blocks, view).await?;
    }
    round.fixed_ips.extend(found);
    fixed_ips::load(tx, &round.fixed_ips, view).await
}

async fn select(tx: &mut Tx, selection: &Selection, view: &mut View) -> Result<(), Failure> {
    match selection {
        Selection::NetworkPage { project, after, limit } => {
            networks::load_page(tx, project.as_ref(), *after, *limit, view).await
        }
        Selection::GlobalNetworks => networks::load_global(tx, view).await,
        Selection::HeldIn(subnet) => fixed_ips::note_some_held_in(tx, *subnet, view).await,
        Selection::RestedIn { .. } | Selection::Rested => Ok(()), // with other addresses
        Selection::InstancePage { project, after, limit } => {
            instances::load_page(tx, project.as_ref(), after.as_ref(), *limit, view).await
        }
        Selection::AddressPage(page) => fixed_ips::load_in_range(tx, *page, view).await,
        Selection::FixedIpPage { subnets, kind, after, limit } => {
            fixed_ips::load_page(tx, subnets, *kind, *after, *limit, view).await
        }
        Selection::PortOfMacs(macs) => ports::note_some_with(tx, *macs, view).await,
        Selection::PortOn(network) => ports::note_some_on(tx, *network, view).await,
        Selection::FloatingPoolPage { after, limit } => {
            floating_ranges::load_page(tx, *after, *limit, view).await
        }
        Selection::FloatingIpIn(subnet) => floating_ips::note_some_in(tx, *subnet, view).await,
        Selection::FloatingIpPage { filter, after, limit } => {
            floating_ips::load_page(tx, filter, *after, *limit, view).await
        }
        Selection::NetworksOnHost { host, from, limit } => {
            networks::load_on_host(tx, host, *from, *limit, view).await
        }
        Selection::FloatingIpsOn { networks, after, limit } => {
            floating_ips::load_on(tx, networks, *after, *limit, view).await
        }
        Selection::PortPage { filter, after, limit } => {
            ports::load_page(tx, filter, *after, *limit, view).await
        }
        Selection::HostPortPage { host, after, limit } => {
            ports::load_host_page(tx, host, *after, *limit, view).await
        }
        Selection::GuestsOn(network) => guests::load_on(tx, *network, view).await,
        Selection::PortsToFence { host, limit } => ports::load_to_fence(tx, host, *limit, view).await,
        Selection::HostFigures { after, limit } => {
            hosts::load_figures(tx, after.as_ref(), *limit, view).await
        }
        Selection::HostPorts(host, after) => {
            ports::load_of_host(tx, host, *after, view).await?;
            pending_unplugs::load_of_host(tx, host, *after, view).await
        }
        Selection::DnsDomainPage { project, after, limit } => {
            dns_domains::load_page(tx, project.as_ref(), after.as_ref(), *limit, view).await
        }
        Selection::DnsEntryPage { domain, address, after, limit } => {
            dns_entries::load_page(tx, *domain, *address, after.as_ref(), *limit, view).await
        }
        Selection::DnsNames { address, after, limit } => {
            dns_entries::load_names(tx, *address, after.as_ref(), *limit, view).await
        }
        Selection::QuotaPage { after, limit } => quotas::load_page(tx, after.as_ref(), *limit, view).await,
        Selection::SubnetPage { after, limit } => subnets::load_page(tx, *after, *limit, view).await,
        Selection::AuditPool(span) => audit::load_pool(tx, *span, view).await,
        Selection::CountedRanges(which) => audit::load_ranges(tx, which, view).await,
        Selection::CountedQuotas(which) => audit::load_quotas(tx, which, view).await,
        Selection::LastHolder { subnet, address, is_floating } => {
            audit::load_last_holder(tx, *subnet, *address, *is_floating, view).await
        }
        Selection::JournalAbout(address) => journal::load_about(tx, *address, view).await,
        Selection::Holdings(filter) => holdings::load(tx, filter, view).await,
        Selection::JournalBounds => journal::load_bounds(tx, view).await,
        Selection::Journal(after) => journal::load(tx, *after, view).await,
    }
}
