//! [`Host`]: a host in memory, which behaves as the kernel would (`HostState::apply`) and fails as it is told.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lepton_plan::{Action, HostState, Seen};
use lepton_types::IfName;
use tokio::{sync::Notify, time};

use crate::{Plug, PlugError};

/// A host in memory. Clones are the same host: give one to an agent, keep one to look at it, to tamper with it and to
/// make it fail.
#[derive(Clone, Default)]
pub struct Host {
    shared: Arc<Shared>,
}

/// How often something was asked of a [`Host`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Observations.
    pub observed: u64,
    /// Bridges and devices that were looked at by their names.
    pub looked_at: u64,
    /// Actions that were tried, whether they worked or not.
    pub tried: u64,
    /// Actions that failed, because they were told to or were refused.
    pub failed: u64,
}

/// Decides whether an action fails: its number, counted from 0 since the host began, and the action itself.
type Fault = Box<dyn FnMut(u64, &Action) -> bool + Send>;

/// Decides how long an action takes.
type Delay = Box<dyn FnMut(&Action) -> Duration + Send>;

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    state: HostState,
    counts: Counts,
    fault: Option<Fault>,
    delay: Option<Delay>,
    is_hidden: bool,
    /// How long a look takes.
    look: Duration,
}

impl Host {
    /// What every scripted failure says.
    pub const WORDS: &str = "told to fail";

    /// What the host has now.
    pub fn state(&self) -> HostState {
        self.look(HostState::clone)
    }

    /// Looks at what the host has now.
    pub fn look<T>(&self, look: impl FnOnce(&HostState) -> T) -> T {
        look(&self.lock().state)
    }

    /// Changes the host behind the agent's back, and lets it notice.
    pub fn tamper(&self, change: impl FnOnce(&mut HostState)) {
        self.tamper_unnoticed(change);
        self.shared.changed.notify_one();
    }

    /// Changes the host behind the agent's back; the agent gets no hint.
    pub fn tamper_unnoticed(&self, change: impl FnOnce(&mut HostState)) {
        change(&mut self.lock().state);
    }

    /// From now on, actions for which `fault` says so fail. It is given each action's number, counted from 0 since the
    /// host began, and the action.
    pub fn fail_if(&self, fault: impl FnMut(u64, &Action) -> bool + Send + 'static) {
        self.lock().fault = Some(Box::new(fault));
    }

    /// From now on, actions take as long as `delay` says. What is applied together ends together, with the longest: that an
    /// action takes long is known only after it has had its effect.
    pub fn take(&self, delay: impl FnMut(&Action) -> Duration + Send + 'static) {
        self.lock().delay = Some(Box::new(delay));
    }

    /// Whether, from now on, the host cannot be looked at.
    pub fn hide(&self, is_hidden: bool) {
        self.lock().is_hidden = is_hidden;
    }

    /// From now on, looks at the host take so long.
    pub fn look_for(&self, duration: Duration) {
        self.lock().look = duration;
    }

    /// From now on, nothing fails any more, nor takes any time.
    pub fn heal(&self) {
        let mut inner = self.lock();
        (inner.fault, inner.delay, inner.look) = (None, None, Duration::ZERO);
    }

    /// How often something was asked of the host.
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    async fn take_a_look(&self) {
        let look = self.lock().look;
        if !look.is_zero() {
            time::sleep(look).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn must_be_visible(&self) -> Result<(), PlugError> {
        if self.is_hidden { Err(PlugError::new("look at", "the host", Host::WORDS)) } else { Ok(()) }
    }

    /// The actions' outcomes, and how long they take.
    fn apply_all(&mut self, actions: &[Action]) -> (Vec<Result<(), PlugError>>, Duration) {
        let outcomes = actions.iter().map(|action| self.apply(action)).collect();
        let longest = self.delay.as_mut().and_then(|delay| actions.iter().map(delay).max());
        (outcomes, longest.unwrap_or_default())
    }

    fn apply(&mut self, action: &Action) -> Result<(), PlugError> {
        let number = self.counts.tried;
        self.counts.tried += 1;
        let is_told_to_fail = self.fault.as_mut().is_some_and(|fault| fault(number, action));
        let outcome = if is_told_to_fail {
            Err(PlugError::of(action, Host::WORDS))
        } else {
            self.state.apply(action).map_err(|refusal| PlugError::of(action, &refusal))
        };
        self.counts.failed += u64::from(outcome.is_err());
        outcome
    }
}

impl Plug for Host {
    async fn observe(&mut self) -> Result<HostState, PlugError> {
        self.take_a_look().await;
        let mut inner = self.lock();
        inner.counts.observed += 1;
        inner.must_be_visible()?;
        Ok(inner.state.clone())
    }

    async fn look_at(&mut self, names: &BTreeSet<IfName>) -> Result<Seen, PlugError> {
        self.take_a_look().await;
        let mut inner = self.lock();
        inner.counts.looked_at += names.len() as u64;
        inner.must_be_visible()?;
        Ok(inner.state.see(names))
    }

    async fn apply(&mut self, actions: &[Action]) -> Vec<Result<(), PlugError>> {
        let (outcomes, longest) = self.lock().apply_all(actions);
        time::sleep(longest).await;
        outcomes
    }

    async fn changed(&mut self) {
        self.shared.changed.notified().await;
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.lock();
        f.debug_struct("Host")
            .field("state", &inner.state)
            .field("counts", &inner.counts)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lepton_plan::{HostState, plan};

    use super::*;

    #[tokio::test]
    async fn actions_change_the_host_and_a_failing_one_does_not() {
        let mut host = Host::default();
        let actions = plan(&HostState::desired([]), &BTreeSet::new(), &host.state());

        host.fail_if(|number, _| number == 0);
        assert_eq!(
            host.apply(&actions).await,
            [Err(PlugError::new("load", "the filter table", Host::WORDS))]
        );
        assert_eq!(host.apply(&actions).await, [Ok(())]);

        assert_eq!(host.observe().await, Ok(HostState::desired([])));
        assert_eq!(host.counts(), Counts { observed: 1, tried: 2, failed: 1, ..Counts::default() });
    }

    #[tokio::test]
    async fn tampering_is_noticed_also_by_who_asks_later() {
        let mut host = Host::default();
        host.tamper(|state| state.is_filtering = true);
        host.changed().await;
        assert!(host.state().is_filtering);
    }
}
