//! The two engines behind one face, and their transactions. Nothing outside this module, `checkpoint`, `claim`, `connect`, `encoding`, `failure`, `migrate`,
//! `sql`, `statement` and `voice` knows that there are two.

mod tx;

#[cfg(test)]
use std::mem;
use std::sync::Arc;

use lepton_ledger::View;
use lepton_types::{Amounts, Limit, Timestamp};

pub(crate) use self::tx::Tx;
#[cfg(test)]
use crate::statement::Dialect;
use crate::{
    checkpoint::Log,
    config::StoreConfig,
    connect::{Access, Connections, Waiting},
    error::StoreError,
    failure::Failure,
    sql::Value,
    statement::Statements,
    together::Part,
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
    /// How often statements about rows went to SQLite since that was asked last, however many at once.
    #[cfg(test)]
    ways: std::sync::atomic::AtomicUsize,
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
                ways: 0.into(),
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
        let Waiting { mut connection, left } = self.connections.take(Access::Write).await?;
        self.log.finish(&mut connection).await;
        Tx::begin_writing(Arc::clone(self), connection, left).await
    }

    /// Starts a transaction that reads one snapshot and locks nothing.
    pub(crate) async fn read(self: &Arc<Self>) -> Result<Tx, Failure> {
        let Waiting { connection, .. } = self.connections.take(Access::Read).await?;
        Tx::begin_reading(Arc::clone(self), connection).await
    }

    /// Statements about rows as one text of SQLite's, with its values.
    fn in_a_row(&self, parts: Vec<Part>) -> (Arc<str>, Vec<Value>) {
        let shapes: Vec<_> = parts.iter().map(|part| (part.shape(), part.rows)).collect();
        #[cfg(test)]
        for (shape, rows) in &shapes {
            let text = self.statements.text(shape.sql, *rows, shape.width, Dialect::Sqlite);
            self.note_sent(vec![shape.sql], &text);
        }
        #[cfg(test)]
        self.note_way();
        let text = self.statements.in_a_row(&shapes);
        (text, parts.into_iter().flat_map(|part| part.values).collect())
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

    #[cfg(test)]
    fn note_way(&self) {
        self.ways.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }

    /// How often statements about rows went to SQLite since the last call.
    #[cfg(test)]
    pub(crate) fn take_ways(&self) -> usize {
        self.ways.swap(0, std::sync::atomic::Ordering::SeqCst)
    }

    /// Takes the statements about rows that were sent since the last call.
    #[cfg(test)]
    pub(crate) fn take_sent(&self) -> Vec<Sent> {
        mem::take(&mut *self.sent.lock().expect("whoever counts does not panic"))
    }
}
