//! [`Store`]: the ledger, open for commands and questions.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use lepton_ledger::{Change, Command, Envelope, Reply};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    batch::{Job, Submitted},
    config::StoreConfig,
    engine::{Engine, READERS},
    error::{StoreError, SubmitError},
    failure::Failure,
    lane::{self, Backend, Clock, Lane, Purpose, system_clock},
    memory::Memory,
    migrate::migrate,
    tables::requests,
};

/// Told of every batch's changes, after they are durable; it must not wait for anything.
pub type Observer = Arc<dyn Fn(&[Change]) + Send + Sync>;

/// How long a caller should stay away when the queue is full: some batches' time.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// The ledger, open for commands and questions. Dropping it abandons what waits; see [`Store::close`].
pub struct Store {
    backend: Backend,
    clock: Clock,
    writer: mpsc::Sender<Box<dyn Job>>,
    readers: Vec<mpsc::Sender<Box<dyn Job>>>,
    next_reader: AtomicUsize,
    closing: CancellationToken,
    lanes: Mutex<JoinSet<()>>,
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
    pub async fn open(config: &StoreConfig, observer: Observer) -> Result<Self, StoreError> {
        Self::open_with(config, observer, system_clock()).await
    }

    /// As [`Store::open`], with another notion of the present.
    pub(crate) async fn open_with(
        config: &StoreConfig,
        observer: Observer,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let backend = match Engine::open(config).await? {
            None => Backend::Memory(Arc::new(Memory::new())),
            Some(engine) => {
                migrate(&engine, &config.database.to_string()).await?;
                Backend::Engine(engine)
            }
        };
        let mut lanes = JoinSet::new();
        let closing = CancellationToken::new();
        let mut start = |purpose: Purpose| {
            let (sender, queue) = mpsc::channel(config.queue_limit);
            let (backend, clock, closing) = (backend.clone(), Arc::clone(&clock), closing.clone());
            let lane = Lane { backend, purpose, clock, batch_limit: config.batch_limit, closing };
            lanes.spawn(lane.run(queue));
            sender
        };
        let writer = start(Purpose::Write(observer));
        let readers = (0..READERS).map(|_| start(Purpose::Read)).collect();
        let (next_reader, lanes) = (AtomicUsize::new(0), Mutex::new(lanes));
        Ok(Self { backend, clock, writer, readers, next_reader, closing, lanes })
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
        send(&self.writer, command, envelope, false).await
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
        let turn = self.next_reader.fetch_add(1, Ordering::Relaxed);
        let reply = send(&self.readers[turn % self.readers.len()], command, envelope, true).await?;
        Ok(reply.answer)
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
    /// [`StoreError::Unavailable`].
    pub async fn forget_requests(&self, age: Duration) -> Result<u64, StoreError> {
        let before = (self.clock)().before(age);
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.forget_requests(before)),
            Backend::Engine(engine) => {
                let forget = async {
                    let mut tx = engine.write().await?;
                    let forgotten = requests::forget(&mut tx, before).await?;
                    tx.commit().await?;
                    Ok::<_, Failure>(forgotten)
                };
                lane::in_time(engine, forget).await.map_err(StoreError::from)
            }
        }
    }

    /// Where the ledger is, for tests that look behind the store.
    #[cfg(test)]
    pub(crate) fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Takes nothing new on, answers everything that waits, then closes the database.
    pub async fn close(&self) {
        self.closing.cancel();
        let mut lanes = std::mem::take(&mut *self.lanes.lock().unwrap_or_else(PoisonError::into_inner));
        while lanes.join_next().await.is_some() {}
        if let Backend::Engine(engine) = &self.backend {
            engine.close().await;
        }
    }
}

async fn send<C: Command>(
    lane: &mpsc::Sender<Box<dyn Job>>,
    command: C,
    envelope: Envelope,
    is_rehearsal: bool,
) -> Result<Reply<C::Answer>, SubmitError> {
    let (caller, answer) = oneshot::channel();
    let job = Box::new(Submitted::new(command, envelope, is_rehearsal, caller));
    lane.try_send(job).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => {
            StoreError::QueueFull { waiting: lane.max_capacity(), retry_after: RETRY_AFTER }
        }
        mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
    })?;
    answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
}
