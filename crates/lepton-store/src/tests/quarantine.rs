//! Addresses rest before they are given out again.

use std::time::Duration;

use lepton_ipam::{Gateway, SubnetSpec};
use lepton_ledger::{
    AllocateForInstance, EventFilter, EventStart, Holder, NetworkSpec, ReadEvents, SweepQuarantine,
};

use super::{
    each_store,
    harness::{Kind, Subject, allocation, fixed_ips, network, reason, subnet},
    locks::{decided, until_somebody_waits},
};
use crate::write::write;

const REST: Duration = Duration::from_secs(60);

/// A network with two addresses that rest a minute.
async fn resting(subject: &Subject) -> lepton_types::NetworkId {
    let spec = SubnetSpec { quarantine: REST, gateway: Gateway::None, ..subnet("10.1.0.0/30") };
    subject.create(network("resting", vec![spec])).await.network.id
}

#[tokio::test]
async fn an_address_rests_from_its_unplugging_until_its_time_is_over() {
    each_store(async |subject| {
        let id = resting(subject).await;
        subject.allocate(1).await.unwrap();
        let released = subject.deallocate(1).await;
        subject.advance(REST * 2);
        subject.unplug(released.ports).await;
        let rows = subject.dump().await.fixed_ips;
        let until = subject.now().after(REST);
        assert_eq!(
            rows.iter().map(|row| row.holder.clone()).collect::<Vec<_>>(),
            [Holder::Quarantine(until)]
        );

        assert_eq!(reason(subject.allocate_at(2, id, "10.1.0.1").await), "FIXED_IP_ALREADY_IN_USE");
        assert_eq!(fixed_ips(&subject.allocate(2).await.unwrap()), ["10.1.0.2"]);
        assert_eq!(reason(subject.allocate(3).await), "NO_MORE_FIXED_IPS");
        subject.advance(REST - Duration::from_micros(1));
        assert_eq!(subject.submit(SweepQuarantine).await.unwrap(), 0);
        assert_eq!(reason(subject.allocate(3).await), "NO_MORE_FIXED_IPS");

        subject.advance(Duration::from_micros(1));
        assert_eq!(subject.submit(SweepQuarantine).await.unwrap(), 1);
        assert_eq!(subject.submit(SweepQuarantine).await.unwrap(), 0);
        assert_eq!(fixed_ips(&subject.allocate(3).await.unwrap()), ["10.1.0.1"]);
    })
    .await;
}

#[tokio::test]
async fn a_dry_pool_takes_rested_addresses_without_waiting_for_the_sweep() {
    each_store(async |subject| {
        let id = resting(subject).await;
        for number in [1, 2] {
            subject.allocate(number).await.unwrap();
            subject.end(number).await;
        }
        assert_eq!(reason(subject.allocate(3).await), "NO_MORE_FIXED_IPS");
        subject.advance(REST);
        assert_eq!(fixed_ips(&subject.allocate(3).await.unwrap()), ["10.1.0.1"]);
        subject.end(3).await;
        subject.advance(REST);
        let wished = subject.allocate_at(4, id, "10.1.0.1").await.unwrap();
        assert_eq!(fixed_ips(&wished), ["10.1.0.1"]);
    })
    .await;
}

/// One of two managers gives back all that has rested. The other one, which waits for that, finds nothing that rests, and yet the pool
/// is not dry.
#[tokio::test]
async fn a_dry_pool_that_another_manager_refills_is_not_dry() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    resting(&subject).await;
    for number in [1, 2] {
        subject.allocate(number).await.unwrap();
        subject.end(number).await;
    }
    subject.advance(REST);

    let engine = subject.engine();
    let (project, host) = ("p2".parse().unwrap(), "elsewhere".parse().ok());
    let elsewhere = AllocateForInstance { project, host, ..allocation(3, vec![]) };
    let (mut theirs, view) = decided(engine, &elsewhere, subject.now()).await;
    let commit = async {
        until_somebody_waits(engine).await;
        write(&mut theirs, view.changes(), &view.ended()).await.unwrap();
        theirs.commit().await.unwrap();
    };
    let (ours, ()) = tokio::join!(subject.allocate(4), commit);
    assert_eq!(fixed_ips(&ours.unwrap()), ["10.1.0.2"]);
    assert_eq!(reason(subject.allocate(5).await), "NO_MORE_FIXED_IPS");
}

