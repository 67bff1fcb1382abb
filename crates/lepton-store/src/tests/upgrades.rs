//! Ledgers of every schema that there ever was are kept as files in `ledgers`, of either engine: each is brought to the present schema,
//! is sound, and holds what it held.
//!
//! The present schema has its files too, so that they are there when it is an earlier one. While it is not released they may be written
//! anew, with `LEPTON_RECORD_LEDGERS=1`; those of released ones never are.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use lepton_ledger::{GetInstanceNwInfo, Scope};
use sqlx::{Connection as _, PgConnection};

use super::{
    harness::{Kind, Subject, fixed_ips, fresh_database, instance},
    locks::with_one_of_each,
    sound::assert_sound,
};
use crate::{
    Database, StoreConfig, StoreError,
    engine::Engine,
    migrate::{MIGRATIONS, migrate_by},
};

const RECORD: &str = "LEPTON_RECORD_LEDGERS";

/// Where a ledger of a schema is kept, SQLite's file or PostgreSQL's dump, and what instance 1 was told there of its vNIC.
fn kept(kind: Kind, schema: usize) -> [PathBuf; 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ledgers");
    let ends =
        if kind == Kind::Sqlite { ["sqlite", "sqlite.json"] } else { ["postgres.sql", "postgres.json"] };
    ends.map(|end| folder.join(format!("{schema:04}.{end}")))
}

/// What instance 1 is told of its vNICs.
async fn told(subject: &Subject) -> String {
    let question = GetInstanceNwInfo { instance: instance(1), scope: Scope::Everything };
    let info = subject.store().ask(question).await.unwrap();
    serde_json::to_string_pretty(&info).unwrap() + "\n"
}

/// Writes the files of the present schema.
async fn record() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let [file, json] = kept(kind, MIGRATIONS.len());
        let mut subject = Subject::open(kind, |_| {}).await;
        with_one_of_each(&subject).await;
        fs::write(json, told(&subject).await).unwrap();
        subject.close().await;
        match &subject.config.database {
            Database::Sqlite(path) => drop(fs::copy(path, &file).unwrap()),
            Database::Postgres(url) => {
                let dumping =
                    Command::new("pg_dump").args(["--inserts", "--no-owner", url]).output().unwrap();
                assert!(dumping.status.success(), "{}", String::from_utf8_lossy(&dumping.stderr));
                // What begins so is for psql.
                let sql = String::from_utf8(dumping.stdout).unwrap();
                let sql: String = sql
                    .lines()
                    .filter(|line| !line.starts_with('\\'))
                    .flat_map(|line| [line, "\n"])
                    .collect();
                fs::write(&file, sql).unwrap();
            }
            Database::Memory => unreachable!("it is no file"),
        }
    }
}

/// A copy of a ledger that was kept, opened by this program.
async fn opened(kind: Kind, schema: usize) -> Subject {
    let (folder, [file, _]) = (tempfile::tempdir().unwrap(), kept(kind, schema));
    let database = if kind == Kind::Sqlite {
        let path = folder.path().join("ledger.db");
        fs::copy(file, &path).unwrap();
        Database::Sqlite(path)
    } else {
        let url = fresh_database();
        let mut server = PgConnection::connect(&url).await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "the text is a file of ours")]
        let sql = sqlx::AssertSqlSafe(fs::read_to_string(file).unwrap());
        sqlx::raw_sql(sql).execute(&mut server).await.unwrap();
        server.close().await.unwrap();
        Database::Postgres(url)
    };
    Subject::with(kind, StoreConfig::new(database), folder).await
}

#[tokio::test]
async fn a_ledger_of_every_schema_is_brought_to_the_present_one_and_holds_what_it_held() {
    if std::env::var_os(RECORD).is_some() {
        record().await;
    }
    for schema in 1..=MIGRATIONS.len() {
        for kind in [Kind::Sqlite, Kind::Postgres] {
            println!("schema {schema} on {kind:?}");
            let subject = opened(kind, schema).await;
            let dump = subject.dump().await;
            assert_sound(&dump);
            assert_eq!((dump.ports.len(), dump.floating_ips.len(), dump.mac_ranges.len()), (1, 1, 1));
            assert_eq!(told(&subject).await, fs::read_to_string(&kept(kind, schema)[1]).unwrap());
            subject.end(1).await;
            assert_eq!(fixed_ips(&subject.allocate(3).await.unwrap()).len(), 1);
            assert_sound(&subject.dump().await);
        }
    }
}

const FIRST: (i64, &str, &str) = (1, "first", "create table one (x bigint); insert into one values (7)");
const SECOND: (i64, &str, &str) =
    (2, "second", "alter table one add column y bigint; create table two (x bigint)");
const BROKEN: (i64, &str, &str) =
    (3, "broken", "create table three (x bigint); insert into nothing values (1)");
const THIRD: (i64, &str, &str) = (3, "third", "create table three (x bigint)");

/// How many rows a question finds; none when it cannot be asked.
async fn count(engine: &std::sync::Arc<Engine>, sql: &'static str) -> Option<usize> {
    let mut tx = engine.read().await.unwrap();
    let found = tx.fetch(sql, Vec::new()).await.ok();
    tx.rollback().await.unwrap();
    found.map(|rows| rows.len())
}

#[tokio::test]
async fn when_a_migration_fails_the_ledger_is_what_it_was_before_the_first_of_them() {
    let folder = tempfile::tempdir().unwrap();
    for database in [Database::Sqlite(folder.path().join("ledger.db")), Database::Postgres(fresh_database())]
    {
        println!("{database}");
        let engine = Engine::open(&StoreConfig::new(database)).await.unwrap().unwrap();
        migrate_by(&[FIRST], &engine, "here").await.unwrap();
        let failed = migrate_by(&[FIRST, SECOND, BROKEN], &engine, "here").await;
        assert!(
            matches!(&failed, Err(StoreError::Open { problem, .. }) if problem.contains("migration 3")),
            "{failed:?}"
        );
        assert_eq!(count(&engine, "select x from one").await, Some(1));
        for gone in ["select y from one", "select x from two", "select x from three"] {
            assert_eq!(count(&engine, gone).await, None, "{gone}");
        }
        migrate_by(&[FIRST, SECOND, THIRD], &engine, "here").await.unwrap();
        for there in
            ["select y from one where x = 7", "select version from _sqlx_migrations where version = 1"]
        {
            assert_eq!(count(&engine, there).await, Some(1), "{there}");
        }
        assert_eq!(count(&engine, "select x from three").await, Some(0));
        engine.close().await;
    }
}
