//! Addresses listed page by page.

use std::collections::BTreeSet;

use lepton_types::{FixedIpInfo, FixedIpState};

use super::*;
use crate::{
    FixedIpPage, FixedIpPlace, FixedIpsBy, Instance, LeaseFixedIp, ListFixedIps, ReserveFixedIp,
    UnreserveFixedIp,
};

fn list(by: FixedIpsBy) -> ListFixedIps {
    ListFixedIps { by, project: None, state: None, after: None, limit: 100, scope: Scope::Everything }
}

fn in_network(network: NetworkId) -> ListFixedIps {
    list(FixedIpsBy::Place(Place::Network(network)))
}

/// What pages of a size tell, one after the other.
fn pages(ledger: &mut View, question: &ListFixedIps, limit: u16) -> Vec<FixedIpInfo> {
    let (mut all, mut told): (Vec<FixedIpInfo>, Vec<FixedIpPlace>) = (Vec::new(), Vec::new());
    loop {
        let page = ListFixedIps { after: told.last().copied(), limit, ..question.clone() };
        let FixedIpPage { fixed_ips, next } = decided(ledger, &page).unwrap();
        assert!(fixed_ips.len() <= usize::from(limit));
        all.extend(fixed_ips);
        let Some(next) = next else { return all };
        assert!(!told.contains(&next), "{next:?} again, after {told:?}");
        told.push(next);
    }
}

fn texts(infos: &[FixedIpInfo]) -> Vec<String> {
    infos.iter().map(|info| format!("{} {:?}", info.address, info.state)).collect()
}

/// A network of two subnets and one address in every state.
fn in_every_state() -> (View, NetworkId) {
    let mut ledger = empty();
    let quarantine = Duration::from_secs(60);
    let spec = |cidr: &str| SubnetSpec { quarantine, ..SubnetSpec::new(cidr.parse().unwrap()) };
    let subnets = vec![spec("192.168.0.0/24"), spec("10.1.0.0/24")];
    let network = made(&mut ledger, NetworkSpec { subnets, ..network("all", &[]) }).network.id;
    for number in 1..=4 {
        let wish = requested(network, &[&format!("10.1.0.{}", number + 1), &format!("192.168.0.{number}2")]);
        decided(&mut ledger, &allocation(number, vec![wish])).unwrap();
    }
    let mac = ledger.rows::<Port>().find(|port| port.instance == instance(2)).unwrap().mac;
    let lease_time = Duration::from_secs(120);
    let lease = LeaseFixedIp { address: ip("10.1.0.3"), mac, lease_time, only_on: None };
    decided(&mut ledger, &lease).unwrap();
    decided(&mut ledger, &removal(3, "10.1.0.4")).unwrap();
    let ports = decided(&mut ledger, &deallocation(4)).unwrap().ports;
    let report = HostReport { unplugged: ports, ..HostReport::default() };
    decided(&mut ledger, &ReportHost { host: host(), report }).unwrap();
    decided(&mut ledger, &deallocation(3)).unwrap();
    let place = Place::Network(network);
    let (address, reason) = (ip("10.1.0.100"), "dns".parse().unwrap());
    decided(&mut ledger, &ReserveFixedIp { place, address, reason }).unwrap();
    (ledger, network)
}

