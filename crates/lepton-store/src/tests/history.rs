//! What has ended is kept with the time in which it was true.

use std::{ops::RangeInclusive, time::Duration};

use futures_util::future::join_all;
use lepton_ipam::SubnetSpec;
use lepton_ledger::{DeallocateForInstance, DeleteNetwork, Holder, ModifyNetwork, Scope};

use super::{
    each_store,
    harness::{Subject, each_database, fixed_ips, instance, network, subnet},
    modified::untouched,
    sound::Dump,
    subnets::{addition, moved_to},
};

#[tokio::test]
async fn who_had_an_address_when_is_told_by_its_intervals() {
    each_database(async |subject| {
        let spec = SubnetSpec { quarantine: Duration::from_secs(60), ..subnet("10.1.0.0/24") };
        subject.create(network("private", vec![spec])).await;
        let hour = Duration::from_secs(3600);
        let mut expected = Vec::new();
        for number in 1..=3 {
            let since = subject.now();
            let info = subject.allocate(number).await.unwrap();
            assert_eq!(fixed_ips(&info), ["10.1.0.2"]);
            subject.advance(hour);
            let released = subject.deallocate(number).await;
            let released_at = subject.now();
            subject.advance(hour);
            subject.unplug(released.ports.clone()).await;
            expected.push((released.ports[0], since, released_at, subject.now()));
            subject.advance(hour);
            assert_eq!(subject.submit(lepton_ledger::SweepQuarantine).await.unwrap(), 1);
        }
        let history = subject.dump().await.history;
        let addresses: Vec<_> =
            history.fixed_ips.iter().map(|(row, ended)| (row.holder.clone(), row.since, *ended)).collect();
        let wanted: Vec<_> =
            expected.iter().map(|(port, since, _, ended)| (Holder::Port(*port), *since, *ended)).collect();
        assert_eq!(
            addresses, wanted,
            "a port has its address until it is unplugged; resting is nobody's time"
        );
        let ports: Vec<_> =
            history.ports.iter().map(|(row, ended)| (row.id, row.created_at, *ended)).collect();
        let wanted: Vec<_> = expected.iter().map(|(port, since, _, ended)| (*port, *since, *ended)).collect();
        assert_eq!(ports, wanted);
        let lives: Vec<_> = history.instances.iter().map(|(row, ended)| (row.created_at, *ended)).collect();
        let wanted: Vec<_> = expected.iter().map(|(_, since, released, _)| (*since, *released)).collect();
        assert_eq!(lives, wanted);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_network_is_remembered_with_its_subnets() {
    each_database(async |subject| {
        let made = subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await;
        subject.advance(Duration::from_secs(5));
        subject.submit(DeleteNetwork { network: made.network.id, scope: Scope::Everything }).await.unwrap();
        let history = subject.dump().await.history;
        assert_eq!(history.networks, [(made.network, subject.now())]);
        let mut subnets: Vec<_> = history.subnets.into_iter().map(|(row, _)| row).collect();
        subnets.sort_by_key(|subnet| subnet.family());
        assert_eq!(subnets, made.subnets);
    })
    .await;
}

#[tokio::test]
async fn what_a_network_and_its_gateway_were_before_is_remembered() {
    each_database(async |subject| {
        let made = subject.network("private", &["10.1.0.0/24"]).await;
        let (network, subnet) = (made.network.id, made.subnets[0].id);
        subject.advance(Duration::from_secs(5));
        let project = Some("p1".parse().ok());
        subject.submit(ModifyNetwork { project, ..untouched(network) }).await.unwrap();
        let until = subject.now();
        subject.submit(addition(network, "10.2.0.0/24")).await.unwrap();
        subject.advance(Duration::from_secs(5));
        subject.submit(moved_to(subnet, "10.1.0.9")).await.unwrap();
        let history = subject.dump().await.history;
        assert_eq!(
            history.networks,
            [(made.network, until)],
            "whose it was; that it has a subnet more is no change"
        );
        assert_eq!(history.subnets, [(made.subnets[0].clone(), subject.now())]);
    })
    .await;
}

#[tokio::test]
async fn what_was_refused_leaves_no_history() {
    each_database(async |subject| {
        subject.network("tight", &["10.1.0.0/30"]).await;
        subject.allocate(1).await.unwrap();
        let before = subject.dump().await;
        assert!(subject.allocate(2).await.is_err());
        assert_eq!(subject.dump().await, before);
    })
    .await;
}

#[tokio::test]
async fn what_ended_long_ago_is_forgotten_in_pieces() {
    each_store(async |subject| {
        let day = Duration::from_secs(24 * 60 * 60);
        let doomed = subject.network("doomed", &["10.9.0.0/24", "fd00:9::/64"]).await.network.id;
        subject.submit(DeleteNetwork { network: doomed, scope: Scope::Everything }).await.unwrap();
        subject.network("private", &["10.1.0.0/16"]).await;
        live_and_end(subject, 1..=1100).await;
        subject.advance(day);
        live_and_end(subject, 1..=2).await;
        let (whole, kept) = (subject.dump().await, subject.kind.is_durable());
        assert_eq!(forget(subject, day).await, (0, 0), "nothing has ended longer than a day ago");

        subject.advance(Duration::from_secs(1));
        // 1100 addresses, ports and lives, two pieces each; the network and its subnets, one piece each.
        assert_eq!(forget(subject, day).await, if kept { (3303, 8) } else { (0, 0) });
        let left = subject.dump().await;
        let history = &left.history;
        let young = if kept { 2 } else { 0 };
        assert_eq!(
            (history.fixed_ips.len(), history.ports.len(), history.instances.len()),
            (young, young, young)
        );
        assert_eq!((history.networks.len(), history.subnets.len()), (0, 0));
        assert_eq!(Dump { history: whole.history.clone(), ..left }, whole, "nothing else goes");
    })
    .await;
}

/// Instances that live and end, all at one moment.
async fn live_and_end(subject: &Subject, numbers: RangeInclusive<u128>) {
    let lives = join_all(numbers.clone().map(|number| subject.allocate(number))).await;
    assert!(lives.iter().all(Result::is_ok));
    let ended = join_all(numbers.map(|number| subject.deallocate(number))).await;
    subject.unplug(ended.into_iter().flat_map(|released| released.ports).collect()).await;
}

/// Forgets what ended longer ago than that; answers how much it was, and in how many pieces.
async fn forget(subject: &Subject, age: Duration) -> (u64, usize) {
    let (mut forgotten, mut pieces) = (0, 0);
    loop {
        match subject.store().forget_history(age).await.unwrap() {
            0 => return (forgotten, pieces),
            count => {
                assert!(count <= 1024, "{count} at once");
                forgotten += count;
                pieces += 1;
            }
        }
    }
}

#[tokio::test]
async fn lives_and_networks_are_counted_on_when_the_history_is_forgotten() {
    each_store(async |subject| {
        let older = subject.network("older", &["10.8.0.0/24"]).await.network;
        let newer = subject.network("newer", &["10.9.0.0/24"]).await.network;
        subject.submit(DeleteNetwork { network: newer.id, scope: Scope::Everything }).await.unwrap();
        live_and_end(subject, 1..=1).await;
        live_and_end(subject, 1..=1).await;
        subject.advance(Duration::from_secs(1));
        forget(subject, Duration::ZERO).await;
        let history = subject.dump().await.history;
        assert_eq!((history.instances.len(), history.networks.len()), (0, 0));
        if subject.kind.is_durable() {
            subject.reopen().await;
        }
        assert_eq!(subject.allocate(1).await.unwrap().incarnation, 3);
        let newest = subject.network("newest", &[]).await.network;
        assert_eq!((older.sequence, newer.sequence, newest.sequence), (1, 2, 3));
    })
    .await;
}

/// The instance lives and ends twice in one batch, each time after its ports of the life before.
#[tokio::test]
async fn lives_that_begin_and_end_in_one_batch_are_counted_too() {
    each_store(async |subject| {
        subject.take_told();
        let end = || {
            subject.submit(DeallocateForInstance { instance: instance(1), incarnation: None, only_on: None })
        };
        let lives = tokio::join!(subject.allocate(1), end(), subject.allocate(1), end());
        assert_eq!((lives.0.unwrap().incarnation, lives.2.unwrap().incarnation), (1, 2));
        assert_eq!(subject.batches_told(), 1);
        assert_eq!(subject.allocate(1).await.unwrap().incarnation, 3);
    })
    .await;
}
