//! Instances' own names, decided over views in memory.

use std::net::IpAddr;

use lepton_types::DnsDomain;

use super::*;
use crate::{
    AddFixedIp, AllocateForInstance, CreateDnsDomain, Instance, RemoveFixedIp, Scope, Sought, WantedAddress,
    example::{
        allocation, changes, deallocation, decided, instance, made, missing, network, unloaded, with_network,
    },
};

/// An allocation whose instance gets names in `guests.example`.
fn named(number: u128, hostname: Option<&str>) -> AllocateForInstance {
    let naming = Naming {
        hostname: hostname.map(|hostname| hostname.parse().unwrap()),
        availability_zone: None,
        domain: "guests.example".parse().ok(),
    };
    AllocateForInstance { naming, ..allocation(number, vec![]) }
}

fn in_zone(number: u128, zone: &str) -> AllocateForInstance {
    let allocation = named(number, Some("web"));
    let naming = Naming { availability_zone: zone.parse().ok(), ..allocation.naming };
    AllocateForInstance { naming, ..allocation }
}

/// `name type address` of each entry that there is.
fn entries(ledger: &View) -> Vec<String> {
    let entries = ledger.rows::<DnsEntry>();
    entries.map(|entry| format!("{} {} {}", entry.name, entry.record_type(), entry.address)).collect()
}

#[test]
fn an_instance_is_named_after_its_id_and_its_hostname() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24", "fd00:1::/64"]);
    made(&mut ledger, network("second", &["10.2.0.0/24"]));
    let before = ledger.changes().len();
    let info = decided(&mut ledger, &named(1, Some("Web"))).unwrap();
    let v6 = info.vifs[0].network.subnets[1].fixed_ips[0];
    let id = instance(1);
    let expected = [
        format!("{id} A 10.1.0.2"),
        format!("{id} AAAA {v6}"),
        "web A 10.1.0.2".to_owned(),
        format!("web AAAA {v6}"),
    ];
    assert_eq!(entries(&ledger), expected);
    let row = ledger.row::<Instance>(&id).unwrap();
    assert_eq!((row.hostname.as_ref().map(Hostname::as_str), row.has_names), (Some("web"), true));
    let made = changes(&ledger, before).into_iter().filter(|change| ["+domain", "+entry"].contains(change));
    assert_eq!(made.collect::<Vec<_>>(), ["+domain", "+entry", "+entry", "+entry", "+entry"]);
    let domain = ledger.rows::<DnsDomain>().next().unwrap();
    assert_eq!(domain.scope, DnsScope::Private { availability_zone: None });

    decided(&mut ledger, &named(2, None)).unwrap();
    assert_eq!(entries(&ledger).len(), 6, "one without a hostname has its id");
    decided(&mut ledger, &deallocation(1)).unwrap();
    assert_eq!(entries(&ledger).len(), 2);
    decided(&mut ledger, &named(1, Some("web"))).unwrap();
    assert_eq!(entries(&ledger).len(), 6, "its next life has its names at once");
}

#[test]
fn a_hostname_that_another_instance_has_is_refused() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    decided(&mut ledger, &named(1, Some("web"))).unwrap();
    let before = ledger.changes().len();
    let refusal = Refusal::FloatingIpDnsExists {
        domain: "guests.example".parse().unwrap(),
        name: "web".parse().unwrap(),
        address: "10.1.0.2".parse().unwrap(),
        field: Some("hostname"),
    };
    assert_eq!(decided(&mut ledger, &named(2, Some("WEB"))), Err(refusal));
    assert_eq!(ledger.changes().len(), before);
    let long = named(2, Some(&vec!["a".repeat(60); 4].join(".")));
    let Err(Refusal::InvalidFields { violations, .. }) = decided(&mut ledger, &long) else {
        panic!("the full name has more than 253 characters");
    };
    assert_eq!(violations[0].field, "hostname");
}

#[test]
fn b57_a_domain_of_one_zone_has_the_names_of_that_zones_instances() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    let scope = DnsScope::Private { availability_zone: "nova".parse().ok() };
    let name = "guests.example".parse().unwrap();
    decided(&mut ledger, &CreateDnsDomain { name, scope }).unwrap();
    for command in [named(1, Some("web")), in_zone(2, "mars")] {
        decided(&mut ledger, &command).unwrap();
        assert_eq!(entries(&ledger), [""; 0], "{:?}", command.naming);
        assert!(!ledger.row::<Instance>(&command.instance).unwrap().has_names);
    }
    decided(&mut ledger, &in_zone(3, "nova")).unwrap();
    assert_eq!(entries(&ledger), [format!("{} A 10.1.0.4", instance(3)), "web A 10.1.0.4".to_owned()]);
}

