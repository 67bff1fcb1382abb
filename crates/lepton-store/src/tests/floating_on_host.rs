//! The floating IPs that a host is to carry, page by page, on every store.

use std::{collections::BTreeSet, net::IpAddr};

use futures_util::future::join_all;
use lepton_ledger::{
    AllocateForInstance, FloatingPlace, FloatingSelection, ListFloatingIps, NamedHost, NetworkSpec, Scope,
};
use lepton_types::{HostId, NetworkId};

use super::{
    each_store,
    floating_ips::{associate, disassociate, list, pool, to_address, wish},
    harness::{Subject, allocation, host, network, requested, subnet},
    migrations::{finish, start},
};

fn on(host: &str) -> ListFloatingIps {
    list(FloatingSelection::Host(host.parse().unwrap()))
}

/// The last numbers of the addresses that a list shows, page after page, and how many pages that took.
async fn paged(subject: &Subject, question: ListFloatingIps, limit: u16) -> (Vec<u8>, usize) {
    let (mut all, mut told): (_, Vec<FloatingPlace>) = (Vec::new(), Vec::new());
    loop {
        let page = ListFloatingIps { after: told.last().copied(), limit, ..question.clone() };
        let page = subject.store().ask(page).await.unwrap();
        assert!(page.floating_ips.len() <= usize::from(limit));
        all.extend(page.floating_ips.into_iter().map(|info| last(info.floating_ip.address)));
        let Some(next) = page.next else { return (all, told.len() + 1) };
        assert!(!told.contains(&next), "{next:?} again, after {told:?}");
        told.push(next);
    }
}

fn last(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(address) => address.octets()[3],
        IpAddr::V6(_) => panic!("pools have IPv4 addresses"),
    }
}

/// A network with a host of its own.
async fn routed(subject: &Subject, label: &str, cidr: &str, router: &str) -> NetworkId {
    let id: HostId = router.parse().unwrap();
    let host = Some(NamedHost { id, must_be_known: false });
    subject.create(NetworkSpec { host, ..network(label, vec![subnet(cidr)]) }).await.network.id
}

/// Makes a floating IP that leads to an address.
async fn leading(subject: &Subject, network: NetworkId, fixed_ip: &str) -> u8 {
    let address = subject.submit(wish()).await.unwrap().floating_ip.address;
    subject.submit(to_address(address, Some(network), fixed_ip)).await.unwrap();
    last(address)
}

/// A network's own host carries its floating IPs, network after network by id; else the port's host does, port after port as
/// they changed. Pages of any size tell the same.
#[tokio::test]
async fn floating_ips_are_listed_by_the_host_that_is_to_carry_them() {
    each_store(async |subject| {
        let mut routed_nets = [
            routed(subject, "east", "10.2.0.0/24", "router-1").await,
            routed(subject, "west", "10.2.0.0/24", "router-1").await,
        ];
        routed_nets.sort_unstable();
        let plain = subject.network("plain", &["10.1.0.0/24"]).await.network.id;
        subject.submit(pool("nova", &["172.24.4.0/24"])).await.unwrap();
        for number in 1..=3 {
            let at = format!("10.1.0.{}", 10 - number);
            let networks = vec![
                requested(plain, &[&at]),
                requested(routed_nets[0], &[&format!("10.2.0.{number}0")]),
                requested(routed_nets[1], &[&format!("10.2.0.{number}0")]),
            ];
            // Its router has ports of such networks, too.
            let here = if number == 3 { "router-1".parse().unwrap() } else { host() };
            let command = AllocateForInstance { host: Some(here), ..allocation(number, networks) };
            subject.submit(command).await.unwrap();
        }
        let mut expected: [Vec<u8>; 2] = Default::default();
        for (fixed_ip, network, to) in [
            ("10.1.0.8", plain, 0),
            ("10.2.0.10", routed_nets[1], 1),
            ("10.1.0.9", plain, 0),
            ("10.2.0.20", routed_nets[0], 1),
            ("10.1.0.9", plain, 0),
            ("10.2.0.30", routed_nets[0], 1),
            ("10.1.0.7", plain, 1),
            ("10.2.0.10", routed_nets[0], 1),
            ("10.2.0.10", routed_nets[1], 1),
        ] {
            expected[to].push(leading(subject, network, fixed_ip).await);
        }
        assert_eq!(expected, [vec![1, 3, 5], vec![2, 4, 6, 7, 8, 9]], "as they were given out");
        let on_ports = [3, 5, 1];
        let on_router = [4, 6, 8, 2, 9, 7];
        for limit in [1, 2, 3, 100] {
            assert_eq!(paged(subject, on("host-1"), limit).await.0, on_ports, "by {limit}");
            assert_eq!(paged(subject, on("router-1"), limit).await.0, on_router, "by {limit}");
            for (at, number) in [("host-1", 0), ("router-1", 1)] {
                let own = ListFloatingIps { project: "p1".parse().ok(), ..on(at) };
                assert_eq!(paged(subject, own, limit).await.0, expected[number], "by {limit}");
            }
        }
        assert_eq!(paged(subject, on("host-1"), 100).await.1, 1, "a short list is one page");
    })
    .await;
}

