//! How a transaction begins and ends, and what it takes over from the one before and leaves to the next.

use std::sync::Arc;

use lepton_ledger::View;
use lepton_types::Timestamp;
use sqlx::{Executor, SqliteConnection};

use super::Tx;
use crate::{
    connect::{Access, Connection, Left, Waiting},
    engine::Engine,
    failure::Failure,
};

impl Tx {
    /// Begins one that writes, on a connection on which a batch has left something.
    pub(in crate::engine) async fn begin_writing(
        engine: Arc<Engine>,
        connection: Connection,
        left: Option<Left>,
    ) -> Result<Self, Failure> {
        let mut tx = Self::new(engine, connection, Access::Write);
        match &mut tx.connection {
            Connection::Sqlite(connection) => tx.data_version = Some(begin_immediately(connection).await?),
            Connection::Postgres(connection) => connection.execute("BEGIN").await.map(drop)?,
        }
        let left = left.filter(|left| Some(left.data_version) == tx.data_version);
        tx.left = left.map(|left| left.view);
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

    /// A view for a batch: what the one before has left, or one of nothing yet.
    pub(crate) fn go_on_with_what_is_left(&mut self, now: Timestamp, seed: [u8; 32]) -> View {
        let Some(mut left) = self.left.take() else { return self.begin_with_nothing(now, seed) };
        left.restart(now, seed);
        *left
    }

    /// A view of nothing yet for a batch, whatever the one before has left.
    pub(crate) fn begin_with_nothing(&mut self, now: Timestamp, seed: [u8; 32]) -> View {
        self.left = None;
        self.engine.view(now, seed)
    }

    /// What the batch before has left.
    #[cfg(test)]
    pub(crate) fn left(&self) -> Option<&View> {
        self.left.as_deref()
    }

    /// Makes what was written durable; nothing is left for the next batch. Without an answer it may have happened.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the file was moved meanwhile: then it is taken back.
    pub(crate) async fn commit(self) -> Result<(), Failure> {
        self.commit_leaving(None).await
    }

    /// The same, leaving a view to the next batch: what the ledger holds by then.
    pub(crate) async fn commit_leaving(mut self, left: Option<Box<View>>) -> Result<(), Failure> {
        if let Err(moved) = self.engine.connections.ensure_in_place() {
            self.rollback_leaving(None).await?;
            return Err(moved);
        }
        self.run("COMMIT", "COMMIT").await.map_err(Failure::of_commit)?;
        self.engine.log.note_commit();
        self.keep_connection(left);
        Ok(())
    }

    /// Takes everything back. What the batch before has left is left still, if nobody has taken it.
    pub(crate) async fn rollback(mut self) -> Result<(), Failure> {
        let left = self.left.take();
        self.rollback_leaving(left).await
    }

    /// The same, leaving a view to the next batch: what the ledger holds still.
    pub(crate) async fn rollback_leaving(mut self, left: Option<Box<View>>) -> Result<(), Failure> {
        self.run("ROLLBACK", "ROLLBACK").await?;
        self.keep_connection(left);
        Ok(())
    }

    fn keep_connection(self, left: Option<Box<View>>) {
        let left = left.zip(self.data_version).map(|(view, data_version)| Left { view, data_version });
        self.engine.connections.put_back(Waiting { connection: self.connection, left }, self.access);
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
