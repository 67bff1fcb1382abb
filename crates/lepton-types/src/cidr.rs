//! [`Cidr`]: an address prefix without host bits.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::Shown;

/// An IPv4 or IPv6 prefix such as `10.1.0.0/24`; no host bit is set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr(IpNet);

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AddressFamily {
    /// IPv4.
    #[serde(rename = "4")]
    V4,
    /// IPv6.
    #[serde(rename = "6")]
    V6,
}

/// A text that is not a prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// Not `ADDRESS/LENGTH` at all.
    #[error("{0} is not a CIDR (expected ADDRESS/LENGTH, for example 10.1.0.0/24 or fd00:1::/64)")]
    Malformed(Shown),
    /// A prefix whose address part lies inside it.
    #[error("{given} has host bits set; the network that contains it is {corrected}")]
    HostBits {
        /// What was given.
        given: IpNet,
        /// The same prefix with the host bits cleared.
        corrected: Cidr,
    },
}

impl AddressFamily {
    /// The family that `address` belongs to.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// 4 or 6.
    pub fn version(self) -> u8 {
        match self {
            Self::V4 => 4,
            Self::V6 => 6,
        }
    }

    /// Length of an address, in bits.
    pub fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

impl fmt::Display for AddressFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IPv{}", self.version())
    }
}

impl Cidr {
    /// An IPv4 prefix for a constant, so that one which cannot be does not compile.
    ///
    /// # Panics
    ///
    /// When it is longer than an address, or has host bits set.
    pub const fn v4(first: Ipv4Addr, prefix_len: u8) -> Self {
        let net = Ipv4Net::new_assert(first, prefix_len);
        assert!(
            matches!(first.to_bits().checked_shl(prefix_len as u32), None | Some(0)),
            "host bits are set"
        );
        Self(IpNet::V4(net))
    }

    /// The same of IPv6.
    ///
    /// # Panics
    ///
    /// As [`Cidr::v4`].
    pub const fn v6(first: Ipv6Addr, prefix_len: u8) -> Self {
        let net = Ipv6Net::new_assert(first, prefix_len);
        assert!(
            matches!(first.to_bits().checked_shl(prefix_len as u32), None | Some(0)),
            "host bits are set"
        );
        Self(IpNet::V6(net))
    }

    /// The prefix of this length that contains `address`; none when the family has no such length.
    pub fn around(address: IpAddr, prefix_len: u8) -> Option<Self> {
        IpNet::new(address, prefix_len).ok().map(Self::from)
    }

    /// The prefix of one address.
    pub fn only(address: IpAddr) -> Self {
        Self(IpNet::from(address))
    }

    /// The first address of the prefix.
    pub fn first(self) -> IpAddr {
        self.0.network()
    }

    /// The last address of the prefix.
    pub fn last(self) -> IpAddr {
        self.0.broadcast()
    }

    /// The prefix with this netmask, such as 255.255.255.0, that contains `address`; none when it is no netmask of the family.
    pub fn with_netmask(address: IpAddr, netmask: IpAddr) -> Option<Self> {
        IpNet::with_netmask(address, netmask).ok().map(Self::from)
    }

    /// The prefix's netmask as an address, such as 255.255.255.0.
    pub fn netmask(self) -> IpAddr {
        self.0.netmask()
    }

    /// The prefix as `ipnet` knows it.
    pub(crate) fn net(self) -> IpNet {
        self.0
    }

    /// Length of the prefix, in bits.
    pub fn prefix_len(self) -> u8 {
        self.0.prefix_len()
    }

    /// Which protocol's addresses these are.
    pub fn family(self) -> AddressFamily {
        AddressFamily::of(self.first())
    }

    /// Whether `address` lies in the prefix.
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// Whether the two prefixes share an address.
    pub fn overlaps(self, other: Self) -> bool {
        self.0.contains(&other.first()) || other.0.contains(&self.first())
    }
}

