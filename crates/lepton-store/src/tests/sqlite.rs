//! A SQLite file that is none, cannot be written, or is full.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lepton_ledger::{Command, Envelope, GetInstanceNwInfo, RegisterHost, Scope, Stop, SweepQuarantine, View};
use sqlx::{ConnectOptions as _, sqlite::SqliteConnectOptions};

use super::{
    harness::{Kind, Subject, each_database, instance},
    sound::assert_sound,
};
use crate::{
    Database, Store, StoreConfig, StoreError, SubmitError,
    connect::{Access, Connection},
    engine::Engine,
    failure::Failure,
    opened_file::{BESIDE, beside},
};

/// Runs a statement on the connection that writes.
async fn run(engine: &Engine, sql: &'static str) {
    let mut waiting = engine.connections().take(Access::Write).await.unwrap();
    match &mut waiting.connection {
        Connection::Sqlite(connection) => drop(sqlx::query(sql).execute(connection).await.unwrap()),
        Connection::Postgres(connection) => drop(sqlx::query(sql).execute(connection).await.unwrap()),
    }
    engine.connections().put_back(waiting.connection.into(), Access::Write);
}

async fn open(path: &Path) -> Result<Store, StoreError> {
    Store::open(&StoreConfig::new(Database::Sqlite(path.to_owned())), Arc::new(())).await
}

#[tokio::test]
async fn a_newer_programs_ledger_is_refused_and_left_as_it_is() {
    each_database(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        run(
            subject.engine(),
            "insert into _sqlx_migrations (version, description, installed_on, success, checksum, execution_time)
             select 999, 'of the future', installed_on, success, checksum, execution_time from _sqlx_migrations",
        )
        .await;
        let dump = subject.dump().await;
        subject.close().await;
        let bytes = |subject: &Subject| match &subject.config.database {
            Database::Sqlite(path) => fs::read(path).unwrap(),
            Database::Memory | Database::Postgres(_) => Vec::new(),
        };
        let before = bytes(subject);
        let error = subject.another().await.unwrap_err();
        assert!(matches!(error, StoreError::NewerSchema { found: 999, known: 1 }), "{error}");
        assert_eq!(bytes(subject), before);

        let engine = Engine::open(&subject.config).await.unwrap().unwrap();
        run(&engine, "delete from _sqlx_migrations where version = 999").await;
        engine.close().await;
        subject.reopen().await;
        assert_eq!(subject.dump().await, dump);
    })
    .await;
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_and_its_log_are_for_nobody_elses_eyes() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("ledger.db")).await.unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(directory.path()).unwrap().map(Result::unwrap) {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{entry:?}");
        names.push(entry.file_name().into_string().unwrap());
    }
    assert!(
        names.contains(&"ledger.db".to_owned()) && names.contains(&"ledger.db-wal".to_owned()),
        "{names:?}"
    );
    store.close().await;
}

#[tokio::test]
async fn what_is_no_ledgers_file_is_told_by_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let not_a_database = directory.path().join("notes.txt");
    fs::write(&not_a_database, "not a database at all, but long enough to be looked at ".repeat(100))
        .unwrap();
    let nowhere = directory.path().join("missing/ledger.db");
    for path in [directory.path(), &not_a_database, &nowhere, Path::new("/proc/ledger.db")] {
        let error = open(path).await.unwrap_err();
        let shown = error.to_string();
        assert!(matches!(error, StoreError::Open { .. }), "{shown}");
        assert!(shown.contains(&path.display().to_string()), "{shown}");
    }
    assert!(fs::read_to_string(&not_a_database).unwrap().starts_with("not a database"));
}

#[tokio::test]
async fn a_ledger_that_is_moved_away_takes_nothing_until_it_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let (path, elsewhere) = (directory.path().join("ledger.db"), directory.path().join("elsewhere.db"));
    let store = open(&path).await.unwrap();
    let ask = async || {
        let question = GetInstanceNwInfo { instance: instance(1), scope: Scope::Everything };
        store.ask(question).await.unwrap_err().to_string()
    };
    let submit = async || {
        let envelope = Envelope::anonymous();
        store.submit(SweepQuarantine, envelope).await.map(drop).map_err(|error| error.to_string())
    };
    submit().await.unwrap();
    fs::rename(&path, &elsewhere).unwrap();
    for words in [submit().await.unwrap_err(), ask().await] {
        assert!(words.contains("No such file") && words.contains(&path.display().to_string()), "{words}");
    }
    fs::write(&path, "").unwrap();
    assert!(submit().await.unwrap_err().contains("is not the file that was opened"));
    fs::rename(&elsewhere, &path).unwrap();
    submit().await.unwrap();
    store.close().await;
}

/// Registers a host that the ledger has not met.
fn new_host() -> RegisterHost {
    RegisterHost { host: "new".parse().unwrap() }
}

/// Moves the ledger's file away while it is decided.
struct MovedMeanwhile {
    path: PathBuf,
    elsewhere: PathBuf,
}

impl Command for MovedMeanwhile {
    type Answer = ();

