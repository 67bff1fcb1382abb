use super::*;
use crate::{
    AllocateFloatingIp, DeleteNetwork, DeleteSubnet, GetNetwork, GetSubnet, ListNetworks, ModifyNetwork, Row,
    example::{changes, decided, empty, loaded, missing, unloaded},
};

pub(super) fn range(text: &str) -> Ipv4Range {
    text.parse().unwrap()
}

pub(super) fn pool(name: &str, ranges: &[&str]) -> CreateFloatingPool {
    CreateFloatingPool {
        name: name.parse().unwrap(),
        ranges: ranges.iter().map(|text| range(text)).collect(),
        interface: None,
    }
}

pub(super) fn ranges(pool: &FloatingPool) -> Vec<String> {
    pool.ranges.iter().flatten().map(|range| range.addresses.to_string()).collect()
}

pub(super) fn told<T: std::fmt::Debug>(outcome: Result<T, Refusal>) -> String {
    let refusal = outcome.unwrap_err();
    format!("{}: {refusal}", refusal.reason())
}

pub(super) fn allocation(pool: &str) -> AllocateFloatingIp {
    AllocateFloatingIp {
        project: Some("p1".parse().unwrap()),
        pool: pool.parse().unwrap(),
        address: None,
        scope: Scope::Everything,
    }
}

#[test]
fn a_pool_has_the_ranges_that_it_was_given_in_order() {
    let mut ledger = empty();
    let interface = Some("eth1".parse().unwrap());
    let made = decided(
        &mut ledger,
        &CreateFloatingPool {
            interface: interface.clone(),
            ..pool("nova", &["172.24.5.7", "172.24.4.0/29", "172.24.5.10-172.24.5.12"])
        },
    );
    let made = made.unwrap();
    assert_eq!(ranges(&made), ["172.24.4.0/29", "172.24.5.7", "172.24.5.10-172.24.5.12"]);
    assert!(made.ranges.iter().flatten().all(|range| range.interface == interface && range.allocated == 0));
    let network = ledger.row::<Network>(&made.id).unwrap();
    assert!(network.is_external && network.project.is_none());
    let subnet = ledger.row::<Subnet>(&made.ranges.unwrap()[0].subnet).unwrap();
    assert_eq!((subnet.cidr.to_string().as_str(), subnet.gateway), ("172.24.4.0/29", None));
}

#[test]
fn b54_the_same_range_again_changes_nothing_and_more_may_be_added() {
    let mut ledger = empty();
    let made = decided(&mut ledger, &pool("nova", &["172.24.4.0/29"])).unwrap();
    let before = ledger.changes().len();
    for again in [&["172.24.4.0/29", "172.24.4.1-172.24.4.6"][..], &["172.24.4.3-172.24.4.5"]] {
        assert_eq!(decided(&mut ledger, &pool("nova", again)).as_ref(), Ok(&made));
    }
    assert_eq!(changes(&ledger, before), [""; 0]);
    let more = decided(&mut ledger, &pool("nova", &["172.24.4.0/29", "10.9.0.1"])).unwrap();
    assert_eq!(ranges(&more), ["10.9.0.1", "172.24.4.0/29"]);
    assert_eq!(changes(&ledger, before), ["+frontier", "+range", "+subnet"]);
}

#[test]
fn a_range_that_overlaps_another_one_is_refused_by_its_name() {
    let mut ledger = empty();
    decided(&mut ledger, &pool("nova", &["172.24.4.0/24"])).unwrap();
    let before = ledger.changes().len();
    for (name, given) in
        [("nova", "172.24.4.254-172.24.4.255"), ("other", "172.24.0.0/16"), ("other", "172.24.4.0/24")]
    {
        let refusal = decided(&mut ledger, &pool(name, &["10.1.0.1", given])).unwrap_err();
        assert_eq!(
            refusal,
            Refusal::FloatingRangeOverlaps {
                range: range(given),
                other: range("172.24.4.0/24"),
                other_pool: "nova".parse().unwrap(),
                field: "ranges[1]".to_owned(),
            }
        );
    }
    let in_part = told(decided(&mut ledger, &pool("third", &["10.1.0.0/30", "10.1.0.2-10.1.0.9"])));
    assert_eq!(
        in_part,
        "FLOATING_RANGE_OVERLAPS: 10.1.0.0/30 overlaps 10.1.0.2-10.1.0.9 of pool third; leave the common addresses out"
    );
    assert_eq!(changes(&ledger, before), [""; 0], "all ranges or none");
}

