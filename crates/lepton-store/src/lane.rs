//! A lane: one task that takes what has gathered in its queue as a batch, again and again.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use lepton_ledger::Change;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    again::{Again, TimeLimit},
    batch::{Job, read_batch, write_batch},
    disk::Disk,
    dry::Scarce,
    engine::Engine,
    error::{StoreError, panicked},
    failure::Failure,
    metrics::LaneMetrics,
    news::Audience,
    prune::{Prune, Waste, prune},
    queue::Pace,
    surroundings::{Clock, Seeds},
};

/// How often a batch is decided anew because others were faster, before its commands are tried one by one.
const MOST_CONFLICTS: usize = 4;

/// How often a command alone is. Where two managers start and end the lives of one instance, each loses every second
/// time, and who asked should not be told of it.
const MOST_CONFLICTS_ALONE: usize = 16;

/// After how many commands that take too long alone it is the database that is slow.
const MOST_TIMEOUTS_ALONE: usize = 2;

/// How long a server may take to answer questions about very many rows, page by page: some million rows.
const LONGEST_READ: Duration = Duration::from_secs(60);

/// Where a lane's batches are decided.
#[derive(Clone, Debug)]
pub(crate) enum Backend {
    Memory(Disk),
    Engine(Arc<Engine>),
}

impl Backend {
    /// Whether others write between what a batch reads and what it writes.
    pub(crate) fn is_on_server(&self) -> bool {
        matches!(self, Self::Engine(engine) if engine.connections().is_shared())
    }
}

/// What a lane's batches may do.
#[derive(Clone)]
pub(crate) enum Purpose {
    /// Change the ledger and tell those who wait.
    Write(Audience),
    /// Only look.
    Read,
    /// Only look, at very many rows.
    ReadLong,
}

/// What lanes are called in metrics, by what they do.
pub(crate) const WRITE: &str = "write";
pub(crate) const READ: &str = "read";
pub(crate) const READ_LONG: &str = "read_long";

impl Purpose {
    /// What a lane with it is called in metrics. Those that answer questions are one there.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Write(_) => WRITE,
            Self::Read => READ,
            Self::ReadLong => READ_LONG,
        }
    }

    /// What to call a lane with it when it has died.
    pub(crate) fn lane(&self) -> &'static str {
        match self {
            Self::Write(_) => "the lane that writes",
            Self::Read => "a lane that answers questions",
            Self::ReadLong => "the lane that answers long questions",
        }
    }
}

/// What waits in a lane's queue.
pub(crate) enum Work {
    /// A command to decide, in one batch with others.
    Decide(Box<dyn Job>),
    /// Rows to drop, in a transaction of its own.
    Prune(Prune),
}

/// One task that serves one queue.
pub(crate) struct Lane {
    pub(crate) backend: Backend,
    pub(crate) purpose: Purpose,
    pub(crate) clock: Clock,
    pub(crate) seeds: Seeds,
    pub(crate) batch_limit: usize,
    pub(crate) metrics: LaneMetrics,
    pub(crate) pace: Arc<Pace>,
    pub(crate) closing: CancellationToken,
}

impl Lane {
    /// Serves the queue until it is closed and empty.
    pub(crate) async fn run(self, mut queue: mpsc::Receiver<Work>) {
        let mut waiting = Vec::new();
        loop {
            let taken = tokio::select! {
                biased;
                () = self.closing.cancelled(), if !queue.is_closed() => {
                    queue.close();
                    continue;
                }
                taken = queue.recv_many(&mut waiting, self.batch_limit) => taken, // cancel-safe
            };
            if taken == 0 {
                return;
            }
            let (mut batch, mut alone, mut prunes) = (Vec::new(), Vec::new(), Vec::new());
            for work in waiting.drain(..) {
                match work {
                    Work::Decide(job) if job.is_abandoned() => {}
                    Work::Decide(job) if job.is_alone() => alone.push(vec![job]),
                    Work::Decide(job) => batch.push(job),
                    Work::Prune(prune) => prunes.push(prune),
                }
            }
            let batch = Some(batch).filter(|batch| !batch.is_empty());
            for batch in batch.into_iter().chain(alone) {
                let (commands, started) = (batch.len(), Instant::now());
                // It belongs to many traces, and so is one of its own, with a link to each of them.
                let span = tracing::info_span!(
                    target: "trace", parent: None, "batch", lane = self.purpose.label(), commands,
                );
                batch.iter().for_each(|job| {
                    span.follows_from(job.span());
                });
                self.serve(batch).instrument(span).await;
                let took = started.elapsed();
                self.metrics.batch(commands, took);
                self.pace.note(commands, took);
            }
            for prune in prunes {
                self.serve_prune(prune).await;
            }
        }
    }

    async fn serve_prune(&self, prune: Prune) {
        let mut again = Again::new(self.patience(), MOST_CONFLICTS);
        let dropped = loop {
            let failure = match caught(self.prune(prune.waste)).await {
                Ok(dropped) => break Ok(dropped),
                Err(failure) => failure,
            };
            if let Err(failure) = again.after(failure).await {
                break Err(failure.into());
            }
        };
        // Whoever keeps house no longer has no use for the number.
        let _ = prune.caller.send(dropped);
    }

