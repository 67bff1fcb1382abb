//! The IPv6 address that follows from a port.

use std::net::IpAddr;

use lepton_types::{AddressMode, Cidr, MacAddr, ProjectId, Subnet};
use sha1::{Digest, Sha1};

use crate::bits::{address_at, bits_of};

/// The address that follows from a port's project and MAC; none where addresses are chosen from pools.
///
/// It may be the gateway's or somebody's already; the caller then draws another MAC.
pub fn derived(subnet: &Subnet, project: &ProjectId, mac: MacAddr) -> Option<IpAddr> {
    interface_identifier(subnet.mode, project, mac).map(|interface| join(subnet.cidr, interface))
}

/// The lower half of that address.
///
/// Source: RFC 4291 §2.5.1 and appendix A; the NetworkManager's specification §3.3 for `account_identifier`.
fn interface_identifier(mode: AddressMode, project: &ProjectId, mac: MacAddr) -> Option<u64> {
    match mode {
        AddressMode::Pool => None,
        AddressMode::Eui64 => Some(mac.eui64()),
        AddressMode::AccountIdentifier => Some(account_identifier(project, mac)),
    }
}

/// The first half of it tells the project; of the MAC there is the half that tells cards of one maker apart.
fn account_identifier(project: &ProjectId, mac: MacAddr) -> u64 {
    let hash = Sha1::digest(project.as_str());
    let [_, _, _, d, e, f] = mac.octets();
    u64::from_be_bytes([hash[0], hash[1], hash[2], hash[3], 0xff, d, e, f])
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

    /// The vector of the NetworkManager's specification §3.3.
    #[test]
    fn an_account_identifier_is_of_the_project_and_half_of_the_mac() {
        let address = |cidr: &str, project: &str, mac: &str| {
            let interface = account_identifier(&project.parse().unwrap(), mac.parse().unwrap());
            join(cidr.parse().unwrap(), interface).to_string()
        };
        assert_eq!(address("fd00:1::/64", "p1", "fa:16:3e:11:22:33"), "fd00:1::b78f:5766:ff11:2233");
        assert_eq!(address("fd00:1::/64", "p1", "02:00:00:11:22:33"), "fd00:1::b78f:5766:ff11:2233");
    }

    #[test]
    fn the_subnet_says_what_an_address_follows_from() {
        let id = uuid::Uuid::nil();
        let derived = |cidr: &str, mode| {
            let spec = crate::SubnetSpec { mode, ..crate::SubnetSpec::new(cidr.parse().unwrap()) };
            let subnet = spec.plan(id.into(), id.into()).unwrap();
            let address = derived(&subnet, &"p1".parse().unwrap(), "fa:16:3e:00:00:01".parse().unwrap());
            address.map(|address| address.to_string())
        };
        let cidr = "2001:db8:1:2::/64";
        assert_eq!(derived(cidr, None).unwrap(), "2001:db8:1:2:f816:3eff:fe00:1");
        let of_account = derived(cidr, Some(AddressMode::AccountIdentifier));
        assert_eq!(of_account.unwrap(), "2001:db8:1:2:b78f:5766:ff00:1");
        assert_eq!(derived(cidr, Some(AddressMode::Pool)), None);
        assert_eq!(derived("10.0.0.0/24", None), None);
    }
}
