//! What DHCP servers say.

use lepton_types::{FixedIpState, MacAddr};

use super::*;
use crate::{
    LeaseFixedIp, LeaseOutcome, ModifyNetwork, NamedHost, ReleaseFixedIp, ReserveFixedIp, SweepQuarantine,
};

const LEASE_TIME: Duration = Duration::from_secs(120);

fn lease(address: &str, mac: MacAddr) -> LeaseFixedIp {
    LeaseFixedIp { address: ip(address), mac, lease_time: LEASE_TIME, only_on: None }
}

fn release(address: &str, mac: MacAddr) -> ReleaseFixedIp {
    ReleaseFixedIp { address: ip(address), mac, only_on: None }
}

fn state(outcome: &LeaseOutcome) -> Option<FixedIpState> {
    outcome.fixed_ip.as_ref().map(|info| info.state)
}

/// Ends instance 1 and unplugs its port.
fn end(ledger: &mut View) {
    let ports = decided(ledger, &deallocation(1)).unwrap().ports;
    let report = HostReport { unplugged: ports, ..HostReport::default() };
    decided(ledger, &ReportHost { host: host(), report }).unwrap();
}

fn at(ledger: &mut View, span: Duration) {
    ledger.keep();
    ledger.restart(Timestamp::from(NOW).after(span), [8; 32]);
}

#[test]
fn a_lease_is_noted_with_its_moment_and_its_release_clears_it() {
    let (mut ledger, _, info) = with_instance(&["10.1.0.0/24"]);
    let mac = info.vifs[0].mac;
    let leased = decided(&mut ledger, &lease("10.1.0.2", mac)).unwrap();
    assert_eq!((state(&leased), leased.warning), (Some(FixedIpState::Leased), None));
    assert_eq!(leased.fixed_ip.unwrap().lease.unwrap().at, Timestamp::from(NOW));
    let released = decided(&mut ledger, &release("10.1.0.2", mac)).unwrap();
    assert_eq!((state(&released), released.warning), (Some(FixedIpState::Allocated), None));
    let again = decided(&mut ledger, &release("10.1.0.2", mac)).unwrap();
    assert_eq!(
        (state(&again), again.warning.as_deref()),
        (Some(FixedIpState::Allocated), Some("10.1.0.2 was not leased"))
    );
}

#[test]
fn b06_no_word_of_a_dhcp_server_frees_an_address_that_a_port_has() {
    let (mut ledger, _, info) = with_instance(&["10.1.0.0/30"]);
    let (mac, port) = (info.vifs[0].mac, info.vifs[0].id);
    for _ in 0..2 {
        decided(&mut ledger, &release("10.1.0.2", mac)).unwrap();
        decided(&mut ledger, &lease("10.1.0.2", mac)).unwrap();
        decided(&mut ledger, &release("10.1.0.2", mac)).unwrap();
        assert_eq!(holder(&ledger, "10.1.0.2"), Some(Holder::Port(port)));
        assert_eq!(reason(decided(&mut ledger, &allocation(2, vec![]))), "NO_MORE_FIXED_IPS");
    }
    // Nor when the port is released and its host has not unplugged it yet.
    decided(&mut ledger, &deallocation(1)).unwrap();
    decided(&mut ledger, &release("10.1.0.2", mac)).unwrap();
    assert_eq!(holder(&ledger, "10.1.0.2"), Some(Holder::Port(port)));
    assert_eq!(reason(decided(&mut ledger, &allocation(2, vec![]))), "NO_MORE_FIXED_IPS");
}

#[test]
fn b35_what_does_not_fit_is_ignored_with_a_warning_and_changes_nothing() {
    let (mut ledger, network, info) = with_instance(&["10.1.0.0/24"]);
    let (mac, other) = (info.vifs[0].mac, MacAddr::from([0xfa, 0x16, 0x3e, 9, 9, 9]));
    decided(&mut ledger, &allocation(2, vec![])).unwrap();
    decided(&mut ledger, &lease("10.1.0.2", mac)).unwrap();
    let reserve = ReserveFixedIp {
        place: Place::Network(network),
        address: ip("10.1.0.9"),
        reason: "dns".parse().unwrap(),
    };
    decided(&mut ledger, &reserve).unwrap();
    let before = ledger.changes().len();
    for (address, mac, words) in [
        ("10.1.0.2", other, "no port has MAC fa:16:3e:09:09:09"),
        ("10.1.0.77", mac, "does not have 10.1.0.77"),
        ("10.1.0.3", mac, "does not have 10.1.0.3"),
        ("10.1.0.9", mac, "does not have 10.1.0.9"),
        ("192.168.0.1", mac, "does not have 192.168.0.1"),
    ] {
        let outcomes = [
            decided(&mut ledger, &lease(address, mac)).unwrap(),
            decided(&mut ledger, &release(address, mac)).unwrap(),
        ];
        for outcome in outcomes {
            assert_eq!(outcome.fixed_ip, None, "{address}");
            assert!(outcome.warning.as_deref().is_some_and(|warning| warning.contains(words)), "{outcome:?}");
        }
    }
    assert_eq!(ledger.changes().len(), before);
}

