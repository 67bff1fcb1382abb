//! What is told of an instance's vNICs: in two statements, whatever the instance has, in fewer than one where many ask, and the
//! same however it is loaded.

use lepton_ipam::SubnetSpec;
use lepton_ledger::{AddRoute, AllocateForInstance, Envelope, GetInstanceNwInfo, RemoveFixedIp, Scope};
use lepton_types::{NetworkInfo, Route};
use tokio::sync::oneshot;

use super::{
    floating_ips::{associate, pool, wish},
    harness::{Kind, Subject, allocation, instance, network, reason, requested, subnet},
    migrations::{finish, start},
};
use crate::{
    batch::{Job, Submitted, read_batch},
    tables::network_info::FEW,
};

/// Most statements for the NetworkInfo of a few instances.
const MOST: usize = 2;

fn question(number: u128) -> GetInstanceNwInfo {
    GetInstanceNwInfo { instance: instance(number), scope: Scope::Everything }
}

/// Asks for instances at once; answers with what is told of them, and how many statements that took.
async fn told(subject: &Subject, numbers: impl IntoIterator<Item = u128>) -> (Vec<NetworkInfo>, usize) {
    let (mut jobs, mut callers): (Vec<Box<dyn Job>>, Vec<_>) = (Vec::new(), Vec::new());
    for number in numbers {
        let (caller, answer) = oneshot::channel();
        jobs.push(Box::new(Submitted::new(question(number), Envelope::anonymous(), true, caller)));
        callers.push(answer);
    }
    subject.engine().take_sent();
    read_batch(subject.engine(), &mut jobs, subject.now(), [7; 32], None).await.unwrap();
    let statements = subject.engine().take_sent().len();
    jobs.into_iter().for_each(|job| job.settle(Ok(())));
    let answers = callers.into_iter().map(|mut caller| caller.try_recv().unwrap().unwrap().answer);
    (answers.collect(), statements)
}

/// Instance 1 has everything that can be told: two vNICs on a network with two families, a route and name servers, and on the
/// other one two floating IPs; an earlier life, a move under way, and an address that leaves it.
async fn with_everything(subject: &Subject) {
    let dns = vec!["9.9.9.9".parse().unwrap(), "fd00::53".parse().unwrap()];
    let v4 = SubnetSpec { dns, ..subnet("10.1.0.0/24") };
    let blue = subject.create(network("blue", vec![v4, subnet("fd00:1::/64")])).await;
    let red = subject.network("red", &["10.2.0.0/24"]).await.network.id;
    let v4 = blue.subnets.iter().find(|subnet| !subnet.dns.is_empty()).unwrap().id;
    let route = Route { destination: "10.9.0.0/16".parse().unwrap(), gateway: "10.1.0.77".parse().unwrap() };
    subject.submit(AddRoute { subnet: v4, route, scope: Scope::Everything }).await.unwrap();
    subject.submit(pool("nova", &["172.24.4.0/24"])).await.unwrap();
    let networks = || vec![requested(red, &[]), requested(blue.network.id, &[]), requested(red, &[])];
    let wanted =
        |number| AllocateForInstance { allow_duplicate_networks: true, ..allocation(number, networks()) };
    subject.submit(wanted(1)).await.unwrap();
    subject.deallocate(1).await;
    for number in 1..=3 {
        subject.submit(wanted(number)).await.unwrap();
    }
    for _ in 0..2 {
        let address = subject.submit(wish()).await.unwrap().floating_ip.address;
        subject.submit(associate(address, 1)).await.unwrap();
    }
    let info = subject.store().ask(question(1)).await.unwrap();
    let leaving = info.vifs[1].network.subnets[0].fixed_ips[0];
    let remove = RemoveFixedIp {
        instance: instance(1),
        address: leaving,
        network: None,
        scope: Scope::Everything,
        only_on: None,
        domain: None,
    };
    subject.submit(remove).await.unwrap();
    subject.submit(start(2, "host-1", "host-2")).await.unwrap();
    subject.submit(start(1, "host-1", "host-2")).await.unwrap();
    subject.submit(finish(2, "host-1", "host-2")).await.unwrap();
}

#[tokio::test]
async fn network_info_is_two_statements_whatever_the_instance_has() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = &Subject::open(kind, |_| {}).await;
        with_everything(subject).await;
        let (one, statements) = told(subject, [1]).await;
        assert!(statements <= MOST, "{statements}");
        let subnets = || one[0].vifs.iter().flat_map(|vif| &vif.network.subnets);
        assert_eq!(subnets().map(|subnet| subnet.floating_ips.len()).sum::<usize>(), 2);
        assert!(one[0].migration.is_some() && one[0].vifs.len() == 3);
        let (all, statements) = told(subject, 1..=3).await;
        assert!(statements <= MOST, "{statements}");
        assert_eq!(all[0], one[0]);
        assert!(all[2].vifs[1].network.subnets.iter().any(|subnet| {
            subnet.routes.len() == 1 && subnet.dns.len() == 2 && subnet.fixed_ips.len() == 1
        }));
    }
}

#[tokio::test]
async fn network_info_of_many_takes_less_than_a_statement_each() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = &Subject::open(kind, |_| {}).await;
        with_everything(subject).await;
        let many = FEW as u128 + 2;
        for number in 4..=many {
            subject.submit(allocation(number, vec![])).await.unwrap();
        }
        let (few, statements) = told(subject, 1..=FEW as u128).await;
        assert!(statements <= MOST, "{statements}");
        let (all, statements) = told(subject, 1..=many).await;
        assert!(statements < all.len(), "{statements}");
        assert_eq!(all[..FEW], few);
    }
}

/// Whoever writes asks table by table. Both see the same.
#[tokio::test]
async fn network_info_is_the_same_however_it_is_loaded() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = &Subject::open(kind, |_| {}).await;
        with_everything(subject).await;
        for number in 1..=3 {
            let asked = subject.store().ask(question(number)).await.unwrap();
            assert_eq!(subject.submit(question(number)).await.unwrap(), asked);
        }
        let nobody = subject.store().ask(question(9)).await;
        assert_eq!(reason(nobody), "INSTANCE_NOT_FOUND");
    }
}
