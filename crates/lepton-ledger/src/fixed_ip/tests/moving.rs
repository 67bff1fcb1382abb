//! An address leaves a port that is being moved: every host that had the port has its word in it.

use std::collections::BTreeMap;

use lepton_types::HostId;

use super::*;
use crate::{
    FenceHost, MigrateInstanceFinish, MigrateInstanceStart, RegisterHost, SetupNetworksOnHost,
    example::without_agents,
};

fn named(name: &str) -> HostId {
    name.parse().unwrap()
}

/// Begins to move instance 1 from host `host-1` to host `b`.
fn start(ledger: &mut View) {
    let start = MigrateInstanceStart {
        instance: instance(1),
        incarnation: None,
        source: host(),
        destination: named("b"),
        binding: None,
        only_known_hosts: false,
        only_on: None,
    };
    decided(ledger, &start).unwrap();
}

fn finish(ledger: &mut View) {
    let finish = MigrateInstanceFinish {
        instance: instance(1),
        incarnation: None,
        source: host(),
        destination: named("b"),
        only_on: None,
    };
    decided(ledger, &finish).unwrap();
}

fn abort(ledger: &mut View) {
    let teardown = SetupNetworksOnHost {
        instance: instance(1),
        incarnation: None,
        host: named("b"),
        is_teardown: true,
        binding: None,
        only_known_hosts: false,
        only_on: None,
    };
    decided(ledger, &teardown).unwrap();
}

/// The agent of a host does all that it is told and says so.
fn follows(ledger: &mut View, name: &str) {
    let told = decided(ledger, &HostFeed { host: named(name), after: None }).unwrap();
    let said = told.ports.iter();
    let ports = said
        .map(|port| PortReport { id: port.id, status: PortStatus::Active, filtered_at: Some(port.revision) })
        .collect();
    let report = HostReport { revision: told.revision, ports, unplugged: told.released };
    decided(ledger, &ReportHost { host: named(name), report }).unwrap();
}

fn remove(ledger: &mut View) {
    decided(ledger, &removal(1, "10.1.0.2")).unwrap();
}

fn is_leaving(ledger: &View) -> bool {
    matches!(holder(ledger, "10.1.0.2"), Some(Holder::Leaving { .. }))
}

/// A ledger with instance 1 on `host-1`, whose agent has plugged it, while host `b` is far ahead or behind in its count.
fn with_hosts(changes_of_b: u128) -> View {
    let (mut ledger, ..) = with_instance(&["10.1.0.0/24"]);
    for number in 10..10 + changes_of_b {
        let on_b = AllocateForInstance { host: Some(named("b")), ..allocation(number, vec![]) };
        decided(&mut ledger, &on_b).unwrap();
    }
    for number in 50..53 {
        decided(&mut ledger, &allocation(number, vec![])).unwrap();
    }
    follows(&mut ledger, "host-1");
    follows(&mut ledger, "b");
    ledger
}

/// What happens to the instance, step by step; after each step both agents may follow, in either order or not at all.
type Steps = &'static [fn(&mut View)];

const STEPS: [Steps; 6] = [
    &[remove, start, finish],
    &[start, remove, finish],
    &[start, finish, remove],
    &[remove, start, abort],
    &[start, remove, abort],
    &[start, abort, remove],
];

#[test]
fn whatever_the_order_the_address_is_free_when_no_host_lets_the_port_use_it_and_not_before() {
    let address = ip("10.1.0.2");
    for changes_of_b in [0, 8] {
        for (which, steps) in STEPS.iter().enumerate() {
            // Two bits for each pause: whether `host-1` follows, and whether `b` does.
            for who in 0..(1_u32 << (2 * steps.len())) {
                let mut ledger = with_hosts(changes_of_b);
                let mut may: BTreeMap<&str, bool> = [("host-1", true), ("b", false)].into();
                let mut follow = |ledger: &mut View, name: &'static str| {
                    let told = decided(ledger, &HostFeed { host: named(name), after: None }).unwrap();
                    may.insert(name, told.ports.iter().any(|port| port.addresses.contains(&address)));
                    follows(ledger, name);
                    let is_held = holder(ledger, "10.1.0.2").is_some();
                    assert!(is_held || may.values().all(|may| !may), "order {which}, {who:b}: {may:?}");
                };
                for (pause, step) in steps.iter().enumerate() {
                    step(&mut ledger);
                    for (bit, name) in ["host-1", "b"].into_iter().enumerate() {
                        if who >> (2 * pause + bit) & 1 == 1 {
                            follow(&mut ledger, name);
                        }
                    }
                }
                for _ in 0..2 {
                    follow(&mut ledger, "host-1");
                    follow(&mut ledger, "b");
                }
                assert_eq!(holder(&ledger, "10.1.0.2"), None, "order {which}, {who:b}");
            }
        }
    }
}

