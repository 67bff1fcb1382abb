use std::net::IpAddr;

use lepton_types::{HostPort, MacAddr, Mtu, NetworkId, PortBinding, PortId};
use proptest::{
    collection::{btree_map, btree_set},
    prelude::*,
};

use super::*;
use crate::{Bridge, Device, Inner, Kind, Refusal};

// ---- words of the scenarios

fn name(text: &str) -> IfName {
    text.parse().unwrap()
}

fn mtu(bytes: u32) -> Mtu {
    bytes.try_into().unwrap()
}

/// A bridge's name: `bridge(1)` is `brq00000001-00`.
fn bridge(number: u8) -> IfName {
    name(&format!("brq{number:08x}-00"))
}

/// A port's device: `tap(1)` is `tap00000001-00`.
fn tap(number: u8) -> IfName {
    name(&format!("tap{number:08x}-00"))
}

fn mac(number: u8) -> MacAddr {
    MacAddr::from([0xfa, 0x16, 0x3e, 0, 0, number])
}

fn filter(number: u8) -> Filter {
    Filter::new(mac(number), [IpAddr::from([10, 0, 0, number])])
}

fn device_on(bridge: &IfName, bytes: u32) -> Device {
    Device {
        kind: Kind::Tap,
        bridge: Some(bridge.clone()),
        mtu: mtu(bytes),
        is_up: true,
        is_grouped: true,
        is_forwarding: true,
    }
}

/// A host whose ports are (number, bridge, MTU), as it must be.
fn host(ports: &[(u8, u8, u32)]) -> HostState {
    let mut state = HostState { is_filtering: true, ..HostState::default() };
    for &(number, on, bytes) in ports {
        state.bridges.insert(bridge(on), Bridge::desired(mtu(bytes)));
        state.devices.insert(tap(number), device_on(&bridge(on), bytes));
        state.filters.insert(tap(number), filter(number));
    }
    state
}

/// The plan when the ledger has released nothing.
fn plan(desired: &HostState, observed: &HostState) -> Vec<Action> {
    plan_releasing(&[], desired, observed)
}

/// The plan when the ledger has released these ports.
fn plan_releasing(ports: &[u8], desired: &HostState, observed: &HostState) -> Vec<Action> {
    super::plan(desired, &ports.iter().copied().map(tap).collect(), observed)
}

fn applied(mut state: HostState, actions: &[Action]) -> HostState {
    for action in actions {
        state.apply(action).unwrap();
    }
    state
}

// ---- scenarios: from, to, the actions in between

#[test]
fn a_fresh_host_gets_its_filter_table_then_the_bridge_then_the_port() {
    let desired = host(&[(1, 1, 1500)]);

    assert_eq!(
        plan(&desired, &HostState::default()),
        [
            Action::LoadFilters { filters: [(tap(1), filter(1))].into() },
            Action::CreateBridge { bridge: bridge(1), mtu: mtu(1500) },
            Action::Plug { device: tap(1), config: device_on(&bridge(1), 1500) },
        ]
    );
}

#[test]
fn one_port_more_is_one_filter_and_one_plug() {
    let actions = plan(&host(&[(1, 1, 1500), (2, 1, 1500)]), &host(&[(1, 1, 1500)]));

    assert_eq!(
        actions,
        [
            Action::SetFilter { device: tap(2), filter: filter(2) },
            Action::Plug { device: tap(2), config: device_on(&bridge(1), 1500) },
        ]
    );
}

#[test]
fn the_last_port_of_a_network_takes_its_filter_and_the_bridge_with_it() {
    let actions = plan_releasing(&[2], &host(&[(1, 1, 1500)]), &host(&[(1, 1, 1500), (2, 2, 1500)]));

    assert_eq!(
        actions,
        [
            Action::Unplug { device: tap(2) },
            Action::RemoveFilter { device: tap(2) },
            Action::DeleteBridge { bridge: bridge(2) },
        ]
    );
}

