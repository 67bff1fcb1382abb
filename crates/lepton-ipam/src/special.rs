//! [`Special`]: the special-purpose addresses (RFC 6890), and multicast, that mean the same on every network, so that no
//! guest anywhere may have one. A prefix may reach over them; its pools then leave them out.
//!
//! | range | what it is | source |
//! |---|---|---|
//! | `0.0.0.0/8` | this network | RFC 1122 §3.2.1.3 |
//! | `127.0.0.0/8` | loopback | RFC 1122 §3.2.1.3 |
//! | `224.0.0.0/4` | multicast | RFC 5771 |
//! | `240.0.0.0/4` | reserved, and broadcast | RFC 1112 §4, RFC 919 §7 |
//! | `::/96` | unspecified, loopback, and what was IPv4-compatible | RFC 4291 §2.5 |
//! | `::ffff:0:0/96` | IPv4-mapped | RFC 4291 §2.5.5.2 |
//! | `fe80::/10` | link-local: every port has one of its own | RFC 4291 §2.5.6 |
//! | `ff00::/8` | multicast | RFC 4291 §2.7 |
//!
//! The rest of IANA's registries of such addresses is ordinary on a network of somebody's own: private and shared ranges,
//! and those for documentation and benchmarks. So is `169.254.0.0/16`, which operators give to routers' inner networks; an
//! IPv4 host gives itself one only where nobody does (RFC 3927). `64:ff9b::/96` and `2002::/16` mean other hosts only where
//! there is a translator (RFC 6052) or a 6to4 relay (RFC 3056), and are then prefixes that a site may have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use lepton_types::{AddressPool, Cidr};

use crate::{
    bits::{address_at, bits_of},
    reserved::{first_host, last_host},
};

/// A range of such addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Special {
    /// All of them.
    pub range: Cidr,
    /// What they are.
    pub kind: &'static str,
}

/// Ascending in each family.
const RANGES: [Special; 8] = [
    v4([0, 0, 0, 0], 8, "\"this network\""),
    v4([127, 0, 0, 0], 8, "loopback"),
    v4([224, 0, 0, 0], 4, "multicast"),
    v4([240, 0, 0, 0], 4, "reserved"),
    v6([0; 8], 96, "unspecified and loopback"),
    v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, "IPv4-mapped"),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link-local"),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast"),
];

const fn v4([a, b, c, d]: [u8; 4], prefix_len: u8, kind: &'static str) -> Special {
    Special { range: Cidr::v4(Ipv4Addr::new(a, b, c, d), prefix_len), kind }
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix_len: u8, kind: &'static str) -> Special {
    Special { range: Cidr::v6(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix_len), kind }
}

impl Special {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        RANGES.into_iter()
    }

    /// The range that the address is in.
    pub(crate) fn of(address: IpAddr) -> Option<Self> {
        Self::all().find(|special| special.range.contains(address))
    }

    /// The range that the whole prefix is in. No route leads there: such addresses mean something on each host or link.
    pub fn around(cidr: Cidr) -> Option<Self> {
        Self::of(cidr.first()).filter(|special| special.range.contains(cidr.last()))
    }

    /// The first range that has an address of the prefix.
    pub(crate) fn in_prefix(cidr: Cidr) -> Option<Self> {
        Self::all().find(|special| special.range.overlaps(cidr))
    }

    /// The first range that has an address of the pool.
    pub(crate) fn in_pool(pool: AddressPool) -> Option<Self> {
        Self::all().find(|special| {
            special.range.contains(pool.first)
                || special.range.contains(pool.last)
                || pool.contains(special.range.first())
        })
    }
}

/// Everything in the prefix that a guest may have, ascending.
pub(crate) fn ordinary(cidr: Cidr) -> Vec<AddressPool> {
    let at = |bits| address_at(cidr.family(), bits).expect("an address between two of a family is one of it");
    let mut pools = Vec::new();
    let (mut next, last) = (bits_of(first_host(cidr)), bits_of(last_host(cidr)));
    for special in Special::all().filter(|special| special.range.overlaps(cidr)) {
        let (from, to) = (bits_of(special.range.first()), bits_of(special.range.last()));
        if next < from {
            pools.push(AddressPool { first: at(next), last: at(last.min(from - 1)) });
        }
        match to.checked_add(1) {
            Some(behind) => next = next.max(behind),
            None => return pools,
        }
    }
    if next <= last {
        pools.push(AddressPool { first: at(next), last: at(last) });
    }
    pools
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pools(cidr: &str) -> Vec<String> {
        let pools = ordinary(cidr.parse().unwrap());
        pools.iter().map(|pool| format!("{}-{}", pool.first, pool.last)).collect()
    }

    #[test]
    fn every_range_is_documented_found_by_its_ends_and_leaves_nothing() {
        let rows = include_str!("special.rs").lines().filter_map(|line| line.strip_prefix("//! | `"));
        let documented = rows.map(|row| row.split('`').next().unwrap().parse::<Cidr>().unwrap());
        assert!(documented.eq(RANGES.map(|special| special.range)));
        for special in RANGES {
            let range = special.range;
            for address in [range.first(), range.last()] {
                assert_eq!(Special::of(address), Some(special));
            }
            assert_eq!(Special::in_prefix(range), Some(special));
            assert_eq!(pools(&range.to_string()), [""; 0], "{range}");
        }
    }

    #[test]
    fn an_ordinary_prefix_is_one_pool_of_its_hosts() {
        assert_eq!(pools("10.1.0.0/24"), ["10.1.0.1-10.1.0.254"]);
        assert_eq!(pools("192.168.0.0/31"), ["192.168.0.0-192.168.0.1"]);
        assert_eq!(pools("169.254.192.0/18"), ["169.254.192.1-169.254.255.254"]);
        assert_eq!(pools("fd00::/127"), ["fd00::-fd00::1"]);
        assert_eq!(pools("2001:db8::/112"), ["2001:db8::1-2001:db8::ffff"]);
    }

    #[test]
    fn a_wide_prefix_leaves_out_what_no_guest_may_have() {
        assert_eq!(pools("0.0.0.0/0"), ["1.0.0.0-126.255.255.255", "128.0.0.0-223.255.255.255"]);
        assert_eq!(pools("126.0.0.0/7"), ["126.0.0.1-126.255.255.255"]);
        assert_eq!(pools("0.0.0.0/7"), ["1.0.0.0-1.255.255.254"]);
        assert_eq!(pools("224.0.0.0/3"), [""; 0]);
        assert_eq!(
            pools("::/0"),
            [
                "::1:0:0-::fffe:ffff:ffff",
                "::1:0:0:0-fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "fec0::-feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
            ]
        );
        assert_eq!(pools("::1/128"), [""; 0]);
    }

    #[test]
    fn a_pool_around_or_across_a_range_is_found() {
        let kind = |first: &str, last: &str| {
            let pool = AddressPool { first: first.parse().unwrap(), last: last.parse().unwrap() };
            Special::in_pool(pool).map(|special| special.kind)
        };
        assert_eq!(kind("126.0.0.1", "128.0.0.1"), Some("loopback"));
        assert_eq!(kind("126.0.0.1", "127.0.0.0"), Some("loopback"));
        assert_eq!(kind("127.255.255.255", "128.0.0.1"), Some("loopback"));
        assert_eq!(kind("10.0.0.1", "126.255.255.255"), None);
    }
}
