//! Networks are made, listed, deleted.

use futures_util::future::join_all;
use lepton_ipam::SubnetSpec;
use lepton_ledger::{
    CreateNetworks, DeleteNetwork, GetNetwork, ListNetworks, NetworkPage, NetworkSpec, ReportHost, Scope,
};
use lepton_types::HostReport;

use super::{
    each_store,
    harness::{Subject, allocation, fixed_ips, host, network, reason, requested, subnet},
};

fn of(project: &str, label: &str, cidr: &str) -> NetworkSpec {
    NetworkSpec { project: Some(project.parse().unwrap()), ..network(label, vec![subnet(cidr)]) }
}

fn labels(page: &NetworkPage) -> Vec<&str> {
    page.networks.iter().map(|made| made.network.label.as_str()).collect()
}

async fn list(subject: &Subject, project: Option<&str>, after: u64, limit: u16) -> NetworkPage {
    let project = project.map(|project| project.parse().unwrap());
    subject.store().ask(ListNetworks { project, after, limit, scope: Scope::Everything }).await.unwrap()
}

#[tokio::test]
async fn networks_made_together_stand_in_the_order_of_the_request() {
    each_store(async |subject| {
        let networks: Vec<NetworkSpec> = (0..5)
            .map(|n| network(&format!("n{n}"), vec![subnet("fd00::/64"), subnet("10.0.0.0/24")]))
            .collect();
        let made = subject.submit(CreateNetworks { networks, scope: Scope::Everything }).await.unwrap();
        assert_eq!(made.iter().map(|one| one.network.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        for one in &made {
            assert_eq!(one.subnets[0].cidr.to_string(), "10.0.0.0/24", "IPv4 comes first");
            let shown = subject
                .store()
                .ask(GetNetwork { network: one.network.id, scope: Scope::Everything })
                .await
                .unwrap();
            assert_eq!(&shown, one);
        }
        let page = list(subject, None, 0, 10).await;
        assert_eq!(page, NetworkPage { networks: made, next: None });
    })
    .await;
}

#[tokio::test]
async fn one_bad_subnet_refuses_all_networks_of_the_request() {
    each_store(async |subject| {
        let before = subject.dump().await;
        let networks =
            vec![network("good", vec![subnet("10.0.0.0/24")]), network("bad", vec![subnet("10.0.0.0/32")])];
        assert_eq!(
            reason(subject.submit(CreateNetworks { networks, scope: Scope::Everything }).await),
            "INVALID_FIELD"
        );
        assert_eq!(subject.dump().await, before);
    })
    .await;
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_and_repetition() {
    each_store(async |subject| {
        for number in 0..9 {
            let spec = match number % 3 {
                0 => network(&format!("global{number}"), vec![]),
                1 => NetworkSpec { subnets: vec![], ..of("p1", &format!("own{number}"), "10.0.0.0/24") },
                _ => NetworkSpec { subnets: vec![], ..of("p2", &format!("other{number}"), "10.0.0.0/24") },
            };
            subject.create(spec).await;
        }
        for limit in [1, 2, 3, 5, 9, 10] {
            let (mut all, mut visible) = (Vec::new(), Vec::new());
            for (project, seen) in [(None, &mut all), (Some("p1"), &mut visible)] {
                let mut after = Some(0);
                while let Some(start) = after {
                    let page = list(subject, project, start, limit).await;
                    assert!(page.networks.len() <= usize::from(limit));
                    seen.extend(labels(&page).into_iter().map(str::to_owned));
                    after = page.next;
                }
            }
            assert_eq!(
                all,
                ["global0", "own1", "other2", "global3", "own4", "other5", "global6", "own7", "other8"]
            );
            assert_eq!(visible, ["global0", "own1", "global3", "own4", "global6", "own7"]);
        }
        let many = join_all((0..8).map(|after| list(subject, None, after, 2))).await;
        for (after, page) in (0..).zip(many) {
            assert_eq!(page.networks[0].network.sequence, after + 1, "pages of one batch do not mix");
        }
    })
    .await;
}

#[tokio::test]
async fn b45_two_projects_never_see_each_others_networks() {
    each_store(async |subject| {
        let own = subject.create(of("p1", "own", "10.1.0.0/24")).await.network.id;
        let other = subject.create(of("p2", "other", "10.2.0.0/24")).await.network.id;
        subject.create(NetworkSpec { priority: -1, ..network("global", vec![subnet("10.3.0.0/24")]) }).await;

        assert_eq!(fixed_ips(&subject.allocate(1).await.unwrap()), ["10.3.0.2", "10.1.0.2"]);
        let named = subject.submit(allocation(2, vec![requested(other, &[])])).await;
        assert_eq!(reason(named), "NETWORK_NOT_FOUND");
        let named =
            subject.submit(allocation(2, vec![requested(own, &[]), requested(other, &["10.2.0.9"])])).await;
        assert_eq!(reason(named), "NETWORK_NOT_FOUND");
        assert_eq!(labels(&list(subject, Some("p2"), 0, 10).await), ["other", "global"]);
        assert_eq!(labels(&list(subject, Some("p3"), 0, 10).await), ["global"]);
        assert_eq!(subject.allocate(1).await.map_err(|_| ()), Err(()));
    })
    .await;
}

#[tokio::test]
async fn a_network_goes_when_its_last_port_is_unplugged_and_takes_its_addresses_along() {
    each_store(async |subject| {
        let rest = std::time::Duration::from_secs(60);
        let specs =
            ["10.1.0.0/24", "fd00:1::/64"].map(|cidr| SubnetSpec { quarantine: rest, ..subnet(cidr) });
        let id = subject.create(network("private", specs.to_vec())).await.network.id;
        subject.allocate(1).await.unwrap();
        let delete = DeleteNetwork { network: id, scope: Scope::Everything };
        assert_eq!(reason(subject.submit(delete.clone()).await), "NETWORK_IN_USE");
        let released = subject.deallocate(1).await;
        assert_eq!(reason(subject.submit(delete.clone()).await), "NETWORK_IN_USE", "it may still be plugged");
        subject.unplug(released.ports).await;
        assert_eq!(subject.dump().await.fixed_ips.len(), 2, "its addresses rest");
        subject.submit(delete.clone()).await.unwrap();

        let dump = subject.dump().await;
        let left = (dump.networks.len(), dump.subnets.len(), dump.frontiers.len(), dump.blocks.len());
        assert_eq!((left, dump.fixed_ips.len()), ((0, 0, 0, 0), 0));
        assert_eq!(reason(subject.submit(delete).await), "NETWORK_NOT_FOUND");
        assert_eq!(
            reason(subject.store().ask(GetNetwork { network: id, scope: Scope::Everything }).await),
            "NETWORK_NOT_FOUND"
        );
    })
    .await;
}

/// The report ends one of the network's ports; the other one still counts.
#[tokio::test]
async fn a_network_with_another_port_is_in_use_whatever_its_batch_unplugs() {
    each_store(async |subject| {
        let id = subject.network("private", &["fd00:1::/64"]).await.network.id;
        let mut ports = Vec::new();
        for number in 1..=2 {
            ports.push(subject.allocate(number).await.unwrap().vifs[0].id);
        }
        // Whichever of the two the store would show first.
        let gone = if ports[0] < ports[1] { 1 } else { 2 };
        let unplugged = subject.deallocate(gone).await.ports;
        let report = HostReport { unplugged, ..HostReport::default() };
        let (reported, deleted) = tokio::join!(
            subject.submit(ReportHost { host: host(), report }),
            subject.submit(DeleteNetwork { network: id, scope: Scope::Everything }),
        );
        reported.unwrap();
        assert_eq!(reason(deleted), "NETWORK_IN_USE");
    })
    .await;
}
/// Both the address's change and the end of its subnet are in one batch.
#[tokio::test]
async fn the_last_unplugging_and_the_deletion_fit_in_one_batch() {
    each_store(async |subject| {
        for (label, rest) in [("resting", 60), ("restless", 0)] {
            let quarantine = std::time::Duration::from_secs(rest);
            let spec = SubnetSpec { quarantine, ..subnet("fd00:1::/64") };
            let id = subject.create(network(label, vec![spec])).await.network.id;
            subject.allocate(1).await.unwrap();
            let unplugged = subject.deallocate(1).await.ports;
            let report = HostReport { unplugged, ..HostReport::default() };
            subject.take_told();
            let (reported, deleted) = tokio::join!(
                subject.submit(ReportHost { host: host(), report }),
                subject.submit(DeleteNetwork { network: id, scope: Scope::Everything }),
            );
            reported.unwrap();
            deleted.unwrap();
            assert_eq!(subject.batches_told(), 1);
        }
    })
    .await;
}
#[tokio::test]
async fn a_sequence_number_is_never_given_twice() {
    each_store(async |subject| {
        for expected in 1..4 {
            let made = subject.network("short-lived", &["10.1.0.0/24"]).await.network;
            assert_eq!(made.sequence, expected);
            subject.submit(DeleteNetwork { network: made.id, scope: Scope::Everything }).await.unwrap();
            if subject.kind.is_durable() {
                subject.reopen().await;
            }
        }
    })
    .await;
}
