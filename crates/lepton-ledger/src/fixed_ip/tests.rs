//! Fixed IPs given to instances and taken from them, decided over views in memory.

mod leasing;
mod listing;
mod moving;
mod reserving;

use std::time::Duration;

use lepton_ipam::SubnetSpec;
use lepton_types::{HostReport, NetworkInfo, PortId, PortReport, PortStatus, Revision, Timestamp};

use super::*;
use crate::{
    AllocateForInstance, FixedIp, Holder, HostFeed, NetworkSpec, ReportHost,
    example::{
        NOW, allocation, changes, deallocation, decided, derived, empty, fixed_ips, host, instance, made,
        network, requested, with_network,
    },
};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn addition(number: u128, wanted: WantedAddress) -> AddFixedIp {
    AddFixedIp { instance: instance(number), wanted, only_on: None, scope: Scope::Everything, domain: None }
}

fn lowest(number: u128, network: NetworkId) -> AddFixedIp {
    addition(number, WantedAddress::Lowest(Place::Network(network)))
}

fn chosen(number: u128, address: &str) -> AddFixedIp {
    addition(number, WantedAddress::Chosen(ip(address), Sought::Around(ip(address))))
}

fn removal(number: u128, address: &str) -> RemoveFixedIp {
    RemoveFixedIp {
        instance: instance(number),
        address: ip(address),
        network: None,
        only_on: None,
        scope: Scope::Everything,
        domain: None,
    }
}

/// What the host is told that the only port may use, and the revision of that.
fn told(ledger: &mut View) -> (Vec<String>, Revision) {
    let port = decided(ledger, &HostFeed { host: host(), after: None }).unwrap().ports.remove(0);
    (port.addresses.iter().map(ToString::to_string).collect(), port.revision)
}

/// The host's report of a port that it filters by a revision, or by none that it is certain of.
fn filtered(port: PortId, filtered_at: Option<Revision>) -> ReportHost {
    let ports = vec![PortReport { id: port, status: PortStatus::Active, filtered_at }];
    ReportHost { host: host(), report: HostReport { ports, ..HostReport::default() } }
}

fn holder(ledger: &View, address: &str) -> Option<Holder> {
    ledger.rows::<FixedIp>().find(|row| row.address == ip(address)).map(|row| row.holder.clone())
}

#[track_caller]
fn reason<T: fmt::Debug>(outcome: Result<T, Refusal>) -> &'static str {
    outcome.unwrap_err().reason()
}

/// A ledger with one network and instance 1 on it.
fn with_instance(cidrs: &[&str]) -> (View, NetworkId, NetworkInfo) {
    let (mut ledger, made) = with_network(cidrs);
    let info = decided(&mut ledger, &allocation(1, vec![])).unwrap();
    (ledger, made.network.id, info)
}

#[test]
fn an_instance_gets_the_lowest_free_address_and_its_host_hears_of_it() {
    let (mut ledger, network, _) = with_instance(&["10.1.0.0/24", "fd00:1::/64"]);
    let before = ledger.changes().len();
    let (_, revision) = told(&mut ledger);
    let info = decided(&mut ledger, &lowest(1, network)).unwrap();
    assert_eq!(fixed_ips(&info)[..2], ["10.1.0.2", "10.1.0.3"]);
    assert_eq!(changes(&ledger, before), ["~block", "+fixed_ip", "~host", "~port"]);
    let (addresses, now) = told(&mut ledger);
    assert!(addresses.contains(&"10.1.0.3".to_owned()) && addresses.len() == 3, "{addresses:?}");
    assert_eq!(now, revision.next());
}

