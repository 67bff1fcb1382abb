//! [`Agent`]: the loop.

use std::time::Duration;

use lepton_plan::{HostState, orphans, plan};
use lepton_plug::{Plug, PlugError};
use lepton_types::{HostId, PortReport, Revision};
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    Manager,
    holding::{Holding, parts},
    leftovers::Leftovers,
    outcome::{Failures, is_gone, status},
    pace::Pace,
};

/// Longest time between two looks at the host itself and at the manager, for hints that got lost.
const RESYNC: Duration = Duration::from_secs(10);

/// Longest that the manager may take for an answer.
const MANAGER_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest that the host may take: a thousand devices that are deleted one by one take 16 s.
const HOST_TIMEOUT: Duration = Duration::from_secs(60);

/// Makes one host what its manager says, and tells the manager what became of it.
#[derive(Debug)]
pub struct Agent<P, M> {
    host: HostId,
    plug: P,
    manager: M,
    holding: Holding,
    /// What the host had after the last pass; none when it has to be looked at again.
    ///
    /// It is looked at at the start, on a hint, after a failure and every [`RESYNC`]; in between what it has acknowledged
    /// is trusted, so that a port more on a host with a thousand does not cost a look at all of them.
    state: Option<HostState>,
    resync_at: Instant,
    pace: Pace,
    leftovers: Leftovers,
}

/// What a pass could not do.
#[derive(Debug, Default)]
struct Shortfall {
    /// Actions that failed, and looks at the host.
    failures: usize,
    /// Whether the manager could not be asked or told.
    is_manager_away: bool,
}

impl<P: Plug, M: Manager> Agent<P, M> {
    /// An agent of `host`. The seed makes its pauses differ from those of the other agents.
    pub fn new(host: HostId, plug: P, manager: M, seed: u64) -> Self {
        Self {
            host,
            plug,
            manager,
            holding: Holding::default(),
            state: None,
            resync_at: Instant::now() + RESYNC,
            pace: Pace::new(seed),
            leftovers: Leftovers::default(),
        }
    }

