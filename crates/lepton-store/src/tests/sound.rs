//! What every ledger must be like, read behind the store's back.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use lepton_ipam::{check_requested, first_block, next_block};
use lepton_ledger::{
    Block, FixedIp, FreeMac, Frontier, Holder, Host, Instance, JournalBounds, JournalRow, PendingUnplug,
    RequestRecord, View,
};
use lepton_types::{
    AddressMode, DnsDomain, DnsEntry, FloatingIp, FloatingRange, Ipv4Range, MacRange, Network, Port, PortId,
    ProjectId, Quota, Resource, Subnet, Timestamp,
};

use crate::{
    Store,
    engine::{Engine, Tx},
    lane::Backend,
    memory::Memory,
    table::Stored,
    tables::journal,
};

/// Everything that a ledger holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Dump {
    pub(super) networks: Vec<Network>,
    pub(super) subnets: Vec<Subnet>,
    pub(super) frontiers: Vec<Frontier>,
    pub(super) blocks: Vec<Block>,
    /// The column that repeats what the bitmap says.
    pub(super) free: Vec<i64>,
    pub(super) instances: Vec<Instance>,
    pub(super) ports: Vec<Port>,
    pub(super) fixed_ips: Vec<FixedIp>,
    pub(super) floating_ranges: Vec<FloatingRange>,
    pub(super) floating_ips: Vec<FloatingIp>,
    pub(super) hosts: Vec<Host>,
    pub(super) dns_domains: Vec<DnsDomain>,
    pub(super) dns_entries: Vec<DnsEntry>,
    pub(super) pending_unplugs: Vec<PendingUnplug>,
    pub(super) quotas: Vec<Quota>,
    pub(super) mac_ranges: Vec<MacRange>,
    pub(super) free_macs: Vec<FreeMac>,
    pub(super) requests: Vec<RequestRecord>,
    pub(super) journal: Vec<JournalRow>,
    pub(super) journal_bounds: JournalBounds,
    pub(super) history: History,
}

/// What has ended, and when. The store in memory keeps none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct History {
    pub(super) networks: Vec<(Network, Timestamp)>,
    pub(super) subnets: Vec<(Subnet, Timestamp)>,
    pub(super) instances: Vec<(Instance, Timestamp)>,
    pub(super) ports: Vec<(Port, Timestamp)>,
    pub(super) fixed_ips: Vec<(FixedIp, Timestamp)>,
    pub(super) floating_ips: Vec<(FloatingIp, Timestamp)>,
}

impl Dump {
    pub(super) async fn of(store: &Store) -> Self {
        match store.backend() {
            Backend::Memory(memory) => Self::of_memory(memory),
            Backend::Engine(engine) => Self::of_engine(engine).await,
        }
    }

