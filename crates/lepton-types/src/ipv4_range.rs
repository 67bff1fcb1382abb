//! [`Ipv4Range`]: IPv4 addresses without a gap, as operators write them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use crate::{AddressFamily, AddressPool, Cidr, CidrError, Shown};

/// One or more IPv4 addresses without a gap.
///
/// Written as the prefix whose hosts they are (`172.24.4.0/28` is 14 addresses, without the network's and the broadcast
/// address), by their ends (`172.24.4.10-172.24.4.19`), or as the only one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ipv4Range {
    first: Ipv4Addr,
    last: Ipv4Addr,
}

/// A text that is no range of IPv4 addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ipv4RangeError {
    /// None of the three ways to write it.
    #[error(
        "{0} is no range of IPv4 addresses (expected for example 172.24.4.0/24, 172.24.4.10-172.24.4.19 or 172.24.4.7)"
    )]
    Malformed(Shown),
    /// A prefix that is none.
    #[error(transparent)]
    Prefix(#[from] CidrError),
    /// A prefix of the other family.
    #[error("{0} is no IPv4 prefix")]
    Family(Cidr),
    /// A prefix of which nothing is left without the network's and the broadcast address.
    #[error("{cidr} has fewer than 4 addresses, so no hosts; write {first}-{last} if both are meant", first = cidr.first(), last = cidr.last())]
    TooSmall {
        /// The prefix.
        cidr: Cidr,
    },
    /// The ends are the wrong way round.
    #[error("{first}-{last} ends before it begins; swap its ends")]
    Reversed {
        /// Where it would begin.
        first: Ipv4Addr,
        /// Where it would end.
        last: Ipv4Addr,
    },
}

impl Ipv4Range {
    /// The lowest address.
    pub fn first(self) -> Ipv4Addr {
        self.first
    }

    /// The highest address.
    pub fn last(self) -> Ipv4Addr {
        self.last
    }

    /// How many addresses there are, at least one.
    pub fn size(self) -> u64 {
        u64::from(self.last.to_bits() - self.first.to_bits()) + 1
    }

    /// Its addresses, ascending.
    pub fn addresses(self) -> impl Iterator<Item = Ipv4Addr> {
        (self.first.to_bits()..=self.last.to_bits()).map(Ipv4Addr::from_bits)
    }

