//! [`plan`]: the actions between two states of a host.

use std::collections::{BTreeMap, BTreeSet};

use lepton_types::IfName;

use crate::{Action, Filter, HostState};

/// The actions that turn `observed` into `desired`, in the order to apply them.
///
/// A device goes only when it is `released`, or replaced by the desired one of its name: that nobody wants it proves
/// nothing. What is neither stays as it is, with its filter and its bridge ([`orphans`]).
///
/// Filters come first, because a port whose filter is missing or wrong is the only thing that cannot wait. Then the
/// devices that go, so that their names can be used again; then what is new or changed; then the bridges that nothing is
/// plugged into any more. A filter is there before its device is plugged in and goes after the device is gone. Whatever
/// subset of the actions fails, planning and applying again converges.
pub fn plan(desired: &HostState, released: &BTreeSet<IfName>, observed: &HostState) -> Vec<Action> {
    let orphans = orphans(desired, released, observed);
    let mut actions = Vec::new();
    let filters = plan_filters(desired, observed, &mut actions);
    plan_unplugs(desired, released, observed, &mut actions);
    let is_needed = |device: &IfName| {
        desired.filters.contains_key(device) || orphans.contains(device) || observed.is_anothers(device)
    };
    for device in filters.keys().filter(|device| !is_needed(device)) {
        actions.push(Action::RemoveFilter { device: device.clone() });
    }
    plan_bridges(desired, observed, &mut actions);
    plan_devices(desired, observed, &mut actions);
    plan_deletions(desired, &orphans, observed, &mut actions);
    actions
}

/// Devices that are ours and that are neither desired nor released: the ledger does not name them, and so says nothing
/// of whether somebody uses them.
pub fn orphans(desired: &HostState, released: &BTreeSet<IfName>, observed: &HostState) -> BTreeSet<IfName> {
    let is_named = |device: &IfName| desired.devices.contains_key(device) || released.contains(device);
    observed.devices.keys().filter(|device| !is_named(device)).cloned().collect()
}

/// Makes the filters what they must be; returns those that are then there, needed or not.
fn plan_filters(
    desired: &HostState,
    observed: &HostState,
    actions: &mut Vec<Action>,
) -> BTreeMap<IfName, Filter> {
    if !observed.is_filtering {
        let filters = filters_to_load(desired, observed);
        actions.push(Action::LoadFilters { filters: filters.clone() });
        return filters;
    }
    for (device, filter) in &desired.filters {
        if !observed.strangers.contains(device) && observed.filters.get(device) != Some(filter) {
            actions.push(Action::SetFilter { device: device.clone(), filter: filter.clone() });
        }
    }
    observed.filters.clone()
}

/// Every desired filter, and one for every device that is still there: the one that it has, or one that lets nothing pass.
/// A stranger keeps the filter that it has, if it was ours once and lost its mark, and gets none. What is unmarked keeps
/// its own as well, if none is desired for it.
fn filters_to_load(desired: &HostState, observed: &HostState) -> BTreeMap<IfName, Filter> {
    let is_strangers = |device: &IfName| observed.strangers.contains(device);
    let wanted = desired.filters.iter().filter(|(device, _)| !is_strangers(device));
    let kept = observed.filters.iter().filter(|(device, _)| observed.is_anothers(device));
    let mut filters: BTreeMap<IfName, Filter> =
        kept.chain(wanted).map(|(device, filter)| (device.clone(), filter.clone())).collect();
    for device in observed.devices.keys() {
        let kept = || observed.filters.get(device).cloned().unwrap_or_else(Filter::deny_all);
        filters.entry(device.clone()).or_insert_with(kept);
    }
    filters
}

fn plan_unplugs(
    desired: &HostState,
    released: &BTreeSet<IfName>,
    observed: &HostState,
    actions: &mut Vec<Action>,
) {
    for (device, have) in &observed.devices {
        let must_go = match desired.devices.get(device) {
            Some(want) => !have.can_become(want),
            None => released.contains(device),
        };
        if must_go {
            actions.push(Action::Unplug { device: device.clone() });
        }
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
        let can_be_set = match (observed.devices.get(device), observed.unmarked.get(device)) {
            (Some(have), _) if have == want => continue,
            (Some(have), _) => have.can_become(want),
            (None, Some(unmarked)) => unmarked.is_rightly(want),
            (None, None) => false,
        };
        let (device, config) = (device.clone(), want.clone());
        // What cannot be set was unplugged before, or is another's, and then is refused and so reported.
        actions.push(if can_be_set {
            Action::SetDevice { device, config }
        } else {
            Action::Plug { device, config }
        });
    }
}

/// Deletes the bridges that nobody wants and that nothing stays in, neither an orphan nor something of others.
fn plan_deletions(
    desired: &HostState,
    orphans: &BTreeSet<IfName>,
    observed: &HostState,
    actions: &mut Vec<Action>,
) {
    let stay = observed.devices.iter().filter(|(device, _)| orphans.contains(*device));
    let mut kept: BTreeSet<&IfName> = stay.filter_map(|(_, have)| have.bridge.as_ref()).collect();
    kept.extend(desired.bridges.keys().chain(&observed.shared));
    for bridge in observed.bridges.keys().filter(|bridge| !kept.contains(bridge)) {
        actions.push(Action::DeleteBridge { bridge: bridge.clone() });
    }
}

#[cfg(test)]
mod tests;
