use std::net::IpAddr;

use lepton_types::{AddressFamily, AddressMode};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{check_requested, first_block};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn pool(first: &str, last: &str) -> AddressPool {
    AddressPool { first: ip(first), last: ip(last) }
}

fn spec(cidr: &str) -> SubnetSpec {
    SubnetSpec::new(cidr.parse().unwrap())
}

fn plan(spec: &SubnetSpec) -> Result<Subnet, SubnetSpecError> {
    spec.plan(Uuid::from_u128(1).into(), Uuid::from_u128(2).into())
}

/// The field at fault and what is said of it.
fn refusal(spec: &SubnetSpec) -> (String, String) {
    let error = plan(spec).unwrap_err();
    (error.field().to_string(), error.to_string())
}

fn told(field: &str, text: &str) -> (String, String) {
    (field.to_owned(), text.to_owned())
}

#[test]
fn an_ipv4_subnet_gets_a_gateway_and_a_pool_of_all_hosts() {
    for (cidr, gateway, first, last) in [
        ("32.0.0.0/3", "32.0.0.1", "32.0.0.1", "63.255.255.254"),
        ("10.0.0.0/8", "10.0.0.1", "10.0.0.1", "10.255.255.254"),
        ("10.1.0.0/24", "10.1.0.1", "10.1.0.1", "10.1.0.254"),
        ("10.1.0.4/30", "10.1.0.5", "10.1.0.5", "10.1.0.6"),
        ("10.1.0.4/31", "10.1.0.4", "10.1.0.4", "10.1.0.5"),
    ] {
        let subnet = plan(&spec(cidr)).unwrap();
        assert_eq!((subnet.gateway, subnet.mode), (Some(ip(gateway)), AddressMode::Pool), "{cidr}");
        assert_eq!(subnet.pools, [pool(first, last)], "{cidr}");
    }
}

