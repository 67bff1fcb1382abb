//! Moves, decided over views in memory.

mod orders;
mod proofs;

use lepton_types::{HostChanges, HostReport, PortBinding, PortId, PortReport, Revision};

use super::*;
use crate::{
    AllocateForInstance, Command, FixedIp, HostFeed, ReportHost, RequestKey, RequestRecord, Undone,
    example::{
        allocation, changes, deallocation, decided, instance, loaded, missing, unloaded, with_network,
    },
};

pub(super) fn named(name: &str) -> HostId {
    name.parse().unwrap()
}

pub(super) fn start(number: u128, source: &str, destination: &str) -> MigrateInstanceStart {
    MigrateInstanceStart {
        instance: instance(number),
        incarnation: None,
        source: named(source),
        destination: named(destination),
        binding: None,
        only_known_hosts: false,
        only_on: None,
    }
}

pub(super) fn finish(number: u128, source: &str, destination: &str) -> MigrateInstanceFinish {
    MigrateInstanceFinish {
        instance: instance(number),
        incarnation: None,
        source: named(source),
        destination: named(destination),
        only_on: None,
    }
}

pub(super) fn setup(number: u128, host: &str, is_teardown: bool) -> SetupNetworksOnHost {
    SetupNetworksOnHost {
        instance: instance(number),
        incarnation: None,
        host: named(host),
        is_teardown,
        binding: None,
        only_known_hosts: false,
        only_on: None,
    }
}

pub(super) fn feed(ledger: &mut View, host: &str, after: Option<Revision>) -> HostChanges {
    decided(ledger, &HostFeed { host: named(host), after }).unwrap()
}

/// What an agent says that has followed everything there is.
pub(super) fn report(ledger: &mut View, host: &str, ports: &[(PortId, PortStatus)], unplugged: &[PortId]) {
    let revision = feed(ledger, host, None).revision;
    let ports = ports
        .iter()
        .map(|(id, status)| PortReport { id: *id, status: status.clone(), filtered_at: None })
        .collect();
    let report = HostReport { revision, ports, unplugged: unplugged.to_vec() };
    decided(ledger, &ReportHost { host: named(host), report }).unwrap();
}

/// A ledger in which instance 1 has a port on each of two networks, on host `a`.
pub(super) fn on_a() -> (View, Vec<PortId>) {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    crate::example::made(&mut ledger, crate::example::network("storage", &["fd00:1::/64"]));
    let on_a = AllocateForInstance { host: Some(named("a")), ..allocation(1, vec![]) };
    let info = decided(&mut ledger, &on_a).unwrap();
    let ports = info.vifs.iter().map(|vif| vif.id).collect();
    (ledger, ports)
}

fn statuses(info: &NetworkInfo) -> Vec<(PortStatus, Option<PortStatus>)> {
    let both = |vif: &lepton_types::Vif| {
        (vif.status.clone(), vif.destination.as_ref().map(|destination| destination.status.clone()))
    };
    info.vifs.iter().map(both).collect()
}

fn info(ledger: &mut View) -> NetworkInfo {
    decided(ledger, &crate::GetInstanceNwInfo { instance: instance(1), scope: crate::Scope::Everything })
        .unwrap()
}

