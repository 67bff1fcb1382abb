//! [`Manager`]: submits commands, wakes the hosts, waits for a plug when asked.

mod migrating;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lepton_ipam::MacBase;
use lepton_ledger::{
    AllocateForInstance, Command, Envelope, GetInstanceNwInfo, HostFeed, HostRevision, Refusal, RegisterHost,
    Reply, ReportHost, Scope, UndoAllocation,
};
use lepton_store::{Store, StoreConfig, StoreError, SubmitError};
use lepton_types::{
    DomainName, HostChanges, HostId, HostReport, InstanceId, Name, NetworkInfo, PortId, PortStatus, Revision,
};
use tokio::time::{self, Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{DhcpSettings, Hub, hub::InstanceWatch};

/// How often those who wait look again without having been told: another manager may have heard the host's report, or
/// have given the host something to do.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How often taking an allocation back is tried; after that the ports stay visible, for the caller to deallocate.
const UNDO_ATTEMPTS: u32 = 5;

/// What an operator sets.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// What the MACs of ports start with.
    pub mac_base: MacBase,
    /// The host of this process's own agent, which plugs the ports of requests that name none.
    pub own_host: Option<HostId>,
    /// Whether only hosts whose agent was here before get ports.
    pub only_known_hosts: bool,
    /// The DNS domain in which instances get names of their own; none: they get none.
    pub instance_domain: Option<DomainName>,
    /// Which pool of floating IPs is meant when none is named, and whether instances get floating IPs by themselves.
    pub floating: FloatingSettings,
    /// What the texts for DHCP servers have.
    pub dhcp: DhcpSettings,
}

/// What an operator sets about floating IPs.
#[derive(Clone, Debug)]
pub struct FloatingSettings {
    /// The pool of requests that name none.
    pub default_pool: Name,
    /// Whether each instance gets a floating IP of that pool with its allocation.
    pub auto_assign: bool,
}

impl Default for FloatingSettings {
    /// As Nova has it.
    fn default() -> Self {
        let default_pool = "nova".parse().expect("a word is a name");
        Self { default_pool, auto_assign: false }
    }
}

/// Stateless over the ledger: whatever it knows can be asked again. Clones share everything.
#[derive(Clone, Debug)]
pub struct Manager {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    hub: Arc<Hub>,
    settings: Settings,
    /// Hosts that are certain to be in the ledger.
    registered: Mutex<BTreeSet<HostId>>,
    waits: TaskTracker,
    /// Cancelled when nobody may wait for ports any longer.
    no_more_waiting: CancellationToken,
    /// Cancelled when nobody may follow the journal any longer.
    no_more_watching: CancellationToken,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ManagerError {
    /// The ledger refused, or does not answer.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// A port that the caller waited for could not be plugged.
    #[error("host {host} could not plug port {port} of instance {instance}: {problem}; {}", awaited.left(host, *is_undone))]
    PlugFailed {
        /// Which instance.
        instance: InstanceId,
        /// The host.
        host: HostId,
        /// The first port that failed.
        port: PortId,
        /// Why, in the kernel's own words.
        problem: String,
        /// What the caller waited for.
        awaited: Awaited,
        /// Whether it could be taken back.
        is_undone: bool,
    },
    /// The ports that the caller waited for were not plugged in time, as far as the ledger could be asked.
    #[error("host {host} is not known to have plugged the ports of instance {instance} in time; {}", awaited.left(host, *is_undone))]
    PlugTimeout {
        /// Which instance.
        instance: InstanceId,
        /// The host.
        host: HostId,
        /// What the caller waited for.
        awaited: Awaited,
        /// Whether it could be taken back.
        is_undone: bool,
    },
    /// The move that the caller waited for was aborted meanwhile.
    #[error(
        "the move of instance {instance} to host {destination} is over, and it is not there: it was aborted before that host had plugged its ports, or has moved on"
    )]
    MigrationAborted {
        /// Which instance.
        instance: InstanceId,
        /// Where it was to go.
        destination: HostId,
    },
    /// The instance was deallocated while the caller waited for its ports.
    #[error("instance {instance} was deallocated before host {host} had plugged its ports")]
    Deallocated {
        /// Which instance.
        instance: InstanceId,
        /// The host.
        host: HostId,
    },
    /// The request was carried out before, and what it allocated has ended since.
    #[error(
        "what this request id allocated for instance {instance} has been deallocated since; nothing is left of it"
    )]
    DeallocatedSince {
        /// Which instance.
        instance: InstanceId,
    },
    /// The server stopped before the ports that the caller waited for were plugged.
    #[error("the server is stopping, and host {host} has not plugged the ports of instance {instance} yet; {}", awaited.left(host, *is_undone))]
    Stopping {
        /// Which instance.
        instance: InstanceId,
        /// The host.
        host: HostId,
        /// What the caller waited for.
        awaited: Awaited,
        /// Whether it could be taken back.
        is_undone: bool,
    },
}

