//! [`HostClaim`]: of several processes on one database, which one works as a host's agent.
//!
//! Two that do would both plug the host's ports, on two machines, and the word of either would free addresses that the other
//! one's devices still use. A ledger in a file or in memory is one process's alone, and claims nothing. On PostgreSQL
//!
//! - a row says whose the host is: written by whoever claims it, and gone when that one gives it up;
//! - a lock of that one's session says that it is there: it goes with the connection, by whatever death.
//!
//! Locks end all at once with a restart of the server or its failure, rows do not. So who finds the lock free and the row
//! another's has the host only when the owner has had the time to come back.
//!
//! ```text
//! row    lock    a look finds
//! none   free    the host is had: the row is written under the lock
//! own    free    the host is had
//! own    taken   Lingering: by a session of one's own that the server still has
//! other  taken   Held
//! other  free    Absent; had by who says that it has waited for that owner
//! ```

mod lock;
mod rows;

use std::{fmt, sync::Arc, time::Duration};

use lepton_types::HostId;
use serde::{Deserialize, Serialize};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::{
    connect::{Access, Connection},
    engine::Engine,
    error::StoreError,
    failure::words,
    lane::Backend,
    random::random_bytes,
};

/// After what silence the server asks whether a connection's other end is there, how often, and after how many of them without an
/// answer it is not.
const KEEPALIVE: Keepalive =
    Keepalive { idle: Duration::from_secs(10), interval: Duration::from_secs(5), count: 3 };

struct Keepalive {
    idle: Duration,
    interval: Duration,
    count: u32,
}

/// An open store, as one that may claim hosts; each time another, so that no copy of a machine is taken for the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Claimant(Uuid);

/// A process's right to work as a host's agent. Dropped, it stays that process's to others, until they have waited for it.
pub struct HostClaim {
    host: HostId,
    /// None where nobody else can have the ledger.
    on_server: Option<Session>,
}