#[test]
fn a_port_that_moves_is_on_two_hosts_and_active_on_one() {
    use PortStatus::{Active, Pending};
    let (mut ledger, ports) = on_a();
    report(&mut ledger, "a", &[(ports[0], Active), (ports[1], Active)], &[]);
    let at_source = feed(&mut ledger, "a", None);
    let at_destination = feed(&mut ledger, "b", None).revision;

    let before = ledger.changes().len();
    let moving = decided(&mut ledger, &start(1, "a", "b")).unwrap();
    let expected = ["~host", "~port", "~host", "~port", "~host", "~instance"];
    assert_eq!(changes(&ledger, before), expected);
    assert!(moving.has_begun);
    assert_eq!(moving.info.host, named("a"));
    assert_eq!(moving.info.migration.as_ref().map(|to| &to.destination), Some(&named("b")));
    assert_eq!(statuses(&moving.info), [(Active, Some(Pending)), (Active, Some(Pending))]);
    assert_eq!(feed(&mut ledger, "a", None), at_source, "the source hears nothing of it");
    let told = feed(&mut ledger, "b", Some(at_destination));
    assert_eq!(told.ports, at_source.ports, "the destination plugs what the source has plugged");

    report(&mut ledger, "b", &[(ports[0], Active)], &[]);
    report(&mut ledger, "a", &[(ports[1], PortStatus::Error("lost".into()))], &[]);
    let now = info(&mut ledger);
    assert_eq!(
        statuses(&now),
        [(Active, Some(Active)), (PortStatus::Error("lost".into()), Some(Pending))],
        "each host tells of its own"
    );

    let arrived = decided(&mut ledger, &finish(1, "a", "b")).unwrap();
    assert_eq!((&arrived.host, arrived.migration.as_ref()), (&named("b"), None));
    assert_eq!(statuses(&arrived), [(Active, None), (Pending, None)], "what the destination said");
    let source = feed(&mut ledger, "a", Some(at_source.revision));
    assert_eq!((source.ports, source.released), (vec![], ports.clone()));
    assert_eq!(feed(&mut ledger, "b", Some(told.revision)).ports, [], "the destination has them already");
    assert_eq!(feed(&mut ledger, "b", None).ports.len(), 2);

    let fixed_ips = ledger.rows::<FixedIp>().count();
    report(&mut ledger, "a", &[], &ports);
    assert_eq!(feed(&mut ledger, "a", None).released, []);
    assert_eq!(ledger.rows::<FixedIp>().count(), fixed_ips, "they are the live ports'");
}

#[test]
fn a_repeated_start_or_finish_changes_nothing() {
    let (mut ledger, _) = on_a();
    assert!(!decided(&mut ledger, &start(1, "a", "a")).unwrap().has_begun);
    assert_eq!(feed(&mut ledger, "a", None).revision.number(), 2);
    let first = decided(&mut ledger, &start(1, "a", "b")).unwrap();
    let before = ledger.changes().len();
    let again = decided(&mut ledger, &start(1, "a", "b")).unwrap();
    assert_eq!((again.info, again.has_begun), (first.info, false));
    assert_eq!(decided(&mut ledger, &setup(1, "b", false)).unwrap(), info(&mut ledger));
    assert_eq!(changes(&ledger, before), [""; 0]);

    let finished = decided(&mut ledger, &finish(1, "a", "b")).unwrap();
    let before = ledger.changes().len();
    assert_eq!(decided(&mut ledger, &finish(1, "a", "b")).unwrap(), finished);
    assert_eq!(decided(&mut ledger, &setup(1, "b", false)).unwrap(), finished);
    assert_eq!(changes(&ledger, before), [""; 0]);

    decided(&mut ledger, &start(1, "b", "c")).unwrap();
    assert_eq!(decided(&mut ledger, &finish(1, "a", "b")).unwrap().host, named("b"), "that move is over");
}

