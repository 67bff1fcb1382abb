use std::net::IpAddr;

use lepton_types::{HostPort, MacAddr, Mtu, NetworkId, PortBinding, PortId};
use proptest::{collection::btree_map, prelude::*};

use super::*;
use crate::{Bridge, Device, Inner, Kind};

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
    Device { kind: Kind::Tap, bridge: Some(bridge.clone()), mtu: mtu(bytes), is_up: true }
}

/// A host whose ports are (number, bridge, MTU), as it must be.
fn host(ports: &[(u8, u8, u32)]) -> HostState {
    let mut state = HostState { is_filtering: true, ..HostState::default() };
    for &(number, on, bytes) in ports {
        state.bridges.insert(bridge(on), Bridge { mtu: mtu(bytes), is_up: true });
        state.devices.insert(tap(number), device_on(&bridge(on), bytes));
        state.filters.insert(tap(number), filter(number));
    }
    state
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
fn the_last_port_of_a_network_takes_the_bridge_with_it_and_its_filter_goes_last() {
    let actions = plan(&host(&[(1, 1, 1500)]), &host(&[(1, 1, 1500), (2, 2, 1500)]));

    assert_eq!(
        actions,
        [
            Action::Unplug { device: tap(2) },
            Action::DeleteBridge { bridge: bridge(2) },
            Action::RemoveFilter { device: tap(2) },
        ]
    );
}

#[test]
fn a_tap_on_the_wrong_bridge_is_unplugged_then_plugged() {
    let actions = plan(&host(&[(1, 2, 1500)]), &host(&[(1, 1, 1500)]));

    assert_eq!(
        actions,
        [
            Action::Unplug { device: tap(1) },
            Action::DeleteBridge { bridge: bridge(1) },
            Action::CreateBridge { bridge: bridge(2), mtu: mtu(1500) },
            Action::Plug { device: tap(1), config: device_on(&bridge(2), 1500) },
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
        plan(&desired, &observed),
        [
            Action::LoadFilters { filters: [(tap(1), filter(1)), (tap(2), Filter::deny_all())].into() },
            Action::Unplug { device: tap(2) },
            Action::RemoveFilter { device: tap(2) },
        ]
    );
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
            state.bridges.insert(bridge(on), Bridge { mtu, is_up: true });
            state.devices.insert(tap(number), Device { kind, bridge: Some(bridge(on)), mtu, is_up: true });
            state.filters.insert(tap(number), filter);
        }
        state
    })
}

/// A host as it can be found: half made, tampered with, on bridges that are not ours.
fn any_observed() -> impl Strategy<Value = HostState> {
    let any_bridge = (any_mtu(), any::<bool>()).prop_map(|(mtu, is_up)| Bridge { mtu, is_up });
    let on =
        prop_oneof![Just(None), (0_u8..3).prop_map(|number| Some(bridge(number))), Just(Some(name("br0")))];
    let kind = prop_oneof![5 => any_kind(), 1 => Just(Kind::Unknown)];
    let any_device = (kind, on, any_mtu(), any::<bool>()).prop_map(|(kind, bridge, mtu, is_up)| Device {
        kind,
        bridge,
        mtu,
        is_up,
    });
    (
        btree_map((0_u8..3).prop_map(bridge), any_bridge, 0..3),
        btree_map((0_u8..6).prop_map(tap), any_device, 0..6),
        btree_map((0_u8..6).prop_map(tap), any_filter(), 0..6),
        any::<bool>(),
    )
        .prop_map(|(bridges, devices, filters, is_filtering)| HostState {
            bridges,
            devices,
            filters,
            is_filtering,
        })
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

    /// Whatever subset of actions fails in a first pass, a second pass converges.
    #[test]
    fn failures_never_prevent_convergence(
        desired in any_desired(), start in any_observed(), fails in any::<u64>(),
    ) {
        let mut host = start;
        for (at, action) in plan(&desired, &host).iter().enumerate() {
            if fails & (1 << (at % 64)) == 0 {
                let _ = host.apply(action); // may be refused: its predecessor failed
            }
        }
        for action in &plan(&desired, &host) {
            host.apply(action).unwrap();
        }
        prop_assert_eq!(&host, &desired);
        prop_assert_eq!(plan(&desired, &host), vec![]);
    }

    /// Whatever fails, no action lets a port's traffic through unfiltered that was not so before.
    #[test]
    fn a_ports_traffic_is_never_unfiltered(
        desired in any_desired(), start in any_observed(), fails in any::<u64>(),
    ) {
        let mut host = start;
        for (at, action) in plan(&desired, &host).iter().enumerate() {
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

    /// A port that is as it must be is not mentioned, whatever happens around it.
    #[test]
    fn what_is_right_is_left_alone(desired in any_desired(), start in any_observed()) {
        let start = HostState { is_filtering: true, ..start };
        let actions = plan(&desired, &start);
        for (device, want) in &desired.devices {
            let is_right = start.devices.get(device) == Some(want) && start.filters.get(device) == desired.filters.get(device);
            if is_right {
                prop_assert!(actions.iter().all(|action| action.subject() != Some(device)), "{device}: {actions:?}");
            }
        }
    }
}