    fn of_memory(memory: &Memory) -> Self {
        let view = memory.view();
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

    async fn of_engine(engine: &std::sync::Arc<Engine>) -> Self {
        let mut tx = engine.read().await.unwrap();
        let mut view = View::partial(Timestamp::default(), [0; 32]);
        journal::load_bounds(&mut tx, &mut view).await.unwrap();
        assert_eq!(left_for_ever(&mut tx).await, 0, "rows are of no subnet, and nobody will drop them");
        let dump = Self {
            networks: rows(&mut tx, NETWORKS).await,
            subnets: rows(&mut tx, SUBNETS).await,
            frontiers: rows(&mut tx, FRONTIERS).await,
            blocks: rows(&mut tx, BLOCKS).await,
            free: free(&mut tx).await,
            instances: rows(&mut tx, INSTANCES).await,
            ports: rows(&mut tx, PORTS).await,
            fixed_ips: rows(&mut tx, FIXED_IPS).await,
            floating_ranges: rows(&mut tx, FLOATING_RANGES).await,
            floating_ips: rows(&mut tx, FLOATING_IPS).await,
            hosts: rows(&mut tx, "select id, revision, is_registered from hosts order by id").await,
            dns_domains: rows(&mut tx, DNS_DOMAINS).await,
            dns_entries: rows(&mut tx, DNS_ENTRIES).await,
            pending_unplugs: rows(
                &mut tx,
                "select port_id, host_id, revision, is_fenced from pending_unplugs order by port_id, host_id",
            )
            .await,
            quotas: rows(&mut tx, QUOTAS).await,
            mac_ranges: rows(&mut tx, MAC_RANGES).await,
            free_macs: rows(&mut tx, "select mac, mac_range_id, since from free_macs order by mac").await,
            requests: rows(&mut tx, REQUESTS).await,
            journal: journal_rows(&mut tx).await,
            journal_bounds: view.whole_journal().1,
            history: History {
                networks: ended(&mut tx, NETWORK_HISTORY).await,
                subnets: ended(&mut tx, SUBNET_HISTORY).await,
                instances: ended(&mut tx, INSTANCE_HISTORY).await,
                ports: ended(&mut tx, PORT_HISTORY).await,
                fixed_ips: ended(&mut tx, FIXED_IP_HISTORY).await,
                floating_ips: ended(&mut tx, FLOATING_IP_HISTORY).await,
            },
        };
        tx.rollback().await.unwrap();
        dump
    }

    /// Who has which address.
    pub(super) fn held(&self) -> BTreeMap<IpAddr, PortId> {
        self.fixed_ips.iter().filter_map(|row| Some((row.address, row.holder.port()?))).collect()
    }
}

const NETWORKS: &str = "select id, project_id, label, priority, mtu, sequence, created_at, host_id, is_injected, is_external, version from networks order by id";
const SUBNETS: &str = "select id, network_id, cidr, gateway, dns, mode, pools, quarantine_secs, routes, dhcp_server, interface, version from subnets order by id";
const FRONTIERS: &str =
    "select subnet_id, next from frontiers where subnet_id in (select id from subnets) order by subnet_id";
const BLOCKS: &str = "select subnet_id, first, taken from blocks where subnet_id in (select id from subnets) order by subnet_id, first";
const INSTANCES: &str = "select id, incarnation, project_id, host_id, hostname, has_names, created_at, destination_id, destination_revision, arrivals, availability_zone, has_named_networks from instances order by id";
const PORTS: &str = "select id, instance_id, incarnation, network_id, project_id, host_id, position, mac, binding, status, error, is_released, revision, created_at, has_moved, target_host_id, target_revision, target, mac_range_id from ports order by id";
const FIXED_IPS: &str = "select subnet_id, address, port_id, leaving_at, reserved_for, quarantined_until, since, lease_mac, leased_at, lease_secs, is_asked_for from fixed_ips where subnet_id in (select id from subnets) order by subnet_id, address";
const DNS_DOMAINS: &str = "select id, name, is_private, project_id, availability_zone, created_at, version from dns_domains order by id";
const DNS_ENTRIES: &str = "select domain_id, name, type, address, subnet_id, port_id, created_at from dns_entries order by domain_id, name, type";
const FLOATING_RANGES: &str =
    "select subnet_id, pool_id, first, last, total, allocated from floating_ranges order by subnet_id";
const FLOATING_IPS: &str = "select address, subnet_id, pool_id, project_id, port_id, instance_id, network_id, fixed_subnet_id, fixed_address, is_auto_assigned, allocated_at, since from floating_ips order by address";
const FLOATING_IP_HISTORY: &str = "select address, subnet_id, pool_id, project_id, port_id, instance_id, network_id, fixed_subnet_id, fixed_address, is_auto_assigned, allocated_at, since, ended_at from floating_ip_history order by ended_at, address, since";
const QUOTAS: &str = "select project_id, networks_limit, ports_limit, fixed_ips_limit, floating_ips_limit, networks_used, ports_used, fixed_ips_used, floating_ips_used from quotas order by project_id";
const MAC_RANGES: &str =
    "select id, first, length, number, drawn, is_ending, created_at from mac_ranges order by id";
const REQUESTS: &str = "select caller, request_id, format, fingerprint, answer, created_at from requests order by caller, request_id";
const NETWORK_HISTORY: &str = "select id, project_id, label, priority, mtu, sequence, created_at, host_id, is_injected, is_external, version, ended_at from network_history order by ended_at, id";
const SUBNET_HISTORY: &str = "select id, network_id, cidr, gateway, dns, mode, pools, quarantine_secs, routes, dhcp_server, interface, version, ended_at from subnet_history order by ended_at, id";
const INSTANCE_HISTORY: &str = "select id, incarnation, project_id, host_id, hostname, has_names, created_at, null, null, null, null, false, ended_at from instance_history order by ended_at, id, incarnation";
const PORT_HISTORY: &str = "select id, instance_id, incarnation, network_id, project_id, host_id, position, mac, binding, status, error, is_released, revision, created_at, has_moved, null, null, null, null, ended_at from port_history order by ended_at, id";
const FIXED_IP_HISTORY: &str = "select subnet_id, address, port_id, null, null, null, since, null, null, null, false, ended_at from fixed_ip_history order by ended_at, subnet_id, address, port_id";

async fn rows<R: Stored>(tx: &mut Tx, sql: &'static str) -> Vec<R> {
    let found = tx.fetch(sql, Vec::new()).await.unwrap();
    found.iter().map(|row| R::read(&mut row.columns()).unwrap()).collect()
}

async fn ended<R: Stored>(tx: &mut Tx, sql: &'static str) -> Vec<(R, Timestamp)> {
    let found = tx.fetch(sql, Vec::new()).await.unwrap();
    let read = |row: &crate::sql::Row| {
        let mut columns = row.columns();
        (R::read(&mut columns).unwrap(), columns.get::<i64>().unwrap().into())
    };
    found.iter().map(read).collect()
}

async fn journal_rows(tx: &mut Tx) -> Vec<JournalRow> {
    const SQL: &str = "select last, count, at, actor, request_id, call, events from journal order by last";
    let found = tx.fetch(SQL, Vec::new()).await.unwrap();
    found.iter().map(|row| journal::read(&mut row.columns()).unwrap()).collect()
}

/// How many rows are of a subnet that is neither there nor noted as one that has ended.
async fn left_for_ever(tx: &mut Tx) -> i64 {
    const SQL: &str = "select count(*) from
             (select subnet_id from frontiers union all select subnet_id from blocks union all
              select subnet_id from fixed_ips) as had
         where subnet_id not in (select id from subnets union all select subnet_id from ended_subnets)";
    tx.fetch(SQL, Vec::new()).await.unwrap()[0].columns().get().unwrap()
}

async fn free(tx: &mut Tx) -> Vec<i64> {
    const SQL: &str =
        "select free from blocks where subnet_id in (select id from subnets) order by subnet_id, first";
    let found = tx.fetch(SQL, Vec::new()).await.unwrap();
    found.iter().map(|row| row.columns().get().unwrap()).collect()
}

/// Fails unless every row has what it refers to, nothing is had twice, what is kept twice agrees, and instances have what they were
/// allocated.
pub(super) fn assert_sound(dump: &Dump) {
    assert_consistent(dump);
    each_life_is_whole(dump);
}

/// The same of a ledger where addresses were added to instances and taken from them.
pub(super) fn assert_consistent(dump: &Dump) {
    each_port_belongs(dump);
    each_address_has_its_owner(dump);
    pools_agree_with_addresses(dump);
    ports_are_told_apart(dump);
    what_must_go_is_not_wanted(dump);
    nothing_was_held_twice_at_once(dump);
    subnets_are_apart(dump);
    names_lead_to_who_has_them(dump);
    ranges_are_apart_and_count_right(dump);
    floating_ips_lead_to_live_ports(dump);
    macs_that_were_drawn_are_a_ports_or_free(dump);
    the_journal_has_no_gaps(dump);
    quotas_agree_with_the_rows(dump);
}

/// Each MAC below a range's mark is one port's or free, and none above it is.
fn macs_that_were_drawn_are_a_ports_or_free(dump: &Dump) {
    let had = dump.ports.iter().filter_map(|port| Some((port.mac, port.mac_range?)));
    let free = dump.free_macs.iter().map(|free| (free.mac, free.range));
    let all: Vec<_> = had.chain(free).collect();
    assert_unique("MAC of a range", all.iter().map(|(mac, _)| mac));
    for range in &dump.mac_ranges {
        let of_it = all.iter().filter(|(_, id)| *id == range.id).map(|(mac, _)| *mac);
        let drawn = (0..range.drawn).map(|place| range.prefix.nth(place).unwrap());
        let (of_it, drawn): (BTreeSet<_>, BTreeSet<_>) = (of_it.collect(), drawn.collect());
        // Of one that ends some have gone already.
        assert!(of_it == drawn || range.is_ending && of_it.is_subset(&drawn), "{range:?}");
    }
    let is_there = |id| dump.mac_ranges.iter().any(|range| range.id == id);
    assert!(all.iter().all(|(_, id)| is_there(*id)), "{all:?}");
}

/// A name is of a domain, one of each type; one that is bound to a floating IP leads to one that a project has; one that is bound
/// to a fixed IP leads to what its port has, and its port's instance knows that it has names.
fn names_lead_to_who_has_them(dump: &Dump) {
    assert_unique("domain", dump.dns_domains.iter().map(|domain| &domain.name));
    assert_unique("entry", dump.dns_entries.iter().map(|row| (row.domain, &row.name, row.record_type())));
    for entry in &dump.dns_entries {
        assert!(dump.dns_domains.iter().any(|domain| domain.id == entry.domain), "{entry:?} is of no domain");
        let Some(bond) = entry.bound else { continue };
        let Some(port) = bond.port else {
            let mut floating_ips = dump.floating_ips.iter().map(|row| (row.subnet, row.address));
            let is_there = floating_ips.any(|row| row == (bond.subnet, entry.address));
            assert!(is_there, "{entry:?} is bound to what nobody has");
            continue;
        };
        let port = dump.ports.iter().find(|row| row.id == port).unwrap();
        let holder = Holder::Port(port.id);
        let is_held = dump.fixed_ips.iter().any(|row| (row.address, &row.holder) == (entry.address, &holder));
        assert!(is_held && !port.is_released, "{entry:?} leads to what {port:?} has no more");
        assert!(dump.instances.iter().any(|life| life.id == port.instance && life.has_names), "{entry:?}");
    }
}

/// What a project has of each resource is counted again.
fn quotas_agree_with_the_rows(dump: &Dump) {
    let mut counted: BTreeMap<&ProjectId, [u64; 4]> = BTreeMap::new();
    for project in dump.networks.iter().filter_map(|network| network.project.as_ref()) {
        counted.entry(project).or_default()[0] += 1;
    }
    let ports: BTreeMap<_, _> = dump.ports.iter().map(|port| (port.id, &port.project)).collect();
    for project in ports.values() {
        counted.entry(project).or_default()[1] += 1;
    }
    for row in &dump.fixed_ips {
        if let Some(port) = row.holder.port() {
            counted.entry(ports[&port]).or_default()[2] += 1;
        }
    }
    for row in &dump.floating_ips {
        counted.entry(&row.project).or_default()[3] += 1;
    }
    let used = |quota: &Quota| Resource::ALL.map(|resource| *quota.used.of(resource));
    let mut kept: BTreeMap<_, _> = dump.quotas.iter().map(|quota| (&quota.project, used(quota))).collect();
    kept.retain(|_, used| *used != [0; 4]);
    assert_eq!(kept, counted);
}

/// Each event has the revision behind that of the one before it, and the last one has the newest.
fn the_journal_has_no_gaps(dump: &Dump) {
    let JournalBounds { oldest, newest } = dump.journal_bounds;
    let mut next = oldest;
    for row in &dump.journal {
        assert_eq!(row.first(), next, "{row:?}");
        next = row.last + 1;
    }
    assert_eq!(next, newest + 1, "the counter and the rows agree");
}

/// No two prefixes of one network share an address, and what a subnet's own addresses are for lies in it. Ranges of pools
/// have their addresses apart, and not their prefixes.
fn subnets_are_apart(dump: &Dump) {
    let pools: BTreeSet<_> =
        dump.networks.iter().filter(|network| network.is_external).map(|network| network.id).collect();
    for (index, one) in dump.subnets.iter().enumerate() {
        for other in &dump.subnets[index + 1..] {
            let is_elsewhere = one.network != other.network || pools.contains(&one.network);
            assert!(is_elsewhere || !one.cidr.overlaps(other.cidr), "{one:?} and {other:?}");
        }
        let own = [one.gateway, one.dhcp_server].into_iter().flatten();
        for address in own.chain(one.routes.iter().map(|route| route.gateway)) {
            assert!(one.cidr.contains(address), "{address} is not of {one:?}");
        }
        assert!(one.routes.is_sorted_by(|a, b| a.destination < b.destination), "{one:?}");
    }
}

/// A port is of a network, and of the present life of its instance unless it was released. It is as old as the life that it is of,
/// and nobody else of that life ever had its position: the index of positions alone would allow it.
fn each_port_belongs(dump: &Dump) {
    let networks: BTreeSet<_> = dump.networks.iter().map(|network| network.id).collect();
    let hosts: BTreeMap<_, _> = dump.hosts.iter().map(|host| (&host.id, host.revision)).collect();
    for port in &dump.ports {
        assert!(networks.contains(&port.network), "{port:?} is on no network");
        assert!(port.revision <= hosts[&port.host], "{port:?} is ahead of its host");
        let life = dump.instances.iter().find(|instance| instance.id == port.instance);
        let is_live = life.is_some_and(|life| {
            (life.incarnation, &life.host, &life.project) == (port.incarnation, &port.host, &port.project)
        });
        assert_ne!(is_live, port.is_released, "{port:?} of {life:?}");
        let made_at = life.filter(|_| is_live).map_or(port.created_at, |life| life.created_at);
        assert_eq!(port.created_at, made_at, "{port:?} is found by its instance");
        let migration = life.and_then(|life| life.migration.as_ref()).filter(|_| is_live);
        let destination = migration.map(|migration| &migration.destination);
        assert_eq!(port.target.as_ref().map(|target| &target.host), destination, "{port:?} of {life:?}");
        if let Some(target) = &port.target {
            assert!(port.has_moved && target.host != port.host, "{port:?}");
            assert!(target.revision <= hosts[&target.host], "{port:?} is ahead of the host that it goes to");
        }
    }
    let positions = dump.ports.iter().map(|port| (port.instance, port.incarnation, port.position));
    assert_unique("position", positions);
    for life in &dump.instances {
        assert!(life.arrivals.len() <= Instance::MOST_ARRIVALS, "{life:?}");
    }
}

/// The positions of a life's ports count from 0, and each port has one address of each family that its network has, or had
/// when the port was made.
fn each_life_is_whole(dump: &Dump) {
    let mut positions: BTreeMap<_, Vec<u16>> = BTreeMap::new();
    let unchanged = dump.networks.iter().filter(|network| network.version == 0).map(|network| network.id);
    let unchanged: BTreeSet<_> = unchanged.collect();
    for port in dump.ports.iter().filter(|port| !port.is_released) {
        positions.entry((port.instance, port.incarnation)).or_default().push(port.position);
        let subnets = dump.subnets.iter().filter(|subnet| subnet.network == port.network);
        let families: BTreeSet<u8> = subnets.map(|subnet| subnet.family().version()).collect();
        let rows = dump.fixed_ips.iter().filter(|row| row.holder == Holder::Port(port.id));
        let held: Vec<u8> = rows.map(|row| if row.address.is_ipv4() { 4 } else { 6 }).collect();
        let held_families: BTreeSet<u8> = held.iter().copied().collect();
        assert_eq!(held.len(), held_families.len(), "{port:?} has two addresses of a family");
        assert!(held_families.is_subset(&families), "{port:?} has an address that its network has not");
        if unchanged.contains(&port.network) {
            assert_eq!(held_families, families, "{port:?}");
        }
    }
    for (life, mut positions) in positions {
        positions.sort_unstable();
        assert!((0..).zip(&positions).all(|(expected, at)| expected == *at), "{life:?} at {positions:?}");
    }
}

/// An address is of a subnet that lets guests have it, and of a port on that subnet's network.
fn each_address_has_its_owner(dump: &Dump) {
    let subnets: BTreeMap<_, _> = dump.subnets.iter().map(|subnet| (subnet.id, subnet)).collect();
    let ports: BTreeMap<_, _> = dump.ports.iter().map(|port| (port.id, port)).collect();
    for row in &dump.fixed_ips {
        let subnet = subnets.get(&row.subnet).unwrap_or_else(|| panic!("{row:?} is of no subnet"));
        check_requested(subnet, row.address).unwrap();
        if let Some(port) = row.holder.port() {
            let port = ports.get(&port).unwrap_or_else(|| panic!("{row:?} is of no port"));
            assert_eq!(port.network, subnet.network, "{row:?}");
        }
    }
    for subnet in &dump.subnets {
        assert!(dump.networks.iter().any(|network| network.id == subnet.network), "{subnet:?}");
    }
}

/// A bit is clear exactly when its address is in a pool, not reserved, and nobody's; blocks below the frontier exist. What is
/// reserved is what the subnet says now: a moved gateway has taken its bit along.
fn pools_agree_with_addresses(dump: &Dump) {
    let subnets: BTreeMap<_, _> = dump.subnets.iter().map(|subnet| (subnet.id, subnet)).collect();
    let fixed_ips = dump.fixed_ips.iter().map(|row| (row.subnet, row.address));
    let floating_ips = dump.floating_ips.iter().map(|row| (row.subnet, row.address));
    let owned: BTreeSet<_> = fixed_ips.chain(floating_ips).collect();
    let blocks: BTreeSet<_> = dump.blocks.iter().map(|block| (block.subnet(), block.first())).collect();
    assert_eq!(dump.blocks.len(), dump.free.len());
    for (block, free) in dump.blocks.iter().zip(&dump.free) {
        let subnet = subnets.get(&block.subnet()).unwrap_or_else(|| panic!("{block:?} is of no subnet"));
        assert_eq!(i64::from(block.free()), *free, "{block:?}");
        let mut expected = Block::fresh(subnet, block.first());
        for address in addresses_of(block) {
            if owned.contains(&(subnet.id, address)) {
                expected.take(address);
            }
        }
        assert_eq!(&expected, block, "of {subnet:?}");
    }
    for (subnet, address) in &owned {
        let is_in_pool = subnets[subnet].pools.iter().any(|pool| pool.contains(*address));
        let has_block = blocks.contains(&(*subnet, Block::start_of(*address)));
        assert!(!is_in_pool || has_block, "{address} of {subnet:?} is in no block");
    }
    let pooled = dump.subnets.iter().filter(|subnet| subnet.mode == AddressMode::Pool);
    assert!(pooled.map(|subnet| subnet.id).eq(dump.frontiers.iter().map(|row| row.subnet)));
    for frontier in &dump.frontiers {
        let subnet = subnets[&frontier.subnet];
        let mut below = first_block(subnet);
        while let Some(first) = below.filter(|_| below != frontier.next) {
            assert!(
                blocks.contains(&(subnet.id, first)),
                "{frontier:?} is above {first}, which has no block"
            );
            below = next_block(subnet, first);
        }
    }
}

fn addresses_of(block: &Block) -> Vec<IpAddr> {
    let at = |offset: u32| -> IpAddr {
        match block.first() {
            IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits() | offset).into(),
            IpAddr::V6(first) => Ipv6Addr::from_bits(first.to_bits() | u128::from(offset)).into(),
        }
    };
    (0..256).map(at).collect()
}