#[test]
fn a_move_is_refused_by_what_is_wrong_with_it() {
    let (mut ledger, _) = on_a();
    decided(&mut ledger, &start(1, "a", "b")).unwrap();
    let before = ledger.changes().len();
    let instance = instance(1);
    let not_on = Refusal::InstanceNotOnHost { instance, given: named("c"), lives: named("a") };
    let is_moving = Refusal::InstanceIsMoving { instance, destination: named("b") };
    let not_moving =
        Refusal::InstanceNotMoving { instance, given: named("c"), destination: Some(named("b")) };
    let mismatch = Refusal::IncarnationMismatch { instance, given: 2, live: 1 };
    assert_eq!(decided(&mut ledger, &start(1, "c", "d")), Err(not_on.clone()));
    assert_eq!(decided(&mut ledger, &start(1, "c", "c")), Err(not_on.clone()), "a mistake is told");
    assert_eq!(decided(&mut ledger, &finish(1, "c", "b")), Err(not_on));
    assert_eq!(decided(&mut ledger, &start(1, "a", "c")), Err(is_moving.clone()));
    assert_eq!(decided(&mut ledger, &setup(1, "c", false)), Err(is_moving));
    assert_eq!(decided(&mut ledger, &finish(1, "a", "c")), Err(not_moving));
    let late = MigrateInstanceStart { incarnation: Some(2), ..start(1, "a", "b") };
    assert_eq!(decided(&mut ledger, &late), Err(mismatch.clone()));
    let late = MigrateInstanceFinish { incarnation: Some(2), ..finish(1, "a", "b") };
    assert_eq!(decided(&mut ledger, &late), Err(mismatch.clone()));
    let late = SetupNetworksOnHost { incarnation: Some(2), ..setup(1, "b", true) };
    assert_eq!(decided(&mut ledger, &late), Err(mismatch));
    let nobody = Refusal::InstanceNotFound { instance: crate::example::instance(2) };
    assert_eq!(decided(&mut ledger, &start(2, "a", "a")), Err(nobody.clone()));
    assert_eq!(decided(&mut ledger, &finish(2, "a", "b")), Err(nobody.clone()));
    assert_eq!(decided(&mut ledger, &setup(2, "b", true)), Err(nobody));
    assert_eq!(changes(&ledger, before), [""; 0]);

    decided(&mut ledger, &setup(1, "b", true)).unwrap();
    let stays = Refusal::InstanceNotMoving { instance, given: named("b"), destination: None };
    assert_eq!(decided(&mut ledger, &finish(1, "a", "b")), Err(stays));
}

#[test]
fn a_destination_that_nobody_knows_is_refused_where_hosts_must_be_known() {
    let (mut ledger, _) = on_a();
    let unknown = |field: &str| Refusal::HostNotFound { host: named("d"), field: Some(field.to_owned()) };
    let begun = MigrateInstanceStart { only_known_hosts: true, ..start(1, "a", "d") };
    assert_eq!(decided(&mut ledger, &begun), Err(unknown("dest")));
    let set_up = SetupNetworksOnHost { only_known_hosts: true, ..setup(1, "d", false) };
    assert_eq!(decided(&mut ledger, &set_up), Err(unknown("host")));
    decided(&mut ledger, &crate::RegisterHost { host: named("d") }).unwrap();
    assert!(decided(&mut ledger, &begun).unwrap().has_begun);
}

#[test]
fn an_aborted_move_leaves_the_instance_where_it_is() {
    let (mut ledger, ports) = on_a();
    report(&mut ledger, "a", &[(ports[0], PortStatus::Active), (ports[1], PortStatus::Active)], &[]);
    let settled = info(&mut ledger);
    decided(&mut ledger, &start(1, "a", "b")).unwrap();
    let told = feed(&mut ledger, "b", None).revision;
    assert_eq!(decided(&mut ledger, &setup(1, "b", true)).unwrap(), settled);
    assert_eq!(feed(&mut ledger, "b", Some(told)).released, ports, "it may have plugged them");
    let before = ledger.changes().len();
    for host in ["a", "b", "c"] {
        let nothing = decided(&mut ledger, &setup(1, host, true)).unwrap();
        assert_eq!(nothing, settled, "on {host}");
    }
    assert_eq!(changes(&ledger, before), [""; 0]);
    report(&mut ledger, "b", &[], &ports);
    assert_eq!(feed(&mut ledger, "b", None).released, []);
    assert_eq!(info(&mut ledger), settled);
}

