//! Whose events are: who may not list a thing does not hear of it either, and who may list it does.

use lepton_types::{DnsScope, DomainName};

use super::*;

/// A network of the project `p1` whose addresses rest.
fn own_network(ledger: &mut View) -> NetworkId {
    let quarantine = std::time::Duration::from_secs(60);
    let spec = SubnetSpec { quarantine, ..SubnetSpec::new("10.1.0.0/24".parse().unwrap()) };
    let project = "p1".parse().ok();
    made(ledger, NetworkSpec { project, subnets: vec![spec], ..network("own", &[]) }).network.id
}

#[test]
fn the_owner_of_a_network_hears_what_becomes_of_its_addresses_that_no_port_has() {
    let mut ledger = empty();
    let network = own_network(&mut ledger);
    let (place, address) = (crate::Place::Network(network), [10, 1, 0, 9].into());
    let reserve = crate::ReserveFixedIp { place, address, reason: "dns".parse().unwrap() };
    assert_eq!(told(&mut ledger, &reserve), ["fixed_ip.reserved [p1] fixed_ip=10.1.0.9 reason=dns"]);
    let unreserve = crate::UnreserveFixedIp { place, address };
    assert_eq!(told(&mut ledger, &unreserve), ["fixed_ip.unreserved [p1] fixed_ip=10.1.0.9 reason=dns"]);
    ledger.keep();
    ledger.restart(ledger.now().after(std::time::Duration::from_secs(60)), [8; 32]);
    assert_eq!(told(&mut ledger, &SweepQuarantine), ["fixed_ip.freed [p1] fixed_ip=10.1.0.9"]);
}

#[test]
fn the_owner_of_a_network_hears_where_another_projects_addresses_come_to_rest() {
    let mut ledger = empty();
    let quarantine = std::time::Duration::from_secs(60);
    let spec = SubnetSpec { quarantine, ..SubnetSpec::new("10.1.0.0/24".parse().unwrap()) };
    let made = made(&mut ledger, NetworkSpec { subnets: vec![spec], ..network("shared", &[]) });
    carried_out(&mut ledger, &allocation(1, vec![])).unwrap();
    let with = Associate::Project("p2".parse().unwrap());
    carried_out(&mut ledger, &AssociateNetwork { network: made.network.id, with }).unwrap();
    let ports = carried_out(&mut ledger, &deallocation(1)).unwrap().ports;
    assert_eq!(
        told(&mut ledger, &report(vec![], ports)),
        ["port.deleted [p1] fixed_ips=10.1.0.2 host=host-1", "fixed_ip.resting [p2] fixed_ip=10.1.0.2"]
    );
}

#[test]
fn of_a_name_those_hear_who_may_see_its_domain_whoever_has_the_address() {
    for (scope, audience) in [
        (DnsScope::Private { availability_zone: None }, "operators"),
        (DnsScope::Public { project: None }, "everybody"),
        (DnsScope::Public { project: "p2".parse().ok() }, "p2"),
    ] {
        let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
        let domain: DomainName = "example.org".parse().unwrap();
        carried_out(&mut ledger, &crate::CreateDnsDomain { name: domain.clone(), scope }).unwrap();
        carried_out(&mut ledger, &allocation(1, vec![])).unwrap();
        let add = crate::AddDnsEntry {
            scope: Scope::Everything,
            domain,
            name: "www".parse().unwrap(),
            address: [10, 1, 0, 2].into(),
            instance: Some(instance(1)),
        };
        let entry = "address=10.1.0.2 domain=example.org name=www type=A";
        assert_eq!(told(&mut ledger, &add), [format!("dns_entry.created [{audience}] {entry}")]);
        let event = entries(&ledger).pop().unwrap().events.remove(0);
        let is_of_operators = audience == "operators";
        assert_eq!(event.about.contains_key("port_id"), is_of_operators, "whoever's the port is");
        let told_of_end = told(&mut ledger, &deallocation(1));
        let ended = format!("dns_entry.deleted [{audience}] {entry}");
        assert!(told_of_end.contains(&ended), "{told_of_end:?}");
    }
}