/// What a caller waits for, until its ports are plugged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// An instance's vNICs on its host.
    Allocation,
    /// The same on the host that it is being moved to.
    Migration,
}

impl Awaited {
    /// What is left of it: also of what was undone, until the host is known to have nothing of it.
    fn left(self, host: &HostId, is_undone: bool) -> String {
        match (self, is_undone) {
            (Self::Allocation, true) => format!(
                "the allocation was undone, and its addresses are free once host {host} says that it has nothing of it"
            ),
            (Self::Allocation, false) => {
                "the allocation stands: wait for it again under the same request id, or deallocate it"
                    .to_owned()
            }
            (Self::Migration, true) => {
                format!("the move was aborted, and is over once host {host} says that it has nothing of it")
            }
            (Self::Migration, false) => {
                "the move stands: wait for it again under the same request id, or abort it".to_owned()
            }
        }
    }
}

/// A host's agent, as events name it.
fn agent_of(host: &HostId) -> String {
    format!("host:{host}")
}

/// Why an instance's ports are not all plugged.
enum Shortfall {
    Failed(PortId, String),
    TimedOut,
    Stopping,
    /// The instance lives no more, or anew.
    Gone,
    /// The move that was waited for is over, and the instance is where it was.
    Aborted,
}

/// How far what a caller waits for has come.
enum Progress {
    Ready,
    Waiting,
    Short(Shortfall),
}

impl Progress {
    /// Of ports that must all be plugged.
    fn of<'s>(mut statuses: impl Iterator<Item = (PortId, &'s PortStatus)>) -> Self {
        let mut so_far = Self::Ready;
        for (port, status) in &mut statuses {
            match status {
                PortStatus::Error(problem) => return Self::Short(Shortfall::Failed(port, problem.clone())),
                PortStatus::Pending => so_far = Self::Waiting,
                PortStatus::Active => {}
            }
        }
        so_far
    }
}

impl Shortfall {
    /// What to tell the caller of what this request allocated, now or, when it is a repetition, before.
    fn into_error(self, answer: Reply<NetworkInfo>, is_undone: bool) -> ManagerError {
        let Reply { answer: NetworkInfo { instance, host, .. }, is_repeated } = answer;
        let awaited = Awaited::Allocation;
        match self {
            Self::Failed(port, problem) => {
                ManagerError::PlugFailed { instance, host, port, problem, awaited, is_undone }
            }
            Self::TimedOut => ManagerError::PlugTimeout { instance, host, awaited, is_undone },
            Self::Stopping => ManagerError::Stopping { instance, host, awaited, is_undone },
            Self::Aborted => ManagerError::MigrationAborted { instance, destination: host },
            Self::Gone if is_repeated => ManagerError::DeallocatedSince { instance },
            Self::Gone => ManagerError::Deallocated { instance, host },
        }
    }
}

impl Manager {
    /// Opens the ledger.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub async fn open(store: &StoreConfig, settings: Settings) -> Result<Self, StoreError> {
        let hub = Arc::new(Hub::default());
        let observer = Arc::clone(&hub);
        let store = Store::open(store, Arc::new(move |changes| observer.observe(changes))).await?;
        let inner = Inner {
            store,
            hub,
            settings,
            registered: Mutex::default(),
            waits: TaskTracker::new(),
            no_more_waiting: CancellationToken::new(),
            no_more_watching: CancellationToken::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What the operator set.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.inner.hub
    }

