//! Ports one by one, on every store.

use std::{collections::BTreeSet, net::IpAddr};

use futures_util::future::join_all;
use lepton_ledger::{
    AllocateForInstance, GetPort, ListPorts, PortListPlace, PortPlace, PortRef, PortSelection, PortsBy,
    RemoveFixedIp, Scope,
};
use lepton_types::{HostId, PortId};

use super::{
    each_store,
    harness::{Subject, allocation, instance, reason},
    migrations::{finish, start},
};

/// Every port that is selected.
pub(super) fn list(selection: PortSelection) -> ListPorts {
    ListPorts { project: None, selection, after: None, limit: 1000, scope: Scope::Everything }
}

fn by(by: PortsBy) -> ListPorts {
    list(PortSelection::By(by))
}

fn on(host: &str) -> ListPorts {
    list(PortSelection::OnHost(host.parse().unwrap()))
}

fn of(project: &str, question: ListPorts) -> ListPorts {
    ListPorts { project: project.parse().ok(), ..question }
}

/// An allocation for another project on some host.
fn others(number: u128, project: &str, host: &str) -> AllocateForInstance {
    let host: HostId = host.parse().unwrap();
    AllocateForInstance { project: project.parse().unwrap(), host: Some(host), ..allocation(number, vec![]) }
}

/// The ports that a list shows, page after page. Only where a project's on a host are asked for may a page have less than it
/// could, and yet a next one.
async fn all(subject: &Subject, question: ListPorts, limit: u16) -> Vec<PortPlace> {
    let has_project = question.project.is_some() || question.scope != Scope::Everything;
    let may_be_short = has_project && matches!(question.selection, PortSelection::OnHost(_));
    let (mut places, mut after) = (Vec::new(), None);
    loop {
        let page = ListPorts { after, limit, ..question.clone() };
        let page = subject.store().ask(page).await.unwrap();
        assert!(page.ports.len() <= usize::from(limit));
        assert!(page.ports.len() == usize::from(limit) || page.next.is_none() || may_be_short);
        places.extend(page.ports.iter().map(|info| (info.port.network, info.port.id)));
        let Some(next) = page.next else { return places };
        assert!(after.is_none_or(|after| after < next), "{after:?} {next:?}");
        after = Some(next);
    }
}

#[tokio::test]
async fn pages_of_ports_have_each_port_once_and_in_order() {
    each_store(async |subject| {
        let blue = subject.network("blue", &["10.1.0.0/24"]).await.network.id;
        let green = subject.network("green", &["10.2.0.0/24"]).await.network.id;
        for number in 0..7 {
            subject.allocate(number).await.unwrap();
        }
        subject.submit(others(7, "p2", "host-2")).await.unwrap();

        let everything = all(subject, by(PortsBy::Any), 1000).await;
        assert_eq!(everything.len(), 16);
        assert!(everything.is_sorted(), "by network and id");
        let on_network =
            |network| everything.iter().copied().filter(|place| place.0 == network).collect::<Vec<_>>();
        let own = of("p2", by(PortsBy::Any));
        let of_others: Vec<_> = all(subject, own.clone(), 3).await;
        for (question, expected) in [
            (by(PortsBy::Any), everything.clone()),
            (by(PortsBy::Network(blue)), on_network(blue)),
            (by(PortsBy::Network(green)), on_network(green)),
            (by(PortsBy::Instance(instance(7))), of_others.clone()),
            (of("p2", on("host-2")), of_others.clone()),
            (of("p2", on("host-1")), vec![]),
            (of("p2", by(PortsBy::Instance(instance(1)))), vec![]),
            (of("p3", by(PortsBy::Any)), vec![]),
        ] {
            for limit in [1, 2, 5, 1000] {
                let told = all(subject, question.clone(), limit).await;
                assert_eq!(told, expected, "{question:?} by {limit}");
            }
        }
        // Behind a place on another network is all of this one, or nothing.
        for (network, place) in
            [blue, green].into_iter().flat_map(|id| everything.iter().map(move |at| (id, *at)))
        {
            let question =
                ListPorts { after: Some(PortListPlace::Behind(place)), ..by(PortsBy::Network(network)) };
            let told = subject.store().ask(question).await.unwrap().ports;
            let expected = on_network(network).into_iter().filter(|at| *at > place);
            assert!(told.iter().map(|info| (info.port.network, info.port.id)).eq(expected), "{place:?}");
        }
        let on_blue = of("p2", by(PortsBy::Network(blue)));
        let expected: Vec<_> = of_others.iter().copied().filter(|place| place.0 == blue).collect();
        assert_eq!((all(subject, on_blue, 1).await, expected.len()), (expected, 1));

        // A tenant is shown its own, whatever it asks for.
        let scope = Scope::Project("p2".parse().unwrap());
        for question in [by(PortsBy::Any), on("host-2"), own] {
            let question = ListPorts { scope: scope.clone(), ..question };
            assert_eq!(all(subject, question, 1).await, of_others);
        }
        for foreign in [of("p1", by(PortsBy::Any)), of("p1", on("host-1")), on("host-1")] {
            assert_eq!(all(subject, ListPorts { scope: scope.clone(), ..foreign }, 9).await, vec![]);
        }
    })
    .await;
}