    /// Reconciles until `shutdown`: on each hint, after a failure, and at least every 10 s.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            // Never raced against `shutdown`: a pass always runs to its end.
            let is_manager_away = self.pass().await;
            let holds = self.holding.revision().unwrap_or_default();
            tokio::select! {
                () = shutdown.cancelled() => return,
                // Cancel-safe, as `Manager` demands. While the manager does not answer, its news would come at once, again
                // and again.
                () = self.manager.news(&self.host, holds), if !is_manager_away => continue,
                () = self.plug.changed() => {} // cancel-safe, as `Plug` demands
                () = time::sleep_until(self.pace.due(self.resync_at)) => {}
            }
            self.state = None;
            self.resync_at = Instant::now() + RESYNC;
        }
    }

    /// Reconciles once, and notes when to try again; answers whether the manager is away.
    async fn pass(&mut self) -> bool {
        let Shortfall { failures, is_manager_away } = self.reconcile().await;
        if failures == 0 && !is_manager_away {
            self.pace.worked();
        } else {
            tracing::warn!(host = %self.host, failures, is_manager_away, "the host is not yet what it must be");
            self.pace.failed(Instant::now());
        }
        is_manager_away
    }

    /// Asks, looks, plans, applies, reports.
    async fn reconcile(&mut self) -> Shortfall {
        let mut is_manager_away = self.fetch().await.is_none();
        if self.holding.revision().is_none() {
            return Shortfall { failures: 0, is_manager_away };
        }
        let desired = HostState::desired(self.holding.ports());
        let failures = match self.make_it_so(&desired).await {
            Ok(failures) => failures,
            Err(error) => {
                tracing::warn!(host = %self.host, %error, "the host cannot be looked at");
                Failures::of_everything(&error)
            }
        };
        is_manager_away |= self.report(&desired, &failures).await.is_none();
        if failures.count() > 0 {
            self.state = None;
        }
        Shortfall { failures: failures.count(), is_manager_away }
    }

    /// Takes over what has changed; none when the manager does not answer. Then the host stays what it was to be.
    async fn fetch(&mut self) -> Option<Revision> {
        let changes = self.manager.changes(&self.host, self.holding.revision());
        let changes = in_time(MANAGER_TIMEOUT, changes, "asked what the host must have").await?;
        let revision = changes.revision;
        self.holding.follow(changes);
        Some(revision)
    }

    /// Changes the difference between what the host has and what it must have; leaves in `state` what it has then.
    async fn make_it_so(&mut self, desired: &HostState) -> Result<Failures, PlugError> {
        let mut state = match self.state.take() {
            Some(state) => state,
            None => host_in_time(self.plug.observe(), "observe").await??,
        };
        let released = self.holding.released().map(|port| port.device()).collect();
        self.leftovers.tell(&self.host, &orphans(desired, &released, &state));
        let actions = plan(desired, &released, &state);
        let mut failures = Failures::default();
        if !actions.is_empty() {
            let outcomes = host_in_time(self.plug.apply(&actions), "change").await?;
            for (action, outcome) in actions.iter().zip(outcomes) {
                // What succeeded has the effect that the model says; what the model refuses is looked at again.
                let outcome = outcome.and_then(|()| {
                    state.apply(action).map_err(|refusal| PlugError::refused(action, &refusal))
                });
                if let Err(error) = outcome {
                    tracing::warn!(host = %self.host, %error, "an action failed");
                    failures.note(action, &error);
                }
            }
        }
        self.state = Some(state);
        Ok(failures)
    }

    /// Tells the manager what it does not know yet; none when it does not answer, and then it is told again.
    async fn report(&mut self, desired: &HostState, failures: &Failures) -> Option<()> {
        let (statuses, unplugged) = match &self.state {
            Some(state) => {
                let statuses = self.holding.ports().map(|port| status(port, desired, state, failures));
                (statuses.collect(), self.holding.released().filter(|port| is_gone(*port, state)).collect())
            }
            // What was plugged when the host could be looked at is taken to be plugged; of nothing else is there proof.
            None => (self.blind_statuses(desired, failures), Vec::new()),
        };
        let Some(report) = self.holding.news(statuses, unplugged) else { return Some(()) };
        for part in parts(report) {
            let told = self.manager.report(&self.host, part.clone());
            in_time(MANAGER_TIMEOUT, told, "told what the host has").await?;
            self.holding.acknowledge(part);
        }
        Some(())
    }

    /// What can be said when the host cannot be looked at: why the ports that are not known to be plugged are not.
    fn blind_statuses(&self, desired: &HostState, failures: &Failures) -> Vec<PortReport> {
        let unknown = HostState::default();
        let waiting = self.holding.ports().filter(|port| !self.holding.is_known_active(port.id));
        waiting.map(|port| status(port, desired, &unknown, failures)).collect()
    }
}

/// The manager's answer; none, and a line in the log, when it has none or takes too long.
async fn in_time<T, E: std::fmt::Display>(
    limit: Duration,
    answer: impl Future<Output = Result<T, E>>,
    question: &str,
) -> Option<T> {
    match time::timeout(limit, answer).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the manager cannot be {question}");
            None
        }
        Err(_) => {
            tracing::warn!(?limit, "the manager does not answer when {question}");
            None
        }
    }
}

/// What the host does, unless it takes too long; then nothing is known of it.
async fn host_in_time<T>(work: impl Future<Output = T>, operation: &'static str) -> Result<T, PlugError> {
    let late =
        |_| PlugError::new(operation, "the host", &format!("no end after {} s", HOST_TIMEOUT.as_secs()));
    time::timeout(HOST_TIMEOUT, work).await.map_err(late)
}

#[cfg(test)]
mod tests;
