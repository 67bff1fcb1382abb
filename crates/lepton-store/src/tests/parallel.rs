//! Several stores on one database: several managers, or an operator's tool beside the daemon.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use lepton_ledger::{
    AllocateForInstance, DeallocateForInstance, Envelope, FenceHost, GetInstanceNwInfo, ReportHost, Scope,
};
use lepton_types::{HostReport, PortReport, PortStatus};

use super::{
    harness::{
        Kind, Subject, allocation, deallocation, envelope, fixed_ips, host, instance, network, reason,
        requested, subnet,
    },
    sound::assert_sound,
};
use crate::{Store, SubmitError};

/// A database with a network, and two stores on it, whose batches are small so that they meet often.
async fn two_managers(kind: Kind, cidrs: &[&str]) -> (Subject, Store) {
    let subject = Subject::open(kind, |config| config.batch_limit = 4).await;
    subject.network("private", cidrs).await;
    let other = subject.another().await.unwrap();
    (subject, other)
}

async fn allocate(
    store: &Store,
    command: AllocateForInstance,
) -> Result<lepton_types::NetworkInfo, SubmitError> {
    store.submit(command, Envelope::anonymous()).await.map(|reply| reply.answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b07_two_managers_never_give_one_address_twice() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let (subject, other) = two_managers(kind, &["10.1.0.0/16", "fd00:1::/64"]).await;
        let tasks = (0..64_u128).map(|task| {
            let store = if task % 2 == 0 { subject.store() } else { &other };
            async move {
                let mut given = Vec::new();
                for number in 0..10 {
                    let info = allocate(store, allocation(task * 100 + number, vec![])).await.unwrap();
                    given.extend(fixed_ips(&info));
                }
                given
            }
        });
        let given: Vec<String> = join_all(tasks).await.into_iter().flatten().collect();
        assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), 64 * 10 * 2, "{kind:?}");
        assert_sound(&subject.dump().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_managers_give_the_last_addresses_to_exactly_as_many() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let (subject, other) = two_managers(kind, &["10.1.0.0/27"]).await;
        let tasks = (0..64_u128).map(|task| {
            let store = if task % 2 == 0 { subject.store() } else { &other };
            allocate(store, allocation(task, vec![]))
        });
        let (won, lost): (Vec<_>, Vec<_>) = join_all(tasks).await.into_iter().partition(Result::is_ok);
        assert!(lost.into_iter().all(|lost| reason(lost) == "NO_MORE_FIXED_IPS"), "{kind:?}");
        assert_eq!(won.len(), 29);
        let dump = subject.dump().await;
        assert_sound(&dump);
        assert_eq!((dump.instances.len(), dump.ports.len(), dump.fixed_ips.len()), (29, 29, 29));
    }
}

/// Each wish is another bit of one block, and so is each choice: a bit that is lost is found unsound.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_managers_lose_no_bit_of_a_block() {
    let (subject, other) = two_managers(Kind::Postgres, &["10.1.0.0/24"]).await;
    let network = subject.dump().await.networks[0].id;
    let tasks = (2..=200_u128).map(|number| {
        let (store, other_store) = (subject.store(), &other);
        let wish = format!("10.1.0.{}", 255 - number / 2);
        let wishes: &[&str] = if number % 4 < 2 { &[&wish] } else { &[] };
        let store = if number % 2 == 0 { store } else { other_store };
        // Two numbers share a wish; the second of them chooses.
        let wishes = if number % 2 == 0 { wishes } else { &[] };
        allocate(store, allocation(number, vec![requested(network, wishes)]))
    });
    assert!(join_all(tasks).await.iter().all(Result::is_ok));
    assert_sound(&subject.dump().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_sent_to_both_managers_at_once_is_carried_out_once() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let (subject, other) = two_managers(kind, &["10.1.0.0/24"]).await;
        for round in 0..40_u128 {
            let command = allocation(round, vec![]);
            let tasks = (0..16).map(|task| {
                let store = if task % 2 == 0 { subject.store() } else { &other };
                store.submit(command.clone(), envelope("nova", &format!("boot-{round}"), &command))
            });
            let replies: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
            assert!(replies.iter().all(|reply| reply.answer == replies[0].answer), "{kind:?}");
            assert_eq!(replies.iter().filter(|reply| !reply.is_repeated).count(), 1, "{kind:?}");
        }
        assert_eq!(subject.dump().await.ports.len(), 40);
    }
}

/// The two change different things about one port: that it was released, and what its host says of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_to_one_manager_and_a_release_by_the_other_both_happen() {
    let (subject, other) = two_managers(Kind::Postgres, &["10.1.0.0/16"]).await;
    let infos = join_all((0..40).map(|number| subject.allocate(number))).await;
    let pairs = infos.into_iter().map(|info| {
        let info = info.unwrap();
        let status = PortReport { id: info.vifs[0].id, status: PortStatus::Active, filtered_at: None };
        let report = HostReport { ports: vec![status], ..HostReport::default() };
        let end = DeallocateForInstance { instance: info.instance, incarnation: None, only_on: None };
        let other = &other;
        let subject = &subject;
        async move {
            let (reported, ended) = tokio::join!(
                subject.submit(ReportHost { host: host(), report }),
                other.submit(end, Envelope::anonymous())
            );
            reported.unwrap();
            assert_eq!(ended.unwrap().answer.ports.len(), 1);
        }
    });
    join_all(pairs).await;
    let dump = subject.dump().await;
    assert!(dump.ports.iter().all(|port| port.is_released));
    assert_sound(&dump);
}