#[test]
fn b44_an_address_is_added_by_the_networks_uuid_or_by_choice() {
    let (mut ledger, network, _) = with_instance(&["10.1.0.0/24", "fd00:1::/64"]);
    let by_subnet = |ledger: &View, cidr: &str| {
        let subnet = ledger.rows::<Subnet>().find(|subnet| subnet.cidr.to_string() == cidr).unwrap();
        Place::Subnet(subnet.id)
    };
    let of_ipv4 = by_subnet(&ledger, "10.1.0.0/24");
    for (wanted, given) in [
        (WantedAddress::Lowest(Place::Network(network)), "10.1.0.3"),
        (WantedAddress::Lowest(of_ipv4), "10.1.0.4"),
        (WantedAddress::Chosen(ip("10.1.0.9"), Sought::At(Place::Network(network))), "10.1.0.9"),
        (WantedAddress::Chosen(ip("fd00:1::9"), Sought::Around(ip("fd00:1::9"))), "fd00:1::9"),
        (WantedAddress::Chosen(ip("10.1.0.10"), Sought::At(of_ipv4)), "10.1.0.10"),
    ] {
        let info = decided(&mut ledger, &addition(1, wanted)).unwrap();
        assert!(fixed_ips(&info).contains(&given.to_owned()), "{wanted:?}: {:?}", fixed_ips(&info));
    }
}

#[test]
fn an_address_is_added_on_the_first_vnic_of_its_network() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let networks = vec![requested(made.network.id, &[]), requested(made.network.id, &[])];
    let twice = AllocateForInstance { allow_duplicate_networks: true, ..allocation(1, networks) };
    decided(&mut ledger, &twice).unwrap();
    let info = decided(&mut ledger, &lowest(1, made.network.id)).unwrap();
    assert_eq!(info.vifs[0].network.subnets[0].fixed_ips, [ip("10.1.0.2"), ip("10.1.0.4")]);
    assert_eq!(info.vifs[1].network.subnets[0].fixed_ips, [ip("10.1.0.3")]);
}

#[test]
fn a_subnet_that_was_added_later_gives_the_address_that_follows_from_the_mac_once() {
    let (mut ledger, network, info) = with_instance(&["10.1.0.0/24"]);
    let spec = SubnetSpec::new("fd00:1::/64".parse().unwrap());
    let subnet = decided(&mut ledger, &crate::AddSubnet { network, spec, scope: Scope::Everything }).unwrap();
    let add = addition(1, WantedAddress::Lowest(Place::Subnet(subnet.id)));
    let address = derived(&subnet, info.vifs[0].mac).to_string();
    assert_eq!(fixed_ips(&decided(&mut ledger, &add).unwrap()), ["10.1.0.2", &address]);
    let refusal = decided(&mut ledger, &add).unwrap_err();
    let told = format!("no pool to choose from in fd00:1::/64 of network {network}, and the address that");
    assert!(refusal.to_string().contains(&told), "{refusal}");
}

#[test]
fn an_address_that_follows_from_the_mac_and_is_the_gateways_is_not_given() {
    let (mut ledger, network, info) = with_instance(&["10.1.0.0/24"]);
    let spec = SubnetSpec::new("fd00:1::/64".parse().unwrap());
    let mut subnet =
        decided(&mut ledger, &crate::AddSubnet { network, spec, scope: Scope::Everything }).unwrap();
    subnet.gateway = Some(derived(&subnet, info.vifs[0].mac));
    let place = Place::Subnet(subnet.id);
    ledger.replace(subnet);
    let refusal = decided(&mut ledger, &addition(1, WantedAddress::Lowest(place))).unwrap_err();
    assert!(refusal.to_string().contains("the address that follows from the vNIC is taken"), "{refusal}");
}

#[test]
fn a_network_without_subnets_and_one_whose_pools_are_empty_are_told_apart() {
    let mut ledger = empty();
    let bare = made(&mut ledger, network("bare", &[])).network.id;
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let refusal = decided(&mut ledger, &lowest(1, bare)).unwrap_err();
    assert_eq!(refusal.reason(), "INVALID_FIELD");
    assert!(
        refusal.to_string().contains("has no subnet to give an address of; add one to it first"),
        "{refusal}"
    );

    let (mut ledger, network, _) = with_instance(&["10.1.0.0/30", "fd00:1::/64"]);
    let refusal = decided(&mut ledger, &lowest(1, network)).unwrap_err();
    assert_eq!(refusal.reason(), "NO_MORE_FIXED_IPS");
    assert!(refusal.to_string().contains("no free address is left in 10.1.0.0/30 of network"), "{refusal}");
}