/// The ranges of pools share no address, and each counts the addresses that projects have of it.
fn ranges_are_apart_and_count_right(dump: &Dump) {
    let mut pieces = Vec::new();
    for range in &dump.floating_ranges {
        let network = dump.networks.iter().find(|network| network.id == range.pool);
        assert!(network.is_some_and(|network| network.is_external), "{range:?} is of {network:?}");
        let subnet = dump.subnets.iter().find(|subnet| subnet.id == range.subnet).unwrap();
        let of_range: Vec<_> = subnet.pools.iter().map(|pool| Ipv4Range::try_from(*pool).unwrap()).collect();
        let ends = (of_range.first().unwrap().first(), of_range.last().unwrap().last());
        assert_eq!((range.addresses.first(), range.addresses.last()), ends, "{range:?} is {subnet:?}");
        assert_eq!(range.total, of_range.iter().map(|piece| piece.size()).sum::<u64>(), "{range:?}");
        assert_eq!(subnet.network, range.pool);
        let allocated = dump.floating_ips.iter().filter(|row| row.subnet == range.subnet);
        let is_of_range = |row: &FloatingIp| of_range.iter().any(|piece| piece.contains(row.address));
        assert!(allocated.clone().all(is_of_range), "{range:?}");
        assert!(allocated.clone().all(|row| row.pool == range.pool), "{range:?}");
        assert_eq!(allocated.count() as u64, range.allocated, "{range:?}");
        pieces.extend(of_range);
    }
    pieces.sort();
    assert!(pieces.is_sorted_by(|one, next| one.last() < next.first()), "{pieces:?}");
    let of_pools = dump.subnets.iter().filter(|subnet| {
        dump.networks.iter().any(|network| network.is_external && network.id == subnet.network)
    });
    assert_eq!(of_pools.count(), dump.floating_ranges.len());
}