/// Both end the same ports: a host that is fenced while it comes back and reports what it has unplugged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_to_one_manager_and_a_fence_by_the_other_end_each_port_once() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let (subject, other) = two_managers(kind, &["10.1.0.0/16"]).await;
        for round in 0..10_u128 {
            let numbers = round * 20..(round + 1) * 20;
            let infos = join_all(numbers.clone().map(|number| subject.allocate(number))).await;
            assert!(infos.iter().all(Result::is_ok));
            let released = join_all(numbers.map(|number| subject.deallocate(number))).await;
            let reports = released.iter().map(|released| subject.unplug(released.ports.clone()));
            let fence = other.submit(FenceHost { host: host() }, Envelope::anonymous());
            let (fenced, _) = tokio::join!(fence, join_all(reports));
            fenced.unwrap();
        }
        let dump = subject.dump().await;
        assert_sound(&dump);
        assert_eq!((dump.ports.len(), dump.history.ports.len()), (0, 200), "{kind:?}");
    }
}

/// Everything at once, by both managers, until nothing is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_managers_under_mixed_load_leave_a_sound_ledger() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let (subject, other) = two_managers(kind, &["10.1.0.0/25", "fd00:1::/64"]).await;
        let stores = [subject.store(), &other];
        let tasks = (0..24_usize).map(|task| async move {
            let own: lepton_types::HostId = format!("host-{}", task % 3).parse().unwrap();
            for life in 1..=4_usize {
                let at = |step: usize| stores[(task + life + step) % 2];
                let command =
                    AllocateForInstance { host: Some(own.clone()), ..allocation(task as u128, vec![]) };
                let info = allocate(at(0), command).await.unwrap();
                at(1)
                    .ask(GetInstanceNwInfo { instance: info.instance, scope: Scope::Everything })
                    .await
                    .unwrap();
                let plugged =
                    PortReport { id: info.vifs[0].id, status: PortStatus::Active, filtered_at: None };
                let report = HostReport { ports: vec![plugged], ..HostReport::default() };
                at(2).submit(ReportHost { host: own.clone(), report }, Envelope::anonymous()).await.unwrap();
                let end = DeallocateForInstance {
                    instance: info.instance,
                    incarnation: Some(life as u64),
                    only_on: None,
                };
                let released = at(3).submit(end, Envelope::anonymous()).await.unwrap();
                let report = HostReport { unplugged: released.answer.ports, ..HostReport::default() };
                at(4).submit(ReportHost { host: own.clone(), report }, Envelope::anonymous()).await.unwrap();
            }
        });
        join_all(tasks).await;
        let dump = subject.dump().await;
        assert_sound(&dump);
        assert_eq!((dump.instances.len(), dump.ports.len(), dump.fixed_ips.len()), (0, 0, 0), "{kind:?}");
        assert_eq!(dump.history.ports.len(), 24 * 4);
        let asked =
            subject.store().ask(GetInstanceNwInfo { instance: instance(0), scope: Scope::Everything }).await;
        assert_eq!(reason(asked), "INSTANCE_NOT_FOUND");
    }
}

/// The address is in no pool, so no block's lock stands before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_rested_goes_to_one_of_two_managers() {
    let subject = Subject::open(Kind::Postgres, |config| config.batch_limit = 1).await;
    let rest = std::time::Duration::from_secs(60);
    let spec = lepton_ipam::SubnetSpec { quarantine: rest, ..subnet("fd00:1::/64") };
    let id = subject.create(network("private", vec![spec])).await.network.id;
    let other = subject.another().await.unwrap();
    for round in 0..20_u128 {
        let wishes = ["fd00:1::5"; 2].map(|wish| vec![requested(id, &[wish])]);
        let [one, two] = wishes;
        let (one, two) = tokio::join!(
            subject.submit(allocation(2 * round, one)),
            allocate(&other, allocation(2 * round + 1, two)),
        );
        let (winner, loser) = if one.is_ok() { (2 * round, two) } else { (2 * round + 1, one) };
        assert_eq!(reason(loser), "FIXED_IP_ALREADY_IN_USE");
        subject.end(winner).await;
        subject.advance(rest);
    }
}

/// Both managers end and start the lives of one instance, as fast as they can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lives_of_one_instance_follow_each_other_whoever_starts_them() {
    let (subject, other) = two_managers(Kind::Postgres, &["10.1.0.0/16"]).await;
    let tasks = (0..6).map(|task| {
        let store = if task % 2 == 0 { subject.store() } else { &other };
        async move {
            for _ in 0..15 {
                if let Err(refused) = allocate(store, allocation(1, vec![])).await {
                    assert_eq!(reason::<()>(Err(refused)), "INSTANCE_ALREADY_ALLOCATED");
                }
                let end = deallocation(1);
                store.submit(end, Envelope::anonymous()).await.unwrap();
            }
        }
    });
    join_all(tasks).await;
    let dump = subject.dump().await;
    assert_sound(&dump);
    let lives: BTreeSet<u64> = dump.history.instances.iter().map(|(row, _)| row.incarnation).collect();
    assert!(lives.iter().copied().eq(1..=lives.len() as u64), "each life is counted once: {lives:?}");
    assert_eq!(lives.len(), dump.ports.len());
}