#[test]
fn pages_of_any_size_tell_every_address_once_in_order_with_its_state() {
    let (mut ledger, network) = in_every_state();
    let all = [
        "10.1.0.0 Reserved",
        "10.1.0.1 Reserved",
        "10.1.0.2 Allocated",
        "10.1.0.3 Leased",
        "10.1.0.4 Leaving",
        "10.1.0.5 Resting",
        "10.1.0.100 Reserved",
        "10.1.0.255 Reserved",
        "192.168.0.0 Reserved",
        "192.168.0.1 Reserved",
        "192.168.0.12 Allocated",
        "192.168.0.22 Allocated",
        "192.168.0.32 Leaving",
        "192.168.0.42 Resting",
        "192.168.0.255 Reserved",
    ];
    let of_state = |state: &str| all.iter().copied().filter(|text| text.ends_with(state)).collect::<Vec<_>>();
    let subnet = |ledger: &View, cidr: &str| {
        ledger.rows::<Subnet>().find(|subnet| subnet.cidr.to_string() == cidr).unwrap().id
    };
    let second = subnet(&ledger, "192.168.0.0/24");
    let place = |place| list(FixedIpsBy::Place(place));
    let in_state = |state| ListFixedIps { state: Some(state), ..in_network(network) };
    let of_project = |name: &str| ListFixedIps { project: name.parse().ok(), ..in_network(network) };
    let of_instance = |number| list(FixedIpsBy::Instance(instance(number)));
    let held: Vec<&str> = all
        .iter()
        .copied()
        .filter(|text| !text.ends_with("Resting") && !text.ends_with("Reserved"))
        .collect();
    // Instance 3 was told to its host last.
    let on_host = [0, 3, 1, 4, 2, 5].map(|at| held[at]).to_vec();
    let mut ports: Vec<_> = ledger.rows::<Port>().map(|port| (port.id, port.instance)).collect();
    ports.sort_unstable();
    let number = |(_, of)| [1, 2, 3].iter().position(|number| instance(*number) == of).unwrap();
    let by_port: Vec<&str> =
        ports.into_iter().map(number).flat_map(|number| [held[number], held[number + 3]]).collect();
    for (question, expected) in [
        (in_network(network), all.to_vec()),
        (place(Place::Subnet(second)), all[8..].to_vec()),
        (in_state(FixedIpState::Allocated), of_state("Allocated")),
        (in_state(FixedIpState::Leased), of_state("Leased")),
        (in_state(FixedIpState::Leaving), of_state("Leaving")),
        (in_state(FixedIpState::Resting), of_state("Resting")),
        (in_state(FixedIpState::Reserved), of_state("Reserved")),
        (in_state(FixedIpState::Free), vec![]),
        (of_project("p1"), by_port.clone()),
        (of_project("p2"), vec![]),
        (of_instance(2), vec!["10.1.0.3 Leased", "192.168.0.22 Allocated"]),
        (of_instance(3), vec!["10.1.0.4 Leaving", "192.168.0.32 Leaving"]),
        (of_instance(9), vec![]),
        (list(FixedIpsBy::Host(host())), on_host),
        (ListFixedIps { project: "p1".parse().ok(), ..list(FixedIpsBy::Host(host())) }, by_port),
        (list(FixedIpsBy::Host("host-2".parse().unwrap())), vec![]),
    ] {
        for limit in [1, 2, 3, 100] {
            assert_eq!(texts(&pages(&mut ledger, &question, limit)), expected, "{question:?} by {limit}");
        }
    }
}

#[test]
fn a_call_that_wants_few_of_many_looks_at_a_bounded_number() {
    let (mut ledger, made) = with_network(&["10.1.0.0/16"]);
    let network = made.network.id;
    let reserve = |address: String| ReserveFixedIp {
        place: Place::Network(network),
        address: ip(&address),
        reason: "dns".parse().unwrap(),
    };
    for number in 0..300_u16 {
        decided(&mut ledger, &reserve(format!("10.1.{}.{}", 1 + number / 256, number % 256))).unwrap();
    }
    decided(&mut ledger, &allocation(1, vec![requested(network, &["10.1.9.9"])])).unwrap();
    let address = |place| match place {
        FixedIpPlace::Behind((address, _)) => address,
        FixedIpPlace::OnHost(..) | FixedIpPlace::OfProject(..) => panic!("a network's are in their order"),
    };
    let few = ListFixedIps { state: Some(FixedIpState::Allocated), ..in_network(network) };
    let page = decided(&mut ledger, &few).unwrap();
    assert_eq!((page.fixed_ips.len(), page.next.map(address)), (0, Some(ip("10.1.1.255"))));
    assert_eq!(texts(&pages(&mut ledger, &few, 7)), ["10.1.9.9 Allocated"]);
    assert_eq!(pages(&mut ledger, &in_network(network), 40).len(), 301 + 3);
}

