use std::time::Duration;

use lepton_types::HostReport;

use super::*;
use crate::{
    FixedIp, Holder, LeaseFixedIp, Place, ReleaseFixedIp, ReportHost, ReserveFixedIp, UnreserveFixedIp,
    example::{allocation, deallocation, decided, fixed_ips, host, instance, requested, with_network},
    subnet::{REST, tests::reason},
};

fn route(destination: &str, gateway: &str) -> Route {
    Route { destination: destination.parse().unwrap(), gateway: gateway.parse().unwrap() }
}

#[test]
fn routes_are_told_to_guests_in_the_order_of_their_destinations() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let subnet = made.subnets[0].id;
    let [far, near] = [route("192.168.50.0/24", "10.1.0.254"), route("10.9.0.0/16", "10.1.0.253")];
    for route in [far, near, far] {
        decided(&mut ledger, &AddRoute { subnet, route, scope: Scope::Everything }).unwrap();
    }
    let info = decided(&mut ledger, &allocation(1, vec![])).unwrap();
    assert_eq!(info.vifs[0].network.subnets[0].routes, [near, far], "the same route again is no second one");

    let left = decided(
        &mut ledger,
        &RemoveRoute { subnet, destination: near.destination, scope: Scope::Everything },
    )
    .unwrap();
    assert_eq!(left.routes, [far]);
    let told = reason(decided(
        &mut ledger,
        &RemoveRoute { subnet, destination: near.destination, scope: Scope::Everything },
    ));
    assert_eq!(told, format!("ROUTE_NOT_FOUND: subnet {subnet} has no route to 10.9.0.0/16"));
}

#[test]
fn a_route_that_guests_could_not_use_is_refused() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let subnet = made.subnets[0].id;
    decided(
        &mut ledger,
        &AddRoute { subnet, route: route("10.9.0.0/16", "10.1.0.9"), scope: Scope::Everything },
    )
    .unwrap();
    for (route, told) in [
        (route("fd00::/64", "10.1.0.9"), "INVALID_FIELD: destination: fd00::/64 is no IPv4 prefix"),
        (route("0.0.0.0/0", "10.1.0.9"), "INVALID_FIELD: destination: 0.0.0.0/0 is the default route"),
        (
            route("127.0.0.0/8", "10.1.0.9"),
            "INVALID_FIELD: destination: 127.0.0.0/8 is in 127.0.0.0/8 (loopback)",
        ),
        (
            route("127.1.0.0/16", "10.1.0.9"),
            "INVALID_FIELD: destination: 127.1.0.0/16 is in 127.0.0.0/8 (loopback)",
        ),
        (
            route("239.1.1.1/32", "10.1.0.9"),
            "INVALID_FIELD: destination: 239.1.1.1/32 is in 224.0.0.0/4 (multicast)",
        ),
        (route("10.1.0.0/24", "10.1.0.9"), "INVALID_FIELD: destination: 10.1.0.0/24 is the subnet itself"),
        (
            route("10.8.0.0/16", "10.1.0.255"),
            "INVALID_FIELD: gateway: the gateway 10.1.0.255 is the broadcast address of \
          10.1.0.0/24; use another address",
        ),
        (route("10.8.0.0/16", "10.2.0.9"), "INVALID_FIELD: gateway: the gateway 10.2.0.9 is outside"),
        (route("10.9.0.0/16", "10.1.0.8"), "ROUTE_EXISTS: 10.9.0.0/16 leads to 10.1.0.9 already"),
    ] {
        let refusal = reason(decided(&mut ledger, &AddRoute { subnet, route, scope: Scope::Everything }));
        assert!(refusal.starts_with(told), "{refusal}");
    }
}