    const NAME: &'static str = "MovedMeanwhile";

    fn decide(&self, ledger: &mut View) -> Result<(), Stop> {
        new_host().decide(ledger)?;
        fs::rename(&self.path, &self.elsewhere).unwrap();
        Ok(())
    }
}

#[tokio::test]
async fn what_is_decided_while_the_ledger_is_moved_away_is_taken_back() {
    let subject = Subject::open(Kind::Sqlite, |_| {}).await;
    let Database::Sqlite(path) = subject.config.database.clone() else { panic!("SQLite is a file") };
    let elsewhere = path.with_extension("elsewhere");
    let moved = subject.submit(MovedMeanwhile { path: path.clone(), elsewhere: elsewhere.clone() }).await;
    assert!(matches!(moved, Err(SubmitError::Store(StoreError::Unavailable(_)))), "{moved:?}");
    fs::rename(&elsewhere, &path).unwrap();
    let is_there = async || subject.dump().await.hosts.iter().any(|row| row.id == new_host().host);
    assert!(!is_there().await);
    subject.submit(new_host()).await.unwrap();
    assert!(is_there().await);
}

#[tokio::test]
async fn a_log_that_somebody_removes_is_missed_at_once_and_what_was_in_it_kept() {
    for end in BESIDE {
        let mut subject = Subject::open(Kind::Sqlite, |_| {}).await;
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.allocate(1).await.unwrap();
        let before = subject.dump().await;
        let Database::Sqlite(path) = subject.config.database.clone() else { panic!("SQLite is a file") };
        fs::remove_file(beside(&path, end)).unwrap();
        let refused = subject.allocate(2).await.unwrap_err().to_string();
        assert!(refused.contains(end) && refused.contains("stop leptond"), "{refused}");
        subject.reopen().await;
        assert_eq!(subject.dump().await, before, "{end}");
        subject.allocate(2).await.unwrap();
    }
}

#[tokio::test]
async fn a_log_without_its_ledger_is_left_for_somebody_to_put_that_back() {
    let directory = tempfile::tempdir().unwrap();
    let (path, log) = (directory.path().join("ledger.db"), directory.path().join("ledger.db-wal"));
    fs::write(&log, "the last changes").unwrap();
    let error = open(&path).await.unwrap_err().to_string();
    assert!(error.contains(&log.display().to_string()) && error.contains("put the ledger back"), "{error}");
    assert!(!path.exists() && fs::read_to_string(&log).unwrap() == "the last changes");
    // SQLite takes a single byte for none.
    for nothing in ["", "\n"] {
        fs::write(&path, nothing).unwrap();
        let error = open(&path).await.unwrap_err().to_string();
        let told = ["it is empty, but its log", "put the ledger back"];
        assert!(told.iter().all(|words| error.contains(words)), "{error}");
    }
    assert_eq!(fs::read_to_string(&log).unwrap(), "the last changes");
    fs::remove_file(&log).unwrap();
    open(&path).await.unwrap().close().await;
}