    /// Cancelled when nobody may follow the journal any longer.
    pub(crate) fn watching_ends(&self) -> CancellationToken {
        self.inner.no_more_watching.clone()
    }

    /// Carries a command out, or says what it would answer.
    pub(crate) async fn submit<C: Command>(
        &self,
        command: C,
        envelope: Envelope,
        validate_only: bool,
    ) -> Result<C::Answer, ManagerError> {
        let store = &self.inner.store;
        if validate_only {
            Ok(store.rehearse(command, envelope).await?)
        } else {
            Ok(store.submit(command, envelope).await?.answer)
        }
    }

    /// Asks a question.
    pub(crate) async fn ask<C: Command>(&self, question: C) -> Result<C::Answer, ManagerError> {
        Ok(self.inner.store.ask(question).await?)
    }

    /// Allocates, and answers when every port is plugged; undoes the allocation when one fails or `patience` ends.
    ///
    /// It comes to its end also when its caller goes away, so that nothing stays half done. A repeated request waits too,
    /// but undoes nothing: what it asks for was allocated by the request before it, and may have been running since.
    pub(crate) async fn allocate_and_wait(
        &self,
        command: AllocateForInstance,
        envelope: Envelope,
        patience: Duration,
    ) -> Result<NetworkInfo, ManagerError> {
        let manager = self.clone();
        let deadline = Instant::now() + patience;
        let wait = async move {
            // Watching starts before the ports are there, so that no report is missed.
            let mut watch = manager.inner.hub.watch_instance(command.instance);
            let reply =
                manager.inner.store.submit(command, envelope.clone()).await.map_err(ManagerError::from)?;
            let plugged =
                |info: &NetworkInfo| Progress::of(info.vifs.iter().map(|vif| (vif.id, &vif.status)));
            match manager.until(&reply.answer, &mut watch, deadline, plugged).await {
                Ok(info) => Ok(info),
                Err(shortfall) => {
                    let is_ours = !reply.is_repeated && !matches!(shortfall, Shortfall::Gone);
                    let is_undone = is_ours && manager.undo(&reply.answer, &envelope).await;
                    Err(shortfall.into_error(reply, is_undone))
                }
            }
        };
        let done = self.inner.waits.spawn(wait).await;
        done.unwrap_or_else(|died| Err(SubmitError::Store(StoreError::Internal(died.to_string())).into()))
    }

    /// Waits until what the caller waits for is there, or it is clear why not. A ledger that cannot be asked at the deadline is a reason
    /// like any other: what was begun is there, and has to be undone.
    async fn until(
        &self,
        answer: &NetworkInfo,
        watch: &mut InstanceWatch,
        deadline: Instant,
        progress: impl Fn(&NetworkInfo) -> Progress + Send,
    ) -> Result<NetworkInfo, Shortfall> {
        loop {
            let info = match self
                .ask(GetInstanceNwInfo { instance: answer.instance, scope: Scope::Everything })
                .await
            {
                Ok(info) if info.incarnation == answer.incarnation => info,
                Ok(_) => return Err(Shortfall::Gone),
                Err(ManagerError::Submit(SubmitError::Refused(Refusal::InstanceNotFound { .. }))) => {
                    return Err(Shortfall::Gone);
                }
                // The ledger may answer again before the deadline; until then nothing is known to have failed.
                Err(error) => {
                    tracing::warn!(%error, instance = %answer.instance, "it is not known how the ports are");
                    answer.clone()
                }
            };
            match progress(&info) {
                Progress::Ready => return Ok(info),
                Progress::Short(shortfall) => return Err(shortfall),
                Progress::Waiting => {}
            }
            if Instant::now() >= deadline {
                return Err(Shortfall::TimedOut);
            }
            if self.inner.no_more_waiting.is_cancelled() {
                return Err(Shortfall::Stopping);
            }
            tokio::select! {
                () = watch.changed() => {} // cancel-safe: the watch keeps what it has not told
                () = self.inner.no_more_waiting.cancelled() => {}
                () = time::sleep_until(deadline.min(Instant::now() + LOOK_AGAIN)) => {}
            }
        }
    }

