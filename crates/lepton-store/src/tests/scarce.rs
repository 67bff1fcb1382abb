//! Managers that share a subnet of which little is left: none waits for another one that waits for it, and none says that there is
//! nothing while there is.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use lepton_ipam::SubnetSpec;
use lepton_ledger::{
    AllocateForInstance, Command as _, NetworkWithSubnets, Refusal, ReportHost, Stop, SweepQuarantine, View,
};
use lepton_types::{AddressPool, HostReport, NetworkId};
use sqlx::{Connection as _, PgConnection};

use super::{
    harness::{Kind, Subject, allocation, deallocation, host, network, requested, submit, subnet},
    locks::{BLOCKS, RESTING},
    order::assert_waits_without,
    sound::assert_sound,
    subnets::addition,
};
use crate::{
    Database, Store, StoreConfig, SubmitError,
    dry::{self, Scarce},
    load::{addresses_last, load},
};

const QUARANTINE: Duration = Duration::from_secs(1);

/// A network whose addresses rest for [`QUARANTINE`].
async fn resting_network(subject: &Subject, label: &str, cidr: &str) -> NetworkWithSubnets {
    let spec = SubnetSpec { quarantine: QUARANTINE, ..subnet(cidr) };
    subject.create(network(label, vec![spec])).await
}

/// A network whose addresses rest, and are of two blocks, from one address to another.
async fn of_two_blocks(subject: &Subject, first: &str, last: &str) -> NetworkId {
    let pool = AddressPool { first: first.parse().unwrap(), last: last.parse().unwrap() };
    let spec = SubnetSpec { quarantine: QUARANTINE, pools: vec![pool], ..subnet("10.2.0.0/23") };
    subject.create(network("two", vec![spec])).await.network.id
}

/// PostgreSQL, with a subnet of five addresses, of which one has rested and the others are instances' 2 to 5.
async fn dry() -> Subject {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    resting_network(&subject, "private", "10.1.0.0/29").await;
    for number in 1..=5 {
        subject.allocate(number).await.unwrap();
    }
    subject.end(1).await;
    subject.advance(QUARANTINE);
    subject
}

#[tokio::test]
async fn what_has_rested_in_a_dry_subnet_is_locked_behind_its_blocks() {
    let subject = dry().await;
    assert_waits_without(&subject, BLOCKS, allocation(6, Vec::new()), &[RESTING]).await;
    assert_eq!(subject.dump().await.fixed_ips.len(), 5);
}

#[tokio::test]
async fn a_sweep_locks_what_has_rested_behind_its_blocks() {
    let subject = dry().await;
    assert_waits_without(&subject, BLOCKS, SweepQuarantine, &[RESTING]).await;
    assert_eq!(subject.dump().await.fixed_ips.len(), 4);
}

/// Of two addresses one is free in the higher block, and one has rested in the lower one, which another manager holds. Who took the first
/// and then waited for the second might be waited for.
#[tokio::test]
async fn who_needs_more_than_is_free_waits_for_what_has_rested_with_nothing_in_hand() {
    const LOWER: &str = "select first from blocks where first = '\\x0a020000' for update nowait";
    const HIGHER: &str = "select first from blocks where first = '\\x0a020100' for update nowait";
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let made = of_two_blocks(&subject, "10.2.0.255", "10.2.1.1").await;
    for number in 1..=3 {
        subject.allocate(number).await.unwrap();
    }
    subject.end(3).await;
    subject.advance(QUARANTINE);
    subject.submit(SweepQuarantine).await.unwrap();
    subject.end(1).await;
    subject.advance(QUARANTINE);
    let twice = vec![requested(made, &[]), requested(made, &[])];
    let both = AllocateForInstance { allow_duplicate_networks: true, ..allocation(4, twice) };
    assert_waits_without(&subject, LOWER, both, &[HIGHER]).await;
}

/// The higher block has never been opened, and the last free address of the lower one is another manager's to decide on.
#[tokio::test]
async fn who_opens_the_last_block_and_needs_more_waits_for_those_that_others_hold() {
    const LOWER: &str = "select first from blocks where first = '\\x0a020000' for update nowait";
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let made = of_two_blocks(&subject, "10.2.0.254", "10.2.1.1").await;
    subject.allocate(1).await.unwrap();
    let thrice = vec![requested(made, &[]), requested(made, &[]), requested(made, &[])];
    let all = AllocateForInstance { allow_duplicate_networks: true, ..allocation(2, thrice) };
    assert_waits_without(&subject, LOWER, all, &[]).await;
    assert_eq!(subject.dump().await.fixed_ips.len(), 4);
}