#[test]
fn a_route_of_the_other_family_knows_its_own_special_prefixes() {
    let (mut ledger, made) = with_network(&["fd00:1::/64"]);
    let subnet = made.subnets[0].id;
    let add = |destination: &str| AddRoute {
        subnet,
        route: route(destination, "fd00:1::9"),
        scope: Scope::Everything,
    };
    for (destination, kind) in
        [("::1/128", "unspecified and loopback"), ("ff00::/8", "multicast"), ("fe80::/64", "link-local")]
    {
        let told = reason(decided(&mut ledger, &add(destination)));
        assert!(told.contains(&format!("{destination} is in ")) && told.contains(kind), "{told}");
    }
    decided(&mut ledger, &add("fd00::/16")).unwrap();
}

#[test]
fn a_route_may_lead_to_more_or_less_than_what_is_special_or_near() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    // Half of all addresses, a link-local service, what is around the subnet and a part of it.
    for destination in ["0.0.0.0/1", "169.254.169.254/32", "10.0.0.0/8", "10.1.0.128/25"] {
        let (subnet, route) = (made.subnets[0].id, route(destination, "10.1.0.9"));
        decided(&mut ledger, &AddRoute { subnet, route, scope: Scope::Everything }).unwrap();
    }
}

#[test]
fn a_next_hop_is_given_only_to_a_guest_that_asks_for_it() {
    let (mut ledger, made) = with_network(&["10.1.0.0/29"]);
    let subnet = made.subnets[0].id;
    let add = |destination: &str, gateway: &str| AddRoute {
        subnet,
        route: route(destination, gateway),
        scope: Scope::Everything,
    };
    decided(&mut ledger, &add("10.8.0.0/16", "10.1.0.2")).unwrap();
    decided(&mut ledger, &add("10.9.0.0/16", "10.1.0.3")).unwrap();
    assert_eq!(fixed_ips(&decided(&mut ledger, &allocation(1, vec![])).unwrap()), ["10.1.0.4"]);
    let router = requested(made.network.id, &["10.1.0.3"]);
    assert_eq!(fixed_ips(&decided(&mut ledger, &allocation(2, vec![router.clone()])).unwrap()), ["10.1.0.3"]);
    decided(&mut ledger, &add("10.10.0.0/16", "10.1.0.4")).unwrap();

    // Who routes may come and go; whoever asks for no address is never given the next hop's.
    let ports = ledger.ports_of(&ledger.row(&instance(2)).cloned().unwrap()).unwrap();
    decided(&mut ledger, &deallocation(2)).unwrap();
    let report = HostReport { unplugged: vec![ports[0].id], ..HostReport::default() };
    decided(&mut ledger, &ReportHost { host: host(), report }).unwrap();
    assert_eq!(fixed_ips(&decided(&mut ledger, &allocation(3, vec![])).unwrap()), ["10.1.0.5"]);
    assert_eq!(fixed_ips(&decided(&mut ledger, &allocation(4, vec![router])).unwrap()), ["10.1.0.3"]);
}

#[test]
fn an_old_next_hop_rests_unless_it_is_a_guests() {
    let (mut ledger, made) = with_network(&["10.1.0.0/29"]);
    let subnet = made.subnets[0].id;
    let (far, near) = (route("10.8.0.0/16", "10.1.0.2"), route("10.9.0.0/16", "10.1.0.3"));
    let router = requested(made.network.id, &["10.1.0.3"]);
    decided(&mut ledger, &allocation(1, vec![router])).unwrap();
    for route in [far, near] {
        decided(&mut ledger, &AddRoute { subnet, route, scope: Scope::Everything }).unwrap();
    }
    for Route { destination, .. } in [far, near] {
        decided(&mut ledger, &RemoveRoute { subnet, destination, scope: Scope::Everything }).unwrap();
    }
    let holders: Vec<_> =
        ledger.rows::<FixedIp>().map(|row| (row.address.to_string(), row.holder.clone())).collect();
    let resting = Holder::Quarantine(ledger.now().after(REST));
    assert_eq!(holders[0], ("10.1.0.2".to_owned(), resting));
    assert!(matches!(holders[1], (_, Holder::Port(_))), "{holders:?}");
    assert_eq!(fixed_ips(&decided(&mut ledger, &allocation(2, vec![])).unwrap()), ["10.1.0.4"]);
}

