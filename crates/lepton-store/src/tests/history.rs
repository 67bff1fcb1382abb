//! What has ended is kept with the time in which it was true.

use std::time::Duration;

use lepton_ipam::SubnetSpec;
use lepton_ledger::{DeleteNetwork, Holder};

use super::harness::{each_database, fixed_ips, network, subnet};

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
            history.fixed_ips.iter().map(|(row, ended)| (row.holder, row.since, *ended)).collect();
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
        subject.submit(DeleteNetwork { network: made.network.id }).await.unwrap();
        let history = subject.dump().await.history;
        assert_eq!(history.networks, [(made.network, subject.now())]);
        let mut subnets: Vec<_> = history.subnets.into_iter().map(|(row, _)| row).collect();
        subnets.sort_by_key(|subnet| subnet.family());
        assert_eq!(subnets, made.subnets);
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