    /// Takes an allocation back; answers whether that is certain.
    async fn undo(&self, answer: &NetworkInfo, envelope: &Envelope) -> bool {
        let undo = UndoAllocation {
            instance: answer.instance,
            incarnation: answer.incarnation,
            host: answer.host.clone(),
            request: envelope.request_key().cloned(),
        };
        self.insist(undo, envelope.actor()).await.is_some_and(|undone| undone.is_undone)
    }

    /// Takes back what somebody waited for in vain; none when the ledger does not answer however often it is asked.
    async fn insist<C: Command + Clone>(&self, undo: C, actor: &str) -> Option<C::Answer> {
        let mut pause = LOOK_AGAIN / 10;
        for attempt in 1..=UNDO_ATTEMPTS {
            match self.submit(undo.clone(), Envelope::of(actor), false).await {
                Ok(answer) => return Some(answer),
                Err(error) => tracing::warn!(%error, command = C::NAME, "it is not undone yet"),
            }
            if attempt < UNDO_ATTEMPTS {
                time::sleep(pause).await;
                pause *= 2;
            }
        }
        None
    }

    /// Notes that a host has an agent, if the ledger does not know it yet. That it cannot be noted keeps nobody from his
    /// work; the agent's next question tries again.
    pub async fn register(&self, host: &HostId) {
        if self.registered().contains(host) {
            return;
        }
        let register = RegisterHost { host: host.clone() };
        match self.submit(register, Envelope::of(&agent_of(host)), false).await {
            Ok(()) => drop(self.registered().insert(host.clone())),
            Err(error) => tracing::warn!(%host, %error, "the host is not noted as one that has an agent"),
        }
    }

    fn registered(&self) -> MutexGuard<'_, BTreeSet<HostId>> {
        self.inner.registered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a host must have: everything, or what changed after the revision that it holds.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] and its like.
    pub async fn host_changes(
        &self,
        host: HostId,
        after: Option<Revision>,
    ) -> Result<HostChanges, ManagerError> {
        self.register(&host).await;
        self.ask(HostFeed { host, after }).await
    }

    /// Records what a host has done.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] and its like; the report may be repeated.
    pub async fn host_report(&self, host: HostId, report: HostReport) -> Result<(), ManagerError> {
        let envelope = Envelope::of(&agent_of(&host));
        self.submit(ReportHost { host, report }, envelope, false).await
    }

    /// Waits until the host must have more than the revision that it holds. What another manager of the same ledger
    /// decided is heard of within a second.
    pub async fn host_news(&self, host: &HostId, holds: Revision) {
        let mut revisions = self.inner.hub.watch_host(host);
        loop {
            tokio::select! {
                // The hub lives as long as this manager does, so the channel cannot be closed.
                _ = revisions.wait_for(|revision| *revision > holds) => return, // cancel-safe
                () = time::sleep(LOOK_AGAIN), if self.inner.store.is_shared() => {}
            }
            let revision = self.ask(HostRevision { host: host.clone() }).await;
            if revision.is_ok_and(|revision| revision > holds) {
                return;
            }
        }
    }

    /// Ends the waiting of callers for their ports: what is not plugged by now is undone, and they are told so.
    pub fn end_waiting(&self) {
        self.inner.no_more_waiting.cancel();
    }

    /// Ends the following of the journal, which would last as long as the draining: who follows is told to come back.
    pub fn end_watching(&self) {
        self.inner.no_more_watching.cancel();
    }

    /// Ends the waiting of callers for their ports, then answers all that the store has taken on.
    pub async fn close(&self) {
        self.end_watching();
        self.end_waiting();
        self.inner.waits.close();
        self.inner.waits.wait().await;
        self.inner.store.close().await;
    }
}
