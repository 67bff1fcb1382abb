//! Ports one by one, on every store.

use std::{collections::BTreeSet, net::IpAddr};

use lepton_ledger::{
    AllocateForInstance, GetPort, ListPorts, PortFilter, PortPlace, PortRef, PortsBy, RemoveFixedIp, Scope,
};
use lepton_types::PortId;

use super::{
    each_store,
    harness::{Subject, allocation, host, instance, reason},
};

pub(super) fn list(filter: PortFilter) -> ListPorts {
    ListPorts { filter, after: None, limit: 1000, scope: Scope::Everything }
}

fn by(by: PortsBy) -> PortFilter {
    PortFilter { project: None, by }
}

/// The ports that a list shows, page after page.
async fn all(subject: &Subject, question: ListPorts, limit: u16) -> Vec<PortPlace> {
    let (mut places, mut after) = (Vec::new(), None);
    loop {
        let page = ListPorts { after, limit, ..question.clone() };
        let page = subject.store().ask(page).await.unwrap();
        assert!(page.ports.len() == usize::from(limit) || page.next.is_none());
        places.extend(page.ports.iter().map(|info| (info.port.network, info.port.id)));
        let Some(next) = page.next else { return places };
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
        let other = AllocateForInstance {
            project: "p2".parse().unwrap(),
            host: Some("host-2".parse().unwrap()),
            ..allocation(7, vec![])
        };
        subject.submit(other).await.unwrap();

        let everything = all(subject, list(PortFilter::default()), 1000).await;
        assert_eq!(everything.len(), 16);
        assert!(everything.is_sorted(), "by network and id");
        let on = |network| everything.iter().copied().filter(|place| place.0 == network).collect::<Vec<_>>();
        let project = |name: &str| Some(name.parse().unwrap());
        let own = PortFilter { project: project("p2"), by: PortsBy::Any };
        let of_others: Vec<_> = all(subject, list(own.clone()), 3).await;
        let elsewhere = by(PortsBy::Host("host-2".parse().unwrap()));
        for (filter, expected) in [
            (PortFilter::default(), everything.clone()),
            (by(PortsBy::Network(blue)), on(blue)),
            (by(PortsBy::Network(green)), on(green)),
            (elsewhere, of_others.clone()),
            (by(PortsBy::Instance(instance(7))), of_others.clone()),
            (PortFilter { project: project("p2"), by: PortsBy::Host(host()) }, vec![]),
            (PortFilter { project: project("p2"), by: PortsBy::Instance(instance(1)) }, vec![]),
            (PortFilter { project: project("p3"), by: PortsBy::Any }, vec![]),
        ] {
            for limit in [1, 2, 5, 1000] {
                assert_eq!(
                    all(subject, list(filter.clone()), limit).await,
                    expected,
                    "{filter:?} by {limit}"
                );
            }
        }
        let on_blue = PortFilter { project: project("p2"), by: PortsBy::Network(blue) };
        let expected: Vec<_> = of_others.iter().copied().filter(|place| place.0 == blue).collect();
        assert_eq!((all(subject, list(on_blue), 1).await, expected.len()), (expected, 1));

        // A tenant is shown its own, whatever it asks for.
        let scope = Scope::Project("p2".parse().unwrap());
        for filter in [PortFilter::default(), own] {
            let question = ListPorts { scope: scope.clone(), ..list(filter) };
            assert_eq!(all(subject, question, 1).await, of_others);
        }
        let foreign = PortFilter { project: project("p1"), by: PortsBy::Any };
        assert_eq!(all(subject, ListPorts { scope, ..list(foreign) }, 9).await, vec![]);
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
