//! What a batch decides on is locked on PostgreSQL until it is written.
//!
//! Without the lock another manager could change the row in between, and would be overwritten. These tests look at the
//! locks themselves, since races show their absence by chance only:
//!
//! | lock | without it |
//! |---|---|
//! | ranges of MACs | two managers draw one MAC, or make ranges that overlap |
//! | blocks | two managers write one bitmap, and bits are lost |
//! | fixed IPs, resting addresses | an address that rested goes to two ports |
//! | instances | a late deallocation ends the next life |
//! | ports | a host's report takes a release back |
//! | ranges of pools | two managers write one count of allocated addresses, or a range ends while one of its addresses is given |
//! | floating IPs | a move is lost, or takes a deallocation back |
//! | what must go from hosts | two reports leave a port waiting for a host that has spoken |
//! | hosts | two changes get one revision, and a host misses one |
//!
//! Quotas are not, but where they are counted anew: all that a project's callers ask of any manager would wait for each other
//! (`quotas.rs`).

use lepton_ledger::{Command, Envelope, Key, Scope, Selection, Stop, View, Which, execute};
use lepton_types::{PortId, Revision, SubnetId, Timestamp};

use super::floating_ips::{associate, pool, wish};
use super::harness::{
    Kind, Subject, allocation, deallocation, fixed_ips, host, instance, network, requested, subnet,
};
use super::sound::assert_sound;
use crate::{
    dry::{self, Scarce},
    engine::{Engine, Tx},
    failure::Failure,
    load::{addresses_last, load},
};

const MAC_RANGES: &str = "select id from mac_ranges for update nowait";
pub(super) const BLOCKS: &str = "select first from blocks for update nowait";
pub(super) const FIXED_IPS: &str =
    "select address from fixed_ips where port_id is not null for update nowait";
pub(super) const RESTING: &str = "select address from fixed_ips where port_id is null for update nowait";
const INSTANCES: &str = "select id from instances for update nowait";
pub(super) const PORTS: &str = "select id from ports for update nowait";
const UNPLUGS: &str = "select port_id from pending_unplugs for update nowait";
pub(super) const RANGES: &str = "select first from floating_ranges for update nowait";
pub(super) const FLOATING_IPS: &str = "select address from floating_ips for update nowait";
const QUOTAS: &str = "select project_id from quotas for update nowait";
pub(super) const HOSTS: &str = "select id from hosts for update nowait";

/// A transaction that has loaded what the key names, to decide on it.
pub(super) async fn holding(engine: &std::sync::Arc<Engine>, key: Key, now: Timestamp) -> Tx {
    let mut tx = engine.write().await.unwrap();
    if let Key::Select(Selection::RestedIn { subnet, .. }) = &key {
        tx.note_scarce(&Scarce::of(*subnet, 1));
    }
    load(&mut tx, vec![key], &mut View::partial(now, [0; 32])).await.unwrap();
    tx
}

/// A transaction in which the command was decided, but nothing is written.
pub(super) async fn decided<C: Command>(
    engine: &std::sync::Arc<Engine>,
    command: &C,
    now: Timestamp,
) -> (Tx, View) {
    let mut scarce = Scarce::default();
    loop {
        let (mut tx, mut view) = (engine.write().await.unwrap(), View::partial(now, [0; 32]));
        tx.note_scarce(&scarce);
        let outcome = loop {
            match view.attempt(0, |view| execute(command, &Envelope::anonymous(), view)) {
                Err(Stop::Missing) => {
                    let missing = addresses_last(view.take_missing());
                    load(&mut tx, missing, &mut view).await.unwrap();
                }
                outcome => break outcome,
            }
        };
        match dry::check(&mut tx, &view).await {
            Ok(()) => {
                outcome.unwrap();
                return (tx, view);
            }
            Err(Failure::Scarce(subnets)) => scarce.note(subnets),
            Err(failure) => panic!("{failure:?}"),
        }
        tx.rollback().await.unwrap();
    }
}

/// Whether somebody holds a lock on one of the rows that `sql` finds.
pub(super) async fn is_locked(engine: &std::sync::Arc<Engine>, sql: &'static str) -> bool {
    let mut tx = engine.write().await.unwrap();
    let found = tx.fetch(sql, Vec::new()).await;
    tx.rollback().await.unwrap();
    match found {
        Ok(rows) => {
            assert!(!rows.is_empty(), "{sql}");
            false
        }
        Err(Failure::Conflict(_)) => true,
        Err(other) => panic!("{other:?}"),
    }
}