#[test]
fn b14_a_tenant_gets_no_further_address_on_a_network_that_left_its_project() {
    let mut ledger = empty();
    let own = NetworkSpec { project: "p1".parse().ok(), ..network("own", &["10.1.0.0/24"]) };
    let id = made(&mut ledger, own).network.id;
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let as_tenant = |command| AddFixedIp { scope: Scope::Project("p1".parse().unwrap()), ..command };
    decided(&mut ledger, &as_tenant(lowest(1, id))).unwrap();
    let with = crate::Associate::Project("p2".parse().unwrap());
    decided(&mut ledger, &crate::DisassociateNetwork { network: id, project: true, host: false }).unwrap();
    decided(&mut ledger, &as_tenant(lowest(1, id))).unwrap();
    decided(&mut ledger, &crate::AssociateNetwork { network: id, with }).unwrap();
    for command in [lowest(1, id), chosen(1, "10.1.0.9")] {
        let refusal = decided(&mut ledger, &as_tenant(command)).unwrap_err();
        assert_eq!(refusal.reason(), "NETWORK_NOT_FOUND_FOR_INSTANCE");
    }
    // What it has it may give back, and an operator decides otherwise.
    decided(&mut ledger, &lowest(1, id)).unwrap();
    let removal = RemoveFixedIp { scope: Scope::Project("p1".parse().unwrap()), ..removal(1, "10.1.0.3") };
    decided(&mut ledger, &removal).unwrap();
}

#[test]
fn what_cannot_be_added_is_refused_by_name_and_changes_nothing() {
    let foreign = NetworkSpec { project: "p2".parse().ok(), ..network("other", &["10.2.0.0/24"]) };
    let (mut ledger, network, _) = with_instance(&["10.1.0.0/29"]);
    let other = made(&mut ledger, foreign);
    decided(&mut ledger, &allocation(2, vec![])).unwrap();
    let elsewhere = AddFixedIp { only_on: "host-2".parse().ok(), ..lowest(1, network) };
    let foreign = AddFixedIp { scope: Scope::Project("p2".parse().unwrap()), ..lowest(1, network) };
    let unknown = uuid::Uuid::from_u128(404);
    for (command, expected) in [
        (lowest(3, network), "INSTANCE_NOT_FOUND"),
        (foreign, "INSTANCE_NOT_FOUND"),
        (elsewhere, "HOST_NOT_ALLOWED"),
        (lowest(1, other.network.id), "NETWORK_NOT_FOUND_FOR_INSTANCE"),
        (lowest(1, unknown.into()), "NETWORK_NOT_FOUND_FOR_INSTANCE"),
        (addition(1, WantedAddress::Lowest(Place::Subnet(unknown.into()))), "NETWORK_NOT_FOUND_FOR_INSTANCE"),
        (chosen(1, "10.2.0.9"), "NETWORK_NOT_FOUND_FOR_INSTANCE"),
        (
            addition(1, WantedAddress::Chosen(ip("10.2.0.9"), Sought::At(Place::Network(network)))),
            "FIXED_IP_INVALID",
        ),
        (chosen(1, "10.1.0.0"), "FIXED_IP_INVALID"),
        (chosen(1, "10.1.0.1"), "FIXED_IP_INVALID"),
        (chosen(1, "10.1.0.7"), "FIXED_IP_INVALID"),
        (chosen(1, "10.1.0.2"), "FIXED_IP_ALREADY_IN_USE"),
        (chosen(1, "10.1.0.3"), "FIXED_IP_ALREADY_IN_USE"),
    ] {
        let before = ledger.changes().len();
        assert_eq!(reason(decided(&mut ledger, &command)), expected, "{command:?}");
        assert_eq!(ledger.changes().len(), before, "{command:?}");
    }
    let outside = WantedAddress::Chosen(ip("10.2.0.9"), Sought::At(Place::Network(network)));
    let refusal = decided(&mut ledger, &addition(1, outside)).unwrap_err();
    assert!(refusal.to_string().contains("10.2.0.9 is not in 10.1.0."), "{refusal}");
    for _ in 0..3 {
        decided(&mut ledger, &lowest(1, network)).unwrap();
    }
    assert_eq!(reason(decided(&mut ledger, &lowest(1, network))), "NO_MORE_FIXED_IPS");
}

