//! `DeallocateForInstance` and `UndoAllocation`, decided over views in memory.

use lepton_types::{Amounts, Port, Quota, Timestamp};

use super::*;
use crate::{
    FixedIp, MigrateInstanceFinish, MigrateInstanceStart,
    example::{
        allocation, changes, deallocation, decided, empty, fixed_ips, host, instance, loaded, made, missing,
        network, unloaded, with_network, without_agents,
    },
};

#[test]
fn a_deallocation_releases_ports_and_keeps_their_addresses() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24", "fd00:1::/64"]);
    let port = decided(&mut ledger, &allocation(1, vec![])).unwrap().vifs[0].id;
    let before = ledger.changes().len();
    assert_eq!(decided(&mut ledger, &deallocation(1)).unwrap().ports, [port]);
    assert_eq!(changes(&ledger, before), ["~host", "~port", "-instance"]);
    let row = ledger.row::<Port>(&port).unwrap();
    assert_eq!((row.is_released, row.revision.number()), (true, 2));
    assert_eq!(ledger.rows::<FixedIp>().count(), 2, "they are the port's until its host has unplugged it");
}

/// A slip in a host's name, for one: no agent was ever told of the ports, so nobody can have plugged them.
#[test]
fn what_no_agent_was_told_of_ends_with_its_instance() {
    let mut ledger = without_agents();
    made(&mut ledger, network("private", &["10.1.0.0/24", "fd00:1::/64"]));
    let undo = UndoAllocation { instance: instance(2), incarnation: 1, host: host(), request: None };
    let port = decided(&mut ledger, &allocation(1, vec![])).unwrap().vifs[0].id;
    decided(&mut ledger, &allocation(2, vec![])).unwrap();
    assert_eq!(decided(&mut ledger, &deallocation(1)).unwrap().ports, [port]);
    assert_eq!(decided(&mut ledger, &undo), Ok(Undone { is_undone: true }));
    assert_eq!((ledger.rows::<Port>().count(), ledger.rows::<FixedIp>().count()), (0, 0));
    assert!(ledger.rows::<Quota>().all(|quota| quota.used == Amounts::default()));
    assert_eq!(fixed_ips(&decided(&mut ledger, &allocation(3, vec![])).unwrap())[0], "10.1.0.2");
}

#[test]
fn who_is_not_there_is_deallocated_already() {
    let mut ledger = empty();
    assert_eq!(decided(&mut ledger, &deallocation(1)).unwrap().ports, []);
    let given = DeallocateForInstance { instance: instance(1), incarnation: Some(3), only_on: None };
    assert_eq!(decided(&mut ledger, &given).unwrap().ports, []);
    assert_eq!(ledger.changes(), []);
}

#[test]
fn another_life_is_not_ended() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let before = ledger.changes().len();
    let late = DeallocateForInstance { instance: instance(1), incarnation: Some(2), only_on: None };
    let expected = Refusal::IncarnationMismatch { instance: instance(1), given: 2, live: 1 };
    assert_eq!(decided(&mut ledger, &late), Err(expected));
    assert_eq!(changes(&ledger, before), [""; 0]);
}

#[test]
fn who_may_act_for_one_host_ends_nothing_on_another() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let before = ledger.changes().len();
    let only_on = |host: HostId| DeallocateForInstance { only_on: Some(host), ..deallocation(1) };
    let other: HostId = "host-2".parse().unwrap();
    let expected = Refusal::HostNotAllowed { host: host(), allowed: other.clone() };
    assert_eq!(decided(&mut ledger, &only_on(other)), Err(expected));
    assert_eq!(changes(&ledger, before), [""; 0]);
    assert_eq!(decided(&mut ledger, &only_on(host())).unwrap().ports.len(), 1);
}

#[test]
fn an_undo_ends_its_own_allocation_and_forgets_its_answer() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let key = RequestKey { caller: "nova".to_owned(), id: "boot-1".parse().unwrap() };
    let record = RequestRecord {
        key: key.clone(),
        format: RequestRecord::FORMAT,
        fingerprint: [0; 32],
        answer: String::new(),
        created_at: Timestamp::default(),
    };
    ledger.insert(record.clone());
    let undo =
        UndoAllocation { instance: instance(1), incarnation: 1, host: host(), request: Some(key.clone()) };
    let before = ledger.changes().len();
    assert_eq!(decided(&mut ledger, &undo), Ok(Undone { is_undone: true }));
    assert_eq!(changes(&ledger, before), ["-request", "~host", "~port", "-instance"]);

    assert_eq!(decided(&mut ledger, &allocation(1, vec![])).unwrap().incarnation, 2);
    ledger.insert(record);
    let before = ledger.changes().len();
    assert_eq!(decided(&mut ledger, &undo), Ok(Undone { is_undone: true }), "nothing is left of it");
    assert_eq!(changes(&ledger, before), [""; 0], "the next life and its answer are left alone");
}

#[test]
fn an_undo_leaves_an_instance_alone_that_moves_or_has_moved() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let undo = UndoAllocation { instance: instance(1), incarnation: 1, host: host(), request: None };
    let there: HostId = "host-2".parse().unwrap();
    let start = MigrateInstanceStart {
        instance: instance(1),
        incarnation: None,
        source: host(),
        destination: there.clone(),
        binding: None,
        only_on: None,
        only_known_hosts: false,
    };
    decided(&mut ledger, &start).unwrap();
    let before = ledger.changes().len();
    assert_eq!(decided(&mut ledger, &undo), Ok(Undone { is_undone: false }));
    assert_eq!(changes(&ledger, before), [""; 0]);
    let finish = MigrateInstanceFinish {
        instance: instance(1),
        incarnation: None,
        source: host(),
        destination: there,
        only_on: None,
    };
    decided(&mut ledger, &finish).unwrap();
    let before = ledger.changes().len();
    assert_eq!(decided(&mut ledger, &undo), Ok(Undone { is_undone: false }), "its guest runs there");
    assert_eq!(changes(&ledger, before), [""; 0]);
}

#[test]
fn a_deallocation_misses_the_instance_then_its_host() {
    let (mut whole, _) = with_network(&["10.1.0.0/24"]);
    decided(&mut whole, &allocation(1, vec![])).unwrap();
    let mut ledger = unloaded();
    let keys = missing(&mut ledger, &deallocation(1));
    assert_eq!(keys, [Key::Instance(instance(1))]);
    ledger.load(whole.row::<Instance>(&instance(1)).unwrap().clone());
    for port in whole.rows::<Port>() {
        ledger.load(port.clone());
        ledger.mark_loaded(Key::FloatingIpsOf(port.id));
    }
    loaded(&mut ledger, keys);
    let keys = missing(&mut ledger, &deallocation(1));
    assert_eq!(keys, [Key::Host(host())]);
    whole.rows::<crate::Host>().for_each(|host| ledger.load(host.clone()));
    loaded(&mut ledger, keys);
    assert_eq!(decided(&mut ledger, &deallocation(1)).unwrap().ports.len(), 1);
}
