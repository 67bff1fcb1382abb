//! The floor of a ledger, for `cargo xtask bench`: the rows of its allocations, which the engine itself puts into its tables again.
//!
//! Nothing decides, asks, sends or is sent: what is left is what tables and indexes take for these rows, and the disk. Takes SQLite's
//! file or the URL of PostgreSQL's database, which no leptond has open and which is of no use afterwards, and prints JSON.

use std::{env, error::Error, time::Instant};

use serde::Serialize;
use sqlx::{
    ConnectOptions, Connection, Executor, PgConnection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Tables that an allocation adds rows to: those that others refer to come first.
const TABLES: [&str; 5] = ["instances", "ports", "fixed_ips", "requests", "journal"];

/// Most instances whose rows are put.
const INSTANCES: u64 = 10_000;

/// Instances of one transaction: as many as one batch of 256 callers has.
const AT_ONCE: u64 = 256;

/// Rows of so many instances, put in transactions of 256 instances.
#[derive(Debug, Serialize)]
struct Floor {
    /// Instances.
    instances: u64,
    /// Rows of all tables.
    rows: u64,
    /// Instances each second.
    per_second: f64,
    /// Half of the transactions took no longer.
    p50_micros: u64,
}

/// A ledger that no leptond has open.
enum Ledger {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let location = env::args().nth(1).ok_or("which ledger: a file of SQLite or a URL of PostgreSQL")?;
    let floor = put_again(Ledger::open(&location).await?).await?;
    println!("{}", serde_json::to_string(&floor)?);
    Ok(())
}

/// Takes the rows of a ledger out of its tables, and puts them in again.
async fn put_again(mut ledger: Ledger) -> Result<Floor> {
    let mut statements = Vec::new();
    for table in TABLES {
        ledger
            .run(format!(
                "create {} raw_{table} as select row_number() over () as number, * from {table}",
                ledger.table()
            ))
            .await?;
        ledger.run(format!("create index raw_{table}_by_number on raw_{table} (number)")).await?;
        let columns = ledger.columns(table).await?.join(", ");
        let rows = ledger.number(format!("select count(*) from {table}")).await?;
        statements.push((rows, format!("insert into {table} ({columns}) select {columns} from raw_{table}")));
    }
    ledger.empty().await?;
    // The first table's are one for each instance.
    let all = statements[0].0;
    let (instances, mut rows, mut micros) = (all.min(INSTANCES), 0, Vec::new());
    if instances == 0 {
        return Err("no instance was allocated".into());
    }
    let begun = Instant::now();
    for first in (0..instances).step_by(usize::try_from(AT_ONCE)?) {
        let end = (first + AT_ONCE).min(instances);
        let began = Instant::now();
        ledger.run("begin".to_owned()).await?;
        for (of_all, statement) in &statements {
            let part = |instance: u64| of_all * instance / all;
            rows += part(end) - part(first);
            ledger
                .run(format!("{statement} where number > {} and number <= {}", part(first), part(end)))
                .await?;
        }
        ledger.run("commit".to_owned()).await?;
        micros.push(u64::try_from(began.elapsed().as_micros())?);
    }
    let seconds = begun.elapsed().as_secs_f64();
    ledger.close().await?;
    micros.sort_unstable();
    let instances_put = u32::try_from(instances)?;
    Ok(Floor {
        instances,
        rows,
        per_second: f64::from(instances_put) / seconds,
        p50_micros: micros[(micros.len() - 1) / 2],
    })
}

impl Ledger {
    /// Opens it as leptond does, as far as it matters for speed; SQLite's log is copied by nobody meanwhile.
    async fn open(location: &str) -> Result<Self> {
        if location.starts_with("postgres") {
            let mut server = PgConnection::connect(location).await?;
            // No triggers, which foreign keys are: a part of one table may refer to the next part of another.
            server.execute("set session_replication_role = replica").await?;
            return Ok(Self::Postgres(server));
        }
        let options = SqliteConnectOptions::new()
            .filename(location)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", "-8192")
            .pragma("wal_autocheckpoint", "0")
            .foreign_keys(false);
        Ok(Self::Sqlite(options.connect().await?))
    }

    /// What a table is that need not outlive the server.
    fn table(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "table",
            Self::Postgres(_) => "unlogged table",
        }
    }

    async fn empty(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(_) => {
                for table in TABLES {
                    self.run(format!("delete from {table}")).await?;
                }
                self.run("pragma wal_checkpoint(truncate)".to_owned()).await
            }
            Self::Postgres(_) => self.run(format!("truncate {} cascade", TABLES.join(", "))).await,
        }
    }

    /// The columns that are put: not those that the engine makes of them.
    async fn columns(&mut self, table: &str) -> Result<Vec<String>> {
        Ok(match self {
            Self::Sqlite(file) => {
                let named = sqlx::query_scalar("select name from pragma_table_info(?) order by cid");
                named.bind(table).fetch_all(file).await?
            }
            Self::Postgres(server) => {
                let named = sqlx::query_scalar(
                    "select column_name::text from information_schema.columns \
                     where table_name = $1 and is_generated = 'NEVER' order by ordinal_position",
                );
                named.bind(table).fetch_all(server).await?
            }
        })
    }

    async fn number(&mut self, sql: String) -> Result<u64> {
        let sql = ours(sql);
        let number: i64 = match self {
            Self::Sqlite(file) => sqlx::query_scalar(sql).fetch_one(file).await?,
            Self::Postgres(server) => sqlx::query_scalar(sql).fetch_one(server).await?,
        };
        Ok(u64::try_from(number)?)
    }

    async fn run(&mut self, sql: String) -> Result<()> {
        let sql = sqlx::raw_sql(ours(sql));
        match self {
            Self::Sqlite(file) => sql.execute(file).await.map(drop)?,
            Self::Postgres(server) => sql.execute(server).await.map(drop)?,
        }
        Ok(())
    }

    async fn close(self) -> Result<()> {
        match self {
            Self::Sqlite(file) => file.close().await?,
            Self::Postgres(server) => server.close().await?,
        }
        Ok(())
    }
}

#[expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the text is made of literals of ours, numbers, and names that the schema has"
)]
fn ours(sql: String) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(sql)
}
