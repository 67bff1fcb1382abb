//! [`Store`]: the ledger, open for commands and questions.

use std::{
    fmt, slice,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use lepton_ledger::{Command, Envelope, Reply};
use lepton_types::{HostId, Timestamp};
use prometheus_client::registry::Registry;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    again::TimeLimit,
    agreement,
    batch::Submitted,
    checkpoint::Checkpointer,
    claim::{ClaimError, Claimant, HostClaim},
    config::StoreConfig,
    disk::Disk,
    engine::{Engine, READERS},
    error::{StoreError, SubmitError},
    lane::{self, Backend, Lane, Purpose, Work},
    metrics::{Metrics, Queues},
    migrate::migrate,
    news::{Audience, Observer, Untold},
    prune::{Prune, Waste},
    queue::{Queue, dead},
    surroundings::{Clock, Surroundings},
    tasks::Tasks,
    voice::Voice,
};

/// The ledger, open for commands and questions. Dropping it abandons what waits; see [`Store::close`].
pub struct Store {
    backend: Backend,
    clock: Clock,
    writer: Arc<Queue>,
    readers: Vec<Arc<Queue>>,
    /// For questions that look at very many rows.
    long_reader: Arc<Queue>,
    next_reader: AtomicUsize,
    closing: CancellationToken,
    tasks: Tasks,
    claimant: Claimant,
    metrics: Metrics,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("backend", &self.backend).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the ledger, brings its schema up to date and starts to serve.
    ///
    /// # Errors
    ///
    /// [`StoreError::Open`] when the database cannot be reached or is no ledger, [`StoreError::NewerSchema`].
    pub async fn open(config: &StoreConfig, observer: Arc<dyn Observer>) -> Result<Self, StoreError> {
        Self::open_in(config, observer, Surroundings::default()).await
    }

