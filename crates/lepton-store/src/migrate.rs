//! Brings a database to this program's schema.

use std::borrow::Cow;

use sqlx::{
    SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

use crate::{
    connect::{Access, Connection},
    engine::Engine,
    error::StoreError,
};

/// Every schema there ever was, oldest first. What is here was released and never changes again.
const MIGRATIONS: [(i64, &str, &str); 1] = [(1, "ledger", include_str!("../migrations/0001_ledger.sql"))];

/// Applies the migrations that the database lacks, each in a transaction of its own. A database that a newer program
/// wrote is refused and left as it is.
pub(crate) async fn migrate(engine: &Engine, location: &str) -> Result<(), StoreError> {
    let mut connection = engine.connections().take(Access::Write).await?;
    let outcome = match &mut connection {
        Connection::Sqlite(connection) => migrator("WITHOUT ROWID").run(connection).await,
        Connection::Postgres(connection) => migrator("").run(connection).await,
    };
    outcome.map_err(|error| explain(error, location))?;
    engine.connections().put_back(connection, Access::Write);
    Ok(())
}

fn migrator(without_rowid: &str) -> Migrator {
    let migrations = MIGRATIONS.iter().map(|(version, name, sql)| {
        #[expect(
            clippy::disallowed_methods,
            reason = "the text is a file of ours with literals of ours filled in"
        )]
        let sql = sqlx::AssertSqlSafe(sql.replace("{without_rowid}", without_rowid)).into_sql_str();
        Migration::new(*version, Cow::Borrowed(name), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "sqlx adds kinds of errors; all others are told in its words"
)]
fn explain(error: MigrateError, location: &str) -> StoreError {
    let known = MIGRATIONS[MIGRATIONS.len() - 1].0;
    match error {
        MigrateError::VersionMissing(found) | MigrateError::VersionTooNew(found, _) => {
            StoreError::NewerSchema { found, known }
        }
        other => StoreError::Open { location: location.to_owned(), problem: other.to_string() },
    }
}
