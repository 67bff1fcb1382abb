//! The two engines behind one face. Nothing outside this module, `sql` and `migrate` knows that there are two.

use std::{path::Path, str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    AssertSqlSafe, Executor, PgPool, Postgres, Sqlite, SqlitePool, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    config::{Database, StoreConfig},
    error::StoreError,
    sql::{Row, Value, arguments},
    statement::Statements,
};

/// How many batches of questions are read at the same time.
pub(crate) const READERS: u32 = 2;

/// Statements kept prepared on each connection; above the number of texts that there are.
const PREPARED: usize = 512;

/// A database that is open.
#[derive(Debug)]
pub(crate) struct Engine {
    pool: Pool,
    statements: Arc<Statements>,
}

#[derive(Debug)]
pub(crate) enum Pool {
    /// One connection that writes, since SQLite has one writer, and others that read beside it.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

/// A transaction.
#[derive(Debug)]
pub(crate) struct Tx {
    transaction: EngineTx,
    statements: Arc<Statements>,
    is_locking: bool,
}

#[derive(Debug)]
enum EngineTx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// What went wrong with a statement, for the one who decides what to do about it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Another writer was faster: an index spoke, a lock was lost. Deciding again helps.
    Conflict(String),
    /// Deciding again does not help.
    Error(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Error(error)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        classify(&error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Conflict(problem) => Self::Unavailable(problem),
            Failure::Error(error) => error,
        }
    }
}

