use std::collections::{BTreeMap, BTreeSet};

use lepton_manager::Api;
use lepton_proto::{FILE_DESCRIPTOR_SET, MutatingCall, v1};
use prost::Message;
use prost_types::FileDescriptorSet;
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
fn every_call_that_changes_something_can_be_planned_and_done_as_planned() {
    let named = World::new().named().clone();
    let examples = examples::of(&named);
    let examples = examples.iter().filter_map(|example| {
        let request = mutations().remove(example.path)?;
        Some((example, Some(lepton_proto::any(&request, example.message().to_vec()))))
    });
    let examples: Vec<_> = examples.collect();
    assert_eq!(examples.len(), mutations().len());
    let mut with_rows = 0;
    for (example, call) in examples {
        let world = World::new();
        // What is set to this moment is told apart from what was set before.
        world.go_on();
        let request = v1::PlanCallRequest { call: call.clone() };
        let planned: v1::PlanCallResponse = world.done("/lepton.v1.Plans/PlanCall", &request);
        assert!(!world.is_touched(), "{}", example.path);
        assert_eq!(
            planned.answer.unwrap().type_url,
            format!("type.googleapis.com/{}", answer_of(example.path))
        );
        let v1::Plan { hash: plan_hash, rows, .. } = planned.plan.unwrap();
        with_rows += usize::from(!rows.is_empty());
        if REFUSED.contains(&example.path) {
            continue;
        }
        let request = v1::ApplyPlanRequest { call, plan_hash };
        let applied = || world.done::<v1::ApplyPlanResponse>("/lepton.v1.Plans/ApplyPlan", &request).answer;
        world.go_on();
        let answer = applied();
        assert!(world.is_touched(), "{}: its answer is remembered", example.path);
        world.go_on();
        assert_eq!(applied(), answer, "{}: it is not done twice", example.path);
        world.assert_sound();
    }
    // Some examples find what they ask for as it is.
    assert!(with_rows > 30, "{with_rows}");
}

fn answer_of(path: &str) -> &'static str {
    &MutatingCall::taking(&mutations()[path]).unwrap().answer
}

/// The types of the requests of calls that change something, by the paths of their methods.
fn mutations() -> BTreeMap<String, String> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let messages = set.file.iter().flat_map(|file| {
        file.message_type.iter().map(|message| format!("{}.{}", file.package(), message.name()))
    });
    let calls =
        messages.filter_map(|request| Some((MutatingCall::taking(&request)?.method.clone(), request)));
    calls.collect()
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
