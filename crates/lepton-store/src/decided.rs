//! [`Decided`] and [`Ahead`]: on SQLite, where this process alone writes, a batch is decided while the one before it is written.
//!
//! What a batch has decided is known before it is written, so the next one decides on it. It reads on a connection of its own, on which
//! the file is as it was before the one that is being written or as that has left it: what that changes is in what it has left in memory,
//! and so stands before what is read. When it is written, the next one goes to the file too, if nobody else has written meanwhile; if
//! it is not, or somebody has, the next one is decided anew.
//!
//! ```text
//! N:      begin ─▶ decide ─▶ write ─▶ commit ─▶ answer
//! N + 1:                     decide, and decide what comes meanwhile ─▶ begin ─▶ write ─▶ commit ─▶ answer
//! ```

use std::sync::Arc;

use lepton_ledger::{Change, Ended, View};
use lepton_types::{Amounts, Limit, Timestamp};
use tracing::Instrument;

use crate::{
    batch::{Job, decide},
    close::close,
    engine::{BatchNumber, Engine, Tx},
    failure::Failure,
    surroundings::ReadClock,
    write::write,
};

/// What a batch has decided and not written yet.
#[derive(Debug)]
pub(crate) struct Decided {
    place: Place,
    number: BatchNumber,
    changes: Vec<Change>,
    ended: Vec<(Ended, Timestamp)>,
    default_limits: Amounts<Limit>,
}

/// Where it is to be written.
#[derive(Debug)]
enum Place {
    /// In the transaction in which it was decided.
    In(Tx),
    /// In the one behind this batch's.
    Behind(BatchNumber),
}

impl Decided {
    /// Decides the jobs in the transaction that is to write what they change.
    pub(crate) async fn at_once(
        engine: &Arc<Engine>,
        jobs: &mut [Box<dyn Job>],
        clock: &ReadClock,
        seed: [u8; 32],
    ) -> Result<Self, Failure> {
        let mut tx = engine.write().await?;
        // What rests on the tables as they are is decided on nothing else.
        let is_alone = jobs.iter().any(|job| job.is_alone());
        let mut view =
            if is_alone { engine.view(clock(), seed) } else { tx.go_on_with_what_is_left(clock(), seed) };
        if let Err(failure) = decide(&mut tx, jobs, 0, &mut view, clock).await {
            // Unheard, the server takes it back by itself.
            let _ = tx.rollback().await;
            return Err(failure);
        }
        Ok(Self::new(engine, view, Place::In(tx)))
    }

    fn new(engine: &Engine, view: View, place: Place) -> Self {
        let (ended, default_limits) = (view.ended(), *view.default_limits());
        let (changes, left) = view.leave();
        let number = engine.shelf().leave(Box::new(left));
        Self { place, number, changes, ended, default_limits }
    }

    /// By which the next batch finds what this one leaves.
    pub(crate) fn number(&self) -> BatchNumber {
        self.number
    }

    /// Writes it; answers the changes once they are durable.
    ///
    /// # Errors
    ///
    /// [`Failure::Conflict`] when somebody else has written since it was decided.
    pub(crate) async fn write(self, engine: &Arc<Engine>) -> Result<Vec<Change>, Failure> {
        #[cfg(test)]
        engine.gate.pass().await?;
        let Self { place, number, changes, ended, default_limits } = self;
        let mut tx = match place {
            Place::In(tx) => tx,
            Place::Behind(batch) => begin_behind(engine, batch).await?,
        };
        let work = async {
            let writing = tracing::info_span!(target: "trace", "write");
            write(&mut tx, &changes, &ended).instrument(writing).await?;
            close(&mut tx, &changes, &default_limits).await
        };
        if let Err(failure) = work.await {
            // Unheard, the server takes it back by itself.
            let _ = tx.rollback().await;
            return Err(failure);
        }
        let ending = tracing::info_span!(target: "trace", "commit", changes = changes.len());
        let end = async {
            if changes.is_empty() {
                tx.rollback_as(Some(number)).await
            } else {
                tx.commit_as(Some(number)).await
            }
        };
        end.instrument(ending).await?;
        Ok(changes)
    }
}

async fn begin_behind(engine: &Arc<Engine>, batch: BatchNumber) -> Result<Tx, Failure> {
    let tx = engine.write().await?;
    if tx.is_behind(batch) {
        return Ok(tx);
    }
    tx.rollback().await?;
    Err(Failure::Conflict("somebody else has written since the batch was decided".into()))
}

/// A batch that is decided while another one is written.
#[derive(Debug)]
pub(crate) struct Ahead {
    engine: Arc<Engine>,
    tx: Tx,
    view: View,
    behind: BatchNumber,
    jobs: usize,
}

impl Ahead {
    /// Begins one behind the batch of this number; none when that has left nothing.
    pub(crate) async fn begin(
        engine: &Arc<Engine>,
        behind: BatchNumber,
        now: Timestamp,
        seed: [u8; 32],
    ) -> Result<Option<Self>, Failure> {
        let Some(mut view) = engine.shelf().take(behind) else { return Ok(None) };
        view.restart(now, seed);
        let (engine, tx) = (Arc::clone(engine), engine.read_ahead().await?);
        Ok(Some(Self { engine, tx, view: *view, behind, jobs: 0 }))
    }

    /// Decides the jobs that it has not decided yet.
    pub(crate) async fn decide(
        &mut self,
        jobs: &mut [Box<dyn Job>],
        clock: &ReadClock,
    ) -> Result<(), Failure> {
        self.view.go_on_at(clock());
        decide(&mut self.tx, jobs, self.jobs, &mut self.view, clock).await?;
        #[cfg(test)]
        self.engine.gate.note_decided_ahead(jobs.len() - self.jobs);
        self.jobs = jobs.len();
        Ok(())
    }

    /// Ends it, now that the other one is written, or is not.
    pub(crate) async fn end(self) -> Result<Decided, Failure> {
        self.tx.rollback().await?;
        Ok(Decided::new(&self.engine, self.view, Place::Behind(self.behind)))
    }
}
