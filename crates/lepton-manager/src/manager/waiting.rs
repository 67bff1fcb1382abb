//! Waiting until an instance's ports are plugged, and taking back what was begun when they are not.

use std::{future::Future, time::Duration};

use lepton_ledger::{
    AllocateForInstance, Command, Envelope, FollowInstance, Followed, Refusal, UndoAllocation,
};
use lepton_store::{StoreError, SubmitError};
use lepton_types::{HostId, InstanceId, NetworkInfo, PortId, PortStatus};
use tokio::time::{self, Instant};
use tracing::Instrument;

use super::{Awaited, LOOK_AGAIN, Manager, ManagerError, Wanted};
use crate::hub::InstanceWatch;

/// How often taking an allocation back is tried; after that the ports stay visible, for the caller to deallocate.
const UNDO_ATTEMPTS: u32 = 5;

/// Why an instance's ports are not all plugged.
pub(super) enum Shortfall {
    Failed(PortId, String),
    TimedOut,
    Stopping,
    /// The instance lives no more, or anew.
    Gone,
    /// The move that was waited for is over, and the instance is not where it led to.
    Aborted {
        /// Whether it is where it was.
        is_home: bool,
    },
}

/// How far what a caller waits for has come.
pub(super) enum Progress {
    Ready,
    Waiting,
    Short(Shortfall),
}

/// How a call that is to be waited for began, which is done whether its caller stays or not.
pub(super) enum Begun<T> {
    /// It was this call that did it, and it has been waited for.
    Waited(NetworkInfo),
    /// It was done before: who waits for it again undoes nothing, and follows the instance by this watch.
    Repeated(T, InstanceWatch),
}

/// Whether the ports are plugged where the instance is.
fn plugged(seen: &Followed) -> Progress {
    Progress::of(seen.info.vifs.iter().map(|vif| (vif.id, &vif.status)))
}

impl Progress {
    /// Of ports that must all be plugged.
    pub(super) fn of<'s>(mut statuses: impl Iterator<Item = (PortId, &'s PortStatus)>) -> Self {
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
    /// What to tell a caller that waited for this on the host, and whether what it began is undone.
    pub(super) fn into_error(
        self,
        awaited: Awaited,
        instance: InstanceId,
        host: HostId,
        is_undone: bool,
    ) -> ManagerError {
        match self {
            Self::Failed(port, problem) => {
                ManagerError::PlugFailed { instance, host, port, problem, awaited, is_undone }
            }
            Self::TimedOut => ManagerError::PlugTimeout { instance, host, awaited, is_undone },
            Self::Stopping => ManagerError::Stopping { instance, host, awaited, is_undone },
            Self::Aborted { is_home } => {
                ManagerError::MigrationAborted { instance, destination: host, is_undone: is_home }
            }
            Self::Gone => ManagerError::Deallocated { instance, host },
        }
    }
}

impl Manager {
    /// Allocates, and answers when every port is plugged; undoes the allocation when one fails or `patience` ends.
    ///
    /// It comes to its end also when its caller goes away, so that nothing stays half done. A repeated request waits too,
    /// but undoes nothing: what it asks for was allocated by the request before it, and may have been running since. So it ends
    /// with its caller, and there are never more waits without one than instances whose ports are pending.
    pub(crate) async fn allocate_and_wait(
        &self,
        wanted: Wanted<AllocateForInstance>,
        envelope: Envelope,
        patience: Duration,
    ) -> Result<NetworkInfo, ManagerError> {
        let (manager, deadline) = (self.clone(), Instant::now() + patience);
        let (answer, mut watch) =
            match self.detached(async move { manager.begin(wanted, envelope, deadline).await }).await? {
                Begun::Waited(info) => return Ok(info),
                Begun::Repeated(answer, watch) => (answer, watch),
            };
        match self.until(&answer, &mut watch, deadline, plugged).await {
            Ok(info) => Ok(info),
            Err(Shortfall::Gone) => Err(ManagerError::DeallocatedSince { instance: answer.instance }),
            Err(shortfall) => {
                let NetworkInfo { instance, host, .. } = answer;
                Err(shortfall.into_error(Awaited::Allocation, instance, host, false))
            }
        }
    }

