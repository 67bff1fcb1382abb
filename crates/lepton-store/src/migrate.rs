//! Brings a database to this program's schema.

use std::borrow::Cow;

use sqlx::{
    Connection as _, Executor, PgConnection, SqlSafeStr, SqliteConnection,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

use crate::{
    connect::{Access, Connection, Waiting},
    engine::Engine,
    error::StoreError,
    failure::{explained, may_pass},
};

/// A migration's number, its name, and what it does.
type MigrationText = (i64, &'static str, &'static str);

/// Every schema there ever was, oldest first. What was released never changes again.
pub(crate) const MIGRATIONS: [MigrationText; 1] =
    [(1, "ledger", include_str!("../migrations/0001_ledger.sql"))];

/// Held while a server's database is migrated: managers that start together do it one after the other. Any number that nobody else takes
/// in a ledger's database.
const ONE_AT_A_TIME: &str = "select pg_advisory_xact_lock(7810769)";

/// Applies the migrations that the database lacks, all in one transaction: when one fails, the database is what it was. One that a newer
/// program wrote is refused and left as it is.
pub(crate) async fn migrate(engine: &Engine, location: &str) -> Result<(), StoreError> {
    migrate_by(&MIGRATIONS, engine, location).await
}

/// As [`migrate`], by these migrations.
pub(crate) async fn migrate_by(
    migrations: &[MigrationText],
    engine: &Engine,
    location: &str,
) -> Result<(), StoreError> {
    let Waiting { mut connection, .. } = engine.connections().take(Access::Write).await?;
    let outcome = match &mut connection {
        Connection::Sqlite(connection) => {
            migrate_file(&migrator(migrations, "WITHOUT ROWID", ""), connection).await
        }
        Connection::Postgres(connection) => {
            migrate_patiently(&migrator(migrations, "", "COLLATE \"C\""), connection).await
        }
    };
    outcome.map_err(|error| explain(error, location))?;
    engine.connections().put_back(connection.into(), Access::Write);
    Ok(())
}

async fn migrate_file(migrator: &Migrator, connection: &mut SqliteConnection) -> Result<(), MigrateError> {
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    migrator.run(&mut *tx).await?;
    Ok(tx.commit().await?)
}

/// What a batch may take is no measure for a migration of a large table, nor for another manager's, which it waits for.
async fn migrate_patiently(migrator: &Migrator, connection: &mut PgConnection) -> Result<(), MigrateError> {
    connection.execute("SET statement_timeout = 0; SET lock_timeout = 0").await?;
    let mut tx = connection.begin().await?;
    tx.execute(ONE_AT_A_TIME).await?;
    migrator.run(&mut *tx).await?;
    tx.commit().await?;
    connection.execute("RESET statement_timeout; RESET lock_timeout").await?;
    Ok(())
}

/// Without sqlx's own lock, which would end before the transaction does.
fn migrator(migrations: &[MigrationText], without_rowid: &str, bytewise: &str) -> Migrator {
    let migrations = migrations.iter().map(|(version, name, sql)| {
        #[expect(
            clippy::disallowed_methods,
            reason = "the text is a file of ours with literals of ours filled in"
        )]
        let sql = sqlx::AssertSqlSafe(
            sql.replace("{without_rowid}", without_rowid).replace("{bytewise}", bytewise),
        )
        .into_sql_str();
        Migration::new(*version, Cow::Borrowed(name), MigrationType::Simple, sql, false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.set_locking(false);
    migrator
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
        other => {
            // A ledger that differs from what its migrations say, or a statement that fails, stays so.
            let (problem, may_pass) = match &other {
                MigrateError::Execute(cause) => {
                    (format!("while making its tables: {}", explained(cause)), may_pass(cause))
                }
                MigrateError::ExecuteMigration(cause, number) => {
                    (format!("while executing migration {number}: {}", explained(cause)), may_pass(cause))
                }
                _ => (other.to_string(), false),
            };
            StoreError::Open { location: location.to_owned(), problem, may_pass }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_ledger_of_a_newer_program_is_told_as_one() {
        for error in [MigrateError::VersionMissing(7), MigrateError::VersionTooNew(7, 1)] {
            let told = explain(error, "here");
            assert!(matches!(told, StoreError::NewerSchema { found: 7, known: 1 }), "{told:?}");
        }
    }

    #[test]
    fn only_what_the_database_may_get_over_is_tried_again() {
        let lost = || sqlx::Error::Io(io::ErrorKind::ConnectionReset.into());
        for (error, words, passes) in [
            (MigrateError::Execute(lost()), "making its tables: error communicating", true),
            (MigrateError::ExecuteMigration(lost(), 1), "migration 1: error communicating", true),
            (
                MigrateError::Execute(sqlx::Error::Protocol("not PostgreSQL".into())),
                "see whether PostgreSQL answers",
                false,
            ),
            (MigrateError::ExecuteMigration(sqlx::Error::RowNotFound, 1), "migration 1: no rows", false),
            (MigrateError::VersionMismatch(1), "has been modified", false),
            (MigrateError::Dirty(1), "partially applied", false),
        ] {
            let told = explain(error, "here");
            let StoreError::Open { location, problem, may_pass } = &told else { panic!("{told:?}") };
            assert!(location == "here" && problem.contains(words), "{told:?}");
            assert_eq!(*may_pass, passes, "{told:?}");
        }
    }
}