#[test]
fn it_does_not_matter_in_which_order_ranges_are_told() {
    for told in [["172.24.4.6", "172.24.4.4-172.24.4.8"], ["172.24.4.4-172.24.4.8", "172.24.4.6"]] {
        let made = decided(&mut empty(), &pool("nova", &told)).unwrap();
        assert_eq!(ranges(&made), ["172.24.4.4-172.24.4.8"], "{told:?}");
    }
}

#[test]
fn what_was_taken_from_a_range_is_told_by_the_range_that_its_pool_lists() {
    let mut ledger = empty();
    decided(&mut ledger, &pool("nova", &["172.24.4.0/29"])).unwrap();
    let taken = DeleteFloatingRanges { pool: "nova".parse().unwrap(), ranges: vec![range("172.24.4.3")] };
    decided(&mut ledger, &taken).unwrap();
    let again = told(decided(&mut ledger, &pool("nova", &["172.24.4.0/29"])));
    assert!(again.contains("172.24.4.0/29 overlaps 172.24.4.0/29 of pool nova"), "{again}");
    let back = decided(&mut ledger, &pool("nova", &["172.24.4.3"])).unwrap();
    assert_eq!(ranges(&back), ["172.24.4.0/29", "172.24.4.3"]);
}

#[test]
fn a_range_stays_on_its_device() {
    let mut ledger = empty();
    let on = |device: Option<&str>| CreateFloatingPool {
        interface: device.map(|device| device.parse().unwrap()),
        ..pool("nova", &["172.24.4.0/24"])
    };
    decided(&mut ledger, &on(Some("eth1"))).unwrap();
    decided(&mut ledger, &on(None)).unwrap();
    decided(&mut ledger, &on(Some("eth1"))).unwrap();
    let refusal = told(decided(&mut ledger, &on(Some("eth2"))));
    assert_eq!(refusal, "INVALID_FIELD: interface: range 172.24.4.0/24 is on eth1 already; delete it first");
}

#[test]
fn a_range_that_is_on_two_devices_is_not_there_as_a_whole() {
    let mut ledger = empty();
    let whole = || pool("nova", &["172.24.4.0/29"]);
    decided(&mut ledger, &whole()).unwrap();
    let taken = DeleteFloatingRanges { pool: "nova".parse().unwrap(), ranges: vec![range("172.24.4.3")] };
    decided(&mut ledger, &taken).unwrap();
    let elsewhere =
        CreateFloatingPool { interface: Some("eth1".parse().unwrap()), ..pool("nova", &["172.24.4.3"]) };
    decided(&mut ledger, &elsewhere).unwrap();
    let before = ledger.changes().len();
    let again = told(decided(&mut ledger, &whole()));
    assert!(again.starts_with("FLOATING_RANGE_OVERLAPS: "), "{again}");
    assert_eq!(ledger.changes().len(), before);
}

