//! [`plan`]: the actions between two states of a host.

use std::collections::BTreeMap;

use lepton_types::IfName;

use crate::{Action, Filter, HostState};

/// The actions that turn `observed` into `desired`, in the order to apply them.
///
/// Filters come first, because a port whose filter is missing or wrong is the only thing that cannot wait. Then removals,
/// so that what they free can be used again; then what is new or changed. A filter is there before its device is plugged
/// in and goes after the device is gone. Whatever subset of the actions fails, planning and applying again converges.
pub fn plan(desired: &HostState, observed: &HostState) -> Vec<Action> {
    let mut actions = Vec::new();
    let filters = plan_filters(desired, observed, &mut actions);
    plan_removals(desired, observed, &mut actions);
    for device in filters.keys().filter(|device| !desired.filters.contains_key(*device)) {
        actions.push(Action::RemoveFilter { device: device.clone() });
    }
    plan_bridges(desired, observed, &mut actions);
    plan_devices(desired, observed, &mut actions);
    actions
}

/// Makes the filters what they must be; returns those that are then there, needed or not.
fn plan_filters<'a>(
    desired: &'a HostState,
    observed: &'a HostState,
    actions: &mut Vec<Action>,
) -> BTreeMap<IfName, Filter> {
    if !observed.is_filtering {
        let filters = filters_to_load(desired, observed);
        actions.push(Action::LoadFilters { filters: filters.clone() });
        return filters;
    }
    for (device, filter) in &desired.filters {
        if observed.filters.get(device) != Some(filter) {
            actions.push(Action::SetFilter { device: device.clone(), filter: filter.clone() });
        }
    }
    observed.filters.clone()
}

/// Every desired filter, and one for every device that is still there: the one that it has, or one that lets nothing pass.
fn filters_to_load(desired: &HostState, observed: &HostState) -> BTreeMap<IfName, Filter> {
    let mut filters = desired.filters.clone();
    for device in observed.devices.keys() {
        let kept = || observed.filters.get(device).cloned().unwrap_or_else(Filter::deny_all);
        filters.entry(device.clone()).or_insert_with(kept);
    }
    filters
}

fn plan_removals(desired: &HostState, observed: &HostState, actions: &mut Vec<Action>) {
    for (device, have) in &observed.devices {
        if desired.devices.get(device).is_none_or(|want| !have.can_become(want)) {
            actions.push(Action::Unplug { device: device.clone() });
        }
    }
    for bridge in observed.bridges.keys().filter(|bridge| !desired.bridges.contains_key(*bridge)) {
        actions.push(Action::DeleteBridge { bridge: bridge.clone() });
    }
}

fn plan_bridges(desired: &HostState, observed: &HostState, actions: &mut Vec<Action>) {
    for (bridge, want) in &desired.bridges {
        match observed.bridges.get(bridge) {
            Some(have) if have == want => {}
            Some(_) => actions.push(Action::SetBridge { bridge: bridge.clone(), mtu: want.mtu }),
            None => actions.push(Action::CreateBridge { bridge: bridge.clone(), mtu: want.mtu }),
        }
    }
}

fn plan_devices(desired: &HostState, observed: &HostState, actions: &mut Vec<Action>) {
    for (device, want) in &desired.devices {
        match observed.devices.get(device) {
            Some(have) if have == want => {}
            Some(have) if have.can_become(want) => {
                actions.push(Action::SetDevice { device: device.clone(), config: want.clone() });
            }
            Some(_) | None => actions.push(Action::Plug { device: device.clone(), config: want.clone() }),
        }
    }
}

#[cfg(test)]
mod tests;