    /// As [`Store::open`], in other surroundings than the system's.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub async fn open_in(
        config: &StoreConfig,
        observer: Arc<dyn Observer>,
        surroundings: Surroundings,
    ) -> Result<Self, StoreError> {
        let Surroundings { clock, seeds, disk } = surroundings;
        let backend = match Engine::open(config).await? {
            None => Backend::Memory(disk.unwrap_or_else(|| Disk::new(config.default_limits))),
            Some(engine) => {
                migrate(&engine, &config.database.to_string()).await?;
                Backend::Engine(engine)
            }
        };
        let closing = CancellationToken::new();
        let (tasks, metrics) = (Tasks::new(closing.clone()), Metrics::new());
        let start = |purpose: Purpose| {
            let (queue, pace, taken) = Queue::new(config.queue_limit);
            let (backend, clock, seeds) = (backend.clone(), Arc::clone(&clock), Arc::clone(&seeds));
            let name = purpose.lane();
            let (metrics, closing, batch_limit) = (metrics.of(&purpose), closing.clone(), config.batch_limit);
            let lane = Lane { backend, purpose, clock, seeds, batch_limit, metrics, pace, closing };
            tasks.spawn(name, lane.run(taken));
            Arc::new(queue)
        };
        // Only through a server can there be others who wait for what is written here.
        let untold = backend.is_on_server().then(Arc::<Untold>::default);
        let audience = Audience { observer: Arc::clone(&observer), untold: untold.clone() };
        let writer = start(Purpose::Write(audience));
        let readers = (0..READERS).map(|_| start(Purpose::Read)).collect();
        let long_reader = start(Purpose::ReadLong);
        let (next_reader, claimant) = (AtomicUsize::new(0), Claimant::fresh()?);
        if let Backend::Engine(engine) = &backend {
            let (engine, closing) = (Arc::clone(engine), closing.clone());
            if let Some(untold) = untold {
                let voice = Voice { engine, own: claimant, untold, observer, closing };
                tasks.spawn("the task that hears other managers", voice.run());
            } else {
                let checkpointer = Checkpointer { engine, closing, copying: config.copying };
                tasks.spawn("the task that copies SQLite's log", checkpointer.run());
            }
        }
        Ok(Self {
            backend,
            clock,
            writer,
            readers,
            long_reader,
            next_reader,
            closing,
            tasks,
            claimant,
            metrics,
        })
    }

    /// Carries a command out; its answer is durable.
    ///
    /// # Errors
    ///
    /// The command's refusal, or why the store does not answer.
    pub async fn submit<C: Command>(
        &self,
        command: C,
        envelope: Envelope,
    ) -> Result<Reply<C::Answer>, SubmitError> {
        send(&self.writer, command, envelope, false, &self.closing).await
    }

    /// Says what a command would answer now, and changes nothing. Questions are asked this way too.
    ///
    /// # Errors
    ///
    /// As [`Store::submit`].
    pub async fn rehearse<C: Command>(
        &self,
        command: C,
        envelope: Envelope,
    ) -> Result<C::Answer, SubmitError> {
        let reply = send(self.reader_for::<C>(), command, envelope, true, &self.closing).await?;
        Ok(reply.answer)
    }

    /// Enters what is measured of the store into a registry: batches and queues.
    pub fn register_metrics(&self, registry: &mut Registry) {
        let queues = [
            (lane::WRITE, slice::from_ref(&self.writer)),
            (lane::READ, &self.readers),
            (lane::READ_LONG, slice::from_ref(&self.long_reader)),
        ];
        self.metrics.register(Queues::of(queues), registry);
    }

    fn reader_for<C: Command>(&self) -> &Queue {
        if C::IS_LONG {
            return &self.long_reader;
        }
        let turn = self.next_reader.fetch_add(1, Ordering::Relaxed);
        &self.readers[turn % self.readers.len()]
    }

    /// Asks a question: a command that changes nothing.
    ///
    /// # Errors
    ///
    /// As [`Store::submit`].
    pub async fn ask<C: Command>(&self, question: C) -> Result<C::Answer, SubmitError> {
        self.rehearse(question, Envelope::anonymous()).await
    }

    /// Forgets a bounded number of answers older than `age`; answers how many, zero when none is left.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]; [`StoreError::QueueFull`], since it waits for its turn among the commands.
    pub async fn forget_requests(&self, age: Duration) -> Result<u64, StoreError> {
        self.prune(Waste::Requests(self.before(age))).await
    }

    /// Forgets a bounded number of things that ended longer than `age` ago; answers how many, zero when none is left.
    ///
    /// # Errors
    ///
    /// As [`Store::forget_requests`].
    pub async fn forget_history(&self, age: Duration) -> Result<u64, StoreError> {
        self.prune(Waste::History(self.before(age))).await
    }

    /// Forgets a bounded number of commands' events from longer than `age` ago; answers how many commands', zero when none
    /// is left.
    ///
    /// # Errors
    ///
    /// As [`Store::forget_requests`].
    pub async fn forget_events(&self, age: Duration) -> Result<u64, StoreError> {
        self.prune(Waste::Events(self.before(age))).await
    }

    /// Drops a bounded number of rows that subnets have left behind that were deleted; answers how many, zero when nothing is left.
    ///
    /// # Errors
    ///
    /// As [`Store::forget_requests`].
    pub async fn drop_ended_subnets(&self) -> Result<u64, StoreError> {
        self.prune(Waste::EndedSubnets).await
    }

    fn before(&self, age: Duration) -> Timestamp {
        (self.clock)().before(age)
    }

    async fn prune(&self, waste: Waste) -> Result<u64, StoreError> {
        let (caller, dropped) = oneshot::channel();
        self.writer.put(Work::Prune(Prune { waste, caller }), &self.closing)?;
        dropped.await.unwrap_or_else(|_| Err(dead()))
    }

    /// Whether other managers may change the ledger too. Not of all that they do the observer is told.
    pub fn is_shared(&self) -> bool {
        match &self.backend {
            Backend::Memory(disk) => disk.is_shared(),
            Backend::Engine(engine) => engine.connections().is_shared(),
        }
    }

    /// Notes what this manager was told where all that share the ledger should be told the same; answers with what a manager was
    /// told before, if that is something else. A ledger in memory has one manager, and notes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn note_setting(&self, name: &str, value: &str) -> Result<Option<String>, StoreError> {
        match &self.backend {
            Backend::Memory(_) => Ok(None),
            Backend::Engine(engine) => {
                let limit = TimeLimit::from_now(engine.connections().time_limit());
                Ok(limit.hold(agreement::note(engine, name, value)).await?)
            }
        }
    }

    /// Claims a host for this process's agent, also from an owner that was found absent, [`ClaimError::Absent`], for so long that
    /// it is not waited for any more.
    ///
    /// # Errors
    ///
    /// [`ClaimError`]: another process on the same database has it, or may have it.
    pub async fn claim_host(
        &self,
        host: &HostId,
        outlasted: Option<Claimant>,
    ) -> Result<HostClaim, ClaimError> {
        HostClaim::make(&self.backend, self.claimant, host, outlasted).await
    }

    /// Waits for what the store cannot do without to die, a lane say, and tells how; for ever, when all is well. Cancel-safe.
    pub async fn death(&self) -> StoreError {
        self.tasks.death().await
    }

    /// Where the ledger is, for tests that look behind the store.
    #[cfg(test)]
    pub(crate) fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Takes nothing new on, answers everything that waits, then closes the database.
    pub async fn close(&self) {
        self.closing.cancel();
        self.tasks.finish().await;
        if let Backend::Engine(engine) = &self.backend {
            engine.close().await;
        }
    }
}

async fn send<C: Command>(
    lane: &Queue,
    command: C,
    envelope: Envelope,
    is_rehearsal: bool,
    closing: &CancellationToken,
) -> Result<Reply<C::Answer>, SubmitError> {
    let span = tracing::info_span!(target: "trace", "ledger", command = C::NAME, is_rehearsal);
    let (caller, answer) = oneshot::channel();
    let job = span.in_scope(|| Box::new(Submitted::new(command, envelope, is_rehearsal, caller)));
    lane.put(Work::Decide(job), closing)?;
    // A store that closes answers all that it has taken on.
    answer.instrument(span).await.unwrap_or_else(|_| Err(dead().into()))
}

#[cfg(test)]
mod tests {
    use lepton_ledger::{GetInstanceNwInfo, Scope};
    use lepton_types::InstanceId;

    use super::*;

    /// What is said of a question when nobody takes from the lane any more.
    async fn told(is_closing: bool) -> SubmitError {
        let (lane, _, taken) = Queue::new(1);
        drop(taken);
        let closing = CancellationToken::new();
        if is_closing {
            closing.cancel();
        }
        let question = GetInstanceNwInfo {
            instance: InstanceId::from(uuid::Uuid::from_u128(1)),
            scope: Scope::Everything,
        };
        send(&lane, question, Envelope::anonymous(), true, &closing).await.unwrap_err()
    }

    #[tokio::test]
    async fn a_lane_that_died_is_a_fault_and_not_a_stop() {
        assert!(matches!(told(true).await, SubmitError::Store(StoreError::Closed)));
        assert!(matches!(told(false).await, SubmitError::Store(StoreError::Internal(_))));
    }
}