#[tokio::test]
async fn a_port_that_is_being_moved_has_no_host_that_carries_its_floating_ips_and_none_is_missed() {
    each_store(async |subject| {
        let plain = subject.network("plain", &["10.1.0.0/24"]).await.network.id;
        subject.submit(pool("nova", &["172.24.4.0/24"])).await.unwrap();
        for number in 1..=3 {
            let at = format!("10.1.0.{number}0");
            subject.allocate_at(number, plain, &at).await.unwrap();
            leading(subject, plain, &at).await;
        }
        leading(subject, plain, "10.1.0.10").await;
        let first = subject.store().ask(ListFloatingIps { limit: 1, ..on("host-1") }).await.unwrap();
        assert_eq!(
            first.floating_ips.iter().map(|info| last(info.floating_ip.address)).collect::<Vec<_>>(),
            [1]
        );

        subject.submit(start(2, "host-1", "host-2")).await.unwrap();
        for scope in [Scope::Everything, Scope::Project("p1".parse().unwrap())] {
            let question = |at| ListFloatingIps { scope: scope.clone(), ..on(at) };
            let told: BTreeSet<u8> = paged(subject, question("host-1"), 1).await.0.into_iter().collect();
            assert_eq!(told, BTreeSet::from([1, 3, 4]));
            assert_eq!(paged(subject, question("host-2"), 1).await.0, [0; 0]);
        }
        subject.submit(finish(2, "host-1", "host-2")).await.unwrap();
        assert_eq!(paged(subject, on("host-2"), 1).await.0, [2]);

        // The port that was shown in part changes: it comes again, and so does what was not told of it yet.
        subject.submit(start(1, "host-1", "host-2")).await.unwrap();
        subject.submit(finish(1, "host-1", "host-2")).await.unwrap();
        subject.submit(start(1, "host-2", "host-1")).await.unwrap();
        subject.submit(finish(1, "host-2", "host-1")).await.unwrap();
        let rest = ListFloatingIps { after: first.next, ..on("host-1") };
        assert_eq!(paged(subject, rest, 1).await.0, [3, 1, 4]);
    })
    .await;
}

/// A call looks at 64 networks, and at 256 ports.
#[tokio::test]
async fn what_a_host_carries_is_found_behind_pages_without_any() {
    each_store(async |subject| {
        for number in 0..70 {
            routed(subject, &format!("net{number}"), "10.2.0.0/24", "host-1").await;
        }
        let plain = subject.network("plain", &["10.1.0.0/16"]).await.network.id;
        let on_plain = |number: u128| allocation(number, vec![requested(plain, &[])]);
        for made in join_all((0..300).map(|number| subject.submit(on_plain(number)))).await {
            made.unwrap();
        }
        subject.submit(on_plain(300)).await.unwrap();
        subject.submit(pool("nova", &["172.24.4.0/24"])).await.unwrap();
        let addresses = join_all((0..2).map(|_| subject.submit(wish()))).await;
        for address in addresses {
            subject.submit(associate(address.unwrap().floating_ip.address, 300)).await.unwrap();
        }
        for limit in [1, 2, 100] {
            // The networks in two pages, the second of which has the first ports as well.
            let (told, calls) = paged(subject, on("host-1"), limit).await;
            assert_eq!((told, calls), (vec![1, 2], if limit == 1 { 4 } else { 3 }), "by {limit}");
        }
        let first = subject.store().ask(on("host-1")).await.unwrap();
        assert!(
            first.floating_ips.is_empty() && matches!(first.next, Some(FloatingPlace::OnNetwork(_, None)))
        );
        let second = ListFloatingIps { after: first.next, ..on("host-1") };
        let second = subject.store().ask(second).await.unwrap();
        assert!(
            second.floating_ips.is_empty() && matches!(second.next, Some(FloatingPlace::OnPort(_, None)))
        );
    })
    .await;
}

/// Of those that lead nowhere, and of other projects', a tenant's page has none.
#[tokio::test]
async fn a_projects_floating_ips_on_a_host_are_found_among_all_that_it_has() {
    each_store(async |subject| {
        let plain = subject.network("plain", &["10.1.0.0/24"]).await.network.id;
        subject.submit(pool("nova", &["172.24.0.0/16"])).await.unwrap();
        subject.allocate_at(1, plain, "10.1.0.9").await.unwrap();
        for address in join_all((0..300).map(|_| subject.submit(wish()))).await {
            address.unwrap();
        }
        let led = leading(subject, plain, "10.1.0.9").await;
        let scope = Scope::Project("p1".parse().unwrap());
        for limit in [1, 100] {
            let own = ListFloatingIps { scope: scope.clone(), ..on("host-1") };
            assert_eq!(paged(subject, own, limit).await, (vec![led], 2), "256 of 301, and the rest");
        }
        let foreign = ListFloatingIps { scope: Scope::Project("p2".parse().unwrap()), ..on("host-1") };
        assert_eq!(paged(subject, foreign, 1).await, (vec![], 1));
        subject.submit(disassociate(format!("172.24.1.{led}").parse().unwrap())).await.unwrap();
        assert_eq!(paged(subject, on("host-1"), 1).await, (vec![], 1));
    })
    .await;
}