#[test]
fn an_ipv6_subnet_gets_addresses_from_macs_when_it_is_a_64_and_from_a_pool_otherwise() {
    let subnet = plan(&spec("fd00:1::/64")).unwrap();
    assert_eq!((subnet.gateway, subnet.mode), (Some(ip("fd00:1::1")), AddressMode::Eui64));
    assert_eq!(subnet.pools, []);
    for (cidr, gateway, first, last) in [
        ("fd00::/8", "fd00::1", "fd00::1", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fd00::/120", "fd00::1", "fd00::1", "fd00::ff"),
        ("fd00::/126", "fd00::1", "fd00::1", "fd00::3"),
        ("fd00::/127", "fd00::", "fd00::", "fd00::1"),
    ] {
        let subnet = plan(&spec(cidr)).unwrap();
        assert_eq!((subnet.gateway, subnet.mode), (Some(ip(gateway)), AddressMode::Pool), "{cidr}");
        assert_eq!(subnet.pools, [pool(first, last)], "{cidr}");
    }
}

#[test]
fn a_64_with_pools_or_by_wish_chooses_from_pools() {
    let pools = vec![pool("fd00::10", "fd00::1f")];
    let with_pools = plan(&SubnetSpec { pools: pools.clone(), ..spec("fd00::/64") }).unwrap();
    assert_eq!((with_pools.mode, with_pools.pools), (AddressMode::Pool, pools));
    let by_wish = plan(&SubnetSpec { mode: Some(AddressMode::Pool), ..spec("fd00::/64") }).unwrap();
    assert_eq!(by_wish.pools, [pool("fd00::1", "fd00::ffff:ffff:ffff:ffff")]);
}

#[test]
fn eui64_is_refused_where_it_has_no_meaning() {
    let wish = |cidr: &str| SubnetSpec { mode: Some(AddressMode::Eui64), ..spec(cidr) };
    assert!(plan(&wish("fd00::/64")).is_ok());
    for cidr in ["fd00::/63", "fd00::/65", "10.0.0.0/8"] {
        let text = format!(
            "addresses that follow from ports need an IPv6 /64, and {cidr} is none; choose addresses from a pool instead"
        );
        assert_eq!(refusal(&wish(cidr)), told("address_mode", &text));
    }
    assert_eq!(
        refusal(&SubnetSpec { pools: vec![pool("fd00::1", "fd00::2")], ..wish("fd00::/64") }),
        told(
            "allocation_pools",
            "addresses that follow from ports are not chosen from pools; leave the pools out or choose addresses from them"
        )
    );
}

#[test]
fn a_gateway_may_be_any_address_of_the_prefix_that_is_not_reserved() {
    let at = |cidr: &str, gateway: &str| SubnetSpec { gateway: Gateway::At(ip(gateway)), ..spec(cidr) };
    for (cidr, gateway) in [
        ("10.1.0.0/24", "10.1.0.254"),
        ("10.1.0.0/24", "10.1.0.77"),
        ("10.1.0.0/31", "10.1.0.1"),
        ("fd00::/64", "fd00::ffff:ffff:ffff:ffff"),
        ("fd00::/127", "fd00::"),
    ] {
        assert_eq!(plan(&at(cidr, gateway)).unwrap().gateway, Some(ip(gateway)));
    }
    for (cidr, gateway, text) in [
        ("10.1.0.0/24", "10.1.1.1", "the gateway 10.1.1.1 is outside 10.1.0.0/24"),
        ("10.1.0.0/24", "fd00::1", "the gateway fd00::1 is not an IPv4 address, as 10.1.0.0/24 needs"),
        ("fd00::/64", "10.1.0.1", "the gateway 10.1.0.1 is not an IPv6 address, as fd00::/64 needs"),
        (
            "10.1.0.0/24",
            "10.1.0.0",
            "the gateway 10.1.0.0 is the network address of 10.1.0.0/24; use another address",
        ),
        (
            "10.1.0.0/24",
            "10.1.0.255",
            "the gateway 10.1.0.255 is the broadcast address of 10.1.0.0/24; use another address",
        ),
        (
            "fd00::/64",
            "fd00::",
            "the gateway fd00:: is the subnet-router anycast address of fd00::/64; use another address",
        ),
    ] {
        assert_eq!(refusal(&at(cidr, gateway)), told("gateway", text));
    }
}

#[test]
fn a_prefix_of_a_single_address_has_room_for_a_guest_or_a_gateway() {
    for (cidr, address) in [("10.1.0.4/32", "10.1.0.4"), ("fd00::/128", "fd00::")] {
        let text = format!(
            "{cidr} is too small for what is reserved: with {address} as the gateway no address is left to give out; \
             use a larger prefix or no gateway"
        );
        assert_eq!(refusal(&spec(cidr)), told("cidr", &text));
        assert_eq!(
            refusal(&SubnetSpec { gateway: Gateway::At(ip(address)), ..spec(cidr) }),
            told("cidr", &text)
        );
        let without = plan(&SubnetSpec { gateway: Gateway::None, ..spec(cidr) }).unwrap();
        assert_eq!(without.pools, [pool(address, address)]);
        assert_eq!(check_requested(&without, ip(address)), Ok(()));
    }
}

#[test]
fn pools_come_out_ascending() {
    let given = vec![
        pool("10.1.0.200", "10.1.0.220"),
        pool("10.1.0.10", "10.1.0.19"),
        pool("10.1.0.20", "10.1.0.20"),
    ];
    let subnet = plan(&SubnetSpec { pools: given.clone(), ..spec("10.1.0.0/24") }).unwrap();
    assert_eq!(subnet.pools, [given[1], given[2], given[0]]);
}

#[test]
fn a_wrong_pool_is_named_by_its_place() {
    let good = pool("10.1.0.10", "10.1.0.20");
    let with = |wrong: AddressPool| SubnetSpec { pools: vec![good, wrong], ..spec("10.1.0.0/24") };
    for (wrong, text) in [
        (pool("10.1.0.30", "10.1.0.29"), "the pool 10.1.0.30-10.1.0.29 ends before it begins; swap its ends"),
        (pool("10.1.0.30", "10.1.1.1"), "the pool 10.1.0.30-10.1.1.1 is not inside 10.1.0.0/24"),
        (pool("10.0.0.30", "10.1.0.5"), "the pool 10.0.0.30-10.1.0.5 is not inside 10.1.0.0/24"),
        (
            pool("fd00::1", "fd00::2"),
            "the pool fd00::1-fd00::2 does not have IPv4 addresses, as 10.1.0.0/24 needs",
        ),
        (
            pool("10.1.0.30", "fd00::2"),
            "the pool 10.1.0.30-fd00::2 does not have IPv4 addresses, as 10.1.0.0/24 needs",
        ),
        (
            pool("10.1.0.1", "10.1.0.10"),
            "the pool 10.1.0.1-10.1.0.10 overlaps the pool 10.1.0.10-10.1.0.20; join them or move one",
        ),
        (good, "the pool 10.1.0.10-10.1.0.20 overlaps the pool 10.1.0.10-10.1.0.20; join them or move one"),
    ] {
        assert_eq!(refusal(&with(wrong)), told("allocation_pools[1]", text));
    }
}

#[test]
fn pools_of_reserved_addresses_alone_are_refused() {
    let pools = vec![pool("10.1.0.255", "10.1.0.255"), pool("10.1.0.0", "10.1.0.1")];
    assert_eq!(
        refusal(&SubnetSpec { pools: pools.clone(), ..spec("10.1.0.0/24") }),
        told(
            "allocation_pools",
            "the pools hold nothing but reserved addresses of 10.1.0.0/24; make them larger or leave them out"
        )
    );
    assert!(
        plan(&SubnetSpec { pools, gateway: Gateway::None, ..spec("10.1.0.0/24") }).is_ok(),
        "10.1.0.1 is free"
    );
}

#[test]
fn limits_hold_to_the_last_allowed_value() {
    let pools: Vec<_> =
        (1..=65).map(|octet| pool(&format!("10.1.0.{octet}"), &format!("10.1.0.{octet}"))).collect();
    assert!(plan(&SubnetSpec { pools: pools[..64].to_vec(), ..spec("10.1.0.0/24") }).is_ok());
    assert_eq!(
        refusal(&SubnetSpec { pools, ..spec("10.1.0.0/24") }),
        told("allocation_pools", "65 allocation pools are too many (expected at most 64)")
    );

    let dns = vec![ip("9.9.9.9"); 17];
    assert!(plan(&SubnetSpec { dns: dns[..16].to_vec(), ..spec("10.1.0.0/24") }).is_ok());
    let text = "17 name servers are too many (expected at most 16)";
    assert_eq!(refusal(&SubnetSpec { dns, ..spec("10.1.0.0/24") }), told("dns", text));

    let year = Duration::from_secs(31_536_000);
    assert!(plan(&SubnetSpec { quarantine: year, ..spec("10.1.0.0/24") }).is_ok());
    let quarantine = year + Duration::from_millis(500);
    let text = "a quarantine of 31536000.5s is too long (expected at most 31536000 s, 365 days)";
    assert_eq!(refusal(&SubnetSpec { quarantine, ..spec("10.1.0.0/24") }), told("quarantine", text));
}

#[test]
fn prefixes_that_no_guest_can_live_in_are_refused() {
    for (cidr, kind, range) in [
        ("224.0.0.0/4", "multicast", "224.0.0.0/4"),
        ("239.1.2.0/24", "multicast", "224.0.0.0/4"),
        ("ff00::/8", "multicast", "ff00::/8"),
        ("127.0.0.0/8", "loopback", "127.0.0.0/8"),
        ("fe80::/64", "link-local", "fe80::/10"),
        ("255.255.255.255/32", "reserved", "240.0.0.0/4"),
        ("224.0.0.0/3", "multicast", "224.0.0.0/4"),
    ] {
        let text = format!(
            "{cidr} holds nothing but {kind} addresses ({range}), which guests cannot have; use another prefix"
        );
        assert_eq!(refusal(&spec(cidr)), told("cidr", &text));
    }
}

#[test]
fn a_wide_prefix_gives_nothing_that_no_guest_can_have() {
    let all = plan(&spec("0.0.0.0/0")).unwrap();
    assert_eq!((all.gateway, all.pools.len()), (Some(ip("1.0.0.0")), 2));
    let at = |gateway: &str| SubnetSpec { gateway: Gateway::At(ip(gateway)), ..spec("0.0.0.0/0") };
    let text = "the gateway 127.0.0.1 is a loopback address of 0.0.0.0/0; use another address";
    assert_eq!(refusal(&at("127.0.0.1")), told("gateway", text));
    let pools = vec![AddressPool { first: ip("126.0.0.1"), last: ip("130.0.0.1") }];
    let text = "the pool 126.0.0.1-130.0.0.1 holds loopback addresses (127.0.0.0/8), which guests cannot have; leave \
                them out";
    assert_eq!(refusal(&SubnetSpec { pools, ..spec("0.0.0.0/0") }), told("allocation_pools[0]", text));
    assert!(check_requested(&all, ip("224.0.0.1")).is_err());
    assert!(check_requested(&all, ip("169.254.0.1")).is_ok());
}

/// Specifications that are mostly valid, small prefixes and pools at their edges above all.
fn any_spec() -> impl Strategy<Value = SubnetSpec> {
    let length = prop_oneof![0_u8..=12, Just(64 - 8), 20_u8..=24];
    (any::<bool>(), any::<u128>(), length, any::<u8>(), prop::collection::vec((0_u16..300, 0_u16..40), 0..4))
        .prop_map(|(is_v6, bits, host_bits, gateway, pools)| {
            let family = if is_v6 { AddressFamily::V6 } else { AddressFamily::V4 };
            let host_bits = if is_v6 { host_bits } else { host_bits.min(32) };
            let mask = (1_u128 << host_bits) - 1;
            let base = if is_v6 { bits & !mask } else { bits & 0xdfff_ffff & !mask };
            let at = |offset: u128| crate::bits::address_at(family, base + (offset & mask)).unwrap();
            let cidr = format!("{}/{}", at(0), family.bits() - host_bits).parse().unwrap();
            let gateway = match gateway % 4 {
                0 => Gateway::None,
                1 => Gateway::At(at(u128::from(gateway))),
                _ => Gateway::Default,
            };
            let pools = pools.into_iter().map(|(first, length)| AddressPool {
                first: at(first.into()),
                last: at(u128::from(first) + u128::from(length)),
            });
            SubnetSpec { gateway, pools: pools.collect(), ..SubnetSpec::new(cidr) }
        })
}

proptest! {
    /// Asking for what was planned gives the same plan: nothing was left open, and nothing in it is invalid.
    #[test]
    fn a_plan_asked_for_is_the_plan(spec in any_spec()) {
        if let Ok(subnet) = plan(&spec) {
            let again = SubnetSpec {
                cidr: subnet.cidr,
                gateway: subnet.gateway.map_or(Gateway::None, Gateway::At),
                dns: subnet.dns.clone(),
                mode: Some(subnet.mode),
                pools: subnet.pools.clone(),
                quarantine: subnet.quarantine,
            };
            prop_assert_eq!(plan(&again), Ok(subnet));
        }
    }

    /// A planned subnet is what the rest of the crate relies on.
    #[test]
    fn a_plan_is_consistent(spec in any_spec()) {
        if let Ok(subnet) = plan(&spec) {
            prop_assert!(subnet.gateway.is_none_or(|gateway| subnet.cidr.contains(gateway)));
            prop_assert!(subnet.pools.iter().all(|pool| pool.first <= pool.last));
            prop_assert!(subnet.pools.iter().all(|pool| subnet.cidr.contains(pool.first) && subnet.cidr.contains(pool.last)));
            prop_assert!(subnet.pools.windows(2).all(|pair| pair[0].last < pair[1].first));
            prop_assert_eq!(first_block(&subnet).is_some(), subnet.mode == AddressMode::Pool);
        }
    }
}
