//! [`Inbox`]: what a lane takes out of its queue, told apart by how it is served.

use std::{future, mem};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{batch::Job, lane::Work, prune::Prune};

/// Jobs that are decided over one view.
pub(crate) type Batch = Vec<Box<dyn Job>>;

/// The end of a lane's queue where work is taken out.
pub(crate) struct Inbox {
    queue: mpsc::Receiver<Work>,
    closing: CancellationToken,
    taken: Vec<Work>,
    alone: Batch,
    prunes: Vec<Prune>,
}

impl Inbox {
    pub(crate) fn new(queue: mpsc::Receiver<Work>, closing: CancellationToken) -> Self {
        Self { queue, closing, taken: Vec::new(), alone: Vec::new(), prunes: Vec::new() }
    }

    /// Waits for work, so much at most; answers those jobs of it that may have neighbours. None when the store closes and all has been
    /// taken. Cancel-safe.
    pub(crate) async fn some(&mut self, limit: usize) -> Option<Batch> {
        loop {
            let taken = tokio::select! {
                biased;
                () = self.closing.cancelled(), if !self.queue.is_closed() => {
                    self.queue.close();
                    continue;
                }
                taken = self.queue.recv_many(&mut self.taken, limit) => taken, // cancel-safe
            };
            return (taken > 0).then(|| self.tell_apart());
        }
    }

    /// Waits for more jobs that may have neighbours, so many at most; for ever when something else is to be served first. Cancel-safe.
    pub(crate) async fn more(&mut self, limit: usize) -> Batch {
        let is_full = limit == 0 || !self.alone.is_empty() || !self.prunes.is_empty();
        if is_full || self.queue.recv_many(&mut self.taken, limit).await == 0 {
            return future::pending().await;
        }
        self.tell_apart()
    }

    /// The jobs among what was taken that are decided in batches of their own.
    pub(crate) fn take_alone(&mut self) -> Batch {
        mem::take(&mut self.alone)
    }

    /// What is to be dropped.
    pub(crate) fn take_prunes(&mut self) -> Vec<Prune> {
        mem::take(&mut self.prunes)
    }

    fn tell_apart(&mut self) -> Batch {
        let mut batch = Vec::with_capacity(self.taken.len());
        for work in self.taken.drain(..) {
            match work {
                Work::Decide(job) if job.is_abandoned() => {}
                Work::Decide(job) if job.is_alone() => self.alone.push(job),
                Work::Decide(job) => batch.push(job),
                Work::Prune(prune) => self.prunes.push(prune),
            }
        }
        batch
    }
}
