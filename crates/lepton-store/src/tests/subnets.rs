//! Subnets of networks that exist: added, changed, taken away.

use std::time::Duration;

use lepton_ipam::{Gateway, SubnetSpec};
use lepton_ledger::{
    AddRoute, AddSubnet, DeleteSubnet, EventFilter, EventStart, GetSubnet, Holder, LeaseFixedIp,
    ModifySubnet, ReadEvents, RemoveRoute, Scope,
};
use lepton_types::{NetworkId, Route, Subnet, SubnetId};

use super::{
    each_store,
    fixed_ips::{lease, release},
    harness::{Subject, allocation, fixed_ips, network, reason, requested, subnet},
    sound::assert_sound,
};

pub(super) fn addition(network: NetworkId, cidr: &str) -> AddSubnet {
    AddSubnet { network, spec: subnet(cidr), scope: Scope::Everything }
}

pub(super) fn moved_to(subnet: SubnetId, gateway: &str) -> ModifySubnet {
    let gateway = Some(Some(gateway.parse().unwrap()));
    ModifySubnet { subnet, gateway, dns: None, dhcp_server: None, scope: Scope::Everything }
}

fn route(destination: &str, gateway: &str) -> Route {
    Route { destination: destination.parse().unwrap(), gateway: gateway.parse().unwrap() }
}

async fn stays(subject: &mut Subject, answered: &Subnet) {
    if subject.kind.is_durable() {
        subject.reopen().await;
    }
    assert_eq!(
        &subject.store().ask(GetSubnet { subnet: answered.id, scope: Scope::Everything }).await.unwrap(),
        answered
    );
}

