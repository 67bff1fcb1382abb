//! What became of each port in a pass: read off the host's state after it, with the words of what failed on the way.

use lepton_plan::HostState;
use lepton_types::{HostPort, PortId, PortReport, PortStatus};

use crate::troubles::Troubles;

/// What became of a port: plugged exactly as it must be, filter included, or not and why.
pub(crate) fn status(
    port: &HostPort,
    desired: &HostState,
    state: &HostState,
    troubles: &Troubles,
) -> PortReport {
    let is_filtered =
        state.is_filtering && state.filters.get(&port.device) == desired.filters.get(&port.device);
    let is_ready = is_filtered
        && state.bridges.get(&port.bridge) == desired.bridges.get(&port.bridge)
        && state.devices.get(&port.device) == desired.devices.get(&port.device);
    let status = if is_ready { PortStatus::Active } else { PortStatus::Error(troubles.reason(port)) };
    PortReport { id: port.id, status, filtered_at: is_filtered.then_some(port.revision) }
}

/// Whether a released port is gone. Something of its name that is not ours is no proof of it: it may be the port's own
/// device, whose mark somebody took off.
pub(crate) fn is_gone(port: PortId, state: &HostState) -> bool {
    let device = port.device();
    !state.devices.contains_key(&device) && !state.is_anothers(&device)
}
