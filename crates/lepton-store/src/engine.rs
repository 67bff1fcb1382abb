//! The two engines behind one face, and their transactions. Nothing outside this module, `checkpoint`, `claim`, `connect`, `encoding`, `failure`, `migrate`,
//! `sql`, `statement` and `voice` knows that there are two.

mod tx;

#[cfg(test)]
use std::mem;
use std::sync::Arc;

use lepton_ledger::View;
use lepton_types::{Amounts, Limit, Timestamp};

pub(crate) use self::tx::Tx;
use crate::{
    checkpoint::Log,
    config::StoreConfig,
    connect::{Access, Connections},
    error::StoreError,
    failure::Failure,
    statement::Statements,
};

/// How many batches of questions are read at the same time, beside one of those that look at very many rows.
pub(crate) const READERS: u32 = 2;

/// A database that is open.
#[derive(Debug)]
pub(crate) struct Engine {
    connections: Connections,
    statements: Statements,
    log: Log,
    default_limits: Amounts<Limit>,
    /// The statements about rows that were sent, for the tests of what a batch costs.
    #[cfg(test)]
    sent: std::sync::Mutex<Vec<Sent>>,
    /// Whether statements about rows panic.
    #[cfg(test)]
    panics: std::sync::atomic::AtomicBool,
}

/// A statement that was sent: the literals that went together, and what became of them.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) literals: Vec<&'static str>,
    pub(crate) text: Arc<str>,
}

impl Engine {
    /// Opens the database; none when it is only in memory.
    pub(crate) async fn open(config: &StoreConfig) -> Result<Option<Arc<Self>>, StoreError> {
        let connections = Connections::open(config).await?;
        Ok(connections.map(|connections| {
            Arc::new(Self {
                connections,
                statements: Statements::default(),
                log: Log::default(),
                default_limits: config.default_limits,
                #[cfg(test)]
                sent: std::sync::Mutex::default(),
                #[cfg(test)]
                panics: false.into(),
            })
        }))
    }

    /// A view of nothing yet, for a batch.
    pub(crate) fn view(&self, now: Timestamp, seed: [u8; 32]) -> View {
        View::partial(now, seed).with_default_limits(self.default_limits)
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// What is known of SQLite's log.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Starts a transaction that writes: alone at it on SQLite, locking what it reads on PostgreSQL.
    pub(crate) async fn write(self: &Arc<Self>) -> Result<Tx, Failure> {
        self.begin(Access::Write, "BEGIN IMMEDIATE", "BEGIN").await
    }

    /// Starts a transaction that reads one snapshot and locks nothing.
    pub(crate) async fn read(self: &Arc<Self>) -> Result<Tx, Failure> {
        self.begin(Access::Read, "BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    async fn begin(
        self: &Arc<Self>,
        access: Access,
        on_sqlite: &'static str,
        on_postgres: &'static str,
    ) -> Result<Tx, Failure> {
        let mut connection = self.connections.take(access).await?;
        if access == Access::Write {
            self.log.finish(&mut connection).await;
        }
        let mut tx = Tx::new(Arc::clone(self), connection, access);
        tx.run(on_sqlite, on_postgres).await?;
        Ok(tx)
    }

    pub(crate) async fn close(&self) {
        self.connections.close().await;
    }

    /// Lets every statement panic, or none any more.
    #[cfg(test)]
    pub(crate) fn let_statements_panic(&self, do_so: bool) {
        self.panics.store(do_so, std::sync::atomic::Ordering::SeqCst);
    }

    #[cfg(test)]
    fn note_sent(&self, literals: Vec<&'static str>, text: &Arc<str>) {
        let panics = self.panics.load(std::sync::atomic::Ordering::SeqCst);
        assert!(!panics, "a fault in a statement, which this test expects");
        let mut sent = self.sent.lock().expect("whoever counts does not panic");
        sent.push(Sent { literals, text: Arc::clone(text) });
    }

    /// Takes the statements about rows that were sent since the last call.
    #[cfg(test)]
    pub(crate) fn take_sent(&self) -> Vec<Sent> {
        mem::take(&mut *self.sent.lock().expect("whoever counts does not panic"))
    }
}