/// One subnet, one port that has moved to the host, one address that has rested, one floating IP that leads to the port,
/// and one range of MACs; answers the first two.
pub(super) async fn with_one_of_each(subject: &Subject) -> (SubnetId, PortId) {
    let quarantine = std::time::Duration::from_secs(1);
    let spec = lepton_ipam::SubnetSpec { quarantine, ..subnet("10.1.0.0/24") };
    let made = subject.create(network("private", vec![spec])).await;
    let elsewhere =
        lepton_ledger::AllocateForInstance { host: "elsewhere".parse().ok(), ..allocation(1, vec![]) };
    let info = subject.submit(elsewhere).await.unwrap();
    subject.submit(super::migrations::start(1, "elsewhere", "host-1")).await.unwrap();
    subject.submit(super::migrations::finish(1, "elsewhere", "host-1")).await.unwrap();
    subject.allocate(2).await.unwrap();
    subject.end(2).await;
    subject.advance(quarantine);
    subject.submit(pool("nova", &["172.24.4.0/30"])).await.unwrap();
    let floating_ip = subject.submit(wish()).await.unwrap().floating_ip;
    subject.submit(associate(floating_ip.address, 1)).await.unwrap();
    subject.submit(super::mac_ranges::range("02:16:3e:00:00:00/40")).await.unwrap();
    (made.subnets[0].id, info.vifs[0].id)
}

#[tokio::test]
async fn each_row_that_a_batch_decides_on_is_locked() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let (at, port) = with_one_of_each(&subject).await;
    let engine = subject.engine();

    for (key, sql) in [
        (Key::MacRanges, MAC_RANGES),
        (Key::FreeBlocks { subnet: at, after: None }, BLOCKS),
        (Key::Block(at, "10.1.0.0".parse().unwrap()), BLOCKS),
        (Key::FixedIp(at, "10.1.0.2".parse().unwrap()), FIXED_IPS),
        (Key::Select(Selection::RestedIn { subnet: at, after: None }), RESTING),
        (Key::Select(Selection::Rested), RESTING),
        (Key::Instance(instance(1)), INSTANCES),
        (Key::Instance(instance(1)), PORTS),
        (Key::Port(port), PORTS),
        (Key::Select(Selection::PortsToFence { host: host(), limit: 1 }), PORTS),
        (Key::Select(Selection::PortsToFence { host: "elsewhere".parse().unwrap(), limit: 1 }), PORTS),
        (Key::Select(Selection::PortsToFence { host: "elsewhere".parse().unwrap(), limit: 1 }), UNPLUGS),
        (Key::PendingUnplugs(port), UNPLUGS),
        (Key::FloatingPool("nova".parse().unwrap()), RANGES),
        (Key::FloatingRangesIn("172.24.4.0/30".parse().unwrap()), RANGES),
        (Key::FloatingIp("172.24.4.1".parse().unwrap()), FLOATING_IPS),
        (Key::FloatingIpsOf(port), FLOATING_IPS),
        (Key::Instance(instance(1)), FLOATING_IPS),
        (Key::Host(host()), HOSTS),
        (Key::Select(Selection::CountedQuotas(Which::One("p1".parse().unwrap()))), QUOTAS),
    ] {
        assert!(!is_locked(engine, sql).await);
        let tx = holding(engine, key.clone(), subject.now()).await;
        assert!(is_locked(engine, sql).await, "{key:?} is not locked");
        tx.rollback().await.unwrap();
    }
}

