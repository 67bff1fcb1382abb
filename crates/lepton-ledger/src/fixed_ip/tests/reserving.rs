//! Addresses that operators keep.

use super::*;
use crate::{AddSubnet, GetFixedIp, ModifySubnet, ReserveFixedIp, SweepQuarantine, UnreserveFixedIp};
use lepton_types::{FixedIpInfo, FixedIpState};

fn reservation(network: NetworkId, address: &str, reason: &str) -> ReserveFixedIp {
    ReserveFixedIp { place: Place::Network(network), address: ip(address), reason: reason.parse().unwrap() }
}

fn unreservation(network: NetworkId, address: &str) -> UnreserveFixedIp {
    UnreserveFixedIp { place: Place::Network(network), address: ip(address) }
}

fn shown(ledger: &mut View, network: NetworkId, address: &str) -> FixedIpInfo {
    let get =
        GetFixedIp { place: Some(Place::Network(network)), address: ip(address), scope: Scope::Everything };
    decided(ledger, &get).unwrap()
}

#[test]
fn a_reserved_address_is_given_to_nobody_until_it_is_unreserved() {
    let (mut ledger, made) = with_network(&["10.1.0.0/29"]);
    let network = made.network.id;
    for address in ["10.1.0.2", "10.1.0.4"] {
        let info = decided(&mut ledger, &reservation(network, address, "dns")).unwrap();
        assert_eq!((info.state, info.reason.as_deref()), (FixedIpState::Reserved, Some("dns")));
    }
    let before = ledger.changes().len();
    decided(&mut ledger, &reservation(network, "10.1.0.2", "dns")).unwrap();
    assert_eq!(ledger.changes().len(), before, "the same again changes nothing");

    let wish = requested(network, &["10.1.0.2"]);
    assert_eq!(reason(decided(&mut ledger, &allocation(1, vec![wish]))), "FIXED_IP_ALREADY_IN_USE");
    assert_eq!(fixed_ips(&decided(&mut ledger, &allocation(1, vec![])).unwrap()), ["10.1.0.3"]);
    assert_eq!(reason(decided(&mut ledger, &chosen(1, "10.1.0.4"))), "FIXED_IP_ALREADY_IN_USE");
    let moved = ModifySubnet {
        subnet: made.subnets[0].id,
        gateway: Some(Some(ip("10.1.0.2"))),
        dns: None,
        dhcp_server: None,
        scope: Scope::Everything,
    };
    assert_eq!(reason(decided(&mut ledger, &moved)), "FIXED_IP_ALREADY_IN_USE");

    let info = decided(&mut ledger, &unreservation(network, "10.1.0.2")).unwrap();
    assert_eq!((info.state, info.reason), (FixedIpState::Free, None));
    assert_eq!(fixed_ips(&decided(&mut ledger, &lowest(1, network)).unwrap()), ["10.1.0.2", "10.1.0.3"]);
}

#[test]
fn an_address_outside_the_pools_is_reserved_too_and_a_mac_that_would_have_it_is_not_drawn() {
    let (mut whole, made) = with_network(&["fd00:1::/64"]);
    let info = decided(&mut whole, &allocation(1, vec![])).unwrap();
    let mut ledger = empty();
    ledger.load(made.network.clone());
    ledger.load(made.subnets[0].clone());
    let address = fixed_ips(&info).remove(0);
    decided(&mut ledger, &reservation(made.network.id, &address, "router")).unwrap();
    assert_eq!(ledger.rows::<crate::Block>().count(), 0);
    for number in 1..=3 {
        let given = fixed_ips(&decided(&mut ledger, &allocation(number, vec![])).unwrap());
        assert_ne!(given, std::slice::from_ref(&address));
    }
}