/// The first subnet of a network is full, and of its second one another manager holds the block. That one may want what is in hand of the
/// other network, whose subnet comes behind in the order of keys.
#[tokio::test]
async fn who_goes_on_in_another_subnet_waits_for_it_with_nothing_in_hand() {
    const SECOND: &str = "select first from blocks where first = '\\x0a020000' for update nowait";
    const OTHER: &str = "select first from blocks where first = '\\x0a030000' for update nowait";
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let grown = subject.network("grown", &["10.1.0.0/30"]).await.network.id;
    let second = subject.submit(addition(grown, "10.2.0.0/24")).await.unwrap().id;
    let other = loop {
        let other = subject.network("other", &["10.3.0.0/24"]).await;
        if other.subnets[0].id > second {
            break other.network.id;
        }
    };
    for (number, network) in [(1, grown), (2, grown), (3, other)] {
        subject.submit(allocation(number, vec![requested(network, &[])])).await.unwrap();
    }
    let both = allocation(4, vec![requested(grown, &[]), requested(other, &[])]);
    assert_waits_without(&subject, SECOND, both, &[OTHER]).await;
    assert_eq!(subject.dump().await.fixed_ips.len(), 5);
}

/// Where others give back whenever a batch has decided, it would begin anew for ever.
#[tokio::test]
async fn who_has_begun_anew_often_enough_answers_as_it_finds() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let made = subject.network("private", &["10.1.0.0/30"]).await;
    subject.allocate(1).await.unwrap();
    let at = made.subnets[0].id;
    for (times, is_enough) in [(1, false), (2, true)] {
        let mut tx = subject.engine().write().await.unwrap();
        tx.note_scarce(&Scarce::of(at, times));
        let mut view = View::partial(subject.now(), [0; 32]);
        // On a host that the end has nothing to do with.
        let wanted = AllocateForInstance { host: "host-2".parse().ok(), ..allocation(2, vec![]) };
        while let Err(Stop::Missing) = view.attempt(0, |view| wanted.decide(view)) {
            let missing = addresses_last(view.take_missing());
            load(&mut tx, missing, &mut view).await.unwrap();
        }
        subject.end(1).await;
        let checked = dry::check(&mut tx, &view).await;
        assert_eq!(checked.is_ok(), is_enough, "{times}: {checked:?}");
        tx.rollback().await.unwrap();
        subject.allocate(1).await.unwrap();
    }
}

/// As many blocks as one question finds are in hand, and drained, and free still as far as the database knows.
#[tokio::test]
async fn what_is_in_hand_hides_nothing_that_others_hold() {
    const LAST: &str = "select first from blocks where first = '\\x0a011200' for update nowait";
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let pool = |block: u128| AddressPool {
        first: format!("10.1.{block}.7").parse().unwrap(),
        last: format!("10.1.{block}.8").parse().unwrap(),
    };
    let spec = SubnetSpec { pools: (1..=18).map(pool).collect(), ..subnet("10.1.0.0/16") };
    let made = subject.create(network("pieces", vec![spec])).await.network.id;
    for block in 1..=18 {
        subject.allocate_at(block, made, &format!("10.1.{block}.8")).await.unwrap();
    }
    let mut others = subject.engine().write().await.unwrap();
    others.execute("update frontiers set next = null", Vec::new()).await.unwrap();
    others.commit().await.unwrap();
    let all = AllocateForInstance {
        allow_duplicate_networks: true,
        ..allocation(100, vec![requested(made, &[]); 18])
    };
    assert_waits_without(&subject, LAST, all, &[]).await;
    assert_eq!(subject.dump().await.fixed_ips.len(), 36);
}

/// How often instance locks are taken for an allocation: once for each time that it is decided.
async fn attempts(subject: &Subject, number: u128, network: NetworkId) -> usize {
    subject.engine().take_sent();
    let allocated = subject.submit(allocation(number, vec![requested(network, &[])])).await;
    assert!(
        matches!(allocated, Ok(_) | Err(SubmitError::Refused(Refusal::NoMoreFixedIps { .. }))),
        "{allocated:?}"
    );
    let sent = subject.engine().take_sent();
    sent.iter().filter(|sent| sent.text.contains("from instances")).count()
}