#[tokio::test]
async fn an_added_subnet_serves_when_the_first_one_is_dry() {
    each_store(async |subject| {
        let network = subject.network("private", &["10.1.0.0/30"]).await.network.id;
        let added = subject.submit(addition(network, "10.2.0.0/24")).await.unwrap();
        stays(subject, &added).await;
        for (number, expected) in [(1, "10.1.0.2"), (2, "10.2.0.2"), (3, "10.2.0.3")] {
            assert_eq!(fixed_ips(&subject.allocate(number).await.unwrap()), [expected]);
        }
        let info = subject.submit(allocation(4, vec![requested(network, &["10.2.0.77"])])).await.unwrap();
        assert_eq!(fixed_ips(&info), ["10.2.0.77"]);

        let before = subject.dump().await;
        assert_eq!(reason(subject.submit(addition(network, "10.2.0.128/25")).await), "INVALID_FIELD");
        assert_eq!(subject.dump().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_moved_gateway_takes_its_address_and_its_old_one_rests() {
    each_store(async |subject| {
        let made = subject.network("private", &["10.1.0.0/29"]).await;
        let id = made.subnets[0].id;
        subject.allocate(1).await.unwrap();
        let before = subject.dump().await;
        for taken in ["10.1.0.2", "10.1.0.0"] {
            assert!(
                ["FIXED_IP_ALREADY_IN_USE", "INVALID_FIELD"]
                    .contains(&reason(subject.submit(moved_to(id, taken)).await))
            );
            assert_eq!(subject.dump().await, before);
        }
        let now = subject.submit(moved_to(id, "10.1.0.6")).await.unwrap();
        stays(subject, &now).await;
        let mut given = Vec::new();
        for number in 2..=4 {
            given.extend(fixed_ips(&subject.allocate(number).await.unwrap()));
        }
        assert_eq!(given, ["10.1.0.3", "10.1.0.4", "10.1.0.5"]);
        assert_eq!(reason(subject.allocate(5).await), "NO_MORE_FIXED_IPS");
        subject.advance(Duration::from_hours(24));
        assert_eq!(fixed_ips(&subject.allocate(5).await.unwrap()), ["10.1.0.1"]);
    })
    .await;
}

/// The block around the old one has no row yet: so far nobody was given an address of it.
#[tokio::test]
async fn an_old_gateway_rests_in_a_block_of_which_nothing_was_given() {
    each_store(async |subject| {
        let spec = SubnetSpec { gateway: Gateway::At("10.1.1.1".parse().unwrap()), ..subnet("10.1.0.0/23") };
        let made = subject.create(network("private", vec![spec])).await;
        let id = made.subnets[0].id;
        subject.submit(moved_to(id, "10.1.0.1")).await.unwrap();
        assert_sound(&subject.dump().await);
        for number in 1..=253 {
            subject.allocate(number).await.unwrap();
        }
        // 10.1.0.255 and 10.1.1.0 are addresses like others.
        let mut given = Vec::new();
        for number in 254..=257 {
            given.extend(fixed_ips(&subject.allocate(number).await.unwrap()));
        }
        assert_eq!(given, ["10.1.0.255", "10.1.1.0", "10.1.1.2", "10.1.1.3"]);
    })
    .await;
}

#[tokio::test]
async fn routes_name_servers_and_the_dhcp_server_are_kept() {
    each_store(async |subject| {
        let subnet = subject.network("private", &["10.1.0.0/24"]).await.subnets[0].id;
        let change = ModifySubnet {
            subnet,
            gateway: None,
            dns: Some(vec!["9.9.9.9".parse().unwrap()]),
            dhcp_server: Some(Some("10.1.0.1".parse().unwrap())),
            scope: Scope::Everything,
        };
        subject.submit(change).await.unwrap();
        for destination in ["192.168.60.0/24", "192.168.50.0/24"] {
            let route = route(destination, "10.1.0.254");
            subject.submit(AddRoute { subnet, route, scope: Scope::Everything }).await.unwrap();
        }
        let destination = "192.168.60.0/24".parse().unwrap();
        let now =
            subject.submit(RemoveRoute { subnet, destination, scope: Scope::Everything }).await.unwrap();
        assert_eq!(now.routes, [route("192.168.50.0/24", "10.1.0.254")]);
        stays(subject, &now).await;
        let told = subject.allocate(1).await.unwrap().vifs[0].network.subnets[0].clone();
        assert_eq!((told.routes, told.dns, told.dhcp_server), (now.routes, now.dns, now.dhcp_server));
    })
    .await;
}

#[tokio::test]
async fn a_subnet_goes_when_nobody_holds_its_addresses_and_takes_the_resting_ones_along() {
    each_store(async |subject| {
        let network = subject.network("private", &["10.1.0.0/30"]).await.network.id;
        let quarantine = Duration::from_secs(60);
        let spec = SubnetSpec { quarantine, ..subnet("10.2.0.0/24") };
        let id = subject.submit(AddSubnet { network, spec, scope: Scope::Everything }).await.unwrap().id;
        subject.allocate(1).await.unwrap();
        subject.allocate(2).await.unwrap();
        let delete = DeleteSubnet { subnet: id, scope: Scope::Everything };
        let before = subject.dump().await;
        assert_eq!(reason(subject.submit(delete.clone()).await), "SUBNET_IN_USE");
        assert_eq!(subject.dump().await, before);

        subject.end(2).await;
        assert_eq!(subject.dump().await.fixed_ips.len(), 2, "one of them rests");
        subject.submit(delete.clone()).await.unwrap();
        let dump = subject.dump().await;
        assert_eq!((dump.subnets.len(), dump.frontiers.len(), dump.fixed_ips.len()), (1, 1, 1));
        assert_eq!(reason(subject.submit(delete).await), "SUBNET_NOT_FOUND");
        assert_eq!(reason(subject.allocate(2).await), "NO_MORE_FIXED_IPS");
    })
    .await;
}

#[tokio::test]
async fn a_next_hop_is_nobodys_by_chance_and_rests_after_its_route() {
    each_store(async |subject| {
        let made = subject.network("private", &["10.1.0.0/29"]).await;
        let subnet = made.subnets[0].id;
        let (near, far) = (route("10.9.0.0/16", "10.1.0.2"), route("10.10.0.0/16", "10.1.0.3"));
        for route in [far, near] {
            subject.submit(AddRoute { subnet, route, scope: Scope::Everything }).await.unwrap();
        }
        let subnet_now = subject.store().ask(GetSubnet { subnet, scope: Scope::Everything }).await.unwrap();
        assert_eq!(subnet_now.routes, [near, far], "by number, not by text");
        stays(subject, &subnet_now).await;
        assert_eq!(fixed_ips(&subject.allocate(1).await.unwrap()), ["10.1.0.4"]);
        let router = subject.allocate_at(2, made.network.id, "10.1.0.3").await.unwrap();
        assert_eq!(fixed_ips(&router), ["10.1.0.3"]);

        for Route { destination, .. } in [far, near] {
            subject.submit(RemoveRoute { subnet, destination, scope: Scope::Everything }).await.unwrap();
        }
        assert_eq!(fixed_ips(&subject.allocate(3).await.unwrap()), ["10.1.0.5"]);
        assert_eq!(fixed_ips(&subject.allocate(4).await.unwrap()), ["10.1.0.6"]);
        assert_eq!(reason(subject.allocate(5).await), "NO_MORE_FIXED_IPS");
        subject.advance(Duration::from_hours(24));
        assert_eq!(fixed_ips(&subject.allocate(5).await.unwrap()), ["10.1.0.2"]);
    })
    .await;
}

/// A lease that lasts longer than any rest, and is given back soon.
#[tokio::test]
async fn an_old_next_hop_rests_to_the_end_of_a_long_lease_though_that_is_given_back() {
    each_store(async |subject| {
        let subnet = subject.network("private", &["10.1.0.0/29"]).await.subnets[0].id;
        let (three_days, route) = (Duration::from_hours(72), route("10.9.0.0/16", "10.1.0.2"));
        let mac = subject.allocate(1).await.unwrap().vifs[0].mac;
        subject.submit(LeaseFixedIp { lease_time: three_days, ..lease("10.1.0.2", mac) }).await.unwrap();
        subject.submit(AddRoute { subnet, route, scope: Scope::Everything }).await.unwrap();
        subject.end(1).await;
        let destination = route.destination;
        subject.submit(RemoveRoute { subnet, destination, scope: Scope::Everything }).await.unwrap();
        let told = subject.submit(release("10.1.0.2", mac)).await.unwrap();
        assert!(told.fixed_ip.is_none() && told.warning.is_some(), "{told:?}");
        let rows = subject.dump().await.fixed_ips;
        let rows: Vec<_> = rows.into_iter().map(|row| (row.address, row.holder, row.lease)).collect();
        let resting = Holder::Quarantine(subject.now().after(three_days));
        assert_eq!(rows, [(route.gateway, resting, None)]);

        let all = ReadEvents { start: EventStart::After(0), limit: 100, filter: EventFilter::default() };
        let events = subject.store().ask(all).await.unwrap().events;
        let kinds: Vec<_> = events.iter().map(|event| &*event.event.kind).collect();
        assert!(kinds.contains(&"fixed_ip.leased") && !kinds.contains(&"fixed_ip.released"), "{kinds:?}");
    })
    .await;
}