#[test]
fn one_state_among_many_addresses_is_found_at_once() {
    let (mut ledger, made) = with_network(&["10.1.0.0/16"]);
    let network = made.network.id;
    for number in 1..=300 {
        decided(&mut ledger, &allocation(number, vec![])).unwrap();
    }
    let (mac, address) = {
        let port = ledger.rows::<Port>().find(|port| port.instance == instance(300)).unwrap();
        (port.mac, ledger.fixed_ips_of(port.id)[0].address)
    };
    let lease = LeaseFixedIp { address, mac, lease_time: Duration::from_secs(120), only_on: None };
    decided(&mut ledger, &lease).unwrap();
    let reason = "dns".parse().unwrap();
    let reserve = ReserveFixedIp { place: Place::Network(network), address: ip("10.1.200.1"), reason };
    decided(&mut ledger, &reserve).unwrap();
    for (state, count) in [(FixedIpState::Leased, 1), (FixedIpState::Reserved, 4), (FixedIpState::Resting, 0)]
    {
        let page = decided(&mut ledger, &ListFixedIps { state: Some(state), ..in_network(network) }).unwrap();
        assert_eq!((page.fixed_ips.len(), page.next), (count, None), "{state:?}");
    }
}

#[test]
fn a_tenant_s_list_goes_by_its_own_ports_alone_in_a_network_that_is_not_its_own() {
    let (mut ledger, made) = with_network(&["10.1.0.0/16"]);
    for number in 1..=301 {
        let project = if number % 100 == 1 { "p2" } else { "p1" }.parse().unwrap();
        decided(&mut ledger, &AllocateForInstance { project, ..allocation(number, vec![]) }).unwrap();
    }
    let own: BTreeSet<_> =
        ledger.rows::<Port>().filter(|port| port.project.as_str() == "p2").map(|port| port.id).collect();
    let (mut after, mut told) = (None, Vec::new());
    for left in (0..4).rev() {
        let scope = Scope::Project("p2".parse().unwrap());
        let page = ListFixedIps { after, limit: 1, scope, ..in_network(made.network.id) };
        let page = decided(&mut ledger, &page).unwrap();
        told.extend(page.fixed_ips.iter().map(|info| info.owner.as_ref().unwrap().port));
        assert_eq!((told.len(), page.next.is_some()), (4 - left, left > 0));
        if let Some(FixedIpPlace::OfProject((_, port), _)) = page.next {
            assert!(own.contains(&port));
        }
        after = page.next;
    }
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), own);
}

#[test]
fn what_a_subnet_keeps_for_itself_is_told_as_reserved_with_what_for() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24", "fd00:1::/64", "10.2.0.4/31"]);
    let kept = ListFixedIps { state: Some(FixedIpState::Reserved), ..in_network(made.network.id) };
    let told: Vec<_> = pages(&mut ledger, &kept, 2)
        .into_iter()
        .map(|info| format!("{} {}", info.address, info.reason.unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            "10.1.0.0 the network address",
            "10.1.0.1 the gateway",
            "10.1.0.255 the broadcast address",
            "10.2.0.4 the gateway",
            "fd00:1:: the subnet-router anycast address",
            "fd00:1::1 the gateway",
        ]
    );
    let shown = GetFixedIp {
        place: Some(Place::Network(made.network.id)),
        address: ip("10.1.0.1"),
        scope: Scope::Everything,
    };
    let listed = pages(&mut ledger, &kept, 100).remove(1);
    assert_eq!(decided(&mut ledger, &shown).unwrap(), listed);
}

