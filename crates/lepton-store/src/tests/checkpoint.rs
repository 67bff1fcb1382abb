//! SQLite's log is copied into its file beside the commits, and begins anew.

use std::{fs, time::Duration};

use tokio::time::timeout;

use super::{
    harness::{Kind, Subject},
    sound::assert_sound,
};
use crate::{
    checkpoint::Copying,
    config::{Database, StoreConfig},
    connect::{Access, Connection},
    engine::Engine,
};

/// Pages after which the log counts as long here.
const LONG: u32 = 200;

/// Longer than any test takes.
const NEVER: Duration = Duration::from_secs(3600);

/// Commits within which the log must have begun anew. Each logs some 25 pages; this many are a tenth of what SQLite lets
/// gather before it helps itself.
const MOST_COMMITS: u128 = 500;

/// Pages in the log, and how many of them are in the file as well.
pub(super) async fn pages(engine: &Engine) -> (i64, i64) {
    let mut waiting = engine.connections().take(Access::Write).await.unwrap();
    let Connection::Sqlite(sqlite) = &mut waiting.connection else { panic!("only SQLite has such a log") };
    let (_, logged, copied): (i64, i64, i64) =
        sqlx::query_as("PRAGMA wal_checkpoint(NOOP)").fetch_one(sqlite).await.unwrap();
    engine.connections().put_back(waiting, Access::Write);
    (logged, copied)
}

/// Waits until nothing is in the log alone.
async fn all_copied(engine: &Engine) {
    let copied = async {
        while matches!(pages(engine).await, (logged, copied) if copied < logged) {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(60), copied).await.unwrap();
}

/// Commits until the log is shorter than it was, and tells how long it became.
async fn write_until_the_log_begins_anew(subject: &Subject, engine: &Engine) -> i64 {
    let mut longest = 0;
    for number in 1..=MOST_COMMITS {
        subject.allocate(number).await.unwrap();
        let (now, _) = pages(engine).await;
        if now < longest {
            return longest;
        }
        longest = now;
    }
    panic!("the log has {longest} pages after {MOST_COMMITS} commits");
}

#[tokio::test]
async fn a_log_that_grows_begins_anew_while_others_write() {
    let copying = Copying { long: LONG, idle: NEVER };
    let mut subject = Subject::open(Kind::Sqlite, |config| config.copying = copying).await;
    subject.network("private", &["10.1.0.0/16", "fd00:1::/64"]).await;
    let longest = write_until_the_log_begins_anew(&subject, subject.engine()).await;
    assert!(longest >= LONG.into(), "it began anew at {longest} pages");

    let before = subject.dump().await;
    subject.reopen().await;
    assert_eq!(subject.dump().await, before);
    assert_sound(&before);
}

#[tokio::test]
async fn the_file_alone_is_the_ledger_when_nothing_was_committed_for_a_while() {
    let subject = Subject::open(Kind::Sqlite, |_| {}).await;
    subject.network("private", &["10.1.0.0/16", "fd00:1::/64"]).await;
    subject.allocate(1).await.unwrap();
    all_copied(subject.engine()).await;

    let Database::Sqlite(path) = &subject.config.database else { panic!("SQLite is a file") };
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("ledger.db");
    fs::copy(path, &copy).unwrap();
    let copied = Subject::with(Kind::Sqlite, StoreConfig::new(Database::Sqlite(copy)), elsewhere).await;
    assert_eq!(copied.dump().await, subject.dump().await);
}

/// A connection that sees the ledger as it is now until its transaction ends.
async fn snapshot(engine: &Engine) -> Connection {
    let mut connection = engine.connections().take(Access::Read).await.unwrap().connection;
    let Connection::Sqlite(sqlite) = &mut connection else { panic!("only SQLite has such a log") };
    for sql in ["BEGIN", "SELECT count(*) FROM networks"] {
        sqlx::query(sql).execute(&mut *sqlite).await.unwrap();
    }
    connection
}

#[tokio::test]
async fn what_a_reader_keeps_back_is_copied_when_it_is_gone() {
    let subject = Subject::open(Kind::Sqlite, |config| config.copying.idle = Duration::ZERO).await;
    let engine = subject.engine();
    let before = snapshot(engine).await;
    subject.network("blue", &["10.1.0.0/16"]).await;
    let (of_blue, _) = pages(engine).await;
    let between = snapshot(engine).await;
    subject.network("green", &["10.2.0.0/16"]).await;
    let (_, copied) = pages(engine).await;
    assert!(copied < of_blue, "{copied} of {of_blue}");
    drop(before);
    // The first reader kept this back, and the second one keeps the rest.
    let copied_in_part = async {
        while matches!(pages(engine).await, (_, copied) if copied < of_blue) {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(60), copied_in_part).await.unwrap();
    let (logged, copied) = pages(engine).await;
    assert!(copied < logged, "{copied} of {logged}");
    drop(between);
    all_copied(engine).await;
}

#[tokio::test]
async fn what_is_left_of_the_log_is_copied_between_two_batches() {
    let subject = Subject::open(Kind::Sqlite, |config| config.copying.idle = NEVER).await;
    subject.network("private", &["10.1.0.0/16", "fd00:1::/64"]).await;
    let engine = subject.engine();
    let (logged, copied) = pages(engine).await;
    assert!(copied < logged, "{copied} of {logged}");
    engine.log().note_nearly_copied();
    engine.write().await.unwrap().rollback().await.unwrap();
    assert_eq!(pages(engine).await, (logged, logged));
    // The next who writes finds all of it copied.
    subject.allocate(1).await.unwrap();
    assert!(pages(engine).await.0 < logged);
}