#[test]
fn a_tap_on_the_wrong_bridge_is_moved() {
    let actions = plan(&host(&[(1, 2, 1500)]), &host(&[(1, 1, 1500)]));

    assert_eq!(
        actions,
        [
            Action::CreateBridge { bridge: bridge(2), mtu: mtu(1500) },
            Action::SetDevice { device: tap(1), config: device_on(&bridge(2), 1500) },
            Action::DeleteBridge { bridge: bridge(1) },
        ]
    );
}

#[test]
fn a_device_of_the_wrong_kind_is_unplugged_then_plugged() {
    let desired = host(&[(1, 1, 1500)]);
    let mut observed = desired.clone();
    observed.devices.get_mut(&tap(1)).unwrap().kind = Kind::Unknown;

    assert_eq!(
        plan(&desired, &observed),
        [
            Action::Unplug { device: tap(1) },
            Action::Plug { device: tap(1), config: device_on(&bridge(1), 1500) },
        ]
    );
}

#[test]
fn an_mtu_changes_in_place_on_the_bridge_before_its_ports() {
    assert_eq!(
        plan(&host(&[(1, 1, 9000)]), &host(&[(1, 1, 1500)])),
        [
            Action::SetBridge { bridge: bridge(1), mtu: mtu(9000) },
            Action::SetDevice { device: tap(1), config: device_on(&bridge(1), 9000) },
        ]
    );
}

#[test]
fn a_port_that_lost_its_bridge_is_plugged_in_again_in_place() {
    let desired = host(&[(1, 1, 1500)]);
    let mut observed = desired.clone();
    observed.bridges.clear();
    observed.devices.get_mut(&tap(1)).unwrap().bridge = None;

    assert_eq!(
        plan(&desired, &observed),
        [
            Action::CreateBridge { bridge: bridge(1), mtu: mtu(1500) },
            Action::SetDevice { device: tap(1), config: device_on(&bridge(1), 1500) },
        ]
    );
}

#[test]
fn a_lost_filter_table_is_loaded_before_anything_else_and_covers_what_is_about_to_go() {
    let desired = host(&[(1, 1, 1500)]);
    let mut observed = host(&[(1, 1, 1500), (2, 1, 1500)]);
    observed.filters.clear();
    observed.is_filtering = false;

    assert_eq!(
        plan_releasing(&[2], &desired, &observed),
        [
            Action::LoadFilters { filters: [(tap(1), filter(1)), (tap(2), Filter::deny_all())].into() },
            Action::Unplug { device: tap(2) },
            Action::RemoveFilter { device: tap(2) },
        ]
    );
}

#[test]
fn what_bears_a_bridges_name_and_is_none_gets_no_filter() {
    let observed =
        HostState { devices: [(bridge(9), device_on(&bridge(1), 1500))].into(), ..HostState::default() };
    let actions = plan(&host(&[]), &observed);
    assert_eq!(actions, [Action::LoadFilters { filters: BTreeMap::new() }]);
    assert_eq!(plan(&host(&[]), &applied(observed, &actions)), []);
}

#[test]
fn new_addresses_change_the_filter_and_nothing_else() {
    let mut desired = host(&[(1, 1, 1500)]);
    desired.filters.insert(tap(1), filter(9));

    assert_eq!(
        plan(&desired, &host(&[(1, 1, 1500)])),
        [Action::SetFilter { device: tap(1), filter: filter(9) }]
    );
}