#[test]
fn a_tenant_is_shown_its_own_and_of_its_own_networks_what_nobody_has() {
    let project = |name: &str| Scope::Project(name.parse().unwrap());
    let (mut ledger, global) = in_every_state();
    let spec = NetworkSpec { project: "p2".parse().ok(), ..network("own", &["10.9.0.0/24"]) };
    let own = made(&mut ledger, spec).network.id;
    let theirs = AllocateForInstance {
        project: "p2".parse().unwrap(),
        ..allocation(5, vec![requested(global, &["10.1.0.50"]), requested(own, &[])])
    };
    decided(&mut ledger, &theirs).unwrap();
    let (address, reason) = (ip("10.9.0.9"), "vip".parse().unwrap());
    decided(&mut ledger, &ReserveFixedIp { place: Place::Network(own), address, reason }).unwrap();

    let seen = |ledger: &mut View, scope: Scope, question: ListFixedIps| {
        texts(&pages(ledger, &ListFixedIps { scope, ..question }, 2))
    };
    let host_s = || list(FixedIpsBy::Host(host()));
    assert_eq!(seen(&mut ledger, project("p2"), in_network(global)), ["10.1.0.50 Allocated"]);
    assert_eq!(
        seen(&mut ledger, project("p2"), in_network(own)),
        [
            "10.9.0.0 Reserved",
            "10.9.0.1 Reserved",
            "10.9.0.2 Allocated",
            "10.9.0.9 Reserved",
            "10.9.0.255 Reserved"
        ]
    );
    assert_eq!(seen(&mut ledger, project("p2"), list(FixedIpsBy::Instance(instance(1)))), [""; 0]);
    let mut on_host = seen(&mut ledger, project("p2"), host_s());
    on_host.sort_unstable();
    assert_eq!(on_host, ["10.1.0.50 Allocated", "10.9.0.2 Allocated"]);
    let of_p1 = ListFixedIps { project: "p1".parse().ok(), ..in_network(global) };
    assert_eq!(seen(&mut ledger, project("p2"), of_p1), [""; 0]);
    let hidden = ListFixedIps { scope: project("p1"), ..in_network(own) };
    assert_eq!(reason_of(decided(&mut ledger, &hidden)), "NETWORK_NOT_FOUND");
    assert_eq!(ledger.rows::<Instance>().count(), 3);
}

fn reason_of(outcome: Result<FixedIpPage, Refusal>) -> &'static str {
    outcome.unwrap_err().reason()
}

#[test]
fn what_has_rested_long_enough_is_not_listed_though_it_was_not_swept_yet() {
    let (mut ledger, network) = in_every_state();
    ledger.keep();
    ledger.restart(Timestamp::from(NOW).after(Duration::from_secs(60)), [8; 32]);
    let resting = ListFixedIps { state: Some(FixedIpState::Resting), ..in_network(network) };
    assert_eq!(decided(&mut ledger, &resting).unwrap(), FixedIpPage::default());
    let texts = texts(&pages(&mut ledger, &in_network(network), 2));
    assert_eq!(texts.len(), 7 + 6, "{texts:?}");
    let place = Place::Network(network);
    let unreserve = UnreserveFixedIp { place, address: ip("10.1.0.5") };
    assert_eq!(reason(decided(&mut ledger, &unreserve)), "FIXED_IP_NOT_RESERVED");
}

/// Of 20 networks with one range, one has a guest at the address; at the others it has rested, and was not swept yet.
#[test]
fn the_only_address_that_is_not_free_is_found_behind_however_many_that_have_rested() {
    let mut ledger = empty();
    let quarantine = Duration::from_secs(60);
    let mut networks: Vec<(SubnetId, NetworkId)> = (0..20)
        .map(|number| {
            let subnets = vec![SubnetSpec { quarantine, ..SubnetSpec::new("10.1.0.0/24".parse().unwrap()) }];
            let spec = NetworkSpec { subnets, ..network(&format!("n{number}"), &[]) };
            let made = made(&mut ledger, spec);
            (made.subnets[0].id, made.network.id)
        })
        .collect();
    networks.sort_unstable();
    for (number, (_, network)) in (1..).zip(&networks) {
        decided(&mut ledger, &allocation(number, vec![requested(*network, &["10.1.0.9"])])).unwrap();
    }
    let get = GetFixedIp { place: None, address: ip("10.1.0.9"), scope: Scope::Everything };
    assert_eq!(decided(&mut ledger, &get).unwrap_err().reason(), "INVALID_FIELD");
    for number in 1..20 {
        let ports = decided(&mut ledger, &deallocation(number)).unwrap().ports;
        let report = HostReport { unplugged: ports, ..HostReport::default() };
        decided(&mut ledger, &ReportHost { host: host(), report }).unwrap();
    }
    ledger.keep();
    ledger.restart(Timestamp::from(NOW).after(quarantine), [8; 32]);
    let found = decided(&mut ledger, &get).unwrap();
    assert_eq!((found.state, found.network), (FixedIpState::Allocated, networks[19].1));
}
