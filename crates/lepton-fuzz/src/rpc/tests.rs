use std::collections::BTreeSet;

use lepton_manager::Api;
use tonic::Code;

use super::{call::METHODS, *};

/// Calls whose example is refused: it waits for a port, and there is no agent to plug it.
const REFUSED: [&str; 1] = ["/lepton.v1.NetworkManager/AllocateForInstance"];

#[test]
fn every_call_can_be_made_and_has_an_example_that_is_answered() {
    let named = World::new().named().clone();
    let examples = examples::of(&named);
    let with_an_example: BTreeSet<_> = examples.iter().map(|example| example.path).collect();
    let methods: BTreeSet<_> = METHODS.iter().map(|method| &*method.path).collect();
    assert_eq!(with_an_example, methods, "add an example of it under examples/");
    let unexpected = examples.iter().filter_map(|example| {
        let call = Call::read(&example.seed().input).expect("its caller may make it");
        assert_eq!(call.method.path, example.path);
        let answer = World::new().ask(&call);
        answer.assert_proper();
        let is_answered = answer.status.code() == Code::Ok;
        let is_expected = is_answered != REFUSED.contains(&example.path);
        (!is_expected).then(|| format!("{}: {}", example.path, answer.status.message()))
    });
    let unexpected: Vec<_> = unexpected.collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

#[test]
fn every_service_that_is_served_has_calls() {
    let services: BTreeSet<_> =
        METHODS.iter().map(|method| method.path.trim_start_matches('/').split('/').next().unwrap()).collect();
    assert_eq!(services, Api::SERVICES.into());
}

#[test]
fn a_world_is_as_every_other_one() {
    let inputs = || -> Vec<_> { seeds().into_iter().map(|seed| seed.input).collect() };
    assert_eq!(inputs(), inputs());
}

#[test]
fn a_call_is_answered_alike_whatever_was_asked_before_it() {
    let (fresh, used) = (World::new(), World::new());
    let seeds = seeds();
    let call = |name: &str| {
        let seed = seeds.iter().find(|seed| seed.name == name).unwrap();
        Call::read(&seed.input).unwrap()
    };
    used.begin();
    used.ask(&call("NetworkManager.ListNetworks")).assert_proper();
    assert!(!used.is_touched());
    let answers = [fresh, used].map(|world| {
        world.begin();
        world.ask(&call("NetworkManager.CreateNetworks")).messages
    });
    assert!(!answers[0].is_empty());
    assert_eq!(answers[0], answers[1]);
}
