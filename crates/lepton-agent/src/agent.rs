//! [`Agent`]: the loop.

use std::time::Duration;

use lepton_plan::{Action, HostState, plan};
use lepton_plug::{Plug, PlugError};
use lepton_types::{HostChanges, HostId, PortReport, Revision};
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    Manager,
    holding::{Holding, parts},
    leftovers::Leftovers,
    outcome::{is_gone, status},
    pace::{Looks, Pace},
    troubles::Troubles,
};

/// Longest that the manager may take for an answer.
const MANAGER_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest that the host may take: a thousand devices that are deleted one by one take 16 s.
const HOST_TIMEOUT: Duration = Duration::from_secs(60);

/// How long at most until the manager is told what it knows already, so that a report of what was, which came late, does not stand for
/// ever. The manager looks at each port's row and writes nothing; with a million ports these are some 8,000 rows a second.
const RESTATED: Duration = Duration::from_secs(120);

/// How long what was plugged when it was last known what the host has is taken to be plugged still, from the beginning of the
/// first look that fails on: three times as long as until the next look at the latest. So one that fails at once is no news,
/// however long the manager has kept the agent from looking before, and one that takes that long is enough.
const TRUSTED: Duration = Duration::from_secs(30);

/// Makes one host what its manager says, and tells the manager what became of it.
#[derive(Debug)]
pub struct Agent<P, M> {
    host: HostId,
    plug: P,
    manager: M,
    holding: Holding,
    /// What the host had after the last pass; none when it has to be looked at again.
    ///
    /// It is looked at at the start, on a hint, and every 10 s; in between what it has acknowledged is trusted, so that a
    /// port more on a host with a thousand does not cost a look at all of them. Of what failed nothing is known, and it is
    /// looked at by itself before it is tried again.
    state: Option<HostState>,
    /// Since when nobody knows what the host has: when the first look began that failed; none while it is known.
    blind_since: Option<Instant>,
    restates_at: Instant,
    troubles: Troubles,
    looks: Looks,
    pace: Pace,
    leftovers: Leftovers,
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
            blind_since: None,
            restates_at: Instant::now() + RESTATED,
            troubles: Troubles::default(),
            looks: Looks::begin(Instant::now()),
            pace: Pace::new(seed),
            leftovers: Leftovers::default(),
        }
    }

    /// Reconciles until `shutdown`: on news and hints, after a failure, and at least every 10 s.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            // Never raced against `shutdown`: a pass always runs to its end.
            let span = tracing::info_span!(target: "trace", "pass", host = %self.host);
            let is_manager_away = self.pass().instrument(span).await;
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = self.wait(is_manager_away) => {}
            }
        }
    }

    /// Waits for a reason to reconcile, and notes what it is a reason for.
    async fn wait(&mut self, is_manager_away: bool) {
        let holds = self.holding.revision().unwrap_or_default();
        loop {
            let due = self.pace.due().map_or(self.looks.due(), |retry_at| retry_at.min(self.looks.due()));
            tokio::select! {
                biased;
                // Cancel-safe, as `Manager` demands. While the manager does not answer, its news would come at once, again
                // and again.
                () = self.manager.news(&self.host, holds), if !is_manager_away => break,
                // Cancel-safe, as `Plug` demands.
                () = self.plug.changed(), if !self.looks.is_hinted() => self.looks.hint(Instant::now()),
                () = time::sleep_until(due) => break,
            }
        }
        // News do not put off what is due, however many there are.
        self.note_time(Instant::now());
    }

    /// Notes what is due: a look at the whole host, another try of what failed.
    fn note_time(&mut self, now: Instant) {
        if self.looks.is_resync_due(now) || self.pace.due().is_some_and(|retry_at| retry_at <= now) {
            self.troubles.release_all();
        }
        if self.looks.due() <= now {
            self.state = None;
            self.looks.looked(now);
        }
        if self.restates_at <= now {
            self.holding.doubt();
            self.restates_at = now + RESTATED;
        }
    }

    /// Reconciles once, and notes when to try again; answers whether the manager is away.
    async fn pass(&mut self) -> bool {
        let is_manager_away = self.reconcile().await;
        let failures = self.troubles.failures();
        if failures > 0 || is_manager_away {
            tracing::warn!(host = %self.host, failures, is_manager_away, "the host is not yet what it must be");
        }
        if failures == 0 && !is_manager_away && self.troubles.names().is_empty() {
            self.pace.worked();
        } else {
            self.pace.failed(Instant::now());
        }
        is_manager_away
    }

    /// Asks, looks, plans, applies, reports; answers whether the manager is away.
    async fn reconcile(&mut self) -> bool {
        self.troubles.begin_pass();
        let mut is_manager_away = self.fetch().await.is_none();
        if self.holding.revision().is_none() {
            return is_manager_away;
        }
        let (desired, begun) = (HostState::desired(self.holding.ports()), Instant::now());
        match self.make_it_so(&desired).await {
            Ok(()) => self.blind_since = None,
            Err(error) => {
                self.blind_since.get_or_insert(begun);
                tracing::warn!(host = %self.host, %error, "the host cannot be looked at");
                self.troubles.note_everything(&error);
            }
        }
        is_manager_away |= self.report(&desired).await.is_none();
        if self.troubles.is_host_in_doubt() {
            self.state = None;
            self.troubles.release_all();
        }
        is_manager_away
    }

    /// Takes over what has changed; none when the manager does not answer. Then the host stays what it was to be.
    async fn fetch(&mut self) -> Option<Revision> {
        let changes = self.manager.changes(&self.host, self.holding.revision());
        let changes = in_time(MANAGER_TIMEOUT, changes, "asked what the host must have").await?;
        let revision = changes.revision;
        self.release(&changes);
        self.holding.follow(changes);
        Some(revision)
    }

    /// Lets what there is news about be tried again, as if it had not failed before.
    fn release(&mut self, changes: &HostChanges) {
        let mut names = Vec::new();
        names.extend(changes.ports.iter().flat_map(|port| [port.device.clone(), port.bridge.clone()]));
        names.extend(changes.released.iter().map(|port| port.device()));
        for name in names {
            if self.troubles.release(&name) {
                self.pace.worked();
            }
        }
    }

    /// Changes the difference between what the host has and what it must have; leaves in `state` what it has then.
    async fn make_it_so(&mut self, desired: &HostState) -> Result<(), PlugError> {
        let known_troubles = self.troubles.names();
        let mut state = self.look().await?;
        let released = self.holding.released().map(|port| port.device()).collect();
        self.leftovers.tell(&self.host, desired, &released, &state);
        let mut actions = plan(desired, &released, &state);
        self.troubles.keep_only(&actions);
        actions.retain(|action| !self.troubles.holds_back(action));
        if !actions.is_empty() {
            self.apply(&actions, &mut state).await?;
        }
        if !self.troubles.names().is_subset(&known_troubles) {
            self.pace.worked(); // what failed for the first time is tried again soon
        }
        self.state = Some(state);
        Ok(())
    }

    /// What the host has: all of it where it is not known, else what is to be tried again.
    async fn look(&mut self) -> Result<HostState, PlugError> {
        let released = self.troubles.take_released();
        let Some(mut state) = self.state.take() else {
            return host_in_time(self.plug.observe(), "observe").await?;
        };
        if !released.is_empty() {
            state.renew(&released, host_in_time(self.plug.look_at(&released), "observe").await??);
        }
        Ok(state)
    }

    /// Applies the actions, and notes in `state` what they have changed.
    async fn apply(&mut self, actions: &[Action], state: &mut HostState) -> Result<(), PlugError> {
        let span = tracing::info_span!(target: "trace", "apply", actions = actions.len());
        let outcomes = host_in_time(self.plug.apply(actions), "change").instrument(span).await?;
        for (action, outcome) in actions.iter().zip(outcomes) {
            // What succeeded has the effect that the model says; what the model refuses is looked at again.
            let outcome =
                outcome.and_then(|()| state.apply(action).map_err(|refusal| PlugError::of(action, &refusal)));
            if let Err(error) = outcome {
                tracing::warn!(host = %self.host, %error, "an action failed");
                self.troubles.note(action, &error);
            }
        }
        Ok(())
    }

    /// Tells the manager what it does not know yet; none when it does not answer, and then it is told again.
    async fn report(&mut self, desired: &HostState) -> Option<()> {
        let (statuses, unplugged) = match &self.state {
            Some(state) => {
                let statuses = self.holding.ports().map(|port| status(port, desired, state, &self.troubles));
                // What a failed action has left is known: on the news of its release the device was looked at.
                (statuses.collect(), self.holding.released().filter(|port| is_gone(*port, state)).collect())
            }
            // What was plugged when the host could be looked at is taken to be plugged, for a while; of nothing else is there
            // proof.
            None => (self.blind_statuses(desired), Vec::new()),
        };
        let Some(report) = self.holding.news(statuses, unplugged) else { return Some(()) };
        for part in parts(report) {
            let told = self.manager.report(&self.host, part.clone());
            in_time(MANAGER_TIMEOUT, told, "told what the host has").await?;
            self.holding.acknowledge(part);
        }
        Some(())
    }

    /// What can be said when the host cannot be looked at: why the ports that are not known to be plugged are not, and after a
    /// while why of all of them nobody knows.
    fn blind_statuses(&self, desired: &HostState) -> Vec<PortReport> {
        let unknown = HostState::default();
        let is_trusted = self.blind_since.is_none_or(|since| since.elapsed() < TRUSTED);
        let waiting =
            self.holding.ports().filter(|port| !is_trusted || !self.holding.is_known_active(port.id));
        waiting.map(|port| status(port, desired, &unknown, &self.troubles)).collect()
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