#[tokio::test]
async fn a_wish_outside_the_pools_rests_too() {
    each_store(async |subject| {
        let pools = vec![lepton_types::AddressPool {
            first: "10.1.0.5".parse().unwrap(),
            last: "10.1.0.5".parse().unwrap(),
        }];
        let spec = SubnetSpec { quarantine: REST, pools, ..subnet("10.1.0.0/24") };
        let id = subject.create(network("resting", vec![spec])).await.network.id;
        subject.allocate_at(1, id, "10.1.0.77").await.unwrap();
        subject.end(1).await;
        assert_eq!(reason(subject.allocate_at(2, id, "10.1.0.77").await), "FIXED_IP_ALREADY_IN_USE");
        subject.advance(REST);
        assert_eq!(subject.submit(SweepQuarantine).await.unwrap(), 1);
        subject.allocate_at(2, id, "10.1.0.77").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_eui64_address_rests_too() {
    each_store(async |subject| {
        let spec = SubnetSpec { quarantine: REST, ..subnet("fd00:1::/64") };
        let id = subject.create(network("resting", vec![spec])).await.network.id;
        let address = fixed_ips(&subject.allocate(1).await.unwrap()).remove(0);
        subject.end(1).await;
        assert_eq!(reason(subject.allocate_at(2, id, &address).await), "FIXED_IP_ALREADY_IN_USE");
        subject.advance(REST);
        assert_eq!(fixed_ips(&subject.allocate_at(2, id, &address).await.unwrap()), [address]);
    })
    .await;
}

/// Two thousand addresses are more than one sweep takes.
#[tokio::test]
async fn the_sweep_gives_back_bounded_numbers_until_none_is_left() {
    each_store(async |subject| {
        let spec = SubnetSpec { quarantine: REST, ..subnet("10.1.0.0/20") };
        subject.create(network("resting", vec![spec])).await;
        let infos = futures_util::future::join_all((0..1500).map(|number| subject.allocate(number))).await;
        assert!(infos.iter().all(Result::is_ok));
        let all = futures_util::future::join_all((0..1500).map(|number| subject.deallocate(number))).await;
        subject.unplug(all.into_iter().flat_map(|released| released.ports).collect()).await;
        subject.advance(REST);
        let mut swept = 0;
        loop {
            match subject.submit(SweepQuarantine).await.unwrap() {
                0 => break,
                count => swept += count,
            }
        }
        assert_eq!(swept, 1500);
        assert_eq!(subject.dump().await.fixed_ips, []);
    })
    .await;
}

/// The address goes from a port that ends to a new one in one transaction.
#[tokio::test]
async fn an_address_may_change_its_port_within_one_batch() {
    each_store(async |subject| {
        let spec = SubnetSpec { gateway: Gateway::None, ..subnet("10.1.0.7/32") };
        subject.create(network("single", vec![spec])).await;
        subject.allocate(1).await.unwrap();
        let released = subject.deallocate(1).await;
        subject.take_told();
        let (early, (), late) =
            tokio::join!(subject.allocate(2), subject.unplug(released.ports), subject.allocate(3));
        assert_eq!(reason(early), "NO_MORE_FIXED_IPS");
        assert_eq!((fixed_ips(&late.unwrap()), subject.batches_told()), (vec!["10.1.0.7".to_owned()], 1));
    })
    .await;
}

#[tokio::test]
async fn the_owner_of_a_network_hears_that_an_address_has_rested() {
    each_store(async |subject| {
        let spec = SubnetSpec { quarantine: REST, ..subnet("10.1.0.0/24") };
        let project = "p1".parse().ok();
        subject.create(NetworkSpec { project, ..network("own", vec![spec]) }).await;
        subject.allocate(1).await.unwrap();
        subject.end(1).await;
        subject.advance(REST);
        assert_eq!(subject.submit(SweepQuarantine).await.unwrap(), 1);
        let all = ReadEvents { start: EventStart::After(0), limit: 100, filter: EventFilter::default() };
        let event = subject.store().ask(all).await.unwrap().events.pop().unwrap().event;
        assert_eq!((&*event.kind, event.project), ("fixed_ip.freed", "p1".parse().ok()));
    })
    .await;
}