impl Engine {
    /// Opens the database; none when it is only in memory.
    pub(crate) async fn open(config: &StoreConfig) -> Result<Option<Self>, StoreError> {
        let location = config.database.to_string();
        let problem =
            |error: sqlx::Error| StoreError::Open { location: location.clone(), problem: error.to_string() };
        let pool = match &config.database {
            Database::Memory => return Ok(None),
            Database::Sqlite(path) => open_sqlite(path, config.connect_timeout).await.map_err(problem)?,
            Database::Postgres(url) => open_postgres(url, config.connect_timeout).await.map_err(problem)?,
        };
        Ok(Some(Self { pool, statements: Arc::default() }))
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Starts a transaction that writes: alone at it on SQLite, locking what it reads on PostgreSQL.
    pub(crate) async fn write(&self) -> Result<Tx, Failure> {
        let transaction = match &self.pool {
            Pool::Sqlite { writer, .. } => EngineTx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Pool::Postgres(pool) => EngineTx::Postgres(pool.begin().await?),
        };
        let is_locking = matches!(transaction, EngineTx::Postgres(_));
        Ok(Tx { transaction, statements: Arc::clone(&self.statements), is_locking })
    }

    /// Starts a transaction that reads one snapshot and locks nothing.
    pub(crate) async fn read(&self) -> Result<Tx, Failure> {
        const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let transaction = match &self.pool {
            Pool::Sqlite { readers, .. } => EngineTx::Sqlite(readers.begin().await?),
            Pool::Postgres(pool) => EngineTx::Postgres(pool.begin_with(SNAPSHOT).await?),
        };
        Ok(Tx { transaction, statements: Arc::clone(&self.statements), is_locking: false })
    }

    pub(crate) async fn close(&self) {
        match &self.pool {
            Pool::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

async fn open_sqlite(path: &Path, timeout: Duration) -> Result<Pool, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A commit is on the disk before it is acknowledged.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(timeout)
        .statement_cache_capacity(PREPARED)
        // 64 MiB, in KiB: the upper pages of every index stay in memory at a million ports.
        .pragma("cache_size", "-65536");
    let one = SqlitePoolOptions::new().acquire_timeout(timeout).min_connections(1).max_connections(1);
    let writer = one.connect_with(options.clone()).await?;
    let several = SqlitePoolOptions::new().acquire_timeout(timeout).max_connections(READERS);
    let readers = several.connect_with(options.read_only(true).create_if_missing(false)).await?;
    Ok(Pool::Sqlite { writer, readers })
}

async fn open_postgres(url: &str, timeout: Duration) -> Result<Pool, sqlx::Error> {
    let options = PgConnectOptions::from_str(url)?
        .application_name("leptond")
        .statement_cache_capacity(PREPARED)
        // The ledger acknowledges nothing that is not on the server's disk, whatever the server's default is.
        .options([("synchronous_commit", "on"), ("default_transaction_isolation", "read committed")]);
    let pool = PgPoolOptions::new().acquire_timeout(timeout).max_connections(READERS + 2);
    Ok(Pool::Postgres(pool.connect_with(options).await?))
}

impl Tx {
    /// Runs a statement for `rows` rows or keys and answers what it finds.
    pub(crate) async fn fetch(
        &mut self,
        sql: &'static str,
        rows: usize,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, Failure> {
        let query = self.text(sql, rows, values.len());
        match &mut self.transaction {
            EngineTx::Sqlite(tx) => {
                let found =
                    tx.fetch_all(sqlx::query_with::<Sqlite, _>(query, arguments::<Sqlite>(values)?)).await?;
                Ok(found.into_iter().map(Row::Sqlite).collect())
            }
            EngineTx::Postgres(tx) => {
                let found = tx
                    .fetch_all(sqlx::query_with::<Postgres, _>(query, arguments::<Postgres>(values)?))
                    .await?;
                Ok(found.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// Runs a statement for `rows` rows and answers how many it affected.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        rows: usize,
        values: Vec<Value>,
    ) -> Result<u64, Failure> {
        let query = self.text(sql, rows, values.len());
        match &mut self.transaction {
            EngineTx::Sqlite(tx) => {
                let done =
                    tx.execute(sqlx::query_with::<Sqlite, _>(query, arguments::<Sqlite>(values)?)).await?;
                Ok(done.rows_affected())
            }
            EngineTx::Postgres(tx) => {
                let done = tx
                    .execute(sqlx::query_with::<Postgres, _>(query, arguments::<Postgres>(values)?))
                    .await?;
                Ok(done.rows_affected())
            }
        }
    }

    fn text(&self, sql: &'static str, rows: usize, values: usize) -> AssertSqlSafe<Arc<str>> {
        let width = values.checked_div(rows).unwrap_or_default();
        #[expect(
            clippy::disallowed_methods,
            reason = "the text is a literal of ours with numbered parameters filled in"
        )]
        AssertSqlSafe(self.statements.text(sql, rows, width, self.is_locking))
    }

    /// Makes what was written durable.
    pub(crate) async fn commit(self) -> Result<(), Failure> {
        match self.transaction {
            EngineTx::Sqlite(tx) => tx.commit().await?,
            EngineTx::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// Takes everything back.
    pub(crate) async fn rollback(self) -> Result<(), Failure> {
        match self.transaction {
            EngineTx::Sqlite(tx) => tx.rollback().await?,
            EngineTx::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }
}

/// What an engine's error means. It goes by codes alone; texts and names differ between engines and releases.
fn classify(error: &sqlx::Error) -> Failure {
    let text = error.to_string();
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            if database.is_unique_violation() || database.is_foreign_key_violation() || is_lost_race(&code) {
                Failure::Conflict(text)
            } else if is_out_of_reach(&code) {
                Failure::Error(StoreError::Unavailable(text))
            } else {
                Failure::Error(StoreError::Internal(text))
            }
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Failure::Error(StoreError::Unavailable(text)),
        _ => Failure::Error(StoreError::Internal(text)),
    }
}

/// PostgreSQL: serialization failure, deadlock. SQLite: SQLITE_BUSY and SQLITE_LOCKED, with their extended codes.
fn is_lost_race(code: &str) -> bool {
    matches!(code, "40001" | "40P01") || sqlite_code(code).is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

/// PostgreSQL: connection exceptions, insufficient resources, operator intervention, system errors. SQLite:
/// SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN, with their extended codes.
fn is_out_of_reach(code: &str) -> bool {
    let is_postgres = code.len() == 5 && ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class));
    is_postgres || sqlite_code(code).is_some_and(|code| matches!(code & 0xff, 8 | 10 | 13 | 14))
}

/// SQLite's codes are numbers of at most four digits; PostgreSQL's have five characters.
fn sqlite_code(code: &str) -> Option<u32> {
    if code.len() < 5 { code.parse().ok() } else { None }
}
