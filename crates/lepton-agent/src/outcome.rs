//! What became of each port in a pass: read off the host's state after it, with the words of what failed on the way.

use std::collections::BTreeMap;

use lepton_plan::{Action, HostState};
use lepton_plug::PlugError;
use lepton_types::{HostPort, IfName, PortId, PortReport, PortStatus};

/// What failed in a pass.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// The first failure of each device or bridge.
    by_subject: BTreeMap<IfName, String>,
    /// The failure of what concerns every port.
    of_all: Option<String>,
    count: usize,
}

impl Failures {
    /// Nothing could be done at all.
    pub(crate) fn of_everything(error: &impl ToString) -> Self {
        Self { of_all: Some(error.to_string()), count: 1, ..Self::default() }
    }

    /// Notes that an action failed.
    pub(crate) fn note(&mut self, action: &Action, error: &PlugError) {
        self.count += 1;
        match action.subject() {
            Some(subject) => {
                self.by_subject.entry(subject.clone()).or_insert_with(|| error.to_string());
            }
            None => self.of_all = Some(error.to_string()),
        }
    }

    /// How many actions failed.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// What a port that is not ready owes it to. A bridge that failed says more than the port that found none.
    fn reason(&self, port: &HostPort) -> String {
        let own = || self.by_subject.get(&port.bridge).or_else(|| self.by_subject.get(&port.device));
        self.of_all.as_ref().or_else(own).cloned().unwrap_or_else(|| "it is not plugged yet".to_owned())
    }
}

/// What became of a port: plugged exactly as it must be, filter included, or not and why.
pub(crate) fn status(
    port: &HostPort,
    desired: &HostState,
    state: &HostState,
    failures: &Failures,
) -> PortReport {
    let is_ready = state.is_filtering
        && state.bridges.get(&port.bridge) == desired.bridges.get(&port.bridge)
        && state.devices.get(&port.device) == desired.devices.get(&port.device)
        && state.filters.get(&port.device) == desired.filters.get(&port.device);
    let status = if is_ready { PortStatus::Active } else { PortStatus::Error(failures.reason(port)) };
    PortReport { id: port.id, status }
}

/// Whether a released port is gone. Something of its name that is not ours is no proof of it: it may be the port's own
/// device, whose mark somebody took off.
pub(crate) fn is_gone(port: PortId, state: &HostState) -> bool {
    let device = port.device();
    !state.devices.contains_key(&device) && !state.strangers.contains(&device)
}
