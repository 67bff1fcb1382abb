use lepton_ipam::SubnetSpec;
use lepton_ledger::{
    AllocateForInstance, BindingRequest, CreateNetworks, Envelope, MigrateInstanceFinish,
    MigrateInstanceStart, Naming, NetworkSpec, Scope,
};
use lepton_store::{Database, News, Observer};
use lepton_types::{InstanceId, Mtu};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::{task::JoinSet, time::Instant};
use uuid::Uuid;

use super::*;

async fn manager() -> Manager {
    Manager::open(&StoreConfig::new(Database::Memory), Settings::default()).await.unwrap()
}

/// Makes a network.
async fn network(manager: &Manager) {
    let spec = NetworkSpec {
        label: "blue".parse().unwrap(),
        project: None,
        priority: 0,
        mtu: Mtu::ETHERNET,
        subnets: vec![SubnetSpec::new("10.0.0.0/24".parse().unwrap())],
        host: None,
        is_injected: false,
        made_before: None,
    };
    let create = CreateNetworks { networks: vec![spec], scope: Scope::Everything };
    manager.submit(create, Envelope::anonymous(), false).await.unwrap();
}

fn allocation() -> AllocateForInstance {
    AllocateForInstance {
        instance: InstanceId::from(Uuid::from_u128(1)),
        project: "blue".parse().unwrap(),
        host: Some("host-1".parse().unwrap()),
        networks: Vec::new(),
        allow_duplicate_networks: false,
        binding: BindingRequest::Tap,
        own_host: None,
        only_known_hosts: false,
        only_on: None,
        mac_base: MacBase::default(),
        naming: Naming::default(),
        floating_pool: None,
    }
}

/// A move of instance 1 from one host to another.
fn start(from: &str, to: &str) -> MigrateInstanceStart {
    MigrateInstanceStart {
        instance: InstanceId::from(Uuid::from_u128(1)),
        incarnation: None,
        source: from.parse().unwrap(),
        destination: to.parse().unwrap(),
        binding: None,
        only_known_hosts: false,
        only_on: None,
    }
}

/// The end of such a move.
fn finish(from: &str, to: &str) -> MigrateInstanceFinish {
    let MigrateInstanceStart { instance, incarnation, source, destination, only_on, .. } = start(from, to);
    MigrateInstanceFinish { instance, incarnation, source, destination, only_on }
}

/// That a ledger does not answer says nothing of a move: it is asked again, and then it knows that the move was finished, though
/// the instance is home again.
#[tokio::test]
async fn a_ledger_that_does_not_answer_for_a_while_does_not_make_a_finished_move_an_aborted_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let config = StoreConfig::new(Database::Sqlite(path.clone()));
    let manager = Manager::open(&config, Settings::default()).await.unwrap();
    network(&manager).await;
    let anonymous = Envelope::anonymous;
    manager.submit(allocation(), anonymous(), false).await.unwrap();
    let begun = manager.submit(start("host-1", "host-2"), anonymous(), false).await.unwrap();
    manager.submit(finish("host-1", "host-2"), anonymous(), false).await.unwrap();
    manager.submit(start("host-2", "host-1"), anonymous(), false).await.unwrap();
    manager.submit(finish("host-2", "host-1"), anonymous(), false).await.unwrap();

    let options = SqliteConnectOptions::new().filename(&path);
    let mut vandal = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("ALTER TABLE instances RENAME TO hidden").execute(&mut vandal).await.unwrap();
    let mut watch = manager.inner.hub.watch_instance(begun.info.instance);
    let migration = begun.info.migration.clone().unwrap();
    let deadline = Instant::now() + Duration::from_mins(10);
    let arrived = manager.arrived(&begun, &migration, &mut watch, deadline);
    tokio::pin!(arrived);
    let answered = time::timeout(LOOK_AGAIN / 4, &mut arrived).await;
    assert!(answered.is_err(), "nothing is known");
    sqlx::query("ALTER TABLE hidden RENAME TO instances").execute(&mut vandal).await.unwrap();
    let info = arrived.await.unwrap_or_else(|_| panic!("it was finished"));
    assert_eq!((info.host.to_string(), info.migration), ("host-1".to_owned(), None));
    manager.close().await;
}

/// Who looks again and again at what nobody else can change keeps the ledger busy for nothing.
#[tokio::test(start_paused = true)]
async fn nobody_looks_again_at_a_ledger_that_nobody_else_writes() {
    let manager = manager().await;
    let looks_again = manager.others_may_have_written();
    assert!(time::timeout(Duration::from_hours(1), looks_again).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_repeated_wait_ends_with_its_caller_and_the_first_one_does_not() {
    let (manager, patience) = (manager().await, Duration::from_mins(10));
    network(&manager).await;
    let start = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..3 {
        let manager = manager.clone();
        let envelope =
            Envelope::new::<AllocateForInstance>("caller", Some("boot".parse().unwrap()), b"the same");
        callers
            .spawn(async move { manager.allocate_and_wait(allocation().into(), envelope, patience).await });
        // Each has begun when it waits for nothing but the deadline.
        time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(manager.inner.waits.len(), 1, "those that repeat the first one");
    callers.shutdown().await;
    assert_eq!(manager.inner.waits.len(), 1, "it has to undo what it began");
    manager.inner.waits.close();
    manager.inner.waits.wait().await;
    assert_eq!(start.elapsed(), patience);
}

/// What other managers tell is a reason to look; where they told what is not so, of a ledger that was put back for example, there is
/// nothing to find.
#[tokio::test(start_paused = true)]
async fn what_was_heard_of_a_host_is_not_believed() {
    let (manager, host) = (manager().await, "host-1".parse().unwrap());
    manager.register(&host).await.unwrap();
    let holds = manager.host_changes(host.clone(), None).await.unwrap().revision;
    let told = News { hosts: [(host.clone(), u64::MAX.into())].into(), ..News::default() };
    manager.inner.hub.hear(&told);
    let news = manager.host_news(&host, holds);
    assert!(time::timeout(Duration::from_hours(1), news).await.is_err());
    network(&manager).await;
    manager.submit(allocation(), Envelope::anonymous(), false).await.unwrap();
    manager.host_news(&host, holds).await;
}
