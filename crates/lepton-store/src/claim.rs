//! [`HostClaim`]: of several processes on one database, which one works as a host's agent.
//!
//! Two that do would both plug the host's ports, on two machines, and the word of either would free addresses that the other
//! one's devices still use. The claim is a lock of a session on PostgreSQL, which goes with its connection, by whatever death. A
//! ledger in a file or in memory is one process's alone, and claims nothing.

use std::{fmt, sync::Arc};

use lepton_types::HostId;
use sqlx::PgConnection;

use crate::{
    connect::{Access, Connection},
    engine::Engine,
    lane::Backend,
};

/// A process's right to work as a host's agent; given up when dropped.
pub struct HostClaim {
    host: HostId,
    /// None where nobody else can have the ledger.
    on_server: Option<Session>,
}

/// The session that has the lock.
struct Session {
    engine: Arc<Engine>,
    /// None once it was lost.
    connection: Option<PgConnection>,
}

/// Why a claim was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// Another process has it.
    #[error(
        "host {host} has an agent already: another leptond on this database, which {holder}; two of one name would both plug \
         its ports. Stop that one, or set another `host` for one of them"
    )]
    Held {
        /// Which host.
        host: HostId,
        /// Where from that process is connected, as PostgreSQL says.
        holder: String,
    },
    /// The database does not answer.
    #[error("nobody can say whether host {host} has another agent: {problem}")]
    Unknown {
        /// Which host.
        host: HostId,
        /// The database's words.
        problem: String,
    },
}

impl HostClaim {
    pub(crate) async fn make(backend: &Backend, host: &HostId) -> Result<Self, ClaimError> {
        let host = host.clone();
        match backend {
            Backend::Engine(engine) if engine.connections().is_shared() => claim(engine, host).await,
            Backend::Engine(_) | Backend::Memory(_) => Ok(Self { host, on_server: None }),
        }
    }

    /// Makes sure that this process still has it, and claims it anew where the connection was lost.
    ///
    /// # Errors
    ///
    /// As [`crate::Store::claim_host`]; then the claim is lost until this succeeds.
    pub async fn keep(&mut self) -> Result<(), ClaimError> {
        let Some(session) = &mut self.on_server else { return Ok(()) };
        if session.answers().await {
            return Ok(());
        }
        // First, or the new session would meet the lock of this one, which may live on in the server.
        session.connection = None;
        let engine = Arc::clone(&session.engine);
        *self = claim(&engine, self.host.clone()).await?;
        Ok(())
    }

    /// Ends the connection, as a failing network or an operator does.
    #[cfg(test)]
    pub(crate) async fn cut(&mut self) {
        self.tell("select pg_terminate_backend(pg_backend_pid())").await;
    }

    /// Lets the session answer nothing more, though the server keeps it, and its lock.
    #[cfg(test)]
    pub(crate) async fn break_session(&mut self) {
        self.tell("begin; select 1 / 0").await;
    }

    #[cfg(test)]
    async fn tell(&mut self, sql: &'static str) {
        let Some(connection) = self.on_server.as_mut().and_then(|session| session.connection.as_mut()) else {
            return;
        };
        let _ = sqlx::raw_sql(sql).execute(connection).await;
    }
}

impl Session {
    /// Whether it lives, and with it the lock.
    async fn answers(&mut self) -> bool {
        let Some(connection) = &mut self.connection else { return false };
        let asked = sqlx::query("select 1").execute(connection);
        let answer = tokio::time::timeout(self.engine.connections().patience(), asked).await;
        answer.is_ok_and(|answer| answer.is_ok())
    }
}

impl fmt::Debug for HostClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostClaim").field("host", &self.host).finish_non_exhaustive()
    }
}

async fn claim(engine: &Arc<Engine>, host: HostId) -> Result<HostClaim, ClaimError> {
    let patience = engine.connections().patience();
    let unknown = |problem: String| ClaimError::Unknown { host: host.clone(), problem };
    let asked = tokio::time::timeout(patience, lock(engine, &host)).await;
    let late = |_| unknown(format!("no answer within {} ms", patience.as_millis()));
    match asked.map_err(late)?.map_err(|error| unknown(error.to_string()))? {
        Ok(connection) => {
            let session = Session { engine: Arc::clone(engine), connection: Some(connection) };
            Ok(HostClaim { host, on_server: Some(session) })
        }
        Err(holder) => Err(ClaimError::Held { host, holder }),
    }
}

/// The connection that has the host's lock, or who has it.
async fn lock(engine: &Engine, host: &HostId) -> Result<Result<PgConnection, String>, sqlx::Error> {
    /// A process whose machine died is not one for longer than 25 s: else its successor would wait for hours.
    const KEEPALIVE: &str =
        "set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3";
    const LOCK: &str = "select pg_try_advisory_lock(hashtextextended($1, 0))";
    const HOLDER: &str =
        "select coalesce('is connected from ' || host(a.client_addr), 'runs on the database''s machine')
             || ', PostgreSQL''s process ' || l.pid
         from pg_locks l join pg_stat_activity a on a.pid = l.pid
         where l.locktype = 'advisory' and l.objsubid = 1 and l.granted and a.datname = current_database()
             and (l.classid::bigint << 32) | l.objid::bigint = hashtextextended($1, 0)";
    let Connection::Postgres(mut connection) = engine.connections().connect(Access::Write).await? else {
        unreachable!("only a server is shared")
    };
    let name = format!("lepton host {host}");
    sqlx::raw_sql(KEEPALIVE).execute(&mut connection).await?;
    if sqlx::query_scalar(LOCK).bind(&name).fetch_one(&mut connection).await? {
        return Ok(Ok(connection));
    }
    let holder = sqlx::query_scalar(HOLDER).bind(&name).fetch_optional(&mut connection).await?;
    Ok(Err(holder.unwrap_or_else(|| "has just ended".to_owned())))
}