/// A floating IP leads to an address that a live port of its project has, and is of a range that exists.
fn floating_ips_lead_to_live_ports(dump: &Dump) {
    let ports: BTreeMap<_, _> = dump.ports.iter().map(|port| (port.id, port)).collect();
    for row in &dump.floating_ips {
        assert!(dump.floating_ranges.iter().any(|range| range.subnet == row.subnet), "{row:?}");
        assert!(row.target.is_some() || !row.is_auto_assigned, "{row:?} would never go");
        let Some(target) = row.target else { continue };
        let port = ports.get(&target.port).unwrap_or_else(|| panic!("{row:?} leads to no port"));
        assert_eq!(
            (port.instance, port.network, &port.project, port.is_released),
            (target.instance, target.network, &row.project, false),
            "{row:?}"
        );
        let fixed_ip =
            dump.fixed_ips.iter().find(|row| (row.subnet, row.address) == (target.subnet, target.address));
        assert_eq!(fixed_ip.map(|row| row.holder.clone()), Some(Holder::Port(target.port)), "{row:?}");
    }
}

/// Whoever had an address ended before the next one began, and not before it began itself.
fn nothing_was_held_twice_at_once(dump: &Dump) {
    let past = dump.history.fixed_ips.iter().map(|(row, ended)| (row, *ended));
    let held = dump.fixed_ips.iter().filter(|row| row.holder.port().is_some());
    let all = past.chain(held.map(|row| (row, Timestamp::from(i64::MAX))));
    let mut all: Vec<_> = all.map(|(row, ended)| ((row.subnet, row.address), row.since, ended)).collect();
    all.sort();
    assert!(all.iter().all(|(_, since, ended)| since <= ended), "{all:?}");
    let overlap = all.windows(2).find(|pair| pair[0].0 == pair[1].0 && pair[0].2 > pair[1].1);
    assert!(overlap.is_none(), "{overlap:?}");
}

