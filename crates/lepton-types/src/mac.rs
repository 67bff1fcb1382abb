//! [`MacAddr`]: 48-bit hardware addresses and the IPv6 addresses that follow from them.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Shown;

/// A 48-bit MAC address, shown in lower case with colons.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddr([u8; 6]);

/// A text that is not a MAC address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a MAC address (expected six pairs of hexadecimal digits, for example fa:16:3e:11:22:33)")]
pub struct MacAddrError(Shown);

impl MacAddr {
    /// The six octets, most significant first.
    pub fn octets(self) -> [u8; 6] {
        self.0
    }

    /// Whether this address may be an interface's own: not a group address and not all zeros.
    ///
    /// Source: IEEE 802-2014 §8.2.2 (the individual/group bit).
    pub fn is_unicast(self) -> bool {
        self.0[0] & 0x01 == 0 && self.0 != [0; 6]
    }

    /// The modified EUI-64 interface identifier: `fffe` in the middle, the universal/local bit flipped.
    ///
    /// Source: RFC 4291 appendix A.
    pub fn eui64(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([a ^ 0x02, b, c, 0xff, 0xfe, d, e, f])
    }

    /// The link-local IPv6 address that an interface with this MAC gives itself (RFC 4291 §2.5.6).
    pub fn link_local(self) -> Ipv6Addr {
        const PREFIX: u128 = 0xfe80 << 112;
        Ipv6Addr::from_bits(PREFIX | u128::from(self.eui64()))
    }
}

impl From<[u8; 6]> for MacAddr {
    fn from(octets: [u8; 6]) -> Self {
        Self(octets)
    }
}

impl FromStr for MacAddr {
    type Err = MacAddrError;

    fn from_str(text: &str) -> Result<Self, MacAddrError> {
        let error = || MacAddrError(Shown::new(text));
        let mut octets = [0; 6];
        let mut pairs = text.split(':');
        for octet in &mut octets {
            let pair = pairs.next().ok_or_else(error)?;
            if pair.len() != 2 || !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(error());
            }
            *octet = u8::from_str_radix(pair, 16).map_err(|_| error())?;
        }
        if pairs.next().is_some() { Err(error()) } else { Ok(Self(octets)) }
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

crate::as_text!(MacAddr, MacAddrError);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_mac_round_trips(octets in any::<[u8; 6]>()) {
            let mac = MacAddr::from(octets);
            prop_assert_eq!(mac.to_string().parse(), Ok(mac));
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "fa163e112233",
            "fa-16-3e-11-22-33",
            "fa:16:3e:11:22",
            "fa:16:3e:11:22:33:44",
            "+a:16:3e:11:22:33",
        ] {
            assert!(text.parse::<MacAddr>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_link_local_address_follows_from_the_mac() {
        let mac: MacAddr = "fa:16:3e:11:22:33".parse().unwrap();
        assert_eq!(mac.link_local().to_string(), "fe80::f816:3eff:fe11:2233");
    }
}