impl From<IpNet> for Cidr {
    /// Clears the host bits.
    fn from(net: IpNet) -> Self {
        Self(net.trunc())
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let given = plain(text).ok_or_else(|| CidrError::Malformed(Shown::new(text)))?;
        let corrected = Self::from(given);
        if corrected.0 == given { Ok(corrected) } else { Err(CidrError::HostBits { given, corrected }) }
    }
}

/// `ADDRESS/LENGTH`, both in decimal without leading zeros: some read `010` as eight.
fn plain(text: &str) -> Option<IpNet> {
    let (address, length) = text.split_once('/')?;
    let is_decimal = length.bytes().all(|digit| digit.is_ascii_digit());
    if !is_decimal || (length.starts_with('0') && length != "0") {
        return None;
    }
    IpNet::new(address.parse().ok()?, length.parse().ok()?).ok()
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

crate::as_text!(Cidr, CidrError);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_ipv4_prefix_round_trips(bits in any::<u32>(), length in 0_u8..=32) {
            let cidr = Cidr::from(IpNet::new(Ipv4Addr::from_bits(bits).into(), length).unwrap());
            prop_assert_eq!(cidr.to_string().parse(), Ok(cidr));
        }

        #[test]
        fn an_ipv6_prefix_round_trips(bits in any::<u128>(), length in 0_u8..=128) {
            let cidr = Cidr::from(IpNet::new(Ipv6Addr::from_bits(bits).into(), length).unwrap());
            prop_assert_eq!(cidr.to_string().parse(), Ok(cidr));
        }
    }

    #[test]
    fn a_constant_is_what_its_text_is() {
        let cases = [
            (Cidr::v4(Ipv4Addr::new(10, 1, 0, 0), 16), "10.1.0.0/16"),
            (Cidr::v4(Ipv4Addr::UNSPECIFIED, 0), "0.0.0.0/0"),
            (Cidr::v4(Ipv4Addr::BROADCAST, 32), "255.255.255.255/32"),
            (Cidr::v6(Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, 0), 64), "fd00:1::/64"),
            (Cidr::v6(Ipv6Addr::UNSPECIFIED, 0), "::/0"),
            (Cidr::v6(Ipv6Addr::LOCALHOST, 128), "::1/128"),
        ];
        for (cidr, text) in cases {
            assert_eq!(text.parse(), Ok(cidr));
        }
    }

    #[test]
    #[should_panic(expected = "host bits are set")]
    fn a_constant_with_host_bits_is_none() {
        Cidr::v4(Ipv4Addr::new(10, 1, 0, 1), 31);
    }

    #[test]
    fn host_bits_are_refused_with_the_corrected_prefix() {
        let error = "10.1.0.9/24".parse::<Cidr>().unwrap_err();
        assert!(error.to_string().contains("10.1.0.0/24"), "{error}");
    }

    #[test]
    fn a_bare_address_is_not_a_prefix() {
        for text in [
            "10.1.0.0",
            "",
            "/",
            "10.1.0.0/",
            "10.1/16",
            "10.1.0.0/33",
            "fd00::/129",
            "10.1.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "010.0.0.0/8",
            "10.0.0.0/8/8",
        ] {
            assert!(matches!(text.parse::<Cidr>(), Err(CidrError::Malformed(_))), "{text:?}");
        }
    }

    #[test]
    fn overlap_is_containment_either_way_within_a_family() {
        let cidr = |text: &str| text.parse::<Cidr>().unwrap();
        assert!(cidr("10.0.0.0/8").overlaps(cidr("10.1.0.0/16")));
        assert!(cidr("10.1.0.0/16").overlaps(cidr("10.0.0.0/8")));
        assert!(!cidr("10.1.0.0/16").overlaps(cidr("10.2.0.0/16")));
        assert!(!cidr("0.0.0.0/0").overlaps(cidr("::/0")));
    }
}
