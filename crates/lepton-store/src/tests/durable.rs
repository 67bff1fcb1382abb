//! What makes a commit durable, read back from the connections of an open store.

use std::sync::Arc;

use lepton_ledger::{GetInstanceNwInfo, Scope};
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};

use super::harness::{Kind, Subject, instance};
use crate::{
    connect::{Access, Connection},
    engine::Engine,
};

/// The engine of a store whose lanes have all had a batch, so that their connections are there.
async fn at_work(subject: &Subject) -> &Arc<Engine> {
    subject.network("private", &["10.1.0.0/24"]).await;
    subject.allocate(1).await.unwrap();
    for _ in 0..4 {
        subject
            .store()
            .ask(GetInstanceNwInfo { instance: instance(1), scope: Scope::Everything })
            .await
            .unwrap();
    }
    subject.engine()
}

/// What a connection of this kind says of a setting.
async fn setting<T>(engine: &Engine, access: Access, sql: &'static str) -> T
where
    T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
{
    let mut waiting = engine.connections().take(access).await.unwrap();
    let value = match &mut waiting.connection {
        Connection::Sqlite(connection) => sqlx::query(sql).fetch_one(connection).await.unwrap().get(0),
        Connection::Postgres(connection) => sqlx::query(sql).fetch_one(connection).await.unwrap().get(0),
    };
    engine.connections().put_back(waiting, access);
    value
}

#[tokio::test]
async fn sqlite_writes_to_the_disk_before_it_acknowledges_and_checks_what_is_referred_to() {
    let subject = Subject::open(Kind::Sqlite, |_| {}).await;
    let engine = at_work(&subject).await;
    for access in [Access::Write, Access::Read] {
        // 2 is FULL (SQLite's manual, "PRAGMA synchronous").
        assert_eq!(setting::<i64>(engine, access, "PRAGMA synchronous").await, 2, "{access:?}");
        assert_eq!(setting::<String>(engine, access, "PRAGMA journal_mode").await, "wal", "{access:?}");
        assert_eq!(setting::<i64>(engine, access, "PRAGMA foreign_keys").await, 1, "{access:?}");
    }
}

#[tokio::test]
async fn postgresql_writes_to_the_disk_before_it_acknowledges_whatever_the_database_says() {
    const LAX: &str = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$";
    let mut subject = Subject::open(Kind::Postgres, |_| {}).await;
    let engine = subject.engine();
    let mut tx = engine.write().await.unwrap();
    tx.execute(LAX, Vec::new()).await.unwrap();
    tx.commit().await.unwrap();
    subject.reopen().await;

    let engine = at_work(&subject).await;
    for access in [Access::Write, Access::Read] {
        assert_eq!(setting::<String>(engine, access, "SHOW synchronous_commit").await, "on", "{access:?}");
    }
}