#[test]
fn setting_up_on_another_host_begins_a_move() {
    let (mut ledger, _) = on_a();
    let moving = decided(&mut ledger, &setup(1, "b", false)).unwrap();
    assert_eq!(moving.migration.map(|to| to.destination), Some(named("b")));
    assert!(!decided(&mut ledger, &start(1, "a", "b")).unwrap().has_begun);
    assert_eq!(decided(&mut ledger, &finish(1, "a", "b")).unwrap().host, named("b"));
}

#[test]
fn the_destination_may_have_devices_of_another_kind() {
    let (mut ledger, ports) = on_a();
    let veth = |guest_device: &str| BindingRequest::Veth {
        netns: "/run/netns/b".parse().unwrap(),
        guest_device: guest_device.parse().unwrap(),
    };
    let with = |name| MigrateInstanceStart { binding: Some(veth(name)), ..start(1, "a", "b") };
    let refusal = decided(&mut ledger, &with("eth0")).unwrap_err();
    assert_eq!(refusal.metadata()[0].1, "binding.veth.guest_device");
    decided(&mut ledger, &start(1, "a", "b")).unwrap();
    report(&mut ledger, "b", &[(ports[0], PortStatus::Active)], &[]);

    let changed = decided(&mut ledger, &with("eth%d")).unwrap();
    assert!(!changed.has_begun);
    let destination = |number: usize| changed.info.vifs[number].destination.clone().unwrap();
    for number in 0..2 {
        let guest_device = format!("eth{number}").parse().unwrap();
        let binding = PortBinding::Veth { netns: "/run/netns/b".parse().unwrap(), guest_device };
        assert_eq!(
            destination(number),
            lepton_types::VifDestination { binding, status: PortStatus::Pending }
        );
    }
    let before = ledger.changes().len();
    decided(&mut ledger, &start(1, "a", "b")).unwrap();
    assert_eq!(changes(&ledger, before), [""; 0], "without a binding it is what it was told");
    assert_eq!(feed(&mut ledger, "a", None).ports[0].binding, PortBinding::Tap);

    let arrived = decided(&mut ledger, &finish(1, "a", "b")).unwrap();
    assert_eq!(arrived.vifs[0].binding, destination(0).binding);
    assert_eq!(feed(&mut ledger, "b", None).ports[0].binding, destination(0).binding);
}

/// Whoever breaks out of a guest has its hypervisor's certificate.
#[test]
fn who_may_act_for_one_host_hands_over_and_does_not_take() {
    let (mut ledger, _) = on_a();
    let only = |host: &str| Some(named(host));
    let denied =
        |host: &str, allowed: &str| Refusal::HostNotAllowed { host: named(host), allowed: named(allowed) };
    let before = ledger.changes().len();
    let taken = MigrateInstanceStart { only_on: only("b"), ..start(1, "a", "b") };
    assert_eq!(decided(&mut ledger, &taken), Err(denied("a", "b")));
    let taken = SetupNetworksOnHost { only_on: only("b"), ..setup(1, "b", false) };
    assert_eq!(decided(&mut ledger, &taken), Err(denied("a", "b")));
    let feigned = MigrateInstanceFinish { only_on: only("b"), ..finish(1, "a", "b") };
    assert!(matches!(decided(&mut ledger, &feigned), Err(Refusal::InstanceNotMoving { .. })));
    assert_eq!(changes(&ledger, before), [""; 0]);

    let handed = MigrateInstanceStart { only_on: only("a"), ..start(1, "a", "b") };
    for aborting in ["b", "a"] {
        decided(&mut ledger, &handed).unwrap();
        let other = SetupNetworksOnHost { only_on: only("c"), ..setup(1, "b", true) };
        assert_eq!(decided(&mut ledger, &other), Err(denied("a", "c")));
        let aborted = SetupNetworksOnHost { only_on: only(aborting), ..setup(1, "b", true) };
        assert_eq!(decided(&mut ledger, &aborted).unwrap().migration, None);
    }
    decided(&mut ledger, &handed).unwrap();
    let set_up = SetupNetworksOnHost { only_on: only("b"), ..setup(1, "b", false) };
    assert!(decided(&mut ledger, &set_up).is_ok(), "it is being handed over");
    let other = MigrateInstanceFinish { only_on: only("c"), ..finish(1, "a", "b") };
    assert_eq!(decided(&mut ledger, &other), Err(denied("a", "c")));
    let either = MigrateInstanceFinish { only_on: only("b"), ..finish(1, "a", "b") };
    assert_eq!(decided(&mut ledger, &either).unwrap().host, named("b"));
    let either = MigrateInstanceFinish { only_on: only("a"), ..finish(1, "a", "b") };
    assert_eq!(decided(&mut ledger, &either).unwrap().host, named("b"));
}

