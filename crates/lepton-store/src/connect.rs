//! Connections to a database: how they are set up, and the few that wait for their next batch.
//!
//! There is one for each lane, so this is no pool of sqlx's: nothing is tested before use, since a batch that finds its
//! connection dead is decided again on another one.

use std::{
    mem,
    path::Path,
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use lepton_ledger::View;
use nix::{
    errno::Errno,
    unistd::{AccessFlags, access},
};
use sqlx::{
    ConnectOptions, Connection as _, PgConnection, SqliteConnection,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use crate::{
    checkpoint::Copying,
    config::{Database, StoreConfig, postgres_url},
    encoding::ensure_utf8,
    error::StoreError,
    failure::{Failure, explained, may_pass},
    opened_file::{BESIDE, OpenedFile, beside, make_if_missing, resolve},
};

/// Statements kept prepared on each connection; above the number of texts that there are.
const PREPARED: usize = 1_024;

/// Pause before a server that is not there is tried again at the start.
const RETRY: Duration = Duration::from_millis(50);

/// A connection to either engine.
#[derive(Debug)]
pub(crate) enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// What a connection is for. SQLite opens its file read-only for questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Write,
    Read,
}

/// A connection that waits, and what the batch that had it last has left to the next one.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) connection: Connection,
    pub(crate) left: Option<Left>,
}

/// What a batch left in memory.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) view: Box<View>,
    /// SQLite's data version at that batch. On the same connection it is another one as soon as anybody else has written.
    pub(crate) data_version: i64,
}

impl From<Connection> for Waiting {
    fn from(connection: Connection) -> Self {
        Self { connection, left: None }
    }
}

/// Where connections come from and where they wait.
#[derive(Debug)]
pub(crate) struct Connections {
    options: Options,
    patience: Duration,
    /// The files, when the database is in some.
    file: Option<OpenedFile>,
    /// A connection that does nothing: with the last one SQLite would remove the log, and the next would make another.
    keeper: Mutex<Option<Connection>>,
    writing: Mutex<Vec<Waiting>>,
    reading: Mutex<Vec<Waiting>>,
}

#[derive(Debug)]
enum Options {
    Sqlite { writer: Box<SqliteConnectOptions>, reader: Box<SqliteConnectOptions> },
    Postgres(Box<PgConnectOptions>),
}

impl Connections {
    /// Connects for the first time; none for a database that is only in memory.
    pub(crate) async fn open(config: &StoreConfig) -> Result<Option<Self>, StoreError> {
        let patience = config.connect_timeout;
        let lasting = |problem: String| not_opened(config, problem, false);
        let options = match &config.database {
            Database::Memory => return Ok(None),
            Database::Sqlite(path) => {
                let real = resolve(path).map_err(lasting)?;
                make_if_missing(&real).map_err(lasting)?;
                ensure_writable(&real).map_err(lasting)?;
                sqlite(&real, patience, config.copying)
            }
            Database::Postgres(url) => postgres(url, patience).map_err(|error| lasting(error.to_string()))?,
        };
        let (writing, reading, keeper) = Default::default();
        let mut connections = Self { options, patience, file: None, keeper, writing, reading };
        let first = connections.connect_in_time().await;
        let mut first = first.map_err(|(problem, may_pass)| not_opened(config, problem, may_pass))?;
        if let Connection::Postgres(server) = &mut first {
            let encoding = ensure_utf8(server).await;
            encoding.map_err(|(problem, may_pass)| not_opened(config, problem, may_pass))?;
        }
        if let Database::Sqlite(path) = &config.database {
            let keeper = connections.connect_keeper().await.map_err(|error| lasting(explained(&error)))?;
            connections.keeper = Mutex::new(Some(keeper));
            let real = resolve(path).map_err(lasting)?;
            let file = OpenedFile::of(path, &real).map_err(|error| lasting(error.to_string()));
            connections.file = Some(file?);
        }
        connections.put_back(first.into(), Access::Write);
        Ok(Some(connections))
    }