#[test]
fn b47_neither_what_a_subnet_keeps_nor_what_a_port_has_is_reserved_or_unreserved() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24", "fd00:1::/64"]);
    let network = made.network.id;
    let served = ModifySubnet {
        subnet: made.subnets[1].id,
        gateway: None,
        dns: None,
        dhcp_server: Some(Some(ip("fd00:1::53"))),
        scope: Scope::Everything,
    };
    decided(&mut ledger, &served).unwrap();
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    decided(&mut ledger, &allocation(2, vec![])).unwrap();
    decided(&mut ledger, &removal(2, "10.1.0.3")).unwrap();
    for kept in ["10.1.0.0", "10.1.0.1", "10.1.0.255", "fd00:1::", "fd00:1::1", "fd00:1::53"] {
        assert_eq!(
            reason(decided(&mut ledger, &reservation(network, kept, "x"))),
            "FIXED_IP_INVALID",
            "{kept}"
        );
        assert_eq!(reason(decided(&mut ledger, &unreservation(network, kept))), "FIXED_IP_INVALID", "{kept}");
        let info = shown(&mut ledger, network, kept);
        assert_eq!((info.state, info.reason.is_some()), (FixedIpState::Reserved, true), "{kept}");
    }
    for had in ["10.1.0.2", "10.1.0.3"] {
        assert_eq!(reason(decided(&mut ledger, &reservation(network, had, "x"))), "FIXED_IP_ALREADY_IN_USE");
        assert_eq!(reason(decided(&mut ledger, &unreservation(network, had))), "FIXED_IP_NOT_RESERVED");
    }
    assert_eq!(reason(decided(&mut ledger, &unreservation(network, "10.1.0.9"))), "FIXED_IP_NOT_RESERVED");
}

#[test]
fn what_cannot_be_reserved_is_refused_by_name() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let network = made.network.id;
    decided(&mut ledger, &reservation(network, "10.1.0.9", "dns")).unwrap();
    let unknown = uuid::Uuid::from_u128(404);
    let in_subnet =
        ReserveFixedIp { place: Place::Subnet(unknown.into()), ..reservation(network, "10.1.0.8", "x") };
    for (command, expected) in [
        (reservation(network, "10.1.0.9", "ntp"), "FIXED_IP_RESERVED"),
        (reservation(network, "10.2.0.9", "dns"), "FIXED_IP_NOT_FOUND_FOR_NETWORK"),
        (reservation(unknown.into(), "10.1.0.8", "dns"), "NETWORK_NOT_FOUND"),
        (in_subnet, "SUBNET_NOT_FOUND"),
    ] {
        let before = ledger.changes().len();
        assert_eq!(reason(decided(&mut ledger, &command)), expected, "{command:?}");
        assert_eq!(ledger.changes().len(), before, "{command:?}");
    }
}

#[test]
fn an_address_that_is_nowhere_is_told_with_the_subnets_that_were_looked_at() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let (network, first) = (made.network.id, made.subnets[0].id);
    let add = |cidr: &str| AddSubnet {
        network,
        spec: SubnetSpec::new(cidr.parse().unwrap()),
        scope: Scope::Everything,
    };
    decided(&mut ledger, &add("10.2.0.0/24")).unwrap();
    let of = |place, address| ReserveFixedIp { place, ..reservation(network, address, "dns") };
    for (command, told) in [
        (of(Place::Subnet(first), "10.2.0.9"), "address 10.2.0.9 is not in 10.1.0.0/24 of network"),
        (
            of(Place::Network(network), "10.3.0.9"),
            "address 10.3.0.9 is not in 10.1.0.0/24, 10.2.0.0/24 of network",
        ),
    ] {
        let refusal = decided(&mut ledger, &command).unwrap_err().to_string();
        assert!(refusal.starts_with(told), "{refusal}");
    }
}

#[test]
fn an_unreserved_address_rests_as_its_subnet_wants_and_as_long_as_it_had_to_before() {
    let (mut ledger, made) = with_network(&["10.3.0.0/24"]);
    let network = made.network.id;
    let quarantine = Duration::from_secs(60);
    let spec = SubnetSpec { quarantine, ..SubnetSpec::new("10.1.0.0/24".parse().unwrap()) };
    decided(&mut ledger, &AddSubnet { network, spec, scope: Scope::Everything }).unwrap();
    decided(&mut ledger, &reservation(network, "10.1.0.9", "dns")).unwrap();
    let info = decided(&mut ledger, &unreservation(network, "10.1.0.9")).unwrap();
    let until = Timestamp::from(NOW).after(quarantine);
    assert_eq!((info.state, info.resting_until), (FixedIpState::Resting, Some(until)));

    // It is nobody's, so it may be reserved; but that makes its rest no shorter.
    ledger.keep();
    ledger.restart(until.before(Duration::from_secs(1)), [8; 32]);
    let info = decided(&mut ledger, &reservation(network, "10.1.0.9", "ntp")).unwrap();
    assert_eq!((info.state, info.resting_until), (FixedIpState::Reserved, Some(until)));
    ledger.keep();
    ledger.restart(until.after(quarantine * 10), [8; 32]);
    assert_eq!(decided(&mut ledger, &SweepQuarantine), Ok(0), "a reserved address is not swept");
    decided(&mut ledger, &unreservation(network, "10.1.0.9")).unwrap();
    assert_eq!(shown(&mut ledger, network, "10.1.0.9").state, FixedIpState::Resting);
}

