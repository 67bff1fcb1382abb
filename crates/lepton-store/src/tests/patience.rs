//! How long PostgreSQL works for a store that waits no more, and for one that must wait.

use std::{
    future,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use sqlx::{Connection, Executor, PgConnection};
use tokio::net::TcpListener;

use super::harness::{Kind, Subject, allocation, deallocation, fixed_ips, fresh_database};
use crate::{Database, StoreConfig, StoreError, SubmitError, engine::Engine, migrate::migrate_by};

/// How long the stores wait here.
const PATIENCE: Duration = Duration::from_secs(1);

async fn setting(engine: &std::sync::Arc<Engine>, sql: &'static str) -> String {
    let mut tx = engine.write().await.unwrap();
    let found = tx.fetch(sql, Vec::new()).await.unwrap();
    tx.rollback().await.unwrap();
    found[0].columns().get().unwrap()
}

/// A store with an instance, that waits no longer than [`PATIENCE`] once all of that is there; and a connection of no store's, so that
/// nothing ends what it holds.
async fn impatient() -> (Subject, PgConnection) {
    let mut subject = Subject::open(Kind::Postgres, |_| {}).await;
    subject.network("private", &["10.1.0.0/24"]).await;
    subject.allocate(1).await.unwrap();
    subject.config.connect_timeout = PATIENCE;
    subject.reopen().await;
    let others = PgConnection::connect(subject.url()).await.unwrap();
    (subject, others)
}

#[tokio::test]
async fn a_migration_takes_as_long_as_it_takes() {
    let mut config = StoreConfig::new(Database::Postgres(fresh_database()));
    config.connect_timeout = PATIENCE;
    let engine = Engine::open(&config).await.unwrap().unwrap();
    let slow = [(1, "slow", "SELECT pg_sleep(1.5)")];
    migrate_by(&slow, &engine, "here").await.unwrap();
    for sql in ["show statement_timeout", "show lock_timeout"] {
        assert_eq!(setting(&engine, sql).await, "1s", "{sql}: the connection is a batch's again");
    }
    engine.close().await;
}

/// The time for all tries ends in one that hears nothing, as it does more often than not.
#[tokio::test]
async fn what_a_server_said_at_the_start_is_told_though_the_last_try_heard_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // An end where TLS is spoken of would be taken for an answer, and be final.
    let url = format!("postgres://nobody@{}/lepton?sslmode=disable", listener.local_addr().unwrap());
    let mut config = StoreConfig::new(Database::Postgres(url));
    config.connect_timeout = PATIENCE;
    let serving = async {
        let (first, _) = listener.accept().await.unwrap();
        drop(first);
        let (_silent, _) = listener.accept().await.unwrap();
        future::pending::<()>().await;
    };
    let opened = tokio::select! {
        () = serving => panic!("it serves for ever"),
        opened = Engine::open(&config) => opened,
    };
    let Err(StoreError::Open { problem, may_pass, .. }) = opened else { panic!("nobody is there") };
    assert!(may_pass && !problem.contains("no answer"), "{problem}");
}

/// Somebody else, for one an operator with `psql`, holds what one command of the batch decides on.
#[tokio::test]
async fn a_command_that_takes_too_long_harms_nobody_else() {
    let (subject, mut others) = impatient().await;
    others.execute("BEGIN").await.unwrap();
    others.execute("SELECT 1 FROM instances FOR UPDATE").await.unwrap();

    let started = Instant::now();
    let end = || deallocation(1);
    let (first, slow, last) =
        tokio::join!(subject.allocate(2), subject.submit(end()), subject.network("more", &[]));
    assert!(matches!(slow, Err(SubmitError::Store(StoreError::Unavailable(_)))), "{slow:?}");
    assert_eq!(fixed_ips(&first.unwrap()), ["10.1.0.3"]);
    assert_eq!(last.network.label.as_str(), "more");

    // Of many that wait for one row none is tried but the first two.
    let outcomes = join_all((0..10).map(|_| subject.submit(end()))).await;
    assert!(outcomes.iter().all(Result::is_err), "{outcomes:?}");
    assert!(started.elapsed() < PATIENCE * 9, "{:?}", started.elapsed());
    others.close().await.unwrap();
    subject.submit(end()).await.unwrap();
}

/// Its locks would keep others out, and its connection would be one that nobody knows of.
#[tokio::test]
async fn nothing_lingers_of_a_batch_that_was_given_up() {
    let (subject, mut others) = impatient().await;
    others.execute("BEGIN").await.unwrap();
    others.execute("SELECT 1 FROM blocks FOR UPDATE").await.unwrap();

    let outcome = subject.submit(allocation(2, vec![])).await;
    assert!(matches!(outcome, Err(SubmitError::Store(StoreError::Unavailable(_)))), "{outcome:?}");
    const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'leptond' AND wait_event_type = 'Lock'";
    let started = Instant::now();
    while sqlx::query_scalar::<_, i64>(WAITING).fetch_one(&mut others).await.unwrap() > 0 {
        assert!(started.elapsed() < PATIENCE * 5, "a backend still waits for what nobody asks for any more");
        tokio::task::yield_now().await;
    }
    others.close().await.unwrap();
    subject.allocate(2).await.unwrap();
}