/// Subnets that are full, of which nothing rests, are nothing to wait for: most networks grow by one more when the last one is full.
#[tokio::test]
async fn what_is_full_is_passed_by_in_one_attempt() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let spec = SubnetSpec { quarantine: QUARANTINE, ..subnet("10.1.0.0/30") };
    let made = subject.create(network("grown", vec![spec])).await.network.id;
    subject.allocate(1).await.unwrap();
    assert_eq!(attempts(&subject, 2, made).await, 1, "it is dry");
    for part in 1..=5 {
        subject.submit(addition(made, &format!("10.1.{part}.0/30"))).await.unwrap();
        subject.allocate(10 + part).await.unwrap();
    }
    subject.submit(addition(made, "10.1.8.0/24")).await.unwrap();
    assert_eq!(attempts(&subject, 3, made).await, 1);
    subject.end(1).await;
    subject.advance(QUARANTINE);
    assert_eq!(attempts(&subject, 4, made).await, 2, "what has rested is locked first");
    assert_sound(&subject.dump().await);
}

/// How often the server had to end one of two that waited for each other, in the database of a subject that is closed.
async fn deadlocks(config: &StoreConfig) -> i64 {
    let Database::Postgres(url) = &config.database else { panic!("{:?}", config.database) };
    let mut server = PgConnection::connect(url).await.unwrap();
    // A session's figures are there when it is gone.
    const SESSIONS: &str = "select count(*) from pg_stat_activity
         where datname = current_database() and application_name = 'leptond'";
    while sqlx::query_scalar::<_, i64>(SESSIONS).fetch_one(&mut server).await.unwrap() > 0 {
        tokio::task::yield_now().await;
    }
    const DEADLOCKS: &str = "select deadlocks from pg_stat_database where datname = current_database()";
    sqlx::query_scalar(DEADLOCKS).fetch_one(&mut server).await.unwrap()
}

/// A life at one manager: allocated, if there is an address left, ended and unplugged. Answers whether it was.
async fn live(store: &Store, number: u128, networks: &[NetworkId]) -> bool {
    let networks = networks.iter().map(|network| requested(*network, &[])).collect();
    match submit(store, allocation(number, networks)).await {
        Ok(_) => {}
        Err(SubmitError::Refused(Refusal::NoMoreFixedIps { .. })) => return false,
        Err(other) => panic!("{other}"),
    }
    let released = submit(store, deallocation(number)).await.unwrap();
    let report = HostReport { unplugged: released.ports, revision: u64::MAX.into(), ..HostReport::default() };
    submit(store, ReportHost { host: host(), report }).await.unwrap();
    true
}

/// Each wants addresses of subnets that run dry again and again, in either order, while others sweep and give back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_managers_of_dry_subnets_never_wait_for_each_other() {
    let mut subject = Subject::open(Kind::Postgres, |config| config.batch_limit = 8).await;
    let one = resting_network(&subject, "one", "10.1.0.0/28").await.network.id;
    let two = of_two_blocks(&subject, "10.2.0.250", "10.2.1.5").await;
    let other = subject.another().await.unwrap();
    let (mut lived, mut number) = (0, 0);
    for _ in 0..15 {
        // As many as the second subnet has addresses, all of which are there again; one manager needs those of both its blocks.
        let turns = [subject.store(), &other, subject.store(), subject.store()];
        let stores = turns.into_iter().cycle().take(12).enumerate();
        let lives = stores.map(|(turn, store)| {
            number += 1;
            let networks = if turn % 4 < 2 { [one, two] } else { [two, one] };
            async move { live(store, number, &networks).await }
        });
        let sweeps = join_all([subject.store(), &other].map(|store| submit(store, SweepQuarantine)));
        let (lives, swept) = tokio::join!(join_all(lives), sweeps);
        lived += lives.into_iter().filter(|lived| *lived).count();
        assert!(swept.iter().all(Result::is_ok), "{swept:?}");
        subject.advance(QUARANTINE);
    }
    assert_eq!(lived, 15 * 12);
    let dump = subject.dump().await;
    assert_sound(&dump);
    let places: BTreeSet<_> = dump.fixed_ips.iter().map(|row| (row.subnet, row.address)).collect();
    assert_eq!(places.len(), dump.fixed_ips.len());
    other.close().await;
    subject.close().await;
    assert_eq!(deadlocks(&subject.config).await, 0);
}
