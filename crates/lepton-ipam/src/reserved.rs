//! [`Reserved`]: the addresses of a subnet that no guest may have.
//!
//! | prefix | reserved | source |
//! |---|---|---|
//! | IPv4 to /30 | the first (network) and the last (broadcast) | RFC 1122 §3.2.1.3 |
//! | IPv4 /31, /32 | none | RFC 3021 §2.1; a /32 has one address |
//! | IPv6 to /126 | the first (subnet-router anycast) | RFC 4291 §2.6.1 |
//! | IPv6 /127, /128 | none | RFC 6164 §5.1; a /128 has one address |
//!
//! and the gateway and the DHCP server in each.

use std::{fmt, net::IpAddr};

use lepton_types::{AddressFamily, Cidr, Subnet};

use crate::{
    bits::{address_at, bits_of},
    special::Special,
};

/// Why an address of a subnet is never a guest's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// The first address of an IPv4 prefix.
    Network,
    /// The last address of an IPv4 prefix.
    Broadcast,
    /// The first address of an IPv6 prefix, which every router of the subnet has.
    SubnetRouterAnycast,
    /// The subnet's gateway.
    Gateway,
    /// Who answers the subnet's DHCP requests.
    DhcpServer,
    /// Something that it means on every network: loopback, multicast and the like.
    Special(&'static str),
}

impl Reserved {
    /// What `address` is reserved for in `subnet`, if it is.
    pub fn of(subnet: &Subnet, address: IpAddr) -> Option<Self> {
        if subnet.gateway == Some(address) {
            Some(Self::Gateway)
        } else if subnet.dhcp_server == Some(address) {
            Some(Self::DhcpServer)
        } else {
            Self::by_prefix(subnet.cidr, address)
        }
    }

    /// The addresses that a subnet keeps for itself, lowest first: at most four. What every network reserves is not told, unless it
    /// is an end of the prefix.
    pub fn all_of(subnet: &Subnet) -> Vec<IpAddr> {
        let ends = [subnet.cidr.first(), subnet.cidr.last()];
        let mut all: Vec<IpAddr> = ends.into_iter().chain(subnet.gateway).chain(subnet.dhcp_server).collect();
        all.retain(|address| subnet.cidr.contains(*address) && Self::of(subnet, *address).is_some());
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What the prefix alone, or every network, reserves `address` for, if it does.
    pub(crate) fn by_prefix(cidr: Cidr, address: IpAddr) -> Option<Self> {
        if address == cidr.first() && address != first_host(cidr) {
            Some(match cidr.family() {
                AddressFamily::V4 => Self::Network,
                AddressFamily::V6 => Self::SubnetRouterAnycast,
            })
        } else if address == cidr.last() && address != last_host(cidr) {
            Some(Self::Broadcast)
        } else {
            Special::of(address).map(|special| Self::Special(special.kind))
        }
    }
}

/// The lowest address of the prefix that is not reserved by it.
pub(crate) fn first_host(cidr: Cidr) -> IpAddr {
    let offset = u128::from(has_reserved(cidr));
    address_at(cidr.family(), bits_of(cidr.first()) + offset)
        .expect("a prefix with reserved addresses has at least four")
}

/// The highest address of the prefix that is not reserved by it.
pub(crate) fn last_host(cidr: Cidr) -> IpAddr {
    match cidr.family() {
        AddressFamily::V4 if has_reserved(cidr) => {
            address_at(cidr.family(), bits_of(cidr.last()) - 1).expect("less than an IPv4 address is one")
        }
        AddressFamily::V4 | AddressFamily::V6 => cidr.last(),
    }
}

/// Whether the prefix has addresses to spare for reservations: more than two.
fn has_reserved(cidr: Cidr) -> bool {
    cidr.family().bits() - cidr.prefix_len() >= 2
}

impl fmt::Display for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Special(kind) => return write!(f, "a {kind} address"),
            Self::Network => "the network address",
            Self::Broadcast => "the broadcast address",
            Self::SubnetRouterAnycast => "the subnet-router anycast address",
            Self::Gateway => "the gateway",
            Self::DhcpServer => "the DHCP server",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(cidr: &str) -> (String, String) {
        let cidr = cidr.parse().unwrap();
        (first_host(cidr).to_string(), last_host(cidr).to_string())
    }

    fn pair(first: &str, last: &str) -> (String, String) {
        (first.to_owned(), last.to_owned())
    }

    #[test]
    fn ipv4_prefixes_lose_both_ends_up_to_30() {
        assert_eq!(hosts("0.0.0.0/0"), pair("0.0.0.1", "255.255.255.254"));
        assert_eq!(hosts("10.1.0.0/24"), pair("10.1.0.1", "10.1.0.254"));
        assert_eq!(hosts("10.1.0.4/30"), pair("10.1.0.5", "10.1.0.6"));
        assert_eq!(hosts("10.1.0.4/31"), pair("10.1.0.4", "10.1.0.5"));
        assert_eq!(hosts("255.255.255.255/32"), pair("255.255.255.255", "255.255.255.255"));
    }

    #[test]
    fn ipv6_prefixes_lose_the_anycast_address_up_to_126() {
        let last = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        assert_eq!(hosts("::/0"), pair("::1", last));
        assert_eq!(hosts("fd00::/126"), pair("fd00::1", "fd00::3"));
        assert_eq!(hosts("fd00::/127"), pair("fd00::", "fd00::1"));
        assert_eq!(hosts(&format!("{last}/128")), pair(last, last));
    }

    #[test]
    fn each_reserved_address_is_told_by_its_name() {
        let told =
            |cidr: &str, address: &str| Reserved::by_prefix(cidr.parse().unwrap(), address.parse().unwrap());
        assert_eq!(told("10.1.0.0/24", "10.1.0.0"), Some(Reserved::Network));
        assert_eq!(told("10.1.0.0/24", "10.1.0.255"), Some(Reserved::Broadcast));
        assert_eq!(told("10.1.0.0/24", "10.1.0.1"), None);
        assert_eq!(told("10.1.0.0/31", "10.1.0.0"), None);
        assert_eq!(told("fd00::/64", "fd00::"), Some(Reserved::SubnetRouterAnycast));
        assert_eq!(told("fd00::/64", "fd00::ffff:ffff:ffff:ffff"), None);
        assert_eq!(told("fd00::/127", "fd00::"), None);
    }
}