fn ports_are_told_apart(dump: &Dump) {
    assert_unique("MAC", dump.ports.iter().map(|port| port.mac));
    assert_unique("device", dump.ports.iter().map(|port| (&port.host, port.device())));
    let targets = dump.ports.iter().flat_map(|port| &port.target);
    let migrations = dump.instances.iter().flat_map(|instance| &instance.migration);
    let revisions = dump.ports.iter().map(|port| (&port.host, port.revision));
    let revisions = revisions.chain(targets.map(|target| (&target.host, target.revision)));
    let waited_for = dump.pending_unplugs.iter().filter(|unplug| !unplug.is_fenced);
    let revisions = revisions.chain(waited_for.map(|unplug| (&unplug.host, unplug.revision)));
    let begun = migrations.map(|migration| (&migration.destination, migration.revision));
    assert_unique("revision", revisions.chain(begun));
    assert_unique("sequence", dump.networks.iter().map(|network| network.sequence));
}

/// What must go from a host is not wanted there, its host will hear of it, and a port lives as long as a host is waited for.
fn what_must_go_is_not_wanted(dump: &Dump) {
    let hosts: BTreeMap<_, _> = dump.hosts.iter().map(|host| (&host.id, host.revision)).collect();
    for unplug in &dump.pending_unplugs {
        assert!(unplug.revision <= hosts[&unplug.host], "{unplug:?} is ahead of its host");
        let port = dump.ports.iter().find(|port| port.id == unplug.port);
        assert!(port.is_some() || unplug.is_fenced, "{unplug:?} is waited for by nobody");
        if let Some(port) = port {
            let target = port.target.as_ref().map(|target| &target.host);
            let is_wanted = port.host == unplug.host || target == Some(&unplug.host);
            assert!(port.has_moved && !is_wanted, "{unplug:?} is wanted: {port:?}");
        }
    }
}

fn assert_unique<T: Ord + Debug>(what: &str, values: impl Iterator<Item = T>) {
    let mut seen = BTreeSet::new();
    for value in values {
        let shown = format!("{value:?}");
        assert!(seen.insert(value), "{what} {shown} is there twice");
    }
}