#[test]
fn an_address_that_several_networks_could_have_needs_the_networks_name() {
    let mut ledger = empty();
    let cidr = &["10.1.0.0/24"];
    let networks = ["one", "two"].map(|label| made(&mut ledger, network(label, cidr)).network.id);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    assert_eq!(reason(decided(&mut ledger, &chosen(1, "10.1.0.9"))), "INVALID_FIELD");
    for id in networks {
        let wanted = WantedAddress::Chosen(ip("10.1.0.9"), Sought::At(Place::Network(id)));
        decided(&mut ledger, &addition(1, wanted)).unwrap();
    }
    assert_eq!(reason(decided(&mut ledger, &removal(1, "10.1.0.9"))), "INVALID_FIELD");
    let named = RemoveFixedIp { network: Some(networks[1]), ..removal(1, "10.1.0.9") };
    let info = decided(&mut ledger, &named).unwrap();
    let left: Vec<_> = info.vifs.iter().map(|vif| vif.network.subnets[0].fixed_ips.len()).collect();
    assert_eq!(left, [2, 1]);
}

#[test]
fn a_removed_address_is_told_no_more_and_is_free_only_when_its_host_filters_by_the_new_revision() {
    let (mut ledger, network, info) = with_instance(&["10.1.0.0/30"]);
    let port = info.vifs[0].id;
    let (_, old) = told(&mut ledger);
    let before = ledger.changes().len();
    let info = decided(&mut ledger, &removal(1, "10.1.0.2")).unwrap();
    assert_eq!(fixed_ips(&info), [""; 0]);
    assert_eq!(changes(&ledger, before), ["~host", "~port", "~fixed_ip"]);
    let (addresses, new) = told(&mut ledger);
    assert_eq!((addresses.len(), new), (0, old.next()));
    assert_eq!(holder(&ledger, "10.1.0.2"), Some(Holder::Leaving { port, revision: new }));

    // In nobody's reach, whatever else the host says.
    let stranger = ReportHost { host: "host-2".parse().unwrap(), ..filtered(port, Some(new)) };
    let words = [filtered(port, None), filtered(port, Some(old)), filtered(port, Some(new.next())), stranger];
    for report in words {
        decided(&mut ledger, &report).unwrap();
        assert_eq!(holder(&ledger, "10.1.0.2"), Some(Holder::Leaving { port, revision: new }), "{report:?}");
        assert_eq!(reason(decided(&mut ledger, &chosen(1, "10.1.0.2"))), "FIXED_IP_ALREADY_IN_USE");
        assert_eq!(reason(decided(&mut ledger, &lowest(1, network))), "NO_MORE_FIXED_IPS");
        assert_eq!(reason(decided(&mut ledger, &allocation(2, vec![]))), "NO_MORE_FIXED_IPS");
    }
    let before = ledger.changes().len();
    decided(&mut ledger, &filtered(port, Some(new))).unwrap();
    assert_eq!(changes(&ledger, before), ["~block", "-fixed_ip"]);
    assert_eq!(fixed_ips(&decided(&mut ledger, &allocation(2, vec![])).unwrap()), ["10.1.0.2"]);
}