#[test]
fn an_undo_ends_its_own_move_and_no_other_one() {
    let (mut ledger, _) = on_a();
    let begun = decided(&mut ledger, &start(1, "a", "b")).unwrap();
    let key = RequestKey { caller: "nova".to_owned(), id: "move-1".parse().unwrap() };
    let record = RequestRecord {
        key: key.clone(),
        format: RequestRecord::FORMAT,
        fingerprint: [0; 32],
        answer: String::new(),
        created_at: lepton_types::Timestamp::default(),
    };
    ledger.insert(record.clone());
    let undo = UndoMigration { begun: begun.clone(), request: Some(key.clone()) };
    assert_eq!(decided(&mut ledger, &undo), Ok(Undone { is_undone: true }));
    assert_eq!((info(&mut ledger).migration, ledger.row::<RequestRecord>(&key)), (None, None));
    assert_eq!(
        decided(&mut ledger, &undo),
        Ok(Undone { is_undone: true }),
        "the answer to the first was lost"
    );

    decided(&mut ledger, &start(1, "a", "b")).unwrap();
    ledger.insert(record);
    let before = ledger.changes().len();
    assert_eq!(decided(&mut ledger, &undo), Ok(Undone { is_undone: false }), "a later move there");
    decided(&mut ledger, &finish(1, "a", "b")).unwrap();
    assert_eq!(decided(&mut ledger, &undo), Ok(Undone { is_undone: false }));
    decided(&mut ledger, &deallocation(1)).unwrap();
    assert_eq!(decided(&mut ledger, &undo), Ok(Undone { is_undone: true }), "nothing is left of it");
    assert!(changes(&ledger, before).iter().all(|change| *change != "-request"));
}

#[test]
fn a_finished_move_is_known_as_such_wherever_the_instance_goes_from_there() {
    let (mut ledger, _) = on_a();
    let followed =
        |ledger: &mut View, begun: &Move| decided(ledger, &FollowInstance { since: begun.info.clone() });
    let is_finished = |ledger: &mut View, begun: &Move| followed(ledger, begun).unwrap().is_finished;
    let aborted = decided(&mut ledger, &start(1, "a", "b")).unwrap();
    decided(&mut ledger, &setup(1, "b", true)).unwrap();
    let begun = decided(&mut ledger, &start(1, "a", "b")).unwrap();
    assert!(!is_finished(&mut ledger, &begun));
    decided(&mut ledger, &finish(1, "a", "b")).unwrap();
    decided(&mut ledger, &start(1, "b", "a")).unwrap();
    decided(&mut ledger, &finish(1, "b", "a")).unwrap();
    assert!(is_finished(&mut ledger, &begun) && !is_finished(&mut ledger, &aborted));
    let undo = |begun: &Move| UndoMigration { begun: begun.clone(), request: None };
    assert_eq!(decided(&mut ledger, &undo(&begun)), Ok(Undone { is_undone: false }), "it is home again");
    assert_eq!(decided(&mut ledger, &undo(&aborted)), Ok(Undone { is_undone: true }));

    for (from, to) in [("a", "b"), ("b", "a"), ("a", "b")] {
        assert!(is_finished(&mut ledger, &begun), "of the last four");
        decided(&mut ledger, &start(1, from, to)).unwrap();
        decided(&mut ledger, &finish(1, from, to)).unwrap();
    }
    assert!(!is_finished(&mut ledger, &begun), "forgotten");
    assert_eq!(followed(&mut ledger, &begun).unwrap().info, info(&mut ledger));
    decided(&mut ledger, &deallocation(1)).unwrap();
    assert_eq!(followed(&mut ledger, &begun).unwrap_err().reason(), "INSTANCE_NOT_FOUND");
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    assert_eq!(followed(&mut ledger, &begun).unwrap_err().reason(), "INCARNATION_MISMATCH");
}

