//! Request ids: what is remembered, given again, refused.

use lepton_types::NetworkInfo;

use super::*;
use crate::{
    AllocateForInstance, DeallocateForInstance,
    example::{allocation, changes, empty, unloaded, with_network},
};

fn run(ledger: &mut View, id: Option<&str>, command: &AllocateForInstance) -> Result<NetworkInfo, Stop> {
    run_as(ledger, id, command, format!("{:?}", command.instance).as_bytes())
}

fn run_as(
    ledger: &mut View,
    id: Option<&str>,
    command: &AllocateForInstance,
    body: &[u8],
) -> Result<NetworkInfo, Stop> {
    let envelope = Envelope::new::<AllocateForInstance>("nova", id.map(|id| id.parse().unwrap()), body);
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
fn a_request_is_its_call_and_its_body() {
    assert_ne!(
        Envelope::fingerprint::<AllocateForInstance>(b"1"),
        Envelope::fingerprint::<AllocateForInstance>(b"2")
    );
    assert_ne!(
        Envelope::fingerprint::<AllocateForInstance>(b"1"),
        Envelope::fingerprint::<DeallocateForInstance>(b"1")
    );
}

#[test]
fn an_answer_that_cannot_be_read_is_no_other_request() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    run(&mut ledger, Some("boot"), &allocation(1, vec![])).unwrap();
    let record = ledger.rows::<RequestRecord>().next().unwrap().clone();
    let damages = [
        (RequestRecord { answer: "{}".into(), ..record.clone() }, "missing field"),
        (RequestRecord { format: 7, ..record }, "it has format 7, and this program knows format 1"),
    ];
    for (damaged, problem) in damages {
        ledger.replace(damaged);
        let before = ledger.changes().len();
        let Err(Stop::Unreadable(found)) = run(&mut ledger, Some("boot"), &allocation(1, vec![])) else {
            panic!("it is read");
        };
        let expected = format!("stored answer of request boot cannot be read: {problem}");
        assert!(found.to_string().starts_with(&expected), "{found}");
        assert_eq!(ledger.changes().len(), before);
    }
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
