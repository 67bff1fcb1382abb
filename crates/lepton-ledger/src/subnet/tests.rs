use super::*;
use crate::example::{allocation, changes, decided, fixed_ips, requested, with_network};

fn add(network: NetworkId, cidr: &str) -> AddSubnet {
    AddSubnet { network, spec: SubnetSpec::new(cidr.parse().unwrap()), scope: Scope::Everything }
}

fn untouched(subnet: SubnetId) -> ModifySubnet {
    ModifySubnet { subnet, gateway: None, dns: None, dhcp_server: None, scope: Scope::Everything }
}

fn moved_to(subnet: SubnetId, gateway: &str) -> ModifySubnet {
    ModifySubnet { gateway: Some(Some(gateway.parse().unwrap())), ..untouched(subnet) }
}

pub(super) fn reason<T: std::fmt::Debug>(outcome: Result<T, Refusal>) -> String {
    let refusal = outcome.unwrap_err();
    format!("{}: {refusal}", refusal.reason())
}

#[test]
fn a_vnic_has_one_address_of_each_family_from_the_first_subnet_with_room() {
    let (mut ledger, made) = with_network(&["10.1.0.0/30", "fd00:1::/64"]);
    decided(&mut ledger, &add(made.network.id, "10.2.0.0/30")).unwrap();
    let mut of_instance = |number| {
        let info = decided(&mut ledger, &allocation(number, vec![])).unwrap();
        fixed_ips(&info)[..1].to_vec()
    };
    assert_eq!(of_instance(1), ["10.1.0.2"]);
    assert_eq!(of_instance(2), ["10.2.0.2"], "the first subnet is dry");

    let refusal = decided(&mut ledger, &allocation(3, vec![])).unwrap_err();
    let expected = "no free address is left in 10.1.0.0/30, 10.2.0.0/30 of network";
    assert!(refusal.to_string().starts_with(expected), "{refusal}");
}

#[test]
fn an_address_of_any_subnet_may_be_asked_for() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    decided(&mut ledger, &add(made.network.id, "10.2.0.0/24")).unwrap();
    let wish = requested(made.network.id, &["10.2.0.9"]);
    let info = decided(&mut ledger, &allocation(1, vec![wish])).unwrap();
    assert_eq!(fixed_ips(&info), ["10.2.0.9"]);
}

#[test]
fn b38_subnets_of_one_network_do_not_overlap() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let told = reason(decided(&mut ledger, &add(made.network.id, "10.1.0.128/25")));
    assert!(told.starts_with("INVALID_FIELD: subnet.cidr: 10.1.0.128/25 overlaps subnet"), "{told}");
}

#[test]
fn the_gateway_moves_to_a_free_address_and_its_old_one_rests_since_guests_still_send_to_it() {
    let (mut ledger, made) = with_network(&["10.1.0.0/29"]);
    let subnet = made.subnets[0].id;
    let now = decided(&mut ledger, &moved_to(subnet, "10.1.0.3")).unwrap();
    assert_eq!(now.gateway, Some("10.1.0.3".parse().unwrap()));
    let mut given = |numbers: std::ops::RangeInclusive<u128>| -> Vec<String> {
        numbers
            .flat_map(|number| fixed_ips(&decided(&mut ledger, &allocation(number, vec![])).unwrap()))
            .collect()
    };
    assert_eq!(given(1..=4), ["10.1.0.2", "10.1.0.4", "10.1.0.5", "10.1.0.6"]);
    let refusal = reason(decided(&mut ledger, &allocation(5, vec![])));
    assert!(refusal.starts_with("NO_MORE_FIXED_IPS"), "{refusal}");
    let wish = requested(made.network.id, &["10.1.0.1"]);
    let refusal = reason(decided(&mut ledger, &allocation(5, vec![wish])));
    assert!(refusal.starts_with("FIXED_IP_ALREADY_IN_USE"), "{refusal}");

    let a_day_later = ledger.now().after(REST);
    ledger.keep();
    ledger.restart(a_day_later, [8; 32]);
    assert_eq!(fixed_ips(&decided(&mut ledger, &allocation(5, vec![])).unwrap()), ["10.1.0.1"]);
}

#[test]
fn the_gateway_moves_back_to_the_address_that_rests() {
    let (mut ledger, made) = with_network(&["10.1.0.0/29"]);
    let subnet = made.subnets[0].id;
    decided(&mut ledger, &moved_to(subnet, "10.1.0.3")).unwrap();
    let now = decided(&mut ledger, &moved_to(subnet, "10.1.0.1")).unwrap();
    assert_eq!(now.gateway, Some("10.1.0.1".parse().unwrap()));
    assert_eq!(fixed_ips(&decided(&mut ledger, &allocation(1, vec![])).unwrap()), ["10.1.0.2"]);
    let resting: Vec<_> =
        ledger.rows::<FixedIp>().filter(|row| matches!(row.holder, Holder::Quarantine(_))).collect();
    assert_eq!(resting.len(), 1, "10.1.0.3 alone: {resting:?}");
}