/// The session that has the lock.
struct Session {
    engine: Arc<Engine>,
    claimant: Claimant,
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
    /// Another process had it, has not given it up, and is not connected.
    #[error(
        "host {host} is another leptond's on this database, which is not connected to it at the moment and may come back; it is \
         nobody's once that one has had the time to"
    )]
    Absent {
        /// Which host.
        host: HostId,
        /// Whose it is.
        owner: Claimant,
    },
    /// This process has it, by a session that it has lost and of whose end the server does not know yet.
    #[error("the database still has an earlier connection of this process, as the agent of host {host}")]
    Lingering {
        /// Which host.
        host: HostId,
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

impl From<Uuid> for Claimant {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl Claimant {
    /// One that never was before.
    pub(crate) fn fresh() -> Result<Self, StoreError> {
        Ok(Self(uuid::Builder::from_random_bytes(random_bytes()?).into_uuid()))
    }
}

impl HostClaim {
    /// How long the server may take to find out that a process is gone whose machine died.
    pub const LONGEST_SILENCE: Duration = KEEPALIVE.longest();

    pub(crate) async fn make(
        backend: &Backend,
        claimant: Claimant,
        host: &HostId,
        outlasted: Option<Claimant>,
    ) -> Result<Self, ClaimError> {
        let on_server = match backend {
            Backend::Engine(engine) if engine.connections().is_shared() => {
                let mut session = Session { engine: Arc::clone(engine), claimant, connection: None };
                session.claim(host, outlasted).await?;
                Some(session)
            }
            Backend::Engine(_) | Backend::Memory(_) => None,
        };
        Ok(Self { host: host.clone(), on_server })
    }

    /// Makes sure that this process still has it, and claims it anew where the connection was lost. What is cut here is found
    /// lost by the next look.
    ///
    /// # Errors
    ///
    /// As [`crate::Store::claim_host`]; then the claim is lost until this succeeds. With [`ClaimError::Held`] and
    /// [`ClaimError::Absent`] it is another process's, which has waited for this one in vain.
    pub async fn keep(&mut self) -> Result<(), ClaimError> {
        let Some(session) = &mut self.on_server else { return Ok(()) };
        if session.answers().await {
            return Ok(());
        }
        session.claim(&self.host, None).await
    }

    /// Gives it up, so that who claims the host next need not wait for this process. It takes as long as the server does: whoever
    /// has no time for that drops it, which costs the next one some seconds.
    pub async fn release(self) {
        let Some(Session { claimant, connection: Some(mut connection), .. }) = self.on_server else {
            return;
        };
        if rows::delete(&mut connection, &self.host, claimant).await.is_ok() {
            // Unheard, the goodbye is found out by the server.
            let _ = connection.close().await;
        }
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

    /// Loses sight of the session, which goes on: the server knows nothing of the loss.
    #[cfg(test)]
    pub(crate) fn lose_session(&mut self) -> Option<PgConnection> {
        self.on_server.as_mut().and_then(|session| session.connection.take())
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
    /// Whether it lives, and with it the lock. Where not, or where nobody waited for the answer, there is none any more: a new
    /// session would meet its lock.
    async fn answers(&mut self) -> bool {
        let Some(mut connection) = self.connection.take() else { return false };
        let asked = sqlx::query("select 1").execute(&mut connection);
        let answer = tokio::time::timeout(self.engine.connections().patience(), asked).await;
        let is_alive = answer.is_ok_and(|answer| answer.is_ok());
        if is_alive {
            self.connection = Some(connection);
        }
        is_alive
    }

    async fn claim(&mut self, host: &HostId, outlasted: Option<Claimant>) -> Result<(), ClaimError> {
        let patience = self.engine.connections().patience();
        let unknown = |problem: String| ClaimError::Unknown { host: host.clone(), problem };
        let asked = tokio::time::timeout(patience, self.attempt(host, outlasted)).await;
        let late = |_| unknown(format!("no answer within {} ms", patience.as_millis()));
        let claimed = asked.map_err(late)?.map_err(|error| unknown(words(&error)))?;
        self.connection = Some(claimed?);
        Ok(())
    }

    /// The connection that has the host's lock, or why there is none.
    async fn attempt(
        &self,
        host: &HostId,
        outlasted: Option<Claimant>,
    ) -> Result<Result<PgConnection, ClaimError>, sqlx::Error> {
        let unknown = |problem: &str| ClaimError::Unknown { host: host.clone(), problem: problem.to_owned() };
        let Connection::Postgres(mut connection) = self.engine.connections().connect(Access::Write).await?
        else {
            return Ok(Err(unknown("only a server has sessions")));
        };
        KEEPALIVE.set(&mut connection).await?;
        // Who may not have the host does not take its lock even to look: its owner would find that taken.
        let is_mine =
            |owner: &Option<Claimant>| owner.is_none_or(|it| it == self.claimant || Some(it) == outlasted);
        let owner = rows::owner(&mut connection, host).await?;
        if is_mine(&owner) && lock::take(&mut connection, host).await? {
            // Whoever had the lock until now may have written the row meanwhile.
            let owner = rows::owner(&mut connection, host).await?.filter(|it| !is_mine(&Some(*it)));
            if let Some(owner) = owner {
                return Ok(Err(ClaimError::Absent { host: host.clone(), owner }));
            }
            rows::upsert(&mut connection, host, self.claimant).await?;
            return Ok(Ok(connection));
        }
        let holder = lock::holder(&mut connection, host).await?;
        let host = host.clone();
        Ok(Err(match (owner, holder) {
            (Some(owner), _) if owner == self.claimant => ClaimError::Lingering { host },
            (_, Some(holder)) => ClaimError::Held { host, holder },
            (Some(owner), None) => ClaimError::Absent { host, owner },
            (None, None) => unknown("who had it has just ended"),
        }))
    }
}

impl fmt::Debug for HostClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostClaim").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Keepalive {
    const fn longest(&self) -> Duration {
        Duration::from_secs(self.idle.as_secs() + self.interval.as_secs() * self.count as u64)
    }

    /// Sets it for a session: by the system's defaults the successor of a process whose machine died would wait for hours.
    async fn set(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        const SET: &str = "select set_config('tcp_keepalives_idle', $1, false),
             set_config('tcp_keepalives_interval', $2, false), set_config('tcp_keepalives_count', $3, false)";
        let seconds = |duration: Duration| duration.as_secs().to_string();
        let query = sqlx::query(SET).bind(seconds(self.idle)).bind(seconds(self.interval));
        query.bind(self.count.to_string()).execute(connection).await.map(drop)
    }
}