/// Comes back when a transaction waits for somebody's lock.
///
/// Asks in a transaction of its own each time: within one, PostgreSQL shows everybody's activity as it was at first.
pub(super) async fn until_somebody_waits(engine: &std::sync::Arc<Engine>) {
    const WAITING: &str = "select count(*) from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock'";
    let waiting = async {
        loop {
            let mut tx = engine.read().await.unwrap();
            let found = tx.fetch(WAITING, Vec::new()).await.unwrap();
            tx.rollback().await.unwrap();
            if found[0].columns().get::<i64>().unwrap() > 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(std::time::Duration::from_secs(30), waiting).await;
    in_time.expect("somebody waits for a lock");
}

/// Whoever waits for the rows of one table has locked those before it and none behind it.
#[tokio::test]
async fn rows_are_locked_in_one_order_whatever_the_order_of_the_keys() {
    const ORDER: [&str; 10] =
        [INSTANCES, PORTS, FLOATING_IPS, UNPLUGS, HOSTS, RANGES, MAC_RANGES, BLOCKS, FIXED_IPS, RESTING];
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let (at, port) = with_one_of_each(&subject).await;
    let engine = subject.engine();
    let keys = vec![
        Key::Host(host()),
        Key::Select(Selection::RestedIn { subnet: at, after: None }),
        Key::PendingUnplugs(port),
        Key::FloatingIp("172.24.4.1".parse().unwrap()),
        Key::Port(port),
        Key::Instance(instance(1)),
        Key::FixedIp(at, "10.1.0.2".parse().unwrap()),
        Key::Block(at, "10.1.0.0".parse().unwrap()),
        Key::FloatingPool("nova".parse().unwrap()),
        Key::MacRanges,
    ];
    for (position, held) in ORDER.into_iter().enumerate() {
        let mut holder = engine.write().await.unwrap();
        holder.fetch(held, Vec::new()).await.unwrap();
        let loading = async {
            let mut tx = engine.write().await.unwrap();
            tx.note_scarce(&Scarce::of(at, 1));
            let view = &mut View::partial(subject.now(), [0; 32]);
            load(&mut tx, keys.clone(), view).await.unwrap();
            tx
        };
        let watching = async {
            until_somebody_waits(engine).await;
            for (other, sql) in ORDER.into_iter().enumerate().filter(|(other, _)| *other != position) {
                assert_eq!(is_locked(engine, sql).await, other < position, "{sql}, who waits for {held}");
            }
            holder.rollback().await.unwrap();
        };
        tokio::join!(loading, watching).0.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn questions_lock_nothing_and_wait_for_nobody() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let made = subject.network("private", &["10.1.0.0/24"]).await;
    subject.allocate(1).await.unwrap();
    let engine = subject.engine();
    let tx = holding(engine, Key::Instance(instance(1)), subject.now()).await;
    subject.feed().await;
    let end = deallocation(1);
    subject.store().ask(end).await.unwrap();
    subject
        .store()
        .ask(lepton_ledger::GetNetwork { network: made.network.id, scope: Scope::Everything })
        .await
        .unwrap();
    tx.rollback().await.unwrap();

    let mut reading = engine.read().await.unwrap();
    let keys =
        vec![Key::Instance(instance(1)), Key::Select(Selection::HostPorts(host(), Revision::default()))];
    load(&mut reading, keys, &mut View::partial(subject.now(), [0; 32])).await.unwrap();
    subject.end(1).await;
    reading.rollback().await.unwrap();
}

/// Managers that share a subnet take from different blocks while there are any.
#[tokio::test]
async fn a_block_that_another_manager_holds_is_left_to_it() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let at = subject.network("private", &["10.1.0.0/22"]).await.subnets[0].id;
    subject.allocate(1).await.unwrap();
    let engine = subject.engine();
    let first = holding(engine, Key::FreeBlocks { subnet: at, after: None }, subject.now()).await;
    assert_eq!(fixed_ips(&subject.allocate(2).await.unwrap()), ["10.1.1.0"]);
    first.rollback().await.unwrap();
    assert_eq!(fixed_ips(&subject.allocate(3).await.unwrap()), ["10.1.0.3"], "the lowest one again");
    assert_sound(&subject.dump().await);
}

#[tokio::test]
async fn a_pool_of_which_another_manager_holds_the_rest_is_waited_for() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let at = subject.network("private", &["10.1.0.0/24"]).await.subnets[0].id;
    subject.allocate(1).await.unwrap();
    let engine = subject.engine();
    let rest = holding(engine, Key::FreeBlocks { subnet: at, after: None }, subject.now()).await;
    let gives_way = async {
        until_somebody_waits(engine).await;
        rest.rollback().await.unwrap();
    };
    let (allocated, ()) = tokio::join!(subject.allocate(2), gives_way);
    assert_eq!(fixed_ips(&allocated.unwrap()), ["10.1.0.3"]);
}

/// However many there are: who leaves to others what they hold says only then that nothing is left when they hold nothing.
#[tokio::test]
async fn a_pool_of_which_others_hold_all_blocks_is_waited_for() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let made = subject.network("private", &["10.1.0.0/20"]).await;
    for block in 0..16_u8 {
        let asked_for = format!("10.1.{block}.9");
        subject.allocate_at(block.into(), made.network.id, &asked_for).await.unwrap();
    }
    let engine = subject.engine();
    let mut others = engine.write().await.unwrap();
    others.execute("update frontiers set next = null", Vec::new()).await.unwrap();
    others.commit().await.unwrap();

    let mut others = engine.write().await.unwrap();
    others
        .fetch("select first from blocks where first > '\\x0a010000' for update", Vec::new())
        .await
        .unwrap();
    assert_eq!(fixed_ips(&subject.allocate(100).await.unwrap()), ["10.1.0.2"]);
    others.fetch(BLOCKS, Vec::new()).await.unwrap();
    let give_way = async {
        until_somebody_waits(engine).await;
        others.rollback().await.unwrap();
    };
    let (allocated, ()) = tokio::join!(subject.allocate(101), give_way);
    assert_eq!(fixed_ips(&allocated.unwrap()), ["10.1.0.3"]);
}

