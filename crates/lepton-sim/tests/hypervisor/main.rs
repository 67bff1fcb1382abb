//! The hypervisor against a server that remembers just enough, over a real socket.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod fake;
mod program;

use std::time::Duration;

use fake::Fake;
use lepton_sim::{Boot, Churn, Hypervisor, Load, Operation, SimError, Stop, connect, instance_id};
use lepton_types::ProjectId;
use tonic::transport::Channel;

fn project() -> ProjectId {
    "demo".parse().unwrap()
}

fn hypervisor(host: &str, channel: &Channel, seed: u64) -> Hypervisor {
    Hypervisor::new(Some(host.parse().unwrap()), channel.clone(), seed)
}

#[tokio::test]
async fn an_instance_boots_reboots_and_dies() {
    let fake = Fake::start().await;
    let host = hypervisor("a", &connect(&fake.endpoint()).await.unwrap(), 1);

    let info = host.boot(Boot::new(project())).await.unwrap();
    let instance = info.instance_id.parse().unwrap();
    assert_eq!((info.host.as_str(), info.incarnation, host.instances()), ("a", 1, vec![instance]));
    host.reboot(instance).await.unwrap();
    assert_eq!(host.kill(instance).await.unwrap().len(), 1);
    assert!(matches!(host.kill(instance).await, Err(SimError::NotHere(_))));
    assert_eq!(fake.alive(), 0);
}

#[tokio::test]
async fn a_reboot_notices_that_a_vnic_changed() {
    let fake = Fake::start().await;
    let host = hypervisor("a", &connect(&fake.endpoint()).await.unwrap(), 1);
    let instance = host.boot(Boot::new(project())).await.unwrap().instance_id.parse().unwrap();

    fake.change_mac_of(instance);
    assert!(matches!(host.reboot(instance).await, Err(SimError::Changed { .. })));
}

#[tokio::test]
async fn a_migration_begins_a_new_life_on_the_other_host() {
    let fake = Fake::start().await;
    let channel = connect(&fake.endpoint()).await.unwrap();
    let (source, target) = (hypervisor("a", &channel, 1), hypervisor("b", &channel, 2));
    let instance = source.boot(Boot::new(project())).await.unwrap().instance_id.parse().unwrap();

    let info = source.migrate(instance, &target).await.unwrap();
    assert_eq!((info.host.as_str(), info.incarnation), ("b", 2));
    assert_eq!((source.instances(), target.instances()), (vec![], vec![instance]));

    fake.forget_lives();
    let error = target.migrate(instance, &source).await.unwrap_err();
    assert!(matches!(error, SimError::SameLife { before: 2, now: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_call_that_the_server_was_away_for_is_repeated_under_its_request_id() {
    let fake = Fake::start().await;
    let host = hypervisor("a", &connect(&fake.endpoint()).await.unwrap(), 1);

    fake.lose_next_answers(3);
    host.boot(Boot::new(project())).await.unwrap();
    assert_eq!(fake.alive(), 1);
    assert_eq!(fake.request_ids().len(), 1, "every attempt carried the same request id");
    assert_eq!(host.record().summary()[&lepton_sim::Call::Allocate].repeated, 3);
}

#[tokio::test]
async fn a_churn_loses_nothing_and_ends() {
    let fake = Fake::start().await;
    let channel = connect(&fake.endpoint()).await.unwrap();
    let hypervisors: Vec<_> =
        (0..3).map(|seed| hypervisor(&format!("host-{seed}"), &channel, seed)).collect();
    let churn = Churn {
        hypervisors: &hypervisors,
        boot: Boot::new(project()),
        guest_program: None,
        seed: 7,
        operations: 500,
        concurrency: 8,
        alive_per_lane: 5,
        stop: Stop::default(),
    };

    let summary = churn.run().await.unwrap();
    let done = summary.boots + summary.kills + summary.reboots + summary.migrations + summary.aborts;
    assert_eq!(done, 500, "{summary:?}");
    assert_eq!(fake.alive(), summary.alive);
    assert_eq!(summary.alive, summary.boots - summary.kills);
    assert!(summary.reboots > 0 && summary.migrations > 0 && summary.aborts > 0, "{summary:?}");
}

#[tokio::test]
async fn a_churn_that_is_stopped_leaves_nothing_behind() {
    let fake = Fake::start().await;
    let channel = connect(&fake.endpoint()).await.unwrap();
    let hypervisors = [hypervisor("a", &channel, 1), hypervisor("b", &channel, 2)];
    let stop = Stop::default();
    let churn = Churn {
        hypervisors: &hypervisors,
        boot: Boot::new(project()),
        guest_program: None,
        seed: 7,
        operations: u64::MAX,
        concurrency: 4,
        alive_per_lane: 5,
        stop: stop.clone(),
    };
    let stopping = async {
        while hypervisors.iter().all(|host| host.instances().is_empty()) {
            tokio::task::yield_now().await;
        }
        stop.now();
    };
    let (summary, ()) = tokio::join!(churn.run(), stopping);
    let summary = summary.unwrap();
    assert!(summary.boots > 0 && summary.boots == summary.kills, "{summary:?}");
    assert_eq!((fake.alive(), summary.alive), (0, 0));
}

#[tokio::test]
async fn a_live_instance_moves_and_keeps_its_vnics() {
    let fake = Fake::start().await;
    let channel = connect(&fake.endpoint()).await.unwrap();
    let (source, target) = (hypervisor("a", &channel, 1), hypervisor("b", &channel, 2));
    let booted = source.boot(Boot::new(project())).await.unwrap();
    let instance = booted.instance_id.parse().unwrap();

    let stays = source.move_live(instance, &target, true).await.unwrap();
    assert_eq!((stays, source.instances()), (booted.clone(), vec![instance]));
    let moved = source.move_live(instance, &target, false).await.unwrap();
    assert_eq!((moved.host.as_str(), moved.incarnation, &moved.vifs), ("b", 1, &booted.vifs));
    assert_eq!((source.instances(), target.instances()), (vec![], vec![instance]));
    target.reboot(instance).await.unwrap();
}

#[tokio::test]
async fn a_load_is_bounded_in_calls_and_its_instances_are_known_by_seed_and_number() {
    let fake = Fake::start().await;
    let channel = connect(&fake.endpoint()).await.unwrap();
    let load = |operation| Load {
        operation,
        project: project(),
        seed: 9,
        first: 100,
        range: 50,
        calls: 50,
        at_most: Duration::from_secs(60),
        concurrency: 4,
        hosts: 3,
        wait_for_active: None,
        floating_ips: Vec::new(),
        is_overload: false,
    };

    let allocated = load(Operation::Allocate).run(std::slice::from_ref(&channel)).await;
    assert_eq!((allocated.summary.answered, allocated.first_refusal), (50, None));
    assert!(fake.has(instance_id(9, 100)) && fake.has(instance_id(9, 149)));
    let read = load(Operation::NwInfo).run(std::slice::from_ref(&channel)).await;
    assert_eq!((read.summary.answered, read.summary.refused), (50, 0));
    let deallocated = load(Operation::Deallocate).run(std::slice::from_ref(&channel)).await;
    assert_eq!((deallocated.summary.answered, fake.alive()), (50, 0));
}
