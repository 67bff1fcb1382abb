//! What must not be there twice is a unique index on each engine, whatever a decision overlooked.

use super::floating_ips::{associate, pool, wish};
use super::{
    dns,
    harness::{Kind, Subject, allocation},
};
use crate::failure::Failure;

/// Copies of rows that differ from them in all but what one index is about. A network's id stands in for a fresh one.
const COPIES: [(&str, &str); 19] = [
    (
        "a network's number",
        "insert into networks select subnets.id, project_id, label, priority, mtu, sequence, created_at, host_id,
             is_injected, is_external, networks.version, 'other' from networks, subnets",
    ),
    (
        "a bridge",
        "insert into networks select subnets.id, project_id, label, priority, mtu, sequence + 1, created_at, host_id,
             is_injected, is_external, networks.version, bridge from networks, subnets",
    ),
    (
        "an instance",
        "insert into instances select id, incarnation + 1, project_id, host_id, hostname, has_names, created_at,
             destination_id, destination_revision, arrivals, availability_zone, has_named_networks from instances",
    ),
    (
        "a port",
        "insert into ports select id, instance_id, incarnation, network_id, project_id, 'other', position + 1,
             mac + 1, mac_range_id, 'other', binding, status, error, is_released, revision, created_at, has_moved,
             target_host_id, target_revision, target from ports",
    ),
    (
        "a MAC",
        "insert into ports select network_id, instance_id, incarnation, network_id, project_id, 'other', position + 1,
             mac, mac_range_id, 'other', binding, status, error, is_released, revision, created_at, has_moved,
             target_host_id, target_revision, target from ports",
    ),
    (
        "a position",
        "insert into ports select network_id, instance_id, incarnation, network_id, project_id, 'other', position,
             mac + 1, mac_range_id, 'other', binding, status, error, is_released, revision, created_at, has_moved,
             target_host_id, target_revision, target from ports",
    ),
    (
        "a device",
        "insert into ports select network_id, instance_id, incarnation, network_id, project_id, 'other', position + 1,
             mac + 1, mac_range_id, device, binding, status, error, is_released, revision, created_at, has_moved,
             target_host_id, target_revision, target from ports",
    ),
    (
        "an address",
        "insert into fixed_ips (subnet_id, address, quarantined_until, since)
             select subnet_id, address, 1, since from fixed_ips",
    ),
    ("a block", "insert into blocks select subnet_id, first, taken, free from blocks"),
    (
        "a pool's name",
        "insert into networks select floating_ips.instance_id, networks.project_id, label, priority, mtu, sequence + 10,
             created_at, host_id, is_injected, is_external, version, 'other'
         from networks join floating_ips on floating_ips.pool_id = networks.id",
    ),
    (
        "a range's beginning",
        "insert into floating_ranges select fixed_ips.subnet_id, pool_id, first, fixed_ips.address, 1, 0
         from floating_ranges, fixed_ips where length(fixed_ips.address) = 4",
    ),
    (
        "a range's end",
        "insert into floating_ranges select fixed_ips.subnet_id, pool_id, fixed_ips.address, last, 1, 0
         from floating_ranges, fixed_ips where length(fixed_ips.address) = 4",
    ),
    (
        "a floating IP",
        "insert into floating_ips select address, subnet_id, pool_id, 'other', null, null, null, null, null, false,
             allocated_at, since from floating_ips",
    ),
    ("a host", "insert into hosts select id, revision + 1, is_registered from hosts"),
    (
        "what must go from a host",
        "insert into pending_unplugs select port_id, host_id, revision + 1, not is_fenced from pending_unplugs",
    ),
    (
        "a request id",
        "insert into requests select caller, request_id, format, fingerprint, 'other', created_at from requests",
    ),
    (
        "a DNS domain",
        "insert into dns_domains select subnets.id, name, is_private, project_id, availability_zone, created_at,
             dns_domains.version from dns_domains, subnets",
    ),
    (
        "a DNS entry",
        "insert into dns_entries select domain_id, name, type, address, null, null, created_at from dns_entries",
    ),
    (
        "a past life",
        "insert into instance_history select id, incarnation, project_id, host_id, hostname, has_names, created_at, ended_at
         from instance_history",
    ),
];

#[tokio::test]
async fn what_must_not_be_there_twice_is_an_index() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |_| {}).await;
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.allocate(2).await.unwrap();
        subject.end(2).await;
        subject.allocate(3).await.unwrap();
        subject.deallocate(3).await;
        subject.submit(lepton_ledger::FenceHost { host: super::harness::host() }).await.unwrap();
        subject.submit_as("nova", "boot-1", allocation(1, vec![])).await.unwrap();
        with_floating_ip(&subject).await;
        subject.submit(dns::domain("example.org")).await.unwrap();
        subject.submit(dns::bound("web", "10.1.0.2", 1)).await.unwrap();
        let engine = subject.engine();
        for (what, sql) in COPIES {
            let mut tx = engine.write().await.unwrap();
            let outcome = tx.execute(sql, Vec::new()).await;
            assert!(matches!(outcome, Err(Failure::Violation(_))), "{what} twice on {kind:?}: {outcome:?}");
            tx.rollback().await.unwrap();
        }
    }
}

/// A pool with a floating IP that leads to the first instance.
async fn with_floating_ip(subject: &Subject) {
    subject.submit(pool("nova", &["172.24.4.0/30"])).await.unwrap();
    let floating_ip = subject.submit(wish()).await.unwrap().floating_ip;
    subject.submit(associate(floating_ip.address, 1)).await.unwrap();
}

#[tokio::test]
async fn what_a_floating_ip_needs_cannot_go() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |_| {}).await;
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.allocate(1).await.unwrap();
        with_floating_ip(&subject).await;
        let engine = subject.engine();
        for sql in [
            "delete from floating_ranges",
            "delete from fixed_ips",
            "update floating_ranges set allocated = total + 1",
            "update floating_ips set port_id = null",
        ] {
            let mut tx = engine.write().await.unwrap();
            let outcome = match tx.execute(sql, Vec::new()).await {
                Ok(_) => tx.commit().await,
                Err(failure) => Err(failure),
            };
            assert!(outcome.is_err(), "{sql} on {kind:?}");
        }
    }
}

#[tokio::test]
async fn what_is_referred_to_cannot_go() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |_| {}).await;
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.allocate(1).await.unwrap();
        subject.submit(dns::domain("example.org")).await.unwrap();
        subject.submit(dns::bound("web", "10.1.0.2", 1)).await.unwrap();
        let engine = subject.engine();
        for (first, sql) in [
            (None, "delete from networks"),
            (None, "delete from subnets"),
            (None, "delete from ports"),
            (None, "delete from dns_domains"),
            // A name keeps its port when nothing else does.
            (Some("delete from fixed_ips"), "delete from ports"),
        ] {
            let mut tx = engine.write().await.unwrap();
            if let Some(first) = first {
                tx.execute(first, Vec::new()).await.unwrap();
            }
            let outcome = match tx.execute(sql, Vec::new()).await {
                Ok(_) => tx.commit().await,
                Err(failure) => Err(failure),
            };
            assert!(matches!(outcome, Err(Failure::Violation(_))), "{sql} on {kind:?}: {outcome:?}");
        }
    }
}
