//! Reads all of a ledger behind the store's back; what it must be like is `lepton-invariants`' to say.

use std::{fmt::Debug, sync::Arc};

use lepton_invariants::History;
pub(super) use lepton_invariants::{Dump, assert_consistent, assert_sound};
use lepton_ledger::{Block, Frontier, JournalRow, Row, View};
use lepton_types::{SubnetId, Timestamp};

use crate::{
    Store,
    engine::{Engine, Tx},
    lane::Backend,
    load::load,
    table::Stored,
    tables::journal,
};

/// Everything that a store's ledger holds.
pub(super) async fn dump(store: &Store) -> Dump {
    match store.backend() {
        Backend::Memory(disk) => disk.look(Dump::of_view),
        Backend::Engine(engine) => dump_of(engine).await,
    }
}

async fn dump_of(engine: &Arc<Engine>) -> Dump {
    let mut tx = engine.read().await.unwrap();
    let mut view = View::partial(Timestamp::default(), [0; 32]);
    journal::load_bounds(&mut tx, &mut view).await.unwrap();
    assert_eq!(left_for_ever(&mut tx).await, 0, "rows are of no subnet, and nobody will drop them");
    let dump = Dump {
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

/// What a batch has left for the next one is what that would load, and what the tables hold.
pub(super) async fn assert_left_is_true(store: &Store, dump: &Dump) {
    let Backend::Engine(engine) = store.backend() else { return };
    let mut tx = engine.write().await.unwrap();
    if let Some(left) = tx.left().cloned() {
        let mut fresh = View::partial(Timestamp::default(), [0; 32]);
        load(&mut tx, left.lasting().cloned().collect(), &mut fresh).await.unwrap();
        assert_rows_alike(&left, &fresh, &dump.networks, |_| true);
        assert_rows_alike(&left, &fresh, &dump.subnets, |_| true);
        assert_rows_alike(&left, &fresh, &dump.hosts, |_| true);
        assert_rows_alike(&left, &fresh, &dump.quotas, |_| true);
        // What a deleted subnet leaves behind nobody asks for any more.
        let is_there = |id: SubnetId| dump.subnets.iter().any(|subnet| subnet.id == id);
        assert_rows_alike(&left, &fresh, &dump.blocks, |row: &Block| is_there(row.subnet()));
        assert_rows_alike(&left, &fresh, &dump.frontiers, |row: &Frontier| is_there(row.subnet));
        assert!(left.may_have_mac_ranges() || dump.mac_ranges.is_empty());
    }
    tx.rollback().await.unwrap();
}

/// Every row that would be loaded is left, and every row that is left is in its table.
fn assert_rows_alike<R: Row + PartialEq + Debug>(
    left: &View,
    fresh: &View,
    table: &[R],
    is_asked_for: impl Fn(&R) -> bool,
) {
    for row in fresh.rows::<R>().filter(|row| is_asked_for(row)) {
        assert_eq!(left.row::<R>(&row.key()), Some(row), "it is not left");
    }
    for row in left.rows::<R>().filter(|row| is_asked_for(row)) {
        assert!(table.contains(row), "the table does not hold {row:?}");
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