    /// Whether other processes write to the database.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.options, Options::Postgres(_))
    }

    /// How long to try to reach the database before giving up.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// How long a batch may take that waits for somebody else's computer; none for a file.
    pub(crate) fn time_limit(&self) -> Option<Duration> {
        match self.options {
            Options::Sqlite { .. } => None,
            Options::Postgres(_) => Some(self.patience),
        }
    }

    /// A connection that waited, or a fresh one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the file is not where it was opened: what is written to it would be lost;
    /// [`Failure::Disconnected`] when the server does not let us in.
    pub(crate) async fn take(&self, access: Access) -> Result<Waiting, Failure> {
        self.ensure_in_place()?;
        let waiting = self.waiting(access).lock().unwrap_or_else(PoisonError::into_inner).pop();
        match waiting {
            Some(waiting) => Ok(waiting),
            None => self.connect(access).await.map(Waiting::from).map_err(|error| match self.options {
                // What a file says is about the file: one that is damaged stays so.
                Options::Sqlite { .. } => error.into(),
                Options::Postgres(_) => Failure::of_entry(&error),
            }),
        }
    }

    /// Looks whether the file, when the database is one, is where it was opened.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when it is not.
    pub(crate) fn ensure_in_place(&self) -> Result<(), Failure> {
        self.file.as_ref().map_or(Ok(()), OpenedFile::ensure_in_place)
    }

    /// Bytes that are free on the disk of the file, when the database is one.
    pub(crate) fn room(&self) -> Option<u64> {
        self.file.as_ref().and_then(OpenedFile::room)
    }

    /// Keeps a connection, outside any transaction, for the next batch.
    pub(crate) fn put_back(&self, waiting: Waiting, access: Access) {
        self.waiting(access).lock().unwrap_or_else(PoisonError::into_inner).push(waiting);
    }

    /// Ends the connections that wait.
    pub(crate) async fn close(&self) {
        // Readers first: whoever closes SQLite's last connection must be allowed to write.
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut ending = Vec::from_iter(keeper);
        for access in [Access::Read, Access::Write] {
            let waiting =
                mem::take(&mut *self.waiting(access).lock().unwrap_or_else(PoisonError::into_inner));
            ending.extend(waiting.into_iter().map(|waiting| waiting.connection));
        }
        for connection in ending {
            // Unheard, the goodbye does no harm.
            let _ = tokio::time::timeout(self.patience, connection.close()).await;
        }
    }

    fn waiting(&self, access: Access) -> &Mutex<Vec<Waiting>> {
        match (&self.options, access) {
            (Options::Sqlite { .. }, Access::Read) => &self.reading,
            (Options::Sqlite { .. }, Access::Write) | (Options::Postgres(_), _) => &self.writing,
        }
    }

    /// A fresh connection.
    pub(crate) async fn connect(&self, access: Access) -> Result<Connection, sqlx::Error> {
        match (&self.options, access) {
            (Options::Sqlite { writer, .. }, Access::Write) => writer.connect().await.map(Connection::Sqlite),
            (Options::Sqlite { reader, .. }, Access::Read) => reader.connect().await.map(Connection::Sqlite),
            (Options::Postgres(options), _) => options.connect().await.map(Connection::Postgres),
        }
    }

    /// A connection that hears what is said on a channel of the server, and on which nothing is waited for to be on its disk.
    pub(crate) async fn listen(&self, channel: &str) -> Result<PgListener, sqlx::Error> {
        let Options::Postgres(options) = &self.options else {
            return Err(sqlx::Error::Configuration("nobody speaks through a file".into()));
        };
        let options = PgConnectOptions::clone(options).options([("synchronous_commit", "off")]);
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(self.patience);
        let mut listener = PgListener::connect_with(&pool.connect_lazy_with(options)).await?;
        // Whoever listens is to know that something may have been lost.
        listener.eager_reconnect(false);
        listener.listen(channel).await?;
        Ok(listener)
    }

    /// A connection to a file that has its log open.
    async fn connect_keeper(&self) -> Result<Connection, sqlx::Error> {
        let mut keeper = self.connect(Access::Read).await?;
        if let Connection::Sqlite(keeper) = &mut keeper {
            sqlx::query("SELECT count(*) FROM sqlite_schema").execute(keeper).await?;
        }
        Ok(keeper)
    }

    /// Connects, and again while the server is not there or starting, as long as there is time; else tells why not, and whether
    /// that may pass.
    async fn connect_in_time(&self) -> Result<Connection, (String, bool)> {
        let deadline = Instant::now() + self.patience;
        let mut said = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let error = match tokio::time::timeout(left, self.connect(Access::Write)).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => error,
                // The time for all tries was over: what an earlier one was told says more than that.
                Err(_) => {
                    let silence = || format!("no answer within {} ms", self.patience.as_millis());
                    return Err((said.unwrap_or_else(silence), true));
                }
            };
            // A file does not come up by itself.
            let may_pass = self.is_shared() && may_pass(&error);
            if !may_pass || Instant::now() + RETRY > deadline {
                return Err((explained(&error), may_pass));
            }
            said = Some(explained(&error));
            tokio::time::sleep(RETRY).await;
        }
    }
}

