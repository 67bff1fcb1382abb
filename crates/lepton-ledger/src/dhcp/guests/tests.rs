//! Who is on a network, decided over views in memory.

use super::*;
use crate::{
    CreateFloatingPool, NetworkSpec, Refusal, Scope, View,
    example::{allocation, deallocation, decided, empty, made, network, requested, with_network},
};

fn guests(ledger: &mut View, network: NetworkId) -> Vec<DhcpGuest> {
    let mut guests = decided(ledger, &GetDhcpGuests { network }).unwrap().guests;
    guests.sort_by_key(|guest| guest.address);
    guests
}

#[test]
fn a_guest_is_a_live_ports_ipv4_address() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24", "fd00:1::/64"]);
    let mut named = allocation(1, vec![]);
    named.naming.hostname = "web".parse().ok();
    let info = decided(&mut ledger, &named).unwrap();
    decided(&mut ledger, &allocation(2, vec![])).unwrap();
    decided(&mut ledger, &deallocation(2)).unwrap();
    let mac = info.vifs[0].mac;
    let expected = DhcpGuest {
        mac,
        address: "10.1.0.2".parse().unwrap(),
        hostname: "web".parse().ok(),
        tag: mac.to_bits(),
        is_first: true,
        created_at: ledger.now(),
    };
    assert_eq!(guests(&mut ledger, made.network.id), [expected]);
}

#[test]
fn b31_another_networks_guests_are_in_no_networks_text() {
    let mut ledger = empty();
    let own = |label, cidr| NetworkSpec { project: "p1".parse().ok(), ..network(label, &[cidr]) };
    let (one, two) =
        (made(&mut ledger, own("one", "10.1.0.0/24")), made(&mut ledger, own("two", "10.2.0.0/24")));
    let both = vec![requested(two.network.id, &[]), requested(one.network.id, &[])];
    decided(&mut ledger, &allocation(1, both)).unwrap();
    let told = |ledger: &mut View, id| {
        let guests = guests(ledger, id).into_iter();
        guests.map(|guest| (guest.address.to_string(), guest.is_first)).collect::<Vec<_>>()
    };
    assert_eq!(told(&mut ledger, one.network.id), [("10.1.0.2".to_owned(), false)]);
    assert_eq!(told(&mut ledger, two.network.id), [("10.2.0.2".to_owned(), true)]);
}

#[test]
fn an_address_that_leaves_its_port_is_no_guests_any_more() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let (instance, address) = (crate::example::instance(1), "10.1.0.2".parse().unwrap());
    let remove = crate::RemoveFixedIp {
        instance,
        address,
        network: None,
        scope: Scope::Everything,
        only_on: None,
        domain: None,
    };
    decided(&mut ledger, &remove).unwrap();
    assert_eq!(guests(&mut ledger, made.network.id), []);
}

#[test]
fn a_network_that_is_not_there_is_not_found() {
    let network = uuid::Uuid::from_u128(404).into();
    let refusal = Refusal::NetworkNotFound { network, field: None };
    assert_eq!(decided(&mut empty(), &GetDhcpGuests { network }), Err(refusal));
}

/// A pool of floating IPs is kept as a network, and is none to whoever asks for networks.
#[test]
fn a_pool_of_floating_ips_has_no_guests() {
    let mut ledger = empty();
    let name = "nova".parse().unwrap();
    let ranges = vec!["172.24.4.0/29".parse().unwrap()];
    decided(&mut ledger, &CreateFloatingPool { name, ranges, interface: None }).unwrap();
    let pool = ledger.rows::<lepton_types::Network>().next().unwrap().id;
    let refusal = Refusal::NetworkNotFound { network: pool, field: None };
    assert_eq!(decided(&mut ledger, &GetDhcpGuests { network: pool }), Err(refusal));
}
