use super::*;
use crate::example::{decided, empty, made, network};

fn carving(range: &str, prefix_len: u8) -> Carving {
    let range: Cidr = range.parse().unwrap();
    Carving { range, prefix_len, like: SubnetSpec::new(range) }
}

fn carve_into(count: usize, ipv4: Carving) -> CarveNetworks {
    CarveNetworks { count, ipv4: Some(ipv4), ipv6: None, like: network("net", &[]) }
}

fn shown(networks: &[NetworkWithSubnets]) -> Vec<String> {
    let subnets = |made: &NetworkWithSubnets| {
        made.subnets.iter().map(|subnet| format!(" {}", subnet.cidr)).collect::<String>()
    };
    networks.iter().map(|made| format!("{}{}", made.network.label, subnets(made))).collect()
}

#[test]
fn a_range_becomes_many_networks_that_skip_what_is_occupied() {
    let mut ledger = empty();
    made(&mut ledger, network("old", &["10.0.1.0/25"]));
    let carved =
        CarveNetworks { ipv6: Some(carving("fd00::/48", 64)), ..carve_into(3, carving("10.0.0.0/16", 24)) };
    assert_eq!(
        shown(&decided(&mut ledger, &carved).unwrap()),
        [
            "net_0 10.0.0.0/24 fd00::/64",
            "net_1 10.0.2.0/24 fd00:0:0:1::/64",
            "net_2 10.0.3.0/24 fd00:0:0:2::/64",
        ]
    );
}

#[test]
fn a_single_network_keeps_its_label() {
    let mut ledger = empty();
    assert_eq!(
        shown(&decided(&mut ledger, &carve_into(1, carving("10.0.0.0/16", 24))).unwrap()),
        ["net 10.0.0.0/24"]
    );
}

#[test]
fn ipv6_is_not_carved_for_networks_that_cannot_carry_it() {
    let mut ledger = empty();
    let like = NetworkSpec { mtu: 576.try_into().unwrap(), ..network("narrow", &[]) };
    let carved = CarveNetworks { count: 1, ipv4: None, ipv6: Some(carving("fd00::/48", 64)), like };
    let refusal = decided(&mut ledger, &carved).unwrap_err();
    assert!(
        refusal.to_string().contains("fd00::/64 needs a network that carries at least 1280"),
        "{refusal}"
    );
    assert_eq!(ledger.changes(), []);
}

#[test]
fn too_little_room_makes_nothing() {
    let mut ledger = empty();
    made(&mut ledger, network("old", &["10.0.0.0/24"]));
    let before = ledger.changes().len();
    let refusal = decided(&mut ledger, &carve_into(4, carving("10.0.0.0/22", 24))).unwrap_err();
    assert_eq!(refusal.reason(), "INVALID_FIELD");
    assert!(refusal.to_string().starts_with("range_v4: 10.0.0.0/22 has room for 3 more"), "{refusal}");
    assert_eq!(ledger.changes().len(), before);
}

#[test]
fn b39_another_projects_prefixes_do_not_count() {
    let mut ledger = empty();
    let theirs = NetworkSpec { project: Some("p2".parse().unwrap()), ..network("theirs", &["10.0.0.0/24"]) };
    made(&mut ledger, theirs);
    let ours = NetworkSpec { project: Some("p1".parse().unwrap()), ..network("ours", &[]) };
    let carved = CarveNetworks { like: ours, ..carve_into(1, carving("10.0.0.0/24", 24)) };
    assert_eq!(shown(&decided(&mut ledger, &carved).unwrap()), ["ours 10.0.0.0/24"]);
}
