//! [`Troubles`]: what could not be done, and what is therefore left alone until it is tried again.
//!
//! ```text
//!             an action fails                    a retry, a resync, news about it
//!   (nothing) ───────────────▶ held: left alone ─────────────────────────────────▶ released: looked at, then tried
//!       ▲                                                                               │
//!       └───────────────────────────── every action on it works ────────────────────────┘
//! ```

use std::collections::{BTreeMap, BTreeSet};

use lepton_plan::Action;
use lepton_plug::PlugError;
use lepton_types::{HostPort, IfName};

/// What could not be done.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    /// The first failure of each device or bridge on which something failed when it was last tried.
    held: BTreeMap<IfName, String>,
    /// Devices and bridges to be tried again, of which nobody knows what the failed action has left.
    released: BTreeSet<IfName>,
    /// The failure of what concerns every port, in the last pass.
    of_all: Option<String>,
    /// Actions that failed in the last pass, and looks at the host.
    failures: usize,
    /// Whether the host as a whole is to be looked at again.
    is_host_in_doubt: bool,
}

impl Troubles {
    /// A pass begins, in which nothing has failed yet.
    pub(crate) fn begin_pass(&mut self) {
        let (held, released) = (std::mem::take(&mut self.held), std::mem::take(&mut self.released));
        *self = Self { held, released, ..Self::default() };
    }

    /// Notes that nothing could be done at all.
    pub(crate) fn note_everything(&mut self, error: &impl ToString) {
        self.failures += 1;
        self.of_all = Some(error.to_string());
        self.is_host_in_doubt = true;
    }

    /// Notes that an action failed.
    pub(crate) fn note(&mut self, action: &Action, error: &PlugError) {
        self.failures += 1;
        let Some(subject) = action.subject() else {
            self.of_all = Some(error.to_string());
            self.is_host_in_doubt = true;
            return;
        };
        let is_first = !self.held.contains_key(subject);
        self.held.entry(subject.clone()).or_insert_with(|| error.to_string());
        // Filters are not looked at one by one. That one cannot be removed may follow from a device that cannot.
        self.is_host_in_doubt |= matches!(action, Action::SetFilter { .. })
            || (is_first && matches!(action, Action::RemoveFilter { .. }));
    }

    /// How much failed in the last pass.
    pub(crate) fn failures(&self) -> usize {
        self.failures
    }

    /// Whether the host as a whole is to be looked at again.
    pub(crate) fn is_host_in_doubt(&self) -> bool {
        self.is_host_in_doubt
    }

    /// What something has failed on and nothing has worked on since.
    pub(crate) fn names(&self) -> BTreeSet<IfName> {
        self.held.keys().chain(&self.released).cloned().collect()
    }

    /// Forgets what there is nothing left to do about.
    pub(crate) fn keep_only(&mut self, plan: &[Action]) {
        self.held.retain(|name, _| plan.iter().any(|action| action.subject() == Some(name)));
    }

    /// Whether an action is to be left out. A filter that must change cannot wait.
    pub(crate) fn holds_back(&self, action: &Action) -> bool {
        !matches!(action, Action::SetFilter { .. })
            && action.subject().is_some_and(|subject| self.held.contains_key(subject))
    }

    /// Lets it be tried again; answers whether it was held.
    pub(crate) fn release(&mut self, name: &IfName) -> bool {
        let held = self.held.remove_entry(name);
        held.map(|(name, _)| self.released.insert(name)).is_some()
    }

    /// Lets everything be tried again.
    pub(crate) fn release_all(&mut self) {
        self.released.extend(std::mem::take(&mut self.held).into_keys());
    }

    /// What is to be looked at before it is tried again.
    pub(crate) fn take_released(&mut self) -> BTreeSet<IfName> {
        std::mem::take(&mut self.released)
    }

    /// What a port that is not ready owes it to. A bridge that failed says more than the port that found none.
    pub(crate) fn reason(&self, port: &HostPort) -> String {
        let own = || self.held.get(&port.bridge).or_else(|| self.held.get(&port.device));
        self.of_all.as_ref().or_else(own).cloned().unwrap_or_else(|| "it is not plugged yet".to_owned())
    }
}