    async fn prune(&self, waste: Waste) -> Result<u64, Failure> {
        match &self.backend {
            Backend::Memory(disk) => disk.prune(waste).await,
            Backend::Engine(engine) => {
                TimeLimit::from_now(engine.connections().time_limit()).hold(prune(engine, waste)).await
            }
        }
    }

    async fn serve(&self, mut batch: Vec<Box<dyn Job>>) {
        match self.attempts(&mut batch).await {
            Ok(()) => settle(batch, &Ok(())),
            Err(failure) if batch.len() == 1 || failure.is_of_the_database() => {
                settle(batch, &Err(failure.into()));
            }
            Err(_) => self.serve_one_by_one(batch).await,
        }
    }

    /// Serves each job as a batch of its own: one command may be at fault, and alone it cannot harm its neighbours. When
    /// the database goes away, or is slow for all of them, those that are left do not wait for it one after the other.
    async fn serve_one_by_one(&self, batch: Vec<Box<dyn Job>>) {
        let (mut jobs, mut timeouts) = (batch.into_iter(), 0);
        while let Some(job) = jobs.next() {
            if job.is_abandoned() {
                continue;
            }
            let mut alone = vec![job];
            let outcome = self.attempts(&mut alone).await;
            timeouts += usize::from(matches!(outcome, Err(Failure::TimedOut(_))));
            let is_gone =
                outcome.as_ref().is_err_and(Failure::is_of_the_database) || timeouts == MOST_TIMEOUTS_ALONE;
            let outcome = outcome.map_err(StoreError::from);
            settle(alone, &outcome);
            if is_gone {
                return settle(jobs.collect(), &outcome);
            }
        }
    }

    /// Tries until nobody else is faster and the server is there, with fresh ids each time.
    async fn attempts(&self, batch: &mut [Box<dyn Job>]) -> Result<(), Failure> {
        let most_conflicts = if batch.len() == 1 { MOST_CONFLICTS_ALONE } else { MOST_CONFLICTS };
        let mut again = Again::new(self.patience(), most_conflicts);
        let mut scarce = Scarce::default();
        loop {
            match self.attempt(batch, &scarce).await {
                Ok(()) => return Ok(()),
                Err(Failure::Scarce(subnets)) => {
                    self.metrics.failed_attempt();
                    scarce.note(subnets);
                }
                // Nobody else was faster: it was decided so, and will be again.
                Err(failure @ Failure::Violation(_)) if !self.backend.is_on_server() => return Err(failure),
                Err(failure) => {
                    self.metrics.failed_attempt();
                    again.after(failure).await?;
                }
            }
        }
    }

    fn patience(&self) -> Duration {
        match &self.backend {
            Backend::Memory(_) => Duration::ZERO,
            Backend::Engine(engine) => engine.connections().patience(),
        }
    }

    /// Carries the batch out once.
    async fn attempt(&self, batch: &mut [Box<dyn Job>], scarce: &Scarce) -> Result<(), Failure> {
        let changes = caught(self.carry_out(batch, scarce)).await?;
        if let Purpose::Write(audience) = &self.purpose {
            audience.tell(&changes);
        }
        Ok(())
    }

    async fn carry_out(&self, batch: &mut [Box<dyn Job>], scarce: &Scarce) -> Result<Vec<Change>, Failure> {
        let (clock, seed) = (&self.clock, (self.seeds)()?);
        match (&self.backend, &self.purpose) {
            (Backend::Memory(disk), _) => disk.write(batch, clock, seed).await,
            (Backend::Engine(engine), Purpose::Write(_)) => {
                write_batch(engine, batch, scarce, &**clock, seed).await
            }
            (Backend::Engine(engine), Purpose::Read | Purpose::ReadLong) => {
                read_batch(engine, batch, clock(), seed, self.limit_of_reading(engine)).await?;
                Ok(Vec::new())
            }
        }
    }

    fn limit_of_reading(&self, engine: &Engine) -> Option<Duration> {
        let limit = engine.connections().time_limit();
        if matches!(self.purpose, Purpose::ReadLong) {
            limit.max(limit.and(Some(LONGEST_READ)))
        } else {
            limit
        }
    }
}

/// What work comes to. A fault in it is an error of its batch, not the end of the lane.
async fn caught<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|fault| Err(panicked(&*fault).into()))
}

fn settle(batch: Vec<Box<dyn Job>>, outcome: &Result<(), StoreError>) {
    match outcome {
        Ok(()) => {}
        Err(error @ StoreError::Internal(_)) => {
            tracing::error!(%error, commands = batch.len(), "a batch was not carried out");
        }
        Err(error) => tracing::warn!(%error, commands = batch.len(), "a batch was not carried out"),
    }
    for job in batch {
        job.settle(outcome.clone());
    }
}