#[test]
fn an_old_dhcp_server_rests_unless_it_is_the_gateway() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let subnet = made.subnets[0].id;
    let served_by = |server: Option<&str>| ModifySubnet {
        dhcp_server: Some(server.map(|server| server.parse().unwrap())),
        ..untouched(subnet)
    };
    for server in [Some("10.1.0.1"), None] {
        decided(&mut ledger, &served_by(server)).unwrap();
    }
    assert_eq!(ledger.rows::<FixedIp>().count(), 0, "the gateway keeps its address");
}

#[test]
fn ipv6_needs_a_network_that_can_carry_it() {
    let mut ledger = crate::example::empty();
    let narrow =
        crate::NetworkSpec { mtu: 576.try_into().unwrap(), ..crate::example::network("narrow", &[]) };
    let network = crate::example::made(&mut ledger, narrow).network.id;
    let refusal = reason(decided(&mut ledger, &add(network, "fd00:1::/64")));
    assert!(refusal.starts_with("INVALID_FIELD: subnet.cidr: fd00:1::/64 needs a network"), "{refusal}");
    decided(&mut ledger, &add(network, "10.1.0.0/24")).unwrap();
}

#[test]
fn b37_a_gateway_is_inside_its_subnet_and_nobody_elses() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let subnet = made.subnets[0].id;
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    for (gateway, told) in [
        ("10.2.0.1", "INVALID_FIELD: gateway: the gateway 10.2.0.1 is outside 10.1.0.0/24"),
        ("fd00::1", "INVALID_FIELD: gateway: the gateway fd00::1 is not an IPv4 address"),
        ("10.1.0.255", "INVALID_FIELD: gateway: the gateway 10.1.0.255 is the broadcast address"),
        ("10.1.0.2", "FIXED_IP_ALREADY_IN_USE: address 10.1.0.2 of network"),
    ] {
        let before = ledger.changes().len();
        let refusal = reason(decided(&mut ledger, &moved_to(subnet, gateway)));
        assert!(refusal.starts_with(told), "{refusal}");
        assert_eq!(changes(&ledger, before), [""; 0]);
    }
}

#[test]
fn a_dhcp_server_is_the_gateway_or_outside_the_pools() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let subnet = made.subnets[0].id;
    let served_by =
        |server: &str| ModifySubnet { dhcp_server: Some(Some(server.parse().unwrap())), ..untouched(subnet) };
    let now = decided(&mut ledger, &served_by("10.1.0.1")).unwrap();
    assert_eq!(now.dhcp_server, Some("10.1.0.1".parse().unwrap()));
    let told = reason(decided(&mut ledger, &served_by("10.1.0.9")));
    assert!(told.contains("10.1.0.9 is in an allocation pool"), "{told}");
    let told = reason(decided(&mut ledger, &served_by("10.1.0.0")));
    assert!(told.contains("the DHCP server 10.1.0.0 is the network address"), "{told}");
}

#[test]
fn a_subnet_in_use_stays() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24", "fd00:1::/64"]);
    let [v4, v6] = [made.subnets[0].id, made.subnets[1].id];
    let wish = requested(made.network.id, &["10.1.0.7"]);
    decided(&mut ledger, &allocation(1, vec![wish])).unwrap();
    let refusal = reason(decided(&mut ledger, &DeleteSubnet { subnet: v4, scope: Scope::Everything }));
    assert_eq!(
        refusal,
        format!("SUBNET_IN_USE: address 10.1.0.7 of subnet {v4} is in use; release it first")
    );
    assert!(
        reason(decided(&mut ledger, &DeleteSubnet { subnet: v6, scope: Scope::Everything }))
            .starts_with("SUBNET_IN_USE")
    );

    let spare = decided(&mut ledger, &add(made.network.id, "10.2.0.0/24")).unwrap();
    decided(&mut ledger, &DeleteSubnet { subnet: spare.id, scope: Scope::Everything }).unwrap();
    let gone = reason(decided(&mut ledger, &GetSubnet { subnet: spare.id, scope: Scope::Everything }));
    assert_eq!(gone, format!("SUBNET_NOT_FOUND: subnet {} is not found", spare.id));
}

#[test]
fn subnets_are_in_the_order_of_numbers_not_of_texts() {
    let (mut ledger, made) = with_network(&["10.100.0.0/24"]);
    for cidr in ["10.9.0.0/24", "fd00:10::/64", "fd00:9::/64", "9.0.0.0/8"] {
        decided(&mut ledger, &add(made.network.id, cidr)).unwrap();
    }
    let cidrs: Vec<_> =
        ledger.subnets_of(made.network.id).iter().map(|subnet| subnet.cidr.to_string()).collect();
    assert_eq!(cidrs, ["9.0.0.0/8", "10.9.0.0/24", "10.100.0.0/24", "fd00:9::/64", "fd00:10::/64"]);
}

#[test]
fn a_network_has_so_many_subnets_and_no_more() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    for number in 1..MOST_SUBNETS {
        decided(&mut ledger, &add(made.network.id, &format!("10.2.{number}.0/24"))).unwrap();
    }
    let told = reason(decided(&mut ledger, &add(made.network.id, "10.3.0.0/24")));
    assert!(told.starts_with("INVALID_FIELD: subnet: the network has 64 subnets"), "{told}");
}