#[test]
fn a_veth_moves_to_another_namespace_by_being_replaced() {
    let port = |netns: &str| HostPort {
        id: "00000001-0000-4000-8000-000000000000".parse::<PortId>().unwrap(),
        revision: 1.into(),
        device: tap(1),
        network: "00000001-0000-4000-8000-000000000000".parse::<NetworkId>().unwrap(),
        bridge: bridge(1),
        mtu: mtu(1500),
        mac: mac(1),
        addresses: vec![IpAddr::from([10, 0, 0, 1])],
        binding: PortBinding::Veth { netns: netns.parse().unwrap(), guest_device: name("eth0") },
    };
    let (desired, observed) =
        (HostState::desired([&port("/run/netns/b")]), HostState::desired([&port("/run/netns/a")]));

    let inner = Inner { netns: "/run/netns/b".parse().unwrap(), device: name("eth0"), mac: mac(1) };
    let config = Device { kind: Kind::Veth(inner), ..device_on(&bridge(1), 1500) };
    assert_eq!(
        plan(&desired, &observed),
        [Action::Unplug { device: tap(1) }, Action::Plug { device: tap(1), config }]
    );
}

// ---- what is not named, and what is not ours

#[test]
fn a_device_that_the_ledger_does_not_name_stays_with_its_filter_and_its_bridge() {
    let observed = host(&[(1, 1, 1500), (2, 2, 1500)]);

    assert_eq!(plan(&host(&[(1, 1, 1500)]), &observed), []);
    assert_eq!(plan(&host(&[]), &observed), [], "nor does a ledger without any port");
    assert_eq!(orphans(&host(&[(1, 1, 1500)]), &BTreeSet::new(), &observed), [tap(2)].into());
    assert_eq!(orphans(&host(&[]), &[tap(1)].into(), &observed), [tap(2)].into());
}

#[test]
fn a_lost_filter_table_gives_an_orphan_back_what_is_known_of_its_filter() {
    let mut observed = host(&[(1, 1, 1500), (2, 1, 1500)]);
    observed.is_filtering = false;
    observed.filters.remove(&tap(2));

    let filters = [(tap(1), filter(1)), (tap(2), Filter::deny_all())].into();
    assert_eq!(plan(&host(&[]), &observed), [Action::LoadFilters { filters }]);
}

#[test]
fn a_filter_without_a_device_goes() {
    let mut observed = host(&[(1, 1, 1500)]);
    observed.filters.insert(tap(2), filter(2));

    assert_eq!(plan(&host(&[(1, 1, 1500)]), &observed), [Action::RemoveFilter { device: tap(2) }]);
}

#[test]
fn a_bridge_stays_while_something_of_others_is_plugged_into_it() {
    let mut observed = host(&[(1, 1, 1500)]);
    observed.shared.insert(bridge(1));

    assert_eq!(
        plan_releasing(&[1], &host(&[]), &observed),
        [Action::Unplug { device: tap(1) }, Action::RemoveFilter { device: tap(1) }]
    );
}

#[test]
fn a_stranger_of_a_ports_name_is_not_filtered_and_cannot_be_plugged() {
    let desired = host(&[(1, 1, 1500)]);
    let mut observed = host(&[]);
    observed.strangers.insert(tap(1));

    let plug = Action::Plug { device: tap(1), config: device_on(&bridge(1), 1500) };
    let actions = plan(&desired, &observed);
    assert_eq!(actions, [Action::CreateBridge { bridge: bridge(1), mtu: mtu(1500) }, plug]);
    observed.apply(&actions[0]).unwrap();
    assert_eq!(observed.apply(&actions[1]), Err(Refusal::Stranger(tap(1))));
}

#[test]
fn a_device_that_lost_its_mark_keeps_its_filter() {
    let mut observed = host(&[(1, 1, 1500)]);
    observed.devices.clear();
    observed.strangers.insert(tap(1));

    assert_eq!(plan_releasing(&[1], &host(&[]), &observed), [Action::DeleteBridge { bridge: bridge(1) }]);
    observed.is_filtering = false;
    let filters = [(tap(1), filter(1))].into();
    assert_eq!(plan(&host(&[]), &observed)[0], Action::LoadFilters { filters });
}