#[test]
fn every_address_of_a_subnet_says_what_it_is() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let network = made.network.id;
    let info = decided(&mut ledger, &allocation(1, vec![])).unwrap();
    decided(&mut ledger, &allocation(2, vec![])).unwrap();
    decided(&mut ledger, &removal(2, "10.1.0.3")).unwrap();
    let state = |ledger: &mut View, address| shown(ledger, network, address).state;
    assert_eq!(state(&mut ledger, "10.1.0.2"), FixedIpState::Allocated);
    assert_eq!(state(&mut ledger, "10.1.0.3"), FixedIpState::Leaving);
    assert_eq!(state(&mut ledger, "10.1.0.4"), FixedIpState::Free);
    let reason = |ledger: &mut View, address| shown(ledger, network, address).reason.unwrap();
    assert_eq!(reason(&mut ledger, "10.1.0.0"), "the network address");
    assert_eq!(reason(&mut ledger, "10.1.0.1"), "the gateway");
    assert_eq!(reason(&mut ledger, "10.1.0.255"), "the broadcast address");
    let owner = shown(&mut ledger, network, "10.1.0.2").owner.unwrap();
    assert_eq!((owner.port, owner.instance), (info.vifs[0].id, instance(1)));

    // A tenant learns of another's address that it is had.
    let scope = Scope::Project("p2".parse().unwrap());
    let get = GetFixedIp { place: Some(Place::Network(network)), address: ip("10.1.0.3"), scope };
    let hidden = decided(&mut ledger, &get).unwrap();
    assert_eq!((hidden.state, hidden.owner, hidden.since), (FixedIpState::Allocated, None, None));
}

#[test]
fn an_address_is_found_without_its_network_if_it_is_somebodys_on_one_alone() {
    let anywhere = |address: &str, scope: Scope| GetFixedIp { place: None, address: ip(address), scope };
    let project = |name: &str| Scope::Project(name.parse().unwrap());
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    for scope in [Scope::Everything, project("p1")] {
        let found = decided(&mut ledger, &anywhere("10.1.0.2", scope.clone())).unwrap();
        assert_eq!((found.state, found.network), (FixedIpState::Allocated, made.network.id));
        let free = decided(&mut ledger, &anywhere("10.1.0.3", scope));
        assert_eq!(reason(free), "FIXED_IP_NOT_FOUND_FOR_ADDRESS");
    }
    let foreign = decided(&mut ledger, &anywhere("10.1.0.2", project("p2")));
    assert_eq!(reason(foreign), "FIXED_IP_NOT_FOUND_FOR_ADDRESS");

    // On a network of another project as well, which p1 does not hear of.
    let spec = NetworkSpec { project: "p2".parse().ok(), ..network("twin", &["10.1.0.0/24"]) };
    let twin = made_for(&mut ledger, spec);
    decided(&mut ledger, &reservation(twin, "10.1.0.2", "vip")).unwrap();
    assert_eq!(reason(decided(&mut ledger, &anywhere("10.1.0.2", Scope::Everything))), "INVALID_FIELD");
    let own = decided(&mut ledger, &anywhere("10.1.0.2", project("p1"))).unwrap();
    assert_eq!(own.network, made.network.id);
    let own = decided(&mut ledger, &anywhere("10.1.0.2", project("p2"))).unwrap();
    assert_eq!((own.state, own.reason.as_deref()), (FixedIpState::Reserved, Some("vip")));
}

fn made_for(ledger: &mut View, spec: NetworkSpec) -> NetworkId {
    made(ledger, spec).network.id
}
