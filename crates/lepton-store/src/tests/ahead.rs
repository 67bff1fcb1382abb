//! On SQLite a batch is decided while the one before it is written, and that must be as if it had been decided behind it.

use lepton_ledger::{Command, CreateNetworks, Scope};
use lepton_types::NetworkInfo;

use super::{
    harness::{Kind, Subject, allocation, deallocation, fixed_ips, network, submit, subnet},
    sound::{assert_left_is_true, assert_sound},
};
use crate::SubmitError;

/// A store on which each command is a batch, with a network of few addresses.
async fn subject() -> Subject {
    let subject = Subject::open(Kind::Sqlite, |config| config.batch_limit = 1).await;
    subject.network("private", &["10.1.0.0/29"]).await;
    subject.take_told();
    subject
}

async fn assert_all_sound(subject: &Subject) {
    let dump = subject.dump().await;
    assert_sound(&dump);
    assert_left_is_true(subject.store(), &dump).await;
}

/// What two commands come to of which the second is decided while the first is written; meanwhile, something else happens.
async fn one_beside_the_other<A: Command, B: Command>(
    subject: &Subject,
    first: A,
    second: B,
    meanwhile: impl AsyncFnOnce(),
) -> (Result<A::Answer, SubmitError>, Result<B::Answer, SubmitError>) {
    let gate = &subject.engine().gate;
    gate.close();
    let then = async {
        gate.decided_ahead(1).await;
        assert_eq!(subject.batches_told(), 0, "nothing is told that is not written");
        meanwhile().await;
        gate.open();
    };
    let (first, second, ()) = tokio::join!(subject.submit(first), subject.submit(second), then);
    (first, second)
}

async fn nothing() {}

fn addresses(info: Result<NetworkInfo, SubmitError>) -> Vec<String> {
    fixed_ips(&info.unwrap())
}

#[tokio::test]
async fn a_batch_is_decided_on_what_the_one_before_is_about_to_write() {
    let subject = subject().await;
    let (first, second) = (allocation(1, vec![]), allocation(2, vec![]));
    let (first, second) = one_beside_the_other(&subject, first, second, nothing).await;
    assert_eq!([addresses(first), addresses(second)], [["10.1.0.2"], ["10.1.0.3"]]);
    assert_eq!(subject.batches_told(), 2);
    assert_all_sound(&subject).await;
}

#[tokio::test]
async fn what_was_decided_on_a_batch_that_fails_is_decided_anew() {
    let subject = subject().await;
    let (first, second) = (allocation(1, vec![]), allocation(2, vec![]));
    let fail = async || subject.engine().gate.let_one_fail();
    let (first, second) = one_beside_the_other(&subject, first, second, fail).await;
    assert!(matches!(first, Err(SubmitError::Store(_))), "{first:?}");
    assert_eq!(addresses(second), ["10.1.0.2"], "the first one's");
    assert!(subject.dump().await.instances.len() == 1);
    assert_all_sound(&subject).await;
}

#[tokio::test]
async fn what_somebody_else_has_written_in_between_is_decided_on() {
    let subject = subject().await;
    let other = subject.another().await.unwrap();
    let second_network = || async {
        let spec = network("second", vec![subnet("10.2.0.0/24")]);
        submit(&other, CreateNetworks { networks: vec![spec], scope: Scope::Everything }).await.unwrap();
    };
    let gate = &subject.engine().gate;
    gate.close();
    let then = async {
        gate.decided_ahead(1).await;
        gate.let_one_pass();
    };
    let first = async {
        subject.allocate(1).await.unwrap();
        // The second one waits before its transaction begins, and was decided already.
        second_network().await;
        gate.open();
    };
    let ((), second, ()) = tokio::join!(first, subject.allocate(2), then);
    assert_eq!(addresses(second), ["10.1.0.3", "10.2.0.2"]);
    other.close().await;
    assert_all_sound(&subject).await;
}

#[tokio::test]
async fn the_same_request_is_carried_out_once() {
    let subject = subject().await;
    let gate = &subject.engine().gate;
    gate.close();
    let ask = || subject.submit_as("nova", "boot-1", allocation(1, vec![]));
    let then = async {
        gate.decided_ahead(1).await;
        gate.open();
    };
    let (first, second, ()) = tokio::join!(ask(), ask(), then);
    assert_eq!(first.unwrap(), second.unwrap());
    assert_eq!(subject.dump().await.ports.len(), 1);
    assert_all_sound(&subject).await;
}

/// Its last life may be in no row any more, and not in the history yet.
#[tokio::test]
async fn a_life_that_is_about_to_end_counts() {
    let subject = subject().await;
    let nowhere = |number| lepton_ledger::AllocateForInstance {
        host: Some("nobody".parse().unwrap()),
        ..allocation(number, vec![])
    };
    subject.submit(nowhere(1)).await.unwrap();
    subject.take_told();
    let (ended, begun) = one_beside_the_other(&subject, deallocation(1), nowhere(1), nothing).await;
    assert_eq!(ended.unwrap().ports.len(), 1);
    begun.unwrap();
    assert_eq!(subject.dump().await.instances[0].incarnation, 2);
    assert_all_sound(&subject).await;
}

#[tokio::test]
async fn networks_that_are_made_one_behind_the_other_have_an_order() {
    let subject = subject().await;
    let create = |label| CreateNetworks {
        networks: vec![network(label, vec![subnet("10.2.0.0/24")])],
        scope: Scope::Everything,
    };
    let (first, second) = one_beside_the_other(&subject, create("first"), create("second"), nothing).await;
    let sequence =
        |made: Result<Vec<lepton_ledger::NetworkWithSubnets>, _>| made.unwrap()[0].network.sequence;
    assert!(sequence(first) < sequence(second));
    assert_all_sound(&subject).await;
}

#[tokio::test]
async fn what_may_have_no_neighbours_waits_for_the_batch_before() {
    let subject = subject().await;
    let gate = &subject.engine().gate;
    gate.close();
    let then = async {
        gate.decided_ahead(1).await;
        gate.open();
    };
    let prune = subject.store().forget_requests(std::time::Duration::ZERO);
    let asked = |number: u128| {
        let id = format!("boot-{number}");
        let subject = &subject;
        async move { subject.submit_as("nova", &id, allocation(number, vec![])).await }
    };
    let (first, second, pruned, third, ()) = tokio::join!(asked(1), asked(2), prune, asked(3), then);
    assert_eq!([addresses(first), addresses(second)], [["10.1.0.2"], ["10.1.0.3"]]);
    // The clock stands, so nothing is from before.
    assert_eq!((pruned.unwrap(), addresses(third)), (0, vec!["10.1.0.4".to_owned()]));
    assert_all_sound(&subject).await;
}