#[test]
fn a_later_change_of_the_port_proves_an_earlier_one() {
    let (mut ledger, network, info) = with_instance(&["10.1.0.0/24"]);
    decided(&mut ledger, &lowest(1, network)).unwrap();
    decided(&mut ledger, &removal(1, "10.1.0.2")).unwrap();
    let (_, first) = told(&mut ledger);
    decided(&mut ledger, &removal(1, "10.1.0.3")).unwrap();
    let (_, second) = told(&mut ledger);
    decided(&mut ledger, &filtered(info.vifs[0].id, Some(first))).unwrap();
    let port = info.vifs[0].id;
    assert_eq!(holder(&ledger, "10.1.0.2"), None);
    assert_eq!(holder(&ledger, "10.1.0.3"), Some(Holder::Leaving { port, revision: second }));
    decided(&mut ledger, &filtered(port, Some(second))).unwrap();
    assert_eq!(holder(&ledger, "10.1.0.3"), None);
}

#[test]
fn a_removed_address_rests_as_its_subnet_wants() {
    let mut ledger = empty();
    let quarantine = Duration::from_secs(60);
    let spec = SubnetSpec { quarantine, ..SubnetSpec::new("10.1.0.0/24".parse().unwrap()) };
    made(&mut ledger, NetworkSpec { subnets: vec![spec], ..network("resting", &[]) });
    let port = decided(&mut ledger, &allocation(1, vec![])).unwrap().vifs[0].id;
    decided(&mut ledger, &removal(1, "10.1.0.2")).unwrap();
    let (_, revision) = told(&mut ledger);
    decided(&mut ledger, &filtered(port, Some(revision))).unwrap();
    let until = Timestamp::from(NOW).after(quarantine);
    assert_eq!(holder(&ledger, "10.1.0.2"), Some(Holder::Quarantine(until)));
}

#[test]
fn what_is_leaving_ends_with_its_port_too() {
    let (mut ledger, _, info) = with_instance(&["10.1.0.0/24"]);
    let port = info.vifs[0].id;
    decided(&mut ledger, &removal(1, "10.1.0.2")).unwrap();
    let (_, revision) = told(&mut ledger);
    decided(&mut ledger, &deallocation(1)).unwrap();
    decided(&mut ledger, &filtered(port, Some(revision))).unwrap();
    assert!(holder(&ledger, "10.1.0.2").is_some(), "of a released port only its absence is proof");
    let report = HostReport { unplugged: vec![port], ..HostReport::default() };
    decided(&mut ledger, &ReportHost { host: host(), report }).unwrap();
    assert_eq!(holder(&ledger, "10.1.0.2"), None);
}

#[test]
fn what_is_not_the_instances_cannot_be_removed() {
    let (mut ledger, network, _) = with_instance(&["10.1.0.0/24"]);
    decided(&mut ledger, &allocation(2, vec![])).unwrap();
    decided(&mut ledger, &removal(2, "10.1.0.3")).unwrap();
    let elsewhere = RemoveFixedIp { only_on: "host-2".parse().ok(), ..removal(1, "10.1.0.2") };
    let foreign = RemoveFixedIp { scope: Scope::Project("p2".parse().unwrap()), ..removal(1, "10.1.0.2") };
    let of_other =
        RemoveFixedIp { network: Some(uuid::Uuid::from_u128(404).into()), ..removal(1, "10.1.0.2") };
    assert_ne!(of_other.network, Some(network));
    for (command, expected) in [
        (removal(3, "10.1.0.2"), "INSTANCE_NOT_FOUND"),
        (foreign, "INSTANCE_NOT_FOUND"),
        (elsewhere, "HOST_NOT_ALLOWED"),
        (removal(1, "10.1.0.3"), "FIXED_IP_NOT_FOUND_FOR_SPECIFIC_INSTANCE"),
        (of_other, "FIXED_IP_NOT_FOUND_FOR_SPECIFIC_INSTANCE"),
        (removal(2, "10.1.0.3"), "FIXED_IP_NOT_FOUND_FOR_INSTANCE"),
    ] {
        let before = ledger.changes().len();
        assert_eq!(reason(decided(&mut ledger, &command)), expected, "{command:?}");
        assert_eq!(ledger.changes().len(), before, "{command:?}");
    }
}