impl Connection {
    async fn close(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        }
    }
}

fn not_opened(config: &StoreConfig, problem: String, may_pass: bool) -> StoreError {
    StoreError::Open { location: config.database.to_string(), problem, may_pass }
}

/// SQLite opens a file that it may not write as one that it only reads, leaves others beside it that nobody may write
/// either, and tells of it when something is written. So the system is asked before.
fn ensure_writable(path: &Path) -> Result<(), String> {
    for end in [""].into_iter().chain(BESIDE) {
        let file = beside(path, end);
        match access(&file, AccessFlags::R_OK | AccessFlags::W_OK) {
            // What is not there will be made, or SQLite says why not.
            Ok(()) | Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(error) => {
                let (file, words) = (file.display(), error.desc());
                return Err(format!(
                    "{file}: {words}; it must be readable and writable for this process's user"
                ));
            }
        }
    }
    Ok(())
}

fn sqlite(path: &Path, patience: Duration, copying: Copying) -> Options {
    let writer = SqliteConnectOptions::new()
        .filename(path)
        // It is made once, at the start; where it is missing later, somebody has moved it away.
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        // A commit is on the disk before it is acknowledged.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(patience)
        .statement_cache_capacity(PREPARED)
        // 8 MiB, in KiB: the upper pages of the indexes; of the rest what the kernel has cached of the file is near enough. More
        // is slower: where a row splits pages of an index, SQLite goes through the whole cache at the commit.
        .pragma("cache_size", "-8192")
        // The log is copied into the file beside the commits, see `checkpoint`.
        .pragma("wal_autocheckpoint", copying.too_long().to_string())
        .pragma("journal_size_limit", copying.size_limit().to_string())
        // What a statement sorts or looks up on the way needs no file.
        .pragma("temp_store", "memory")
        .disable_statement_logging();
    let reader = writer.clone().read_only(true);
    Options::Sqlite { writer: Box::new(writer), reader: Box::new(reader) }
}

fn postgres(url: &str, patience: Duration) -> Result<Options, sqlx::Error> {
    // A manager that was frozen in the middle of a batch must not hold its locks for longer than the others wait.
    let limit = patience.as_millis().to_string();
    let options = PgConnectOptions::from_str(&postgres_url(url))?
        .application_name("leptond")
        .statement_cache_capacity(PREPARED)
        .options([
            // The ledger acknowledges nothing that is not on the server's disk, whatever the server's default is.
            ("synchronous_commit", "on"),
            ("default_transaction_isolation", "read committed"),
            ("idle_in_transaction_session_timeout", &limit),
            // Nobody waits for what a statement finds once the batch has been given up.
            ("lock_timeout", &limit),
            ("statement_timeout", &limit),
            // Every statement of the ledger looks rows up by an index. Plans are made while the tables are empty, and
            // kept; without this, they would read the whole tables later.
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("plan_cache_mode", "force_generic_plan"),
            ("jit", "off"),
        ])
        .disable_statement_logging();
    Ok(Options::Postgres(Box::new(options)))
}