/// Hosts whose agents come late, or never, in whatever order.
#[test]
fn an_agent_that_never_came_is_not_waited_for_and_one_that_came_is() {
    let address = ip("10.1.0.2");
    for (which, steps) in STEPS.iter().enumerate() {
        for who in 0..(1_u32 << (2 * steps.len())) {
            let mut ledger = without_agents();
            made(&mut ledger, network("private", &["10.1.0.0/24"]));
            decided(&mut ledger, &allocation(1, vec![])).unwrap();
            let mut may: BTreeMap<&str, bool> = BTreeMap::new();
            let mut follow = |ledger: &mut View, name: &'static str| {
                decided(ledger, &RegisterHost { host: named(name) }).unwrap();
                let told = decided(ledger, &HostFeed { host: named(name), after: None }).unwrap();
                may.insert(name, told.ports.iter().any(|port| port.addresses.contains(&address)));
                follows(ledger, name);
                let is_held = holder(ledger, "10.1.0.2").is_some();
                assert!(is_held || may.values().all(|may| !may), "order {which}, {who:b}: {may:?}");
            };
            let came = |pause: usize, bit: usize| who >> (2 * pause + bit) & 1 == 1;
            for (pause, step) in steps.iter().enumerate() {
                step(&mut ledger);
                for (bit, name) in ["host-1", "b"].into_iter().enumerate() {
                    if came(pause, bit) {
                        follow(&mut ledger, name);
                    }
                }
            }
            for (bit, name) in ["host-1", "b", "host-1", "b"].into_iter().enumerate() {
                if (0..steps.len()).any(|pause| came(pause, bit % 2)) {
                    follow(&mut ledger, name);
                }
            }
            assert_eq!(holder(&ledger, "10.1.0.2"), None, "order {which}, {who:b}");
        }
    }
}

/// The port's host has said that the port cannot use the address while another host had it, and says so once.
#[test]
fn when_the_other_host_is_gone_the_ports_own_host_is_told_anew_and_says_it_again() {
    for is_fenced in [false, true] {
        let mut ledger = with_hosts(3);
        start(&mut ledger);
        remove(&mut ledger);
        finish(&mut ledger);
        follows(&mut ledger, "b");
        assert!(is_leaving(&ledger), "the source still has the port");
        let held = decided(&mut ledger, &HostFeed { host: named("b"), after: None }).unwrap().revision;
        if is_fenced {
            decided(&mut ledger, &FenceHost { host: host() }).unwrap();
        } else {
            follows(&mut ledger, "host-1");
        }
        assert!(is_leaving(&ledger));
        let news = decided(&mut ledger, &HostFeed { host: named("b"), after: Some(held) }).unwrap();
        assert_eq!(news.ports.len(), 1, "fenced: {is_fenced}");
        follows(&mut ledger, "b");
        assert_eq!(holder(&ledger, "10.1.0.2"), None);
    }
}

#[test]
fn both_hosts_of_a_moving_port_speak_of_its_leases_and_afterwards_the_new_one_alone() {
    let (mut ledger, _, info) = with_instance(&["10.1.0.0/24"]);
    let says = |ledger: &mut View, host: HostId| {
        let (address, mac) = (ip("10.1.0.2"), info.vifs[0].mac);
        let lease_time = Duration::from_secs(120);
        let lease = LeaseFixedIp { address, mac, lease_time, only_on: Some(host) };
        decided(ledger, &lease).unwrap().fixed_ip.is_some()
    };
    start(&mut ledger);
    assert_eq!([host(), named("b")].map(|host| says(&mut ledger, host)), [true, true]);
    finish(&mut ledger);
    assert_eq!([host(), named("b")].map(|host| says(&mut ledger, host)), [false, true]);
}