/// Whatever the order of an instance's vNICs: two managers whose instances are on the same small subnets do not wait for each other.
#[tokio::test]
async fn blocks_of_small_subnets_are_locked_in_one_order() {
    const LOWER: &str = "select first from blocks order by subnet_id limit 1 for update nowait";
    const HIGHER: &str = "select first from blocks order by subnet_id desc limit 1 for update nowait";
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let mut made = Vec::new();
    for (label, cidr) in [("blue", "10.1.0.0/24"), ("green", "10.2.0.0/24")] {
        made.push(subject.network(label, &[cidr]).await.network.id);
    }
    subject.allocate(1).await.unwrap();
    let engine = subject.engine();
    for number in [2, 3] {
        made.reverse();
        let networks = made.iter().map(|network| requested(*network, &[])).collect();
        let mut lower = engine.write().await.unwrap();
        lower.fetch(LOWER, Vec::new()).await.unwrap();
        let looks_on = async {
            until_somebody_waits(engine).await;
            assert!(!is_locked(engine, HIGHER).await);
            lower.rollback().await.unwrap();
        };
        let (allocated, ()) = tokio::join!(subject.submit(allocation(number, networks)), looks_on);
        allocated.unwrap();
    }
}

/// PostgreSQL, and the keys of the only two resting addresses; the higher one has rested longer.
async fn two_resting() -> (Subject, Key, [Key; 2]) {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let quarantine = std::time::Duration::from_secs(1);
    let spec = lepton_ipam::SubnetSpec { quarantine, ..subnet("10.1.0.0/24") };
    let at = subject.create(network("private", vec![spec])).await.subnets[0].id;
    for number in [1, 2] {
        subject.allocate(number).await.unwrap();
    }
    for number in [2, 1] {
        subject.end(number).await;
        subject.advance(quarantine);
    }
    let key = |address: &str| Key::FixedIp(at, address.parse().unwrap());
    (
        subject,
        Key::Select(Selection::RestedIn { subnet: at, after: None }),
        [key("10.1.0.2"), key("10.1.0.3")],
    )
}

/// The lower one comes first, although the higher one has rested longer: as everybody else locks them.
#[tokio::test]
async fn a_dry_pool_locks_in_the_order_of_the_keys() {
    let (subject, rested, [lower, higher]) = two_resting().await;
    let engine = subject.engine();
    let others = holding(engine, lower, subject.now()).await;
    let dry_pool = holding(engine, rested, subject.now());
    let looks_on = async {
        until_somebody_waits(engine).await;
        let mut tx = engine.write().await.unwrap();
        let Key::FixedIp(_, address) = higher else { panic!("it is an address") };
        let is_free = tx
            .fetch("select 1 from fixed_ips where address = $1 for update skip locked", vec![address.into()])
            .await
            .unwrap();
        tx.rollback().await.unwrap();
        others.rollback().await.unwrap();
        assert_eq!(is_free.len(), 1, "the higher one is locked before the lower one");
    };
    let (tx, ()) = tokio::join!(dry_pool, looks_on);
    tx.rollback().await.unwrap();
}
