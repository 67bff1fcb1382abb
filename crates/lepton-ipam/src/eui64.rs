//! The IPv6 address that follows from a MAC.

use std::net::IpAddr;

use lepton_types::{Cidr, MacAddr, Subnet};

use crate::bits::{address_at, bits_of};

/// The subnet's prefix with the modified EUI-64 of `mac` in its host part.
///
/// Meant for [`AddressMode::Eui64`](lepton_types::AddressMode::Eui64), an IPv6 /64. The address may be the gateway's or
/// somebody's already; the caller then draws another MAC.
///
/// Source: RFC 4291 §2.5.1 and appendix A.
pub fn eui64(subnet: &Subnet, mac: MacAddr) -> IpAddr {
    join(subnet.cidr, mac.eui64())
}

/// The prefix with `interface` in its host part; a longer prefix than /64 keeps only the low bits of it.
fn join(cidr: Cidr, interface: u64) -> IpAddr {
    let host_bits = bits_of(cidr.first()) ^ bits_of(cidr.last());
    let address = bits_of(cidr.first()) | (u128::from(interface) & host_bits);
    address_at(cidr.family(), address).expect("nothing beyond the prefix's own host part was set")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of the NetworkManager's specification §3.3 and of Melange's §6.2 (generator rfc2462).
    #[test]
    fn the_specifications_vectors_hold() {
        for (cidr, mac, address) in [
            ("fd00:1::/64", "fa:16:3e:11:22:33", "fd00:1::f816:3eff:fe11:2233"),
            ("fd00::/64", "00:16:3e:33:44:55", "fd00::216:3eff:fe33:4455"),
            ("fd00::/64", "00:16:3e:33:44:56", "fd00::216:3eff:fe33:4456"),
            ("fd00::/96", "00:16:3e:33:44:55", "fd00::fe33:4455"),
            ("fd00::/120", "00:16:3e:33:44:55", "fd00::55"),
            ("fe::/64", "12:ff:12:89:67:34", "fe::10ff:12ff:fe89:6734"),
            ("fe::/72", "12:ff:12:89:67:34", "fe::ff:12ff:fe89:6734"),
        ] {
            let mac: MacAddr = mac.parse().unwrap();
            assert_eq!(join(cidr.parse().unwrap(), mac.eui64()).to_string(), address, "{cidr} {mac}");
        }
    }

    #[test]
    fn a_planned_subnet_is_where_addresses_follow_from_macs() {
        let id = uuid::Uuid::nil();
        let subnet =
            crate::SubnetSpec::new("2001:db8:1:2::/64".parse().unwrap()).plan(id.into(), id.into()).unwrap();
        let address = eui64(&subnet, "fa:16:3e:00:00:01".parse().unwrap());
        assert_eq!(address.to_string(), "2001:db8:1:2:f816:3eff:fe00:1");
    }
}