#[test]
fn a_stranger_of_a_networks_name_is_not_plugged_into() {
    let desired = host(&[(1, 1, 1500)]);
    let mut observed = host(&[]);
    observed.strangers.insert(bridge(1));

    let actions = plan(&desired, &observed);
    let outcomes: Vec<_> = actions.iter().map(|action| observed.apply(action)).collect();
    assert_eq!(
        outcomes,
        [Ok(()), Err(Refusal::Stranger(bridge(1))), Err(Refusal::NoBridge(bridge(1)))],
        "{actions:?}"
    );
}

// ---- properties: whatever the host looks like, whatever fails

fn any_mtu() -> impl Strategy<Value = Mtu> {
    prop_oneof![Just(mtu(1280)), Just(mtu(1500)), Just(mtu(9000))]
}

fn any_filter() -> impl Strategy<Value = Filter> {
    (0_u8..4).prop_map(filter)
}

fn any_kind() -> impl Strategy<Value = Kind> {
    let inner = |number: u8| Inner {
        netns: format!("/run/netns/{number}").parse().unwrap(),
        device: name("eth0"),
        mac: mac(number),
    };
    prop_oneof![3 => Just(Kind::Tap), 2 => (0_u8..2).prop_map(move |number| Kind::Veth(inner(number)))]
}

/// A host as a manager can want it: every device up, filtered and on a bridge that is there.
fn any_desired() -> impl Strategy<Value = HostState> {
    btree_map(0_u8..6, (any_kind(), 0_u8..3, any_mtu(), any_filter()), 0..6).prop_map(|ports| {
        let mut state = HostState { is_filtering: true, ..HostState::default() };
        for (number, (kind, on, mtu, filter)) in ports {
            state.bridges.insert(bridge(on), Bridge::desired(mtu));
            let device = Device {
                kind,
                bridge: Some(bridge(on)),
                mtu,
                is_up: true,
                is_grouped: true,
                is_forwarding: true,
            };
            state.devices.insert(tap(number), device);
            state.filters.insert(tap(number), filter);
        }
        state
    })
}

/// Ports that the ledger has released.
fn any_released() -> impl Strategy<Value = BTreeSet<IfName>> {
    btree_set((0_u8..6).prop_map(tap), 0..6)
}

/// Names that something else than ours bears.
fn any_strangers() -> impl Strategy<Value = BTreeSet<IfName>> {
    btree_set(prop_oneof![(0_u8..6).prop_map(tap), (0_u8..3).prop_map(bridge)], 0..4)
}

/// A host as it can be found: half made, tampered with, on bridges that are not ours.
fn any_observed() -> impl Strategy<Value = HostState> {
    let any_bridge = (any_mtu(), any::<bool>(), any::<bool>()).prop_map(|(mtu, is_up, is_plain)| Bridge {
        mtu,
        is_up,
        is_plain,
    });
    let on =
        prop_oneof![Just(None), (0_u8..3).prop_map(|number| Some(bridge(number))), Just(Some(name("br0")))];
    let kind = prop_oneof![5 => any_kind(), 1 => Just(Kind::Unknown)];
    let any_device = (kind, on, any_mtu(), any::<[bool; 3]>()).prop_map(
        |(kind, bridge, mtu, [is_up, is_grouped, is_forwarding])| Device {
            kind,
            bridge,
            mtu,
            is_up,
            is_grouped,
            is_forwarding,
        },
    );
    (
        btree_map((0_u8..3).prop_map(bridge), any_bridge, 0..3),
        btree_map((0_u8..6).prop_map(tap), any_device, 0..6),
        btree_map((0_u8..6).prop_map(tap), any_filter(), 0..6),
        any::<bool>(),
        btree_set((0_u8..3).prop_map(bridge), 0..2),
    )
        .prop_map(|(bridges, devices, filters, is_filtering, shared)| HostState {
            bridges,
            devices,
            filters,
            is_filtering,
            shared,
            unmarked: BTreeMap::new(),
            strangers: BTreeSet::new(),
        })
}

