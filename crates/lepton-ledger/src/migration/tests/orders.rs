//! The addresses of a port that moved are free when every host that had it has proved that it is gone, whatever the order.

use super::*;
use crate::{FenceHost, PendingUnplug, example::unloaded};

/// What proves that a host has a port no more.
#[derive(Clone, Copy, Debug)]
enum Proof {
    Report,
    Fence,
}

fn prove(ledger: &mut View, host: &str, proof: Proof, ports: &[PortId]) {
    match proof {
        Proof::Report => report(ledger, host, &[], ports),
        Proof::Fence => drop(decided(ledger, &FenceHost { host: named(host) }).unwrap()),
    }
}

/// Every order of some things.
fn orders(things: &[&'static str]) -> Vec<Vec<&'static str>> {
    if things.is_empty() {
        return vec![Vec::new()];
    }
    let with_first = |first: usize| {
        let mut rest = things.to_vec();
        let first = rest.remove(first);
        orders(&rest).into_iter().map(move |order| [vec![first], order].concat())
    };
    (0..things.len()).flat_map(with_first).collect()
}

/// An instance that was on `a`, lives on `b`, moves to `c`, and is deallocated.
fn deallocated_on_three() -> (View, Vec<PortId>) {
    let (mut ledger, ports) = on_a();
    decided(&mut ledger, &start(1, "a", "b")).unwrap();
    decided(&mut ledger, &finish(1, "a", "b")).unwrap();
    decided(&mut ledger, &start(1, "b", "c")).unwrap();
    assert_eq!(decided(&mut ledger, &deallocation(1)).unwrap().ports, ports);
    (ledger, ports)
}

#[test]
fn every_host_that_had_it_is_told_to_unplug_a_deallocated_port() {
    let (mut ledger, ports) = deallocated_on_three();
    for host in ["a", "b", "c"] {
        let told = feed(&mut ledger, host, None);
        assert_eq!((told.ports, told.released), (vec![], ports.clone()), "{host}");
    }
}

#[test]
fn an_address_is_free_with_the_last_proof_in_every_order_of_reports_and_fencings() {
    for order in orders(&["a", "b", "c"]) {
        for fenced in 0..8_u8 {
            let (mut ledger, ports) = deallocated_on_three();
            for (position, host) in order.iter().enumerate() {
                assert_eq!(ledger.rows::<Port>().count(), 2, "{order:?}, before {host}");
                assert_eq!(ledger.rows::<FixedIp>().count(), 2);
                let proof = if fenced & 1 << position == 0 { Proof::Report } else { Proof::Fence };
                prove(&mut ledger, host, proof, &ports);
                prove(&mut ledger, host, proof, &ports);
            }
            assert_eq!(ledger.rows::<Port>().count(), 0, "{order:?}, {fenced:03b}");
            assert_eq!(ledger.rows::<FixedIp>().count(), 0);
            let notes: Vec<_> = ledger.rows::<PendingUnplug>().cloned().collect();
            assert!(notes.iter().all(|note| note.is_fenced));
            assert_eq!(notes.len(), 2 * usize::try_from(fenced.count_ones()).unwrap(), "hosts come back");
            for host in &order {
                report(&mut ledger, host, &[], &ports);
            }
            assert_eq!(ledger.rows::<PendingUnplug>().count(), 0);
        }
    }
}

#[test]
fn fencing_tells_ports_that_go_on_from_those_that_end() {
    let (mut ledger, ports) = deallocated_on_three();
    let fence = |ledger: &mut View, host| decided(ledger, &FenceHost { host: named(host) }).unwrap();
    for host in ["b", "a"] {
        let fenced = fence(&mut ledger, host);
        assert_eq!((fenced.ended, fenced.departed, fenced.live), (vec![], ports.clone(), vec![]), "{host}");
    }
    let fenced = fence(&mut ledger, "c");
    assert_eq!((fenced.ended, fenced.departed), (ports, vec![]));
}

#[test]
fn fencing_a_destination_names_the_ports_on_their_way_to_it() {
    let (mut ledger, ports) = on_a();
    decided(&mut ledger, &start(1, "a", "b")).unwrap();
    let before = ledger.changes().len();
    for host in ["a", "b"] {
        let fenced = decided(&mut ledger, &FenceHost { host: named(host) }).unwrap();
        let mut live = fenced.live;
        live.sort_unstable();
        assert_eq!((fenced.ended, fenced.departed, live), (vec![], vec![], ports.clone()), "{host}");
    }
    assert_eq!(changes(&ledger, before), [""; 0]);
}

/// In each round all rows of one table are locked, so no decision may ask for them one by one.
#[test]
fn a_report_about_a_moved_port_misses_its_hosts_before_its_addresses() {
    let (whole, ports) = deallocated_on_three();
    let mut ledger = unloaded();
    let unplugged = HostReport { unplugged: ports.clone(), revision: 99.into(), ..HostReport::default() };
    let command = ReportHost { host: named("b"), report: unplugged };
    let keys = missing(&mut ledger, &command);
    whole.rows::<Port>().for_each(|row| ledger.load(row.clone()));
    whole.rows::<FixedIp>().for_each(|row| ledger.load(row.clone()));
    loaded(&mut ledger, keys);
    let keys = missing(&mut ledger, &command);
    assert_eq!(keys, ports.iter().map(|id| Key::PendingUnplugs(*id)).collect::<Vec<_>>());
    whole.rows::<PendingUnplug>().for_each(|row| ledger.load(row.clone()));
    loaded(&mut ledger, keys);
    decided(&mut ledger, &command).unwrap();
    assert_eq!(ledger.rows::<FixedIp>().count(), 2);
}