#[test]
fn a_host_speaks_of_its_own_guests_and_of_those_whose_router_it_is() {
    let (mut ledger, network, info) = with_instance(&["10.1.0.0/24"]);
    let mac = info.vifs[0].mac;
    let from = |name: &str| LeaseFixedIp { only_on: name.parse().ok(), ..lease("10.1.0.2", mac) };
    assert!(decided(&mut ledger, &from("host-1")).unwrap().fixed_ip.is_some());
    let stranger = decided(&mut ledger, &from("host-2")).unwrap();
    assert!(stranger.warning.is_some_and(|warning| warning.starts_with("host host-2 neither has port")));
    let routed = ModifyNetwork {
        network,
        label: None,
        priority: None,
        project: None,
        host: Some(Some(NamedHost { id: "host-2".parse().unwrap(), must_be_known: false })),
        is_injected: None,
        scope: Scope::Everything,
    };
    decided(&mut ledger, &routed).unwrap();
    assert!(decided(&mut ledger, &from("host-2")).unwrap().fixed_ip.is_some());
}

#[test]
fn a_leased_address_rests_as_long_as_its_lease_when_it_is_unplugged() {
    let (mut ledger, _, info) = with_instance(&["10.1.0.0/30"]);
    decided(&mut ledger, &lease("10.1.0.2", info.vifs[0].mac)).unwrap();
    end(&mut ledger);
    assert_eq!(reason(decided(&mut ledger, &allocation(2, vec![]))), "NO_MORE_FIXED_IPS");
    at(&mut ledger, LEASE_TIME - Duration::from_micros(1));
    assert_eq!(decided(&mut ledger, &SweepQuarantine), Ok(0));
    at(&mut ledger, LEASE_TIME);
    assert_eq!(decided(&mut ledger, &SweepQuarantine), Ok(1));
    assert_eq!(fixed_ips(&decided(&mut ledger, &allocation(2, vec![])).unwrap()), ["10.1.0.2"]);
}

#[test]
fn a_release_that_names_the_mac_ends_the_rest_of_the_lease_and_no_other_one_does() {
    let (mut ledger, _, info) = with_instance(&["10.1.0.0/30"]);
    let mac = info.vifs[0].mac;
    decided(&mut ledger, &lease("10.1.0.2", mac)).unwrap();
    end(&mut ledger);
    let other = decided(&mut ledger, &release("10.1.0.2", MacAddr::from([2, 0, 0, 0, 0, 1]))).unwrap();
    assert!(other.fixed_ip.is_none() && other.warning.is_some());
    assert_eq!(reason(decided(&mut ledger, &allocation(2, vec![]))), "NO_MORE_FIXED_IPS");
    let released = decided(&mut ledger, &release("10.1.0.2", mac)).unwrap();
    assert_eq!((state(&released), released.warning), (Some(FixedIpState::Free), None));
    assert_eq!(fixed_ips(&decided(&mut ledger, &allocation(2, vec![])).unwrap()), ["10.1.0.2"]);
}

#[test]
fn another_host_does_not_end_the_rest_of_a_lease() {
    let (mut ledger, _, info) = with_instance(&["10.1.0.0/30"]);
    let mac = info.vifs[0].mac;
    decided(&mut ledger, &lease("10.1.0.2", mac)).unwrap();
    end(&mut ledger);
    let before = ledger.changes().len();
    let from = ReleaseFixedIp { only_on: "host-2".parse().ok(), ..release("10.1.0.2", mac) };
    let told = decided(&mut ledger, &from).unwrap();
    assert!(told.fixed_ip.is_none() && told.warning.is_some_and(|warning| warning.contains("host host-2")));
    assert_eq!(ledger.changes().len(), before);
}

#[test]
fn b24_an_address_that_was_never_leased_comes_back_by_itself() {
    let mut ledger = empty();
    let quarantine = Duration::from_secs(60);
    let spec = SubnetSpec { quarantine, ..SubnetSpec::new("10.1.0.0/30".parse().unwrap()) };
    let made = made(&mut ledger, NetworkSpec { subnets: vec![spec], ..network("resting", &[]) });
    let served = crate::ModifySubnet {
        subnet: made.subnets[0].id,
        gateway: None,
        dns: None,
        dhcp_server: Some(made.subnets[0].gateway),
        scope: Scope::Everything,
    };
    decided(&mut ledger, &served).unwrap();
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    end(&mut ledger);
    at(&mut ledger, quarantine - Duration::from_micros(1));
    assert_eq!(decided(&mut ledger, &SweepQuarantine), Ok(0));
    at(&mut ledger, quarantine);
    assert_eq!(
        decided(&mut ledger, &SweepQuarantine),
        Ok(1),
        "its subnet's quarantine is all that it waits for"
    );
    assert_eq!(fixed_ips(&decided(&mut ledger, &allocation(2, vec![])).unwrap()), ["10.1.0.2"]);
}

#[test]
fn the_quarantine_counts_from_the_unplugging_also_after_a_release() {
    let mut ledger = empty();
    let quarantine = Duration::from_secs(60);
    let spec = SubnetSpec { quarantine, ..SubnetSpec::new("10.1.0.0/30".parse().unwrap()) };
    made(&mut ledger, NetworkSpec { subnets: vec![spec], ..network("resting", &[]) });
    let mac = decided(&mut ledger, &allocation(1, vec![])).unwrap().vifs[0].mac;
    decided(&mut ledger, &lease("10.1.0.2", mac)).unwrap();
    end(&mut ledger);
    let rests_until = |ledger: &View| match holder(ledger, "10.1.0.2") {
        Some(Holder::Quarantine(until)) => until,
        other => panic!("{other:?}"),
    };
    assert_eq!(rests_until(&ledger), Timestamp::from(NOW).after(LEASE_TIME));
    at(&mut ledger, Duration::from_secs(10));
    decided(&mut ledger, &release("10.1.0.2", mac)).unwrap();
    assert_eq!(rests_until(&ledger), Timestamp::from(NOW).after(quarantine));
}
