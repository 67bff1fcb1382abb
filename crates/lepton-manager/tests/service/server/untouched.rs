//! [`Untouched`]: holds every call of the suite to the API's promise that what fails has changed nothing.
//!
//! It stands in front of the server. Before each call it knows the whole ledger, as text; when the call is refused, it
//! looks again, and the test fails if a byte is another one. SQLite's `data_version` says whether anybody has committed
//! since the last look, so most looks read nothing.

use std::{
    convert::Infallible,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    thread,
};

use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteConnectOptions};
use tonic::{Code, Status, body::Body, codegen::http};
use tonic_types::StatusExt;
use tower::{Layer, Service};

use super::sql;

/// Reasons of calls that have taken something back, or whose end nobody knows: those of waiting for ports, of a server
/// that is stopping, and of a database that is away or damaged.
const MAY_HAVE_CHANGED: [&str; 6] = [
    "PORT_PLUG_FAILED",
    "PORT_PLUG_TIMEOUT",
    "INSTANCE_DEALLOCATED",
    "SHUTTING_DOWN",
    "LEDGER_UNAVAILABLE",
    "INTERNAL",
];

/// The layer in front of the server. Clones are one.
#[derive(Clone)]
pub(crate) struct Untouched {
    path: PathBuf,
    calls: Arc<Mutex<Calls>>,
    ledger: Arc<tokio::sync::Mutex<Option<Ledger>>>,
}

/// What is said of the calls so far.
#[derive(Default)]
struct Calls {
    running: usize,
    started: u64,
    /// Refused calls that had the ledger for themselves, so that a change would have been theirs.
    checked: usize,
    /// What refused calls have left behind.
    traces: Vec<String>,
}

/// A connection of its own, and what it saw last.
struct Ledger {
    connection: SqliteConnection,
    version: i64,
    dump: String,
}

/// Fails the test in which refused calls have left something behind.
pub(crate) struct Verdict(Untouched);

/// A service behind [`Untouched`].
#[derive(Clone)]
pub(crate) struct Watched<S> {
    untouched: Untouched,
    inner: S,
}

impl Untouched {
    /// For the ledger in this file.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, calls: Arc::default(), ledger: Arc::default() }
    }

    /// What is to be kept as long as the test runs.
    pub(crate) fn verdict(&self) -> Verdict {
        Verdict(self.clone())
    }

    fn calls<T>(&self, with: impl FnOnce(&mut Calls) -> T) -> T {
        with(&mut self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The ledger as it is; none while its file cannot be read, as in tests of just that.
    async fn look(&self) -> Option<String> {
        let mut ledger = self.ledger.lock().await;
        if ledger.is_none() {
            *ledger = Ledger::open(&self.path).await.ok();
        }
        let looked = ledger.as_mut()?.look().await;
        looked.inspect_err(|_| *ledger = None).ok()
    }

    /// Looks before the call, lets it run, and judges it when it was refused and nobody else was at work meanwhile.
    async fn judge<T, E>(
        self,
        method: String,
        call: impl Future<Output = Result<http::Response<T>, E>>,
    ) -> Result<http::Response<T>, E> {
        let running = Running::start(&self);
        let before = self.look().await;
        let answer = call.await?;
        let Some(status) = Status::from_header_map(answer.headers()) else { return Ok(answer) };
        let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
        let is_promised = status.code() != Code::Ok && !MAY_HAVE_CHANGED.contains(&&*reason);
        if is_promised
            && running.was_alone()
            && let Some(before) = before
            && let Some(after) = self.look().await
            && running.was_alone()
        {
            self.calls(|calls| {
                calls.checked += 1;
                if before != after {
                    let told = format!("{method} was refused ({reason}), and changed\n{before}\nto\n{after}");
                    calls.traces.push(told);
                }
            });
        }
        Ok(answer)
    }
}

impl Ledger {
    async fn open(path: &PathBuf) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(false);
        let connection = SqliteConnection::connect_with(&options).await?;
        Ok(Self { connection, version: 0, dump: String::new() })
    }

    async fn look(&mut self) -> Result<String, sqlx::Error> {
        let version = sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut self.connection).await?;
        if version != self.version {
            self.dump = dump(&mut self.connection).await?;
            self.version = version;
        }
        Ok(self.dump.clone())
    }
}

/// Every table's every row, as SQL literals.
pub(super) async fn dump(database: &mut SqliteConnection) -> Result<String, sqlx::Error> {
    let names = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let mut text = String::new();
    for table in sqlx::query_scalar::<_, String>(names).fetch_all(&mut *database).await? {
        let columns = format!("SELECT name FROM pragma_table_info('{table}')");
        let columns = sqlx::query_scalar::<_, String>(sql(columns)).fetch_all(&mut *database).await?;
        let columns: Vec<_> = columns.iter().map(|column| format!("quote({column})")).collect();
        let rows = format!("SELECT {} AS line FROM {table} ORDER BY line", columns.join(" || ',' || "));
        for row in sqlx::query(sql(rows)).fetch_all(&mut *database).await? {
            text.push_str(&format!("{table}: {}\n", row.get::<String, _>("line")));
        }
    }
    Ok(text)
}

/// A call that has begun, until it is dropped.
struct Running {
    untouched: Untouched,
    number: u64,
    began_alone: bool,
}

impl Running {
    fn start(untouched: &Untouched) -> Self {
        let (number, began_alone) = untouched.calls(|calls| {
            calls.running += 1;
            calls.started += 1;
            (calls.started, calls.running == 1)
        });
        Self { untouched: untouched.clone(), number, began_alone }
    }

    /// Whether no other call has run since this one began.
    fn was_alone(&self) -> bool {
        self.began_alone && self.untouched.calls(|calls| calls.started == self.number)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.untouched.calls(|calls| calls.running -= 1);
    }
}

impl Verdict {
    /// How many refused calls were checked so far.
    pub(crate) fn checked(&self) -> usize {
        self.0.calls(|calls| calls.checked)
    }

    /// What refused calls have left behind so far, which is forgotten now.
    pub(crate) fn take_traces(&self) -> Vec<String> {
        self.0.calls(|calls| std::mem::take(&mut calls.traces))
    }
}

impl Drop for Verdict {
    fn drop(&mut self) {
        let traces = self.take_traces();
        assert!(traces.is_empty() || thread::panicking(), "{}", traces.join("\n"));
    }
}

impl<S> Layer<S> for Untouched {
    type Service = Watched<S>;

    fn layer(&self, inner: S) -> Watched<S> {
        Watched { untouched: self.clone(), inner }
    }
}

impl<S, B> Service<http::Request<B>> for Watched<S>
where
    S: Service<http::Request<B>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let method = request.uri().path().to_owned();
        Box::pin(self.untouched.clone().judge(method, self.inner.call(request)))
    }
}
