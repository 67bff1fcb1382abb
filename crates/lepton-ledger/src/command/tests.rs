//! Request ids: what is remembered, given again, refused.

use lepton_types::NetworkInfo;

use super::*;
use crate::{
    AllocateForInstance,
    example::{allocation, changes, empty, unloaded, with_network},
};

fn run(ledger: &mut View, id: Option<&str>, command: &AllocateForInstance) -> Result<NetworkInfo, Stop> {
    let envelope = Envelope::new("nova", id.map(|id| id.parse().unwrap()), command);
    let number = ledger.changes().len();
    ledger.attempt(number, |ledger| execute(command, &envelope, ledger)).map(|reply| reply.answer)
}

#[test]
fn an_answer_is_remembered_under_its_id_and_given_again() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    let info = run(&mut ledger, Some("boot"), &allocation(1, vec![])).unwrap();
    assert_eq!(changes(&ledger, 0).last(), Some(&"+request"));
    let before = ledger.changes().len();
    assert_eq!(run(&mut ledger, Some("boot"), &allocation(1, vec![])), Ok(info));
    assert_eq!(ledger.changes().len(), before);
    let reused = Refusal::RequestIdReused { request_id: "boot".parse().unwrap() };
    assert_eq!(run(&mut ledger, Some("boot"), &allocation(2, vec![])), Err(reused.into()));
}

#[test]
fn without_an_id_and_without_an_answer_nothing_is_remembered() {
    let mut ledger = empty();
    run(&mut ledger, None, &allocation(1, vec![])).unwrap();
    assert!(run(&mut ledger, Some("boot"), &allocation(1, vec![])).is_err());
    assert_eq!(ledger.rows::<RequestRecord>().count(), 0);
}

#[test]
fn the_managers_settings_are_no_part_of_the_body() {
    let base = AllocateForInstance { mac_base: "02:00:00".parse().unwrap(), ..allocation(1, vec![]) };
    assert_eq!(fingerprint(&base), fingerprint(&allocation(1, vec![])));
    assert_eq!(fingerprint(&at_manager_of(Some("host-2"))), fingerprint(&at_manager_of(None)));
    let bound = AllocateForInstance { only_on: Some("host-1".parse().unwrap()), ..allocation(1, vec![]) };
    assert_eq!(fingerprint(&bound), fingerprint(&allocation(1, vec![])));
    assert_ne!(fingerprint(&allocation(2, vec![])), fingerprint(&allocation(1, vec![])));
    assert_ne!(fingerprint(&allocation(1, vec![])), fingerprint(&at_manager_of(Some("host-1"))));
}

/// An allocation that names no host, as a manager with this host of its own carries it out.
fn at_manager_of(host: Option<&str>) -> AllocateForInstance {
    let own_host = host.map(|host| host.parse().unwrap());
    AllocateForInstance { host: None, own_host, ..allocation(1, vec![]) }
}

#[test]
fn every_manager_gives_the_answer_again_whatever_its_own_host() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    let info = run(&mut ledger, Some("boot"), &at_manager_of(Some("host-1"))).unwrap();
    assert_eq!(info.host, "host-1".parse().unwrap());
    for other in [Some("host-2"), None] {
        assert_eq!(run(&mut ledger, Some("boot"), &at_manager_of(other)), Ok(info.clone()));
    }
}

#[test]
fn the_record_is_missed_together_with_the_rest() {
    let mut ledger = unloaded();
    assert_eq!(run(&mut ledger, Some("boot"), &allocation(1, vec![])), Err(Stop::Missing));
    let missing = ledger.take_missing();
    assert!(matches!(missing[0], Key::Request(_)));
    assert_eq!(missing.len(), 1 + allocation(1, vec![]).keys().len());
}