/// What the host must end with: what is wanted, and what must stay as it was found.
fn settled(desired: &HostState, released: &BTreeSet<IfName>, start: &HostState) -> HostState {
    let mut state = HostState { shared: start.shared.clone(), ..desired.clone() };
    for orphan in orphans(desired, released, start) {
        let kept = start.filters.get(&orphan).cloned();
        let filter = if start.is_filtering { kept } else { kept.or_else(|| Some(Filter::deny_all())) };
        state.filters.extend(filter.map(|filter| (orphan.clone(), filter)));
        state.devices.insert(orphan.clone(), start.devices[&orphan].clone());
    }
    for (name, bridge) in &start.bridges {
        let is_used = state.devices.values().any(|device| device.bridge.as_ref() == Some(name));
        if is_used || start.shared.contains(name) {
            state.bridges.entry(name.clone()).or_insert(*bridge);
        }
    }
    state
}

/// The devices whose guests could send what they like.
fn unfiltered(state: &HostState) -> Vec<IfName> {
    let is_free = |device: &IfName| !state.is_filtering || !state.filters.contains_key(device);
    state
        .devices
        .iter()
        .filter(|(name, have)| have.bridge.is_some() && is_free(name))
        .map(|(name, _)| name.clone())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// A look at some names says of them what a look at everything says, and nothing else.
    #[test]
    fn a_look_at_names_renews_what_they_stand_for(
        known in any_observed(), now in any_observed(), names in any_released(), unmarked in any_strangers(),
    ) {
        let mut now = now;
        now.unmarked = unmarked.into_iter().map(|name| (name, device_on(&bridge(1), 1500))).collect();
        let mut renewed = known.clone();
        renewed.renew(&names, now.see(&names));
        prop_assert_eq!(renewed.see(&names), now.see(&names));

        let all: BTreeSet<IfName> = (0..=u8::MAX).flat_map(|number| [bridge(number), tap(number)]).collect();
        let others = all.difference(&names).cloned().collect();
        prop_assert_eq!(renewed.see(&others), known.see(&others));
        prop_assert_eq!(
            (renewed.filters, renewed.is_filtering, renewed.shared),
            (known.filters, known.is_filtering, known.shared)
        );
        let empty = HostState { filters: BTreeMap::new(), is_filtering: false, shared: BTreeSet::new(), ..now.clone() };
        let mut seen = HostState::default();
        seen.renew(&all, now.see(&all));
        prop_assert_eq!(seen, empty);
    }

    /// Whatever subset of actions fails in a first pass, a second pass converges.
    #[test]
    fn failures_never_prevent_convergence(
        desired in any_desired(), released in any_released(), start in any_observed(), fails in any::<u64>(),
        unmarked in btree_set((0_u8..6).prop_map(tap), 0..3),
    ) {
        let mut start = start;
        for (device, want) in desired.devices.iter().filter(|(device, _)| unmarked.contains(*device)) {
            start.devices.remove(device);
            start.unmarked.insert(device.clone(), Device { is_up: false, mtu: mtu(1300), ..want.clone() });
        }
        let mut host = start.clone();
        for (at, action) in super::plan(&desired, &released, &host).iter().enumerate() {
            if fails & (1 << (at % 64)) == 0 {
                let _ = host.apply(action); // may be refused: its predecessor failed
            }
        }
        for action in &super::plan(&desired, &released, &host) {
            host.apply(action).unwrap();
        }
        prop_assert_eq!(&host, &settled(&desired, &released, &start));
        prop_assert_eq!(super::plan(&desired, &released, &host), vec![]);
    }

    /// Whatever fails, no action lets a port's traffic through unfiltered that was not so before.
    #[test]
    fn a_ports_traffic_is_never_unfiltered(
        desired in any_desired(), released in any_released(), start in any_observed(), fails in any::<u64>(),
    ) {
        let mut host = start;
        for (at, action) in super::plan(&desired, &released, &host).iter().enumerate() {
            let before = unfiltered(&host);
            if fails & (1 << (at % 64)) == 0 {
                let _ = host.apply(action);
            }
            prop_assert!(unfiltered(&host).iter().all(|device| before.contains(device)), "{action}");
        }
    }

    /// Once the filters are as they must be, nothing that stays on the host is unfiltered.
    #[test]
    fn a_lost_table_is_repaired_by_the_first_action(desired in any_desired(), start in any_observed()) {
        let lost = HostState { is_filtering: false, ..start };
        let host = applied(lost.clone(), &plan(&desired, &lost)[..1]);
        prop_assert_eq!(unfiltered(&host), Vec::<IfName>::new());
    }

    /// A port that is as it must be is not mentioned, whatever happens around it; nor is one that the ledger does not name.
    #[test]
    fn what_is_right_or_not_named_is_left_alone(
        desired in any_desired(), released in any_released(), start in any_observed(),
    ) {
        let start = HostState { is_filtering: true, ..start };
        let actions = super::plan(&desired, &released, &start);
        let is_right = |device: &&IfName| {
            start.devices.get(*device) == desired.devices.get(*device)
                && start.filters.get(*device) == desired.filters.get(*device)
        };
        let right = desired.devices.keys().filter(is_right).cloned();
        for device in right.chain(orphans(&desired, &released, &start)) {
            let is_mentioned = actions.iter().any(|action| action.subject() == Some(&device));
            prop_assert!(!is_mentioned, "{device}: {actions:?}");
        }
    }

    /// What lost its alias is not touched, whatever becomes of its filter, or is marked again where it is.
    #[test]
    fn what_lost_its_alias_is_marked_again_in_its_place_or_left_alone(
        desired in any_desired(), released in any_released(), start in any_observed(), fails in any::<u64>(),
    ) {
        let unmarked = start.devices.clone();
        let mut host = HostState { unmarked: unmarked.clone(), devices: BTreeMap::new(), ..start.clone() };
        for (at, action) in super::plan(&desired, &released, &host).iter().enumerate() {
            let is_done = fails & (1 << (at % 64)) == 0 && host.apply(action).is_ok();
            let have = action.subject().and_then(|subject| unmarked.get(subject));
            if let (true, Some(have)) = (is_done, have) {
                if let Action::SetDevice { config, .. } = action {
                    prop_assert_eq!((&have.kind, &have.bridge), (&config.kind, &config.bridge));
                } else {
                    prop_assert!(matches!(action, Action::SetFilter { .. }), "{action}");
                }
            }
        }
        for (device, filter) in &start.filters {
            let is_wanted = desired.filters.contains_key(device);
            prop_assert!(is_wanted || !unmarked.contains_key(device) || host.filters.get(device) == Some(filter));
        }
    }

    /// What is not ours is neither made nor changed nor deleted nor filtered, whatever it is called.
    #[test]
    fn strangers_are_never_touched(
        desired in any_desired(), released in any_released(), start in any_observed(), strangers in any_strangers(),
    ) {
        let mut host = HostState { strangers: strangers.clone(), ..start.clone() };
        host.devices.retain(|name, _| !strangers.contains(name));
        host.bridges.retain(|name, _| !strangers.contains(name));
        for action in super::plan(&desired, &released, &host) {
            let is_done = host.apply(&action).is_ok();
            let is_about_a_stranger = action.subject().is_some_and(|subject| strangers.contains(subject));
            prop_assert!(!is_done || !is_about_a_stranger, "{action}");
        }
        for stranger in &strangers {
            prop_assert_eq!(host.filters.get(stranger), start.filters.get(stranger), "{}", stranger);
        }
        prop_assert_eq!(host.strangers, strangers);
    }
}