#[test]
fn an_instance_without_vnics_moves_too() {
    let mut ledger = crate::example::empty();
    let on_a = AllocateForInstance { host: Some(named("a")), ..allocation(1, vec![]) };
    decided(&mut ledger, &on_a).unwrap();
    assert!(decided(&mut ledger, &start(1, "a", "b")).unwrap().has_begun);
    assert_eq!(decided(&mut ledger, &finish(1, "a", "b")).unwrap().host, named("b"));
}

#[test]
fn a_start_misses_the_instance_and_its_destination_in_one_round() {
    let (whole, _) = on_a();
    let mut ledger = unloaded();
    let keys = missing(&mut ledger, &start(1, "a", "b"));
    assert_eq!(keys, [Key::Instance(instance(1)), Key::Host(named("b"))]);
    ledger.load(whole.row::<Instance>(&instance(1)).unwrap().clone());
    whole.rows::<Port>().for_each(|row| ledger.load(row.clone()));
    whole.rows::<FixedIp>().for_each(|row| ledger.load(row.clone()));
    loaded(&mut ledger, keys);
    let keys = missing(&mut ledger, &start(1, "a", "b"));
    assert!(keys.iter().all(|key| matches!(key, Key::Network(_))), "{keys:?}, for the answer");
}

/// Reports may be late. A port that comes to one host twice is told to it twice.
#[test]
fn what_a_host_said_of_an_earlier_stay_is_nothing() {
    let (mut ledger, ports) = on_a();
    let said = |ledger: &mut View, status: PortStatus, unplugged: &[PortId]| {
        let revision = feed(ledger, "b", None).revision;
        let ports = ports
            .iter()
            .map(|id| PortReport { id: *id, status: status.clone(), filtered_at: None })
            .collect();
        let report = HostReport { revision, ports, unplugged: unplugged.to_vec() };
        ReportHost { host: named("b"), report }
    };
    decided(&mut ledger, &start(1, "a", "b")).unwrap();
    let plugged = said(&mut ledger, PortStatus::Active, &[]);
    decided(&mut ledger, &setup(1, "b", true)).unwrap();
    let unplugged = said(&mut ledger, PortStatus::Pending, &ports);

    decided(&mut ledger, &start(1, "a", "b")).unwrap();
    let before = ledger.changes().len();
    decided(&mut ledger, &plugged).unwrap();
    assert_eq!(changes(&ledger, before), [""; 0], "of the move before");
    decided(&mut ledger, &setup(1, "b", true)).unwrap();
    let before = ledger.changes().len();
    decided(&mut ledger, &unplugged).unwrap();
    assert_eq!(changes(&ledger, before), [""; 0], "it may have plugged them since");

    decided(&mut ledger, &start(1, "a", "b")).unwrap();
    decided(&mut ledger, &finish(1, "a", "b")).unwrap();
    let before = ledger.changes().len();
    decided(&mut ledger, &plugged).unwrap();
    decided(&mut ledger, &deallocation(1)).unwrap();
    decided(&mut ledger, &unplugged).unwrap();
    assert_eq!(
        changes(&ledger, before),
        ["~host", "~port", "~host", "~port", "-instance"],
        "the deallocation's"
    );
    report(&mut ledger, "b", &[], &ports);
    assert_eq!(
        ledger.rows::<Port>().filter(|port| port.host == named("a")).count(),
        2,
        "the source's word is left"
    );
}
