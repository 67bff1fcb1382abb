//! [`Manager`]: submits commands, wakes the hosts, waits for a plug when asked.

mod agreement;
mod error;
mod migrating;
mod planned;
#[cfg(test)]
mod tests;
mod waiting;

use std::{future, sync::Arc, time::Duration};

use lepton_ipam::MacBase;
use lepton_ledger::{Command, Envelope, HostFeed, HostRevision, Refusal, RegisterHost, ReportHost};
use lepton_store::{
    ClaimError, Claimant, HostClaim, Store, StoreConfig, StoreError, SubmitError, Surroundings,
};
use lepton_types::{DomainName, HostChanges, HostId, HostReport, Name, Revision};
use tokio::time;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{DhcpSettings, Hub, Metrics};

use error::Awaited;
pub use error::ManagerError;
pub(crate) use planned::Wanted;

/// How often those who wait look again without having been told: another manager may have heard the host's report, or
/// have given the host something to do, and what it tells may get lost.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(1);

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
    metrics: Metrics,
    hub: Arc<Hub>,
    settings: Settings,
    waits: TaskTracker,
    /// Cancelled when nobody may wait for ports any longer.
    no_more_waiting: CancellationToken,
    /// Cancelled when nobody may follow the journal any longer.
    no_more_watching: CancellationToken,
}

/// A host's agent, as events name it.
fn agent_of(host: &HostId) -> String {
    format!("host:{host}")
}

impl Manager {
    /// Opens the ledger.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub async fn open(store: &StoreConfig, settings: Settings) -> Result<Self, StoreError> {
        Self::open_in(store, settings, Surroundings::default()).await
    }

    /// Opens the ledger in other surroundings than the system's.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub async fn open_in(
        store: &StoreConfig,
        settings: Settings,
        surroundings: Surroundings,
    ) -> Result<Self, StoreError> {
        let (hub, default_limits) = (Arc::new(Hub::default()), store.default_limits);
        let store = Store::open_in(store, Arc::<Hub>::clone(&hub), surroundings).await?;
        agreement::look(&store, &settings, default_limits).await;
        let inner = Inner {
            metrics: Metrics::new(|registry| store.register_metrics(registry)),
            store,
            hub,
            settings,
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

    /// What is measured of it.
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
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
        self.submit_wanted(command.into(), envelope, validate_only).await
    }

    /// Asks a question.
    pub(crate) async fn ask<C: Command>(&self, question: C) -> Result<C::Answer, ManagerError> {
        Ok(self.inner.store.ask(question).await?)
    }

    /// Notes that a host has an agent, which is told nothing before.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] and its like; the agent's next question tries again.
    pub async fn register(&self, host: &HostId) -> Result<(), ManagerError> {
        let register = RegisterHost { host: host.clone() };
        self.submit(register, Envelope::of(&agent_of(host)), false).await
    }

    /// Claims a host for this process's agent; on a shared ledger, for it alone. See [`Store::claim_host`].
    ///
    /// # Errors
    ///
    /// [`ClaimError`]: another process has it, or may have it.
    pub async fn claim_host(
        &self,
        host: &HostId,
        outlasted: Option<Claimant>,
    ) -> Result<HostClaim, ClaimError> {
        self.inner.store.claim_host(host, outlasted).await
    }

    /// Waits for the ledger's store to die, and tells how; for ever, when all is well. Cancel-safe.
    pub async fn death(&self) -> StoreError {
        self.inner.store.death().await
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
        let feed = HostFeed { host, after };
        match self.ask(feed.clone()).await {
            Err(ManagerError::Submit(SubmitError::Refused(Refusal::HostNotFound { host, .. }))) => {
                self.register(&host).await?;
                self.ask(feed).await
            }
            told => told,
        }
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
    /// decided is heard of at once, or else within a second.
    pub async fn host_news(&self, host: &HostId, holds: Revision) {
        let (mut news, mut is_time) = (self.inner.hub.watch_host(host), false);
        loop {
            let known = *news.borrow_and_update();
            if known.written > holds {
                return;
            }
            if known.heard > holds || is_time {
                let revision = self.ask(HostRevision { host: host.clone() }).await;
                if revision.is_ok_and(|revision| revision > holds) {
                    return;
                }
            }
            is_time = tokio::select! {
                biased;
                // The hub lives as long as this manager does, so the channel cannot be closed.
                _ = news.changed() => false, // cancel-safe
                () = self.others_may_have_written() => true,
            };
        }
    }

    /// Waits until it is time to look at what other managers have done, of which the hub may not have heard; for ever where there are
    /// none.
    pub(crate) async fn others_may_have_written(&self) {
        if self.inner.store.is_shared() {
            time::sleep(LOOK_AGAIN).await;
        } else {
            future::pending().await
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