    /// Whether `address` is one of them.
    pub fn contains(self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.first <= address && address <= self.last,
            IpAddr::V6(_) => false,
        }
    }

    /// Whether the two have an address in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// The addresses that both have; none when they have none in common.
    pub fn common(self, other: Self) -> Option<Self> {
        self.overlaps(other)
            .then(|| Self { first: self.first.max(other.first), last: self.last.min(other.last) })
    }

    /// What is left of it without the other's addresses, ascending: nothing, one range, or two.
    pub fn without(self, other: Self) -> impl Iterator<Item = Self> {
        let (before, behind) = (other.first.to_bits().checked_sub(1), other.last.to_bits().checked_add(1));
        let before = before.map(|end| (self.first, self.last.min(Ipv4Addr::from_bits(end))));
        let behind = behind.map(|start| (self.first.max(Ipv4Addr::from_bits(start)), self.last));
        before.into_iter().chain(behind).filter_map(|ends| Self::try_from(ends).ok())
    }

    /// The smallest prefix in which all of them are addresses of hosts.
    pub fn prefix(self) -> Cidr {
        let around = |length| Cidr::around(self.first.into(), length);
        let mut prefixes = (0..=AddressFamily::V4.bits()).rev().filter_map(around);
        prefixes.find(|prefix| hosts(*prefix).is_some_and(|hosts| hosts.includes(self))).unwrap_or(EVERYTHING)
    }

    /// The range as one that a subnet gives addresses from.
    pub fn pool(self) -> AddressPool {
        AddressPool { first: self.first.into(), last: self.last.into() }
    }

    fn includes(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

/// Every IPv4 address.
const EVERYTHING: Cidr = Cidr::v4(Ipv4Addr::UNSPECIFIED, 0);

/// The prefix's addresses that are a host's: all of one or two, else all but the first and the last.
fn hosts(prefix: Cidr) -> Option<Ipv4Range> {
    let (IpAddr::V4(first), IpAddr::V4(last)) = (prefix.first(), prefix.last()) else { return None };
    if last.to_bits() - first.to_bits() < 2 {
        return Some(Ipv4Range { first, last });
    }
    Some(Ipv4Range {
        first: Ipv4Addr::from_bits(first.to_bits() + 1),
        last: Ipv4Addr::from_bits(last.to_bits() - 1),
    })
}

impl From<Ipv4Addr> for Ipv4Range {
    /// The only address.
    fn from(address: Ipv4Addr) -> Self {
        Self { first: address, last: address }
    }
}

impl TryFrom<(Ipv4Addr, Ipv4Addr)> for Ipv4Range {
    type Error = Ipv4RangeError;

    fn try_from((first, last): (Ipv4Addr, Ipv4Addr)) -> Result<Self, Ipv4RangeError> {
        if first <= last { Ok(Self { first, last }) } else { Err(Ipv4RangeError::Reversed { first, last }) }
    }
}

impl TryFrom<AddressPool> for Ipv4Range {
    type Error = Ipv4RangeError;

    fn try_from(pool: AddressPool) -> Result<Self, Ipv4RangeError> {
        match (pool.first, pool.last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => (first, last).try_into(),
            (first, _) => Err(Ipv4RangeError::Malformed(Shown::new(&first.to_string()))),
        }
    }
}

impl FromStr for Ipv4Range {
    type Err = Ipv4RangeError;

    fn from_str(text: &str) -> Result<Self, Ipv4RangeError> {
        if text.contains('/') {
            return of_prefix(text.parse()?);
        }
        let malformed = |_| Ipv4RangeError::Malformed(Shown::new(text));
        let address = |text: &str| text.parse::<Ipv4Addr>().map_err(malformed);
        match text.split_once('-') {
            Some((first, last)) => (address(first)?, address(last)?).try_into(),
            None => Ok(address(text)?.into()),
        }
    }
}

fn of_prefix(prefix: Cidr) -> Result<Ipv4Range, Ipv4RangeError> {
    let hosts = hosts(prefix).ok_or(Ipv4RangeError::Family(prefix))?;
    if hosts.size() == 2 && prefix.first() == IpAddr::V4(hosts.first) {
        return Err(Ipv4RangeError::TooSmall { cidr: prefix });
    }
    Ok(hosts)
}

impl fmt::Display for Ipv4Range {
    /// In the shortest way that parses to the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = self.prefix();
        if self.first == self.last {
            self.first.fmt(f)
        } else if of_prefix(prefix) == Ok(*self) {
            prefix.fmt(f)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

crate::as_text!(Ipv4Range, Ipv4RangeError);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(text: &str) -> Ipv4Range {
        text.parse().unwrap()
    }

    fn ends(text: &str) -> String {
        let range = range(text);
        format!("{}-{} {}", range.first(), range.last(), range.size())
    }

    #[test]
    fn a_prefix_gives_its_hosts_and_ends_give_all_between_them() {
        assert_eq!(ends("172.24.4.0/30"), "172.24.4.1-172.24.4.2 2");
        assert_eq!(ends("172.24.4.0/29"), "172.24.4.1-172.24.4.6 6");
        assert_eq!(ends("172.24.4.0/28"), "172.24.4.1-172.24.4.14 14");
        assert_eq!(ends("172.24.4.7/32"), "172.24.4.7-172.24.4.7 1");
        assert_eq!(ends("172.24.4.7"), "172.24.4.7-172.24.4.7 1");
        assert_eq!(ends("172.24.4.0-172.24.4.255"), "172.24.4.0-172.24.4.255 256");
        assert_eq!(ends("0.0.0.0-255.255.255.255"), "0.0.0.0-255.255.255.255 4294967296");
    }

    #[test]
    fn what_is_no_range_says_why() {
        for (text, told) in [
            ("172.24.4", "\"172.24.4\" is no range of IPv4 addresses"),
            ("", "\"\" is no range"),
            ("172.24.4.1-", "\"172.24.4.1-\" is no range"),
            ("172.24.4.1-2", "\"172.24.4.1-2\" is no range"),
            ("fd00::1", "\"fd00::1\" is no range"),
            ("fd00::/120", "fd00::/120 is no IPv4 prefix"),
            ("172.24.4.1/24", "172.24.4.1/24 has host bits set"),
            (
                "172.24.4.0/31",
                "172.24.4.0/31 has fewer than 4 addresses, so no hosts; write 172.24.4.0-172.24.4.1",
            ),
            ("172.24.4.9-172.24.4.1", "172.24.4.9-172.24.4.1 ends before it begins"),
        ] {
            let error = text.parse::<Ipv4Range>().unwrap_err().to_string();
            assert!(error.starts_with(told), "{text:?}: {error}");
        }
    }

    #[test]
    fn its_prefix_is_the_smallest_in_which_all_are_hosts() {
        let prefix = |text: &str| range(text).prefix().to_string();
        assert_eq!(prefix("172.24.4.0/24"), "172.24.4.0/24");
        assert_eq!(prefix("172.24.4.7"), "172.24.4.7/32");
        assert_eq!(prefix("172.24.4.4-172.24.4.5"), "172.24.4.4/31");
        assert_eq!(prefix("172.24.4.5-172.24.4.6"), "172.24.4.4/30");
        assert_eq!(prefix("172.24.4.0-172.24.4.255"), "172.24.0.0/21");
        assert_eq!(prefix("172.24.4.1-172.24.4.254"), "172.24.4.0/24");
        assert_eq!(prefix("0.0.0.0-255.255.255.255"), "0.0.0.0/0");
    }

    #[test]
    fn a_range_is_written_in_the_shortest_way() {
        for (given, written) in [
            ("172.24.4.0/24", "172.24.4.0/24"),
            ("172.24.4.1-172.24.4.254", "172.24.4.0/24"),
            ("172.24.4.0-172.24.4.255", "172.24.4.0-172.24.4.255"),
            ("172.24.4.7/32", "172.24.4.7"),
            ("172.24.4.4-172.24.4.5", "172.24.4.4-172.24.4.5"),
        ] {
            assert_eq!(range(given).to_string(), written);
        }
    }

    #[test]
    fn ranges_that_share_an_address_overlap() {
        let base = range("172.24.4.10-172.24.4.19");
        for (other, is_shared) in [
            ("172.24.4.19", true),
            ("172.24.4.20", false),
            ("172.24.4.1-172.24.4.9", false),
            ("172.24.4.1-172.24.4.10", true),
            ("172.24.0.0/16", true),
            ("172.24.4.12-172.24.4.13", true),
        ] {
            assert_eq!((base.overlaps(range(other)), range(other).overlaps(base)), (is_shared, is_shared));
        }
    }

    #[test]
    fn what_two_ranges_share_and_what_is_left_of_one_without_the_other() {
        let base = range("172.24.4.10-172.24.4.19");
        for (other, shared, left) in [
            ("172.24.4.1-172.24.4.9", "", "172.24.4.10-172.24.4.19"),
            ("172.24.4.20", "", "172.24.4.10-172.24.4.19"),
            ("172.24.4.1-172.24.4.10", "172.24.4.10", "172.24.4.11-172.24.4.19"),
            ("172.24.4.19", "172.24.4.19", "172.24.4.10-172.24.4.18"),
            ("172.24.4.11-172.24.4.18", "172.24.4.11-172.24.4.18", "172.24.4.10 172.24.4.19"),
            ("172.24.4.10-172.24.4.19", "172.24.4.10-172.24.4.19", ""),
            ("0.0.0.0-255.255.255.255", "172.24.4.10-172.24.4.19", ""),
        ] {
            let left_over: Vec<_> = base.without(range(other)).map(|range| range.to_string()).collect();
            let common = base.common(range(other)).map(|range| range.to_string());
            assert_eq!((common.unwrap_or_default().as_str(), left_over.join(" ").as_str()), (shared, left));
        }
        let all = range("0.0.0.0-255.255.255.255");
        let left: Vec<_> = all.without(range("0.0.0.0-255.255.255.254")).collect();
        assert_eq!(left, [range("255.255.255.255")]);
    }

    proptest! {
        #[test]
        fn a_range_round_trips_and_is_inside_its_prefix(a in any::<u32>(), b in any::<u32>(), near in 0..600_u32) {
            for last in [b, a.saturating_add(near)] {
                let (first, last) = (Ipv4Addr::from_bits(a.min(last)), Ipv4Addr::from_bits(a.max(last)));
                let range = Ipv4Range::try_from((first, last)).unwrap();
                prop_assert_eq!(range.to_string().parse(), Ok(range));
                let prefix = range.prefix();
                prop_assert!(prefix.contains(first.into()) && prefix.contains(last.into()));
            }
        }
    }
}