#[tokio::test]
async fn a_ledger_behind_a_symbolic_link_is_the_one_it_leads_to() {
    let directory = tempfile::tempdir().unwrap();
    let (real, link) = (directory.path().join("real.db"), directory.path().join("ledger.db"));
    symlink(&real, &link).unwrap();
    let error = open(&link).await.unwrap_err().to_string();
    assert!(error.contains(&format!("a symbolic link to {}", real.display())), "{error}");
    assert!(!real.exists());

    open(&real).await.unwrap().close().await;
    let store = open(&link).await.unwrap();
    let submit = async || store.submit(SweepQuarantine, Envelope::anonymous()).await.map(drop);
    submit().await.unwrap();
    assert!(beside(&real, BESIDE[0]).exists() && !beside(&link, BESIDE[0]).exists());
    // The next one to start would find another ledger.
    let other = directory.path().join("other.db");
    fs::write(&other, "").unwrap();
    fs::remove_file(&link).unwrap();
    symlink(&other, &link).unwrap();
    let refused = submit().await.unwrap_err().to_string();
    assert!(refused.contains("is not the file that was opened"), "{refused}");
    fs::remove_file(&link).unwrap();
    symlink(&real, &link).unwrap();
    submit().await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn the_log_of_a_ledger_behind_a_symbolic_link_is_missed_there() {
    let directory = tempfile::tempdir().unwrap();
    let (real, link) = (directory.path().join("real.db"), directory.path().join("ledger.db"));
    fs::write(&real, "").unwrap();
    symlink(&real, &link).unwrap();
    fs::write(beside(&real, BESIDE[0]), "the last changes").unwrap();
    let error = open(&link).await.unwrap_err().to_string();
    assert!(error.contains("real.db-wal is not"), "{error}");
}

/// SQLite's limit on its own size stands in for a full disk: both are SQLITE_FULL.
#[tokio::test]
async fn a_full_disk_is_unavailable_until_there_is_room() {
    let subject = Subject::open(Kind::Sqlite, |_| {}).await;
    subject.network("private", &["10.0.0.0/8"]).await;
    let (mut number, mut acknowledged) = (0, Vec::new());
    for _ in 0..3 {
        // The least that SQLite takes is what the file has now.
        run(subject.engine(), "pragma max_page_count = 1").await;
        let refused = loop {
            number += 1;
            match subject.allocate(number).await {
                Ok(info) => acknowledged.push(info),
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, SubmitError::Store(StoreError::Unavailable(_))), "{refused:?}");
        for info in &acknowledged {
            let asked = subject
                .store()
                .ask(GetInstanceNwInfo { instance: info.instance, scope: Scope::Everything })
                .await
                .unwrap();
            assert_eq!(&asked, info);
        }
        assert_eq!(subject.dump().await.instances.len(), acknowledged.len());

        run(subject.engine(), "pragma max_page_count = 1000000").await;
        acknowledged.push(subject.allocate(number).await.unwrap());
        assert_sound(&subject.dump().await);
    }
}

#[tokio::test]
async fn a_file_that_becomes_read_only_is_unavailable_until_it_is_not() {
    let subject = Subject::open(Kind::Sqlite, |_| {}).await;
    subject.network("private", &["10.1.0.0/24"]).await;
    subject.allocate(1).await.unwrap();
    run(subject.engine(), "pragma query_only = on").await;
    let refused = subject.allocate(2).await;
    assert!(matches!(refused, Err(SubmitError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    subject.store().ask(GetInstanceNwInfo { instance: instance(1), scope: Scope::Everything }).await.unwrap();
    run(subject.engine(), "pragma query_only = off").await;
    subject.allocate(2).await.unwrap();
}

/// SQLite has waited for it as long as callers should: to try again and again would only let them wait in vain.
#[tokio::test]
async fn a_file_that_somebody_else_has_locked_is_unavailable_until_it_is_not() {
    let subject =
        Subject::open(Kind::Sqlite, |config| config.connect_timeout = Duration::from_millis(50)).await;
    subject.network("private", &["10.1.0.0/24"]).await;
    subject.allocate(1).await.unwrap();
    let Database::Sqlite(path) = &subject.config.database else { panic!("{:?}", subject.kind) };
    let mut others = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut others).await.unwrap();
    let failure = subject.engine().write().await.unwrap_err();
    assert!(matches!(failure, Failure::Disconnected(_)), "{failure:?}");
    let refused = subject.allocate(2).await;
    assert!(matches!(&refused, Err(SubmitError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    subject.store().ask(GetInstanceNwInfo { instance: instance(1), scope: Scope::Everything }).await.unwrap();
    sqlx::query("ROLLBACK").execute(&mut others).await.unwrap();
    subject.allocate(2).await.unwrap();
    assert_sound(&subject.dump().await);
}

/// They are set in `.cargo/config.toml`, and reads of thousands a second are slower by a tenth without them.
#[tokio::test]
async fn sqlite_counts_no_memory_and_shares_no_page_cache() {
    let subject = Subject::open(Kind::Sqlite, |_| {}).await;
    let engine = subject.engine();
    let mut waiting = engine.connections().take(Access::Read).await.unwrap();
    let Connection::Sqlite(sqlite) = &mut waiting.connection else { panic!("only SQLite has such options") };
    let options: Vec<String> = sqlx::query_scalar("PRAGMA compile_options").fetch_all(sqlite).await.unwrap();
    engine.connections().put_back(waiting, Access::Read);
    assert!(options.iter().any(|option| option == "DEFAULT_MEMSTATUS=0"), "{options:?}");
    assert!(!options.iter().any(|option| option == "ENABLE_MEMORY_MANAGEMENT"), "{options:?}");
}

#[tokio::test]
async fn a_ledger_is_copied_as_the_guide_says_while_others_write() {
    let subject = Subject::open(Kind::Sqlite, |_| {}).await;
    subject.network("private", &["10.1.0.0/16", "fd00:1::/64"]).await;
    subject.allocate(1).await.unwrap();
    let Database::Sqlite(path) = &subject.config.database else { panic!("SQLite is a file") };
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("copy.db");
    let guide = include_str!("../../../../deploy/README.md");
    assert!(guide.contains("sqlite3 /var/lib/lepton/lepton.db \"VACUUM INTO '/var/backups/lepton.db'\""));

    let is_copied = AtomicBool::new(false);
    let writing = async {
        let mut number = 1;
        while !is_copied.load(Ordering::Relaxed) {
            number += 1;
            subject.allocate(number).await.unwrap();
        }
        number
    };
    let copying = async {
        let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
        sqlx::query("VACUUM INTO $1").bind(copy.to_str()).execute(&mut connection).await.unwrap();
        is_copied.store(true, Ordering::Relaxed);
    };
    let (written, ()) = tokio::join!(writing, copying);
    assert!(written > 1);

    let copied = Subject::with(Kind::Sqlite, StoreConfig::new(Database::Sqlite(copy)), elsewhere).await;
    let dump = copied.dump().await;
    assert_sound(&dump);
    assert!(dump.instances.iter().any(|found| found.id == instance(1)));
}
