//! How a transaction begins and ends, and how it is told whether the ledger is as a batch has left it.

use std::sync::Arc;

use lepton_ledger::View;
use lepton_types::Timestamp;
use sqlx::{Executor, SqliteConnection};

use super::Tx;
use crate::{
    connect::{Access, Connection, Last, Waiting},
    engine::{BatchNumber, Engine},
    failure::Failure,
};

impl Tx {
    /// Begins one that writes.
    pub(in crate::engine) async fn begin_writing(
        engine: Arc<Engine>,
        waiting: Waiting,
    ) -> Result<Self, Failure> {
        let mut tx = Self::new(engine, waiting.connection, Access::Write);
        match &mut tx.connection {
            Connection::Sqlite(connection) => tx.data_version = Some(begin_immediately(connection).await?),
            Connection::Postgres(connection) => connection.execute("BEGIN").await.map(drop)?,
        }
        let last = waiting.last.filter(|last| Some(last.data_version) == tx.data_version);
        tx.behind = last.map(|last| last.batch);
        Ok(tx)
    }

    /// Begins one that reads.
    pub(in crate::engine) async fn begin_reading(
        engine: Arc<Engine>,
        connection: Connection,
    ) -> Result<Self, Failure> {
        let mut tx = Self::new(engine, connection, Access::Read);
        tx.run("BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        Ok(tx)
    }

    /// The same, which finds for a batch what that is to change in another one.
    pub(in crate::engine) fn deciding_ahead(self) -> Self {
        Self { is_ahead: true, ..self }
    }

    /// Whether the ledger is as this batch has left it.
    pub(crate) fn is_behind(&self, batch: BatchNumber) -> bool {
        self.behind == Some(batch)
    }

    /// A view for a batch: what the one before has left, or one of nothing yet.
    pub(crate) fn go_on_with_what_is_left(&self, now: Timestamp, seed: [u8; 32]) -> View {
        let left = self.behind.and_then(|batch| self.engine.shelf.take(batch));
        let Some(mut left) = left else { return self.engine.view(now, seed) };
        left.restart(now, seed);
        *left
    }

    /// A copy of what the batch before has left.
    #[cfg(test)]
    pub(crate) fn left(&self) -> Option<View> {
        self.engine.shelf.look(self.behind?)
    }

    /// Makes what was written durable, where it is no batch's. Without an answer it may have happened.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the file was moved meanwhile: then it is taken back.
    pub(crate) async fn commit(self) -> Result<(), Failure> {
        self.commit_as(None).await
    }

    /// The same for what a batch wrote, which the ledger is as left by then.
    pub(crate) async fn commit_as(mut self, batch: Option<BatchNumber>) -> Result<(), Failure> {
        if let Err(moved) = self.engine.connections.ensure_in_place() {
            self.rollback_as(None).await?;
            return Err(moved);
        }
        self.run("COMMIT", "COMMIT").await.map_err(Failure::of_commit)?;
        self.engine.log.note_commit();
        self.keep_connection(batch);
        Ok(())
    }

    /// Takes everything back, so that the ledger is as it was before.
    pub(crate) async fn rollback(self) -> Result<(), Failure> {
        let behind = self.behind;
        self.rollback_as(behind).await
    }

    /// The same for a batch that has changed nothing, and so has left the ledger as it is.
    pub(crate) async fn rollback_as(mut self, batch: Option<BatchNumber>) -> Result<(), Failure> {
        self.run("ROLLBACK", "ROLLBACK").await?;
        self.keep_connection(batch);
        Ok(())
    }

    fn keep_connection(self, batch: Option<BatchNumber>) {
        let last = batch.zip(self.data_version).map(|(batch, data_version)| Last { batch, data_version });
        self.engine.connections.put_back(Waiting { connection: self.connection, last }, self.access);
    }

    /// Runs a statement without values in the words of the engine.
    async fn run(&mut self, on_sqlite: &'static str, on_postgres: &'static str) -> Result<(), Failure> {
        match &mut self.connection {
            Connection::Sqlite(connection) => connection.execute(on_sqlite).await.map(drop)?,
            Connection::Postgres(connection) => connection.execute(on_postgres).await.map(drop)?,
        }
        Ok(())
    }
}

/// Begins a transaction of SQLite that writes; answers with the data version that it finds.
async fn begin_immediately(connection: &mut SqliteConnection) -> Result<i64, Failure> {
    Ok(sqlx::query_scalar("BEGIN IMMEDIATE; PRAGMA data_version").fetch_one(connection).await?)
}
