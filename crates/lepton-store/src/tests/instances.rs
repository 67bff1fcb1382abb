//! Instances come and go.

use std::collections::BTreeSet;

use futures_util::future::join;
use lepton_ledger::{AllocateForInstance, DeallocateForInstance, Envelope, GetInstanceNwInfo, Scope};

use super::{
    each_store,
    harness::{Kind, Subject, allocation, deallocation, fixed_ips, instance, reason, requested},
    locks::until_somebody_waits,
    sound::assert_sound,
};

#[tokio::test]
async fn an_instance_gets_a_vnic_on_each_network_and_gives_it_back() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await;
        subject.network("storage", &["10.2.0.0/29"]).await;

        let info = subject.allocate(1).await.unwrap();
        assert_eq!(info.vifs.len(), 2);
        assert_eq!(fixed_ips(&info)[0], "10.1.0.2");
        assert_eq!(fixed_ips(&info)[2], "10.2.0.2");
        let asked = subject
            .store()
            .ask(GetInstanceNwInfo { instance: instance(1), scope: Scope::Everything })
            .await
            .unwrap();
        assert_eq!(asked, info);

        let released = subject.deallocate(1).await;
        assert_eq!(released.ports.len(), 2);
        let next = subject.allocate(2).await.unwrap();
        assert_eq!(fixed_ips(&next)[0], "10.1.0.3", "the host has not unplugged 10.1.0.2 yet");

        assert_eq!(subject.feed().await.released, released.ports);
        subject.unplug(released.ports).await;
        let again = subject.allocate(1).await.unwrap();
        assert_eq!(fixed_ips(&again)[0], "10.1.0.2");
        assert_eq!(again.incarnation, 2);
    })
    .await;
}

#[tokio::test]
async fn an_instance_is_allocated_once_and_deallocated_any_number_of_times() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        assert_eq!(subject.deallocate(1).await.ports, []);
        subject.allocate(1).await.unwrap();
        let before = subject.dump().await;
        assert_eq!(reason(subject.allocate(1).await), "INSTANCE_ALREADY_ALLOCATED");
        assert_eq!(subject.dump().await, before);
        assert_eq!(subject.deallocate(1).await.ports.len(), 1);
        assert_eq!(subject.deallocate(1).await.ports, []);
        let gone =
            subject.store().ask(GetInstanceNwInfo { instance: instance(1), scope: Scope::Everything }).await;
        assert_eq!(reason(gone), "INSTANCE_NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn a_late_call_for_another_life_ends_nothing() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        for life in 1..=2 {
            assert_eq!(subject.allocate(1).await.unwrap().incarnation, life);
            let late =
                DeallocateForInstance { instance: instance(1), incarnation: Some(3 - life), only_on: None };
            assert_eq!(reason(subject.submit(late).await), "INCARNATION_MISMATCH");
            let right =
                DeallocateForInstance { instance: instance(1), incarnation: Some(life), only_on: None };
            assert_eq!(subject.submit(right).await.unwrap().ports.len(), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn lives_are_counted_on_after_a_restart() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        for life in 1..=3 {
            let info = subject.allocate(1).await.unwrap();
            assert_eq!((info.incarnation, fixed_ips(&info)), (life, vec!["10.1.0.2".to_owned()]));
            subject.end(1).await;
            if subject.kind.is_durable() {
                subject.reopen().await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_project_without_networks_gets_an_empty_answer() {
    each_store(async |subject| {
        let info = subject.allocate(1).await.unwrap();
        assert_eq!((info.incarnation, info.vifs.len()), (1, 0));
        assert_eq!(reason(subject.allocate(1).await), "INSTANCE_ALREADY_ALLOCATED");
        assert_eq!(subject.deallocate(1).await.ports, []);
        assert_eq!(subject.allocate(1).await.unwrap().incarnation, 2);
    })
    .await;
}

#[tokio::test]
async fn a_life_may_end_and_the_next_one_start_in_one_batch() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        for life in 1..=3 {
            subject.take_told();
            let (ended, started) = tokio::join!(subject.deallocate(1), subject.allocate(1));
            assert_eq!((ended.ports.len(), started.unwrap().incarnation), (usize::from(life > 1), life));
            assert_eq!(subject.batches_told(), 1);
        }
        let ports = subject.dump().await.ports;
        assert_eq!(ports.iter().filter(|port| !port.is_released).count(), 1);
    })
    .await;
}

/// While one manager, which has seen no life of the instance, waits for an address, a whole life of it passes at another one.
#[tokio::test]
async fn a_life_that_passes_while_another_one_is_decided_keeps_its_number_to_itself() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let id = subject.network("private", &["10.1.0.0/24"]).await.network.id;
    let plain = subject.network("plain", &[]).await.network.id;
    subject.allocate_at(9, id, "10.1.0.9").await.unwrap();
    let other = subject.another().await.unwrap();
    let mut theirs = subject.engine().write().await.unwrap();
    theirs.execute("update blocks set free = free", Vec::new()).await.unwrap();
    let ours = subject.submit(allocation(1, vec![requested(id, &[])]));
    let meanwhile = async {
        until_somebody_waits(subject.engine()).await;
        let elsewhere = AllocateForInstance {
            project: "p2".parse().unwrap(),
            host: "host-2".parse().ok(),
            ..allocation(1, vec![requested(plain, &[])])
        };
        let life = other.submit(elsewhere, Envelope::anonymous()).await.unwrap().answer;
        assert_eq!(life.incarnation, 1);
        other.submit(deallocation(1), Envelope::anonymous()).await.unwrap();
        theirs.commit().await.unwrap();
    };
    let (ours, ()) = join(ours, meanwhile).await;
    assert_eq!(ours.unwrap().incarnation, 2);
    subject.deallocate(1).await;
    let dump = subject.dump().await;
    let lives: Vec<u64> = dump.history.instances.iter().map(|(life, _)| life.incarnation).collect();
    assert_eq!(lives, [1, 2]);
    assert_sound(&dump);
}

/// Two managers begin and end lives of few instances as fast as they can: no number is given twice, and every life can be ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_managers_give_no_number_of_a_life_twice_and_end_every_life() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    subject.network("private", &["10.1.0.0/24"]).await;
    let other = subject.another().await.unwrap();
    let live = async |store: &crate::Store, host: &str| {
        let mut lives = Vec::new();
        for _ in 0..60 {
            let here = AllocateForInstance { host: host.parse().ok(), ..allocation(1, vec![]) };
            if let Ok(reply) = store.submit(here, Envelope::anonymous()).await {
                lives.push(reply.answer.incarnation);
            }
            store.submit(deallocation(1), Envelope::anonymous()).await.unwrap();
        }
        lives
    };
    let (one, two) = join(live(subject.store(), "host-1"), live(&other, "host-2")).await;
    let all: BTreeSet<u64> = one.iter().chain(&two).copied().collect();
    assert_eq!(all.len(), one.len() + two.len(), "a number was given twice: {one:?} {two:?}");
    assert!(all.into_iter().eq(1..=(one.len() + two.len()) as u64), "{one:?} {two:?}");
}