#[test]
fn without_a_domain_nothing_is_asked_of_dns() {
    let is_of_dns = |keys: Vec<Key>| keys.iter().any(|key| matches!(key, Key::DnsDomain(_)));
    assert!(is_of_dns(missing(&mut unloaded(), &named(1, Some("web")))));
    let naming = Naming { domain: None, ..named(1, Some("web")).naming };
    let unnamed = AllocateForInstance { naming, ..allocation(1, vec![]) };
    assert!(!is_of_dns(missing(&mut unloaded(), &unnamed)));
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    decided(&mut ledger, &unnamed).unwrap();
    assert_eq!(entries(&ledger), [""; 0]);
    let row = ledger.row::<Instance>(&instance(1)).unwrap();
    assert_eq!((row.hostname.is_some(), row.has_names), (true, false), "DHCP may want to know it");
}

#[test]
fn an_instance_without_vnics_has_no_names() {
    let mut ledger = crate::example::empty();
    decided(&mut ledger, &named(1, Some("web"))).unwrap();
    assert!(!ledger.row::<Instance>(&instance(1)).unwrap().has_names);
}

fn addition(number: u128, address: &str) -> AddFixedIp {
    let address: IpAddr = address.parse().unwrap();
    AddFixedIp {
        instance: instance(number),
        wanted: WantedAddress::Chosen(address, Sought::Around(address)),
        only_on: None,
        scope: Scope::Everything,
        domain: "guests.example".parse().ok(),
    }
}

fn removal(number: u128, address: &str) -> RemoveFixedIp {
    RemoveFixedIp {
        instance: instance(number),
        address: address.parse().unwrap(),
        network: None,
        only_on: None,
        scope: Scope::Everything,
        domain: "guests.example".parse().ok(),
    }
}

/// Where the instance's names of one type lead: its id's first, then its hostname's.
fn led_to(ledger: &View, number: u128, one: RecordType) -> Vec<String> {
    let names = [instance(number).to_string(), "web".to_owned()];
    let entry = |name: &String| {
        let mut entries = ledger.rows::<DnsEntry>();
        entries.find(|entry| entry.name.as_str() == name && entry.record_type() == one)
    };
    names.iter().filter_map(entry).map(|entry| entry.address.to_string()).collect()
}

#[test]
fn an_address_that_comes_later_is_named_where_none_of_its_family_is() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24", "fd00:1::/64"]);
    decided(&mut ledger, &named(1, Some("web"))).unwrap();
    let led = |ledger: &View| led_to(ledger, 1, RecordType::A);
    decided(&mut ledger, &addition(1, "10.1.0.9")).unwrap();
    assert_eq!(led(&ledger), ["10.1.0.2", "10.1.0.2"], "a name has one address of each type");
    decided(&mut ledger, &removal(1, "10.1.0.2")).unwrap();
    assert_eq!(led(&ledger), ["10.1.0.9", "10.1.0.9"], "the address that is left has them");
    decided(&mut ledger, &removal(1, "10.1.0.9")).unwrap();
    assert_eq!(led(&ledger), [""; 0]);
    assert_eq!(led_to(&ledger, 1, RecordType::Aaaa).len(), 2, "those of the other family stay");
    decided(&mut ledger, &addition(1, "10.1.0.20")).unwrap();
    assert_eq!(led(&ledger), ["10.1.0.20", "10.1.0.20"]);
    decided(&mut ledger, &deallocation(1)).unwrap();
    assert_eq!(entries(&ledger), [""; 0], "they end with their addresses");
}

#[test]
fn a_name_that_is_anothers_by_then_stays_its() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    decided(&mut ledger, &named(1, Some("web"))).unwrap();
    decided(&mut ledger, &removal(1, "10.1.0.2")).unwrap();
    decided(&mut ledger, &named(2, Some("web"))).unwrap();
    decided(&mut ledger, &addition(1, "10.1.0.9")).unwrap();
    assert_eq!(led_to(&ledger, 1, RecordType::A), ["10.1.0.9", "10.1.0.3"], "web is the second one's");
}

#[test]
fn a_zone_has_the_names_of_later_addresses_too() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    let scope = DnsScope::Private { availability_zone: "nova".parse().ok() };
    let name = "guests.example".parse().unwrap();
    decided(&mut ledger, &CreateDnsDomain { name, scope }).unwrap();
    for (number, zone, names) in [(1, "mars", 0), (2, "nova", 2)] {
        let mut command = in_zone(number, zone);
        command.naming.hostname = "web".parse().ok();
        let info = decided(&mut ledger, &command).unwrap();
        let address = info.vifs[0].network.subnets[0].fixed_ips[0].to_string();
        decided(&mut ledger, &removal(number, &address)).unwrap();
        assert_eq!(entries(&ledger), [""; 0]);
        decided(&mut ledger, &addition(number, &format!("10.1.0.{}", 10 + number))).unwrap();
        assert_eq!(entries(&ledger).len(), names, "{zone}");
    }
}