#[test]
fn a_pool_has_so_many_ranges_and_no_more() {
    let mut ledger = empty();
    let names: Vec<String> = (0..=MOST_RANGES).map(|at| format!("10.{}.{}.1", at / 256, at % 256)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    decided(&mut ledger, &pool("nova", &names[1..])).unwrap();
    let refusal = told(decided(&mut ledger, &pool("nova", &names[..1])));
    assert!(refusal.starts_with("INVALID_FIELD: ranges: the pool would have 257 ranges"), "{refusal}");
}

#[test]
fn addresses_that_no_router_could_carry_are_refused() {
    let mut ledger = empty();
    let refusal = told(decided(&mut ledger, &pool("nova", &["10.0.0.1", "224.0.0.1"])));
    assert!(
        refusal.starts_with("INVALID_FIELD: ranges[1]: 224.0.0.1/32 holds nothing but multicast addresses"),
        "{refusal}"
    );
}

#[test]
fn b54_what_projects_have_is_not_deleted() {
    let mut ledger = empty();
    decided(&mut ledger, &pool("nova", &["172.24.4.0/30", "10.9.0.1"])).unwrap();
    assert_eq!(
        decided(&mut ledger, &allocation("nova")).unwrap().floating_ip.address.to_string(),
        "10.9.0.1"
    );
    let before = ledger.changes().len();
    let (name, in_use) = ("nova".parse::<Name>().unwrap(), range("10.9.0.1"));
    let expected = "FLOATING_POOL_IN_USE: floating IP 10.9.0.1 of pool nova is allocated; release it first";
    assert_eq!(told(decided(&mut ledger, &DeleteFloatingPool { name: name.clone() })), expected);
    let both = vec![range("172.24.4.0/30"), in_use];
    assert_eq!(
        told(decided(&mut ledger, &DeleteFloatingRanges { pool: name.clone(), ranges: both })),
        expected
    );
    assert_eq!(changes(&ledger, before), [""; 0]);

    let unused = DeleteFloatingRanges { pool: name.clone(), ranges: vec![range("172.24.4.0/30")] };
    assert_eq!(ranges(&decided(&mut ledger, &unused).unwrap()), ["10.9.0.1"]);
    assert_eq!(changes(&ledger, before), ["-range", "-subnet"]);
    let again = told(decided(&mut ledger, &unused));
    assert!(
        again.starts_with("FLOATING_RANGE_NOT_FOUND: pool nova has no address of 172.24.4.0/30"),
        "{again}"
    );
}

/// Of a range with two allocated addresses, the one that was seen is released in the batch that deletes the pool.
#[test]
fn an_address_that_is_not_in_use_is_not_told_as_the_one_that_is() {
    let mut ledger = empty();
    decided(&mut ledger, &pool("nova", &["172.24.4.0/30"])).unwrap();
    let delete = DeleteFloatingPool { name: "nova".parse().unwrap() };
    let range = ledger.rows::<FloatingRange>().next().unwrap().clone();
    ledger.replace(FloatingRange { allocated: 1, ..range.clone() });
    let refused = told(decided(&mut ledger, &delete));
    assert_eq!(refused, "FLOATING_POOL_IN_USE: a floating IP of pool nova is allocated; release it first");
    ledger.note_floating_ip_in(range.subnet, "172.24.4.2".parse().unwrap());
    let refused = told(decided(&mut ledger, &delete));
    assert!(refused.contains(": floating IP 172.24.4.2 of pool nova is allocated"), "{refused}");
}

#[test]
fn a_pool_that_nobody_uses_is_deleted_with_its_ranges() {
    let mut ledger = empty();
    decided(&mut ledger, &pool("nova", &["172.24.4.0/30", "10.9.0.1"])).unwrap();
    let name: Name = "nova".parse().unwrap();
    decided(&mut ledger, &DeleteFloatingPool { name: name.clone() }).unwrap();
    assert_eq!((ledger.rows::<Network>().count(), ledger.rows::<FloatingRange>().count()), (0, 0));
    let gone = told(decided(&mut ledger, &DeleteFloatingPool { name }));
    assert_eq!(gone, "FLOATING_POOL_NOT_FOUND: pool nova of floating IPs is not found");
    let anew = decided(&mut ledger, &pool("nova", &["172.24.4.0/30"])).unwrap();
    assert_eq!(ledger.row::<Network>(&anew.id).unwrap().sequence, 2, "no number is given twice");
}

#[test]
fn pools_are_listed_by_page_and_tenants_see_their_names() {
    let mut ledger = empty();
    for (name, address) in [("nova", "10.9.0.1"), ("blue", "10.9.0.2"), ("green", "10.9.0.3")] {
        decided(&mut ledger, &pool(name, &[address])).unwrap();
    }
    let mut list = ListFloatingPools { after: 0, limit: 2, scope: Scope::Everything };
    let first = decided(&mut ledger, &list).unwrap();
    list.after = first.next.unwrap();
    let second = decided(&mut ledger, &list).unwrap();
    let names: Vec<_> = first.pools.iter().chain(&second.pools).map(|pool| pool.name.to_string()).collect();
    assert_eq!((names.join(" ").as_str(), second.next), ("nova blue green", None));
    assert_eq!(ranges(&second.pools[0]), ["10.9.0.3"]);

    list.scope = Scope::Project("p1".parse().unwrap());
    let told = decided(&mut ledger, &list).unwrap();
    assert_eq!((told.pools[0].name.as_str(), &told.pools[0].ranges), ("green", &None));
}

/// Whoever asks for networks is not told of pools, and can do nothing with one by its id.
#[test]
fn a_pool_is_no_network_to_the_calls_about_networks() {
    let mut ledger = empty();
    let made = decided(&mut ledger, &pool("nova", &["172.24.4.0/30"])).unwrap();
    let (network, subnet) = (made.id, made.ranges.unwrap()[0].subnet);
    let scope = || Scope::Everything;
    let list = ListNetworks { project: None, after: 0, limit: 9, scope: scope() };
    assert_eq!(decided(&mut ledger, &list).unwrap().networks, []);
    let outcomes = [
        told(decided(&mut ledger, &GetNetwork { network, scope: scope() })),
        told(decided(&mut ledger, &DeleteNetwork { network, scope: scope() })),
        told(decided(
            &mut ledger,
            &ModifyNetwork {
                network,
                label: None,
                priority: None,
                project: None,
                host: None,
                is_injected: None,
                scope: scope(),
            },
        )),
        told(decided(&mut ledger, &GetSubnet { subnet, scope: scope() })),
        told(decided(&mut ledger, &DeleteSubnet { subnet, scope: scope() })),
    ];
    assert!(outcomes[..3].iter().all(|told| told.starts_with("NETWORK_NOT_FOUND")), "{outcomes:?}");
    assert!(outcomes[3..].iter().all(|told| told.starts_with("SUBNET_NOT_FOUND")), "{outcomes:?}");
}

#[test]
fn a_pool_is_made_in_two_rounds() {
    let mut ledger = unloaded();
    let command = pool("nova", &["172.24.4.0/30", "10.9.0.1"]);
    let keys = missing(&mut ledger, &command);
    assert_eq!(keys.len(), 4, "{keys:?}");
    loaded(&mut ledger, keys);
    decided(&mut ledger, &command).unwrap();
    assert_eq!(ledger.rows::<FloatingRange>().map(Row::key).count(), 2);
}

/// 64 pools may have 16,384 ranges, which is as much as an answer should have.
#[test]
fn a_page_of_pools_is_bounded_by_what_their_ranges_may_be() {
    let mut ledger = empty();
    for number in 0..=MOST_POOLS {
        decided(&mut ledger, &pool(&format!("pool-{number}"), &[&format!("10.9.0.{number}")])).unwrap();
    }
    let list = ListFloatingPools { after: 0, limit: 1000, scope: Scope::Everything };
    let first = decided(&mut ledger, &list).unwrap();
    assert_eq!(first.pools.len(), usize::from(MOST_POOLS));
    let second = decided(&mut ledger, &ListFloatingPools { after: first.next.unwrap(), ..list }).unwrap();
    assert_eq!((second.pools.len(), second.next), (1, None));
}