    /// Allocates, and unless that was done before, waits and undoes it when a port fails or time is over.
    async fn begin(
        &self,
        wanted: Wanted<AllocateForInstance>,
        envelope: Envelope,
        deadline: Instant,
    ) -> Result<Begun<NetworkInfo>, ManagerError> {
        // Watching starts before the ports are there, so that no report is missed.
        let mut watch = self.inner.hub.watch_instance(wanted.command.instance);
        let reply = self.carry_out(wanted, envelope.clone()).await.map_err(ManagerError::from)?;
        if reply.is_repeated {
            return Ok(Begun::Repeated(reply.answer, watch));
        }
        match self.until(&reply.answer, &mut watch, deadline, plugged).await {
            Ok(info) => Ok(Begun::Waited(info)),
            Err(shortfall) => {
                let is_undone =
                    !matches!(shortfall, Shortfall::Gone) && self.undo(&reply.answer, &envelope).await;
                let NetworkInfo { instance, host, .. } = reply.answer;
                Err(shortfall.into_error(Awaited::Allocation, instance, host, is_undone))
            }
        }
    }

    /// Does what must come to its end also when its caller goes away.
    pub(super) async fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, ManagerError>> + Send + 'static,
    ) -> Result<T, ManagerError> {
        let done = self.inner.waits.spawn(work.in_current_span()).await;
        done.unwrap_or_else(|died| Err(SubmitError::Store(StoreError::Internal(died.to_string())).into()))
    }

    /// Waits until what the caller waits for is there, or it is clear why not. A ledger that cannot be asked at the deadline is a reason
    /// like any other: what was begun is there, and has to be undone.
    pub(super) async fn until(
        &self,
        answer: &NetworkInfo,
        watch: &mut InstanceWatch,
        deadline: Instant,
        progress: impl Fn(&Followed) -> Progress + Send,
    ) -> Result<NetworkInfo, Shortfall> {
        let span = tracing::info_span!(target: "trace", "wait for ports", instance = %answer.instance);
        self.look_until(answer, watch, deadline, progress).instrument(span).await
    }

    async fn look_until(
        &self,
        answer: &NetworkInfo,
        watch: &mut InstanceWatch,
        deadline: Instant,
        progress: impl Fn(&Followed) -> Progress + Send,
    ) -> Result<NetworkInfo, Shortfall> {
        loop {
            let is_known = match self.ask(FollowInstance { since: answer.clone() }).await {
                Ok(seen) => match progress(&seen) {
                    Progress::Ready => return Ok(seen.info),
                    Progress::Short(shortfall) => return Err(shortfall),
                    Progress::Waiting => true,
                },
                Err(ManagerError::Submit(SubmitError::Refused(
                    Refusal::InstanceNotFound { .. } | Refusal::IncarnationMismatch { .. },
                ))) => return Err(Shortfall::Gone),
                // The ledger may answer again before the deadline; until then nothing is known to have failed.
                Err(error) => {
                    tracing::warn!(%error, instance = %answer.instance, "it is not known how the ports are");
                    false
                }
            };
            if Instant::now() >= deadline {
                return Err(Shortfall::TimedOut);
            }
            if self.inner.no_more_waiting.is_cancelled() {
                return Err(Shortfall::Stopping);
            }
            tokio::select! {
                biased;
                () = watch.changed() => {} // cancel-safe: the watch keeps what it has not told
                () = self.inner.no_more_waiting.cancelled() => {}
                () = self.others_may_have_written() => {}
                () = time::sleep(LOOK_AGAIN), if !is_known => {}
                () = time::sleep_until(deadline) => {}
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
    pub(super) async fn insist<C: Command + Clone>(&self, undo: C, actor: &str) -> Option<C::Answer> {
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
}
