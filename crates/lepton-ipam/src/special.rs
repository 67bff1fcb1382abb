//! [`Special`]: addresses that mean the same on every network, so that no guest anywhere may have one.
//!
//! | range | what it is | source |
//! |---|---|---|
//! | `0.0.0.0/8` | this network | RFC 1122 §3.2.1.3 |
//! | `127.0.0.0/8` | loopback | RFC 1122 §3.2.1.3 |
//! | `169.254.0.0/16` | link-local | RFC 3927 §2.1 |
//! | `224.0.0.0/4` | multicast | RFC 5771 |
//! | `240.0.0.0/4` | reserved, and broadcast | RFC 1112 §4, RFC 919 §7 |
//! | `::/96` | unspecified, loopback, and what was IPv4-compatible | RFC 4291 §2.5 |
//! | `::ffff:0:0/96` | IPv4-mapped | RFC 4291 §2.5.5.2 |
//! | `fe80::/10` | link-local: every port has one of its own | RFC 4291 §2.5.6 |
//! | `ff00::/8` | multicast | RFC 4291 §2.7 |

use lepton_types::Cidr;

/// A range of such addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Special {
    /// All of them.
    pub(crate) range: Cidr,
    /// What they are.
    pub(crate) kind: &'static str,
}

const RANGES: [(&str, &str); 9] = [
    ("0.0.0.0/8", "\"this network\""),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/96", "unspecified and loopback"),
    ("::ffff:0:0/96", "IPv4-mapped"),
    ("fe80::/10", "link-local"),
    ("ff00::/8", "multicast"),
];

impl Special {
    /// The first range that has an address of the prefix.
    pub(crate) fn within(cidr: Cidr) -> Option<Self> {
        let mut ranges = RANGES
            .into_iter()
            .map(|(range, kind)| Self { range: range.parse().expect("a test parses every range"), kind });
        ranges.find(|special| special.range.overlaps(cidr))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(cidr: &str) -> Option<&'static str> {
        Special::within(cidr.parse().unwrap()).map(|special| special.kind)
    }

    #[test]
    fn every_range_is_found_in_itself() {
        for (range, kind) in RANGES {
            assert_eq!(within(range), Some(kind), "{range}");
        }
    }

    #[test]
    fn what_lies_inside_and_what_reaches_into_a_range_is_found() {
        for cidr in [
            "0.0.0.0/32",
            "127.1.2.0/24",
            "169.254.169.254/32",
            "255.255.255.255/32",
            "128.0.0.0/1",
            "0.0.0.0/0",
            "::/0",
            "::1/128",
            "fe80::/64",
            "febf::/16",
            "::ffff:10.0.0.0/104",
            "ff02::1/128",
        ] {
            assert!(within(cidr).is_some(), "{cidr}");
        }
    }

    #[test]
    fn what_guests_have_is_free() {
        for cidr in [
            "10.0.0.0/8",
            "1.0.0.0/8",
            "100.64.0.0/10",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.253.0.0/16",
            "223.255.255.0/24",
            "fd00::/8",
            "2001:db8::/32",
            "2000::/3",
            "64:ff9b::/96",
            "fec0::/10",
        ] {
            assert_eq!(within(cidr), None, "{cidr}");
        }
    }
}