/// Whoever pages through a host's ports misses none that changes in the meantime: it comes again, and is then what it is.
#[tokio::test]
async fn a_hosts_ports_come_in_the_order_in_which_they_changed() {
    each_store(async |subject| {
        subject.network("blue", &["10.1.0.0/24"]).await;
        let mut made = Vec::new();
        for number in 0..5 {
            let vif = subject.allocate(number).await.unwrap().vifs.remove(0);
            made.push((vif.network.id, vif.id));
        }
        subject.submit(start(4, "host-1", "host-2")).await.unwrap();
        for limit in [1, 2, 5, 1000] {
            assert_eq!(all(subject, on("host-1"), limit).await, made, "by {limit}");
        }
        assert_eq!(all(subject, on("host-2"), 9).await, vec![], "it is only on its way there");

        let first = subject.store().ask(ListPorts { limit: 3, ..on("host-1") }).await.unwrap();
        assert_eq!(
            first.ports.iter().map(|info| info.port.id).collect::<Vec<_>>(),
            [0, 1, 2].map(|at| made[at].1)
        );
        subject.deallocate(1).await;
        subject.submit(finish(4, "host-1", "host-2")).await.unwrap();
        let rest = ListPorts { after: first.next, ..on("host-1") };
        let rest = subject.store().ask(rest).await.unwrap();
        let told: Vec<_> = rest.ports.iter().map(|info| (info.port.id, info.port.is_released)).collect();
        assert_eq!((told, rest.next), (vec![(made[3].1, false), (made[1].1, true)], None));
        assert_eq!(all(subject, on("host-2"), 9).await, [made[4]]);
    })
    .await;
}

/// A call looks at 256 ports of a project, and at none of the others' that the host has.
#[tokio::test]
async fn a_projects_ports_on_a_host_are_found_behind_pages_without_any() {
    each_store(async |subject| {
        subject.network("blue", &["10.1.0.0/16"]).await;
        let many = (0..300).map(|number| subject.submit(others(number, "p2", "host-1")));
        let strangers = (300..400).map(|number| subject.submit(others(number, "p1", "host-2")));
        for made in join_all(many.chain(strangers)).await {
            made.unwrap();
        }
        let mut expected = Vec::new();
        for number in 400..403 {
            let info = subject.submit(others(number, "p2", "host-2")).await.unwrap();
            expected.push((info.vifs[0].network.id, info.vifs[0].id));
        }
        expected.sort_unstable();
        let scope = Scope::Project("p2".parse().unwrap());
        for question in [of("p2", on("host-2")), ListPorts { scope, ..on("host-2") }] {
            for limit in [1, 2, 1000] {
                assert_eq!(all(subject, question.clone(), limit).await, expected, "by {limit}");
            }
            let (mut calls, mut after) = (0, None);
            loop {
                let page = ListPorts { after, limit: 10, ..question.clone() };
                let page = subject.store().ask(page).await.unwrap();
                calls += 1;
                let Some(next) = page.next else { break };
                after = Some(next);
            }
            assert_eq!(calls, 2, "256 of 303, and the rest");
        }
    })
    .await;
}

#[tokio::test]
async fn a_port_is_found_by_its_id_and_by_its_mac() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await;
        let vif = subject.allocate(1).await.unwrap().vifs.remove(0);
        let get = |port, scope| GetPort { port, scope };
        for port in [PortRef::Id(vif.id), PortRef::Mac(vif.mac)] {
            let info = subject.store().ask(get(port, Scope::Everything)).await.unwrap();
            assert_eq!((info.port.id, info.port.mac, info.port.position), (vif.id, vif.mac, 0));
            assert_eq!(info.network_label.as_str(), "private");
            let told: BTreeSet<IpAddr> = info.fixed_ips.iter().map(|address| address.address).collect();
            let had = vif.network.subnets.iter().flat_map(|subnet| subnet.fixed_ips.iter().copied());
            assert_eq!(told, had.collect());
            let foreign = Scope::Project("p2".parse().unwrap());
            assert_eq!(reason(subject.store().ask(get(port, foreign)).await), "PORT_NOT_FOUND");
        }
        let unknown = [
            PortRef::Id(PortId::from(uuid::Uuid::max())),
            PortRef::Mac("02:00:00:00:00:01".parse().unwrap()),
        ];
        for port in unknown {
            assert_eq!(reason(subject.store().ask(get(port, Scope::Everything)).await), "PORT_NOT_FOUND");
        }
    })
    .await;
}

#[tokio::test]
async fn a_released_port_keeps_its_addresses_until_it_is_unplugged() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await;
        let vif = subject.allocate(1).await.unwrap().vifs.remove(0);
        let ask = async || {
            let port = PortRef::Id(vif.id);
            subject.store().ask(GetPort { port, scope: Scope::Everything }).await
        };
        let left = vif.network.subnets[0].fixed_ips[0];
        let removal = RemoveFixedIp {
            instance: instance(1),
            address: left,
            network: None,
            only_on: None,
            scope: Scope::Everything,
            domain: None,
        };
        subject.submit(removal).await.unwrap();
        let leaving =
            ask().await.unwrap().fixed_ips.into_iter().map(|address| (address.address, address.is_leaving));
        assert_eq!(leaving.filter(|address| address.1).map(|address| address.0).collect::<Vec<_>>(), [left]);

        subject.deallocate(1).await;
        let released = ask().await.unwrap();
        assert!(released.port.is_released && released.fixed_ips.len() == 2, "{released:?}");
        subject.unplug(vec![vif.id]).await;
        assert_eq!(reason(ask().await), "PORT_NOT_FOUND");
    })
    .await;
}