/// Whatever kept the address when its last route went: another rest that would have ended sooner or later, or a reservation.
#[test]
fn an_old_next_hop_that_rests_or_is_reserved_rests_as_long_as_any_other_at_least() {
    let (minute, three_days) = (Duration::from_mins(1), Duration::from_hours(72));
    for (lease_time, rest) in [(minute, REST), (three_days, three_days)] {
        rests_whatever_kept_it(lease_time, rest);
    }
}

/// That its lease is given back changes nothing about it.
fn rests_whatever_kept_it(lease_time: Duration, rest: Duration) {
    let (mut ledger, made) = with_network(&["10.1.0.0/29"]);
    let subnet = made.subnets[0].id;
    let (guests, reserved) = (route("10.8.0.0/16", "10.1.0.2"), route("10.9.0.0/16", "10.1.0.3"));
    let (address, place) = (reserved.gateway, Place::Subnet(subnet));
    decided(&mut ledger, &ReserveFixedIp { place, address, reason: "a printer".parse().unwrap() }).unwrap();
    let info = decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let (port, mac, leased) = (info.vifs[0].id, info.vifs[0].mac, guests.gateway);
    let lease = LeaseFixedIp { address: leased, mac, lease_time, only_on: None };
    decided(&mut ledger, &lease).unwrap();
    for route in [guests, reserved] {
        decided(&mut ledger, &AddRoute { subnet, route, scope: Scope::Everything }).unwrap();
    }
    decided(&mut ledger, &deallocation(1)).unwrap();
    let report = HostReport { unplugged: vec![port], ..HostReport::default() };
    decided(&mut ledger, &ReportHost { host: host(), report }).unwrap();
    for Route { destination, .. } in [guests, reserved] {
        decided(&mut ledger, &RemoveRoute { subnet, destination, scope: Scope::Everything }).unwrap();
    }
    decided(&mut ledger, &ReleaseFixedIp { address: leased, mac, only_on: None }).unwrap();
    decided(&mut ledger, &UnreserveFixedIp { place, address }).unwrap();
    let holders: Vec<_> = ledger.rows::<FixedIp>().map(|row| row.holder.clone()).collect();
    assert_eq!(holders, [rest, REST].map(|rest| Holder::Quarantine(ledger.now().after(rest))));
}

#[test]
fn a_subnet_has_so_many_routes_and_no_more() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let subnet = made.subnets[0].id;
    let add = |number: usize| AddRoute {
        subnet,
        route: route(&format!("10.2.{number}.0/24"), "10.1.0.9"),
        scope: Scope::Everything,
    };
    for number in 0..MOST_ROUTES {
        decided(&mut ledger, &add(number)).unwrap();
    }
    let told = reason(decided(&mut ledger, &add(MOST_ROUTES)));
    assert!(told.starts_with("INVALID_FIELD: route: the subnet has 64 routes"), "{told}");
}

/// Guests send it all that they send, and hear of the new one when they ask again.
#[test]
fn a_former_gateway_rests_although_a_route_goes_on_to_lead_over_it() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let (subnet, scope) = (made.subnets[0].id, Scope::Everything);
    let over_it = route("192.168.1.0/24", "10.1.0.1");
    decided(&mut ledger, &AddRoute { subnet, route: over_it, scope: scope.clone() }).unwrap();
    let gateway = Some("10.1.0.9".parse().ok());
    let moved = crate::ModifySubnet { subnet, gateway, dns: None, dhcp_server: None, scope: scope.clone() };
    decided(&mut ledger, &moved).unwrap();
    let wish = || allocation(1, vec![requested(made.network.id, &["10.1.0.1"])]);
    assert!(reason(decided(&mut ledger, &wish())).starts_with("FIXED_IP_ALREADY_IN_USE"));

    let a_day_later = ledger.now().after(REST);
    ledger.keep();
    ledger.restart(a_day_later, [8; 32]);
    assert_eq!(fixed_ips(&decided(&mut ledger, &wish()).unwrap()), ["10.1.0.1"]);
}
