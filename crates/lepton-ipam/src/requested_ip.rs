//! Whether a guest may have the very address that it asks for.

use std::net::IpAddr;

use lepton_types::{Cidr, Subnet};

use crate::Reserved;

/// An address that no guest of the subnet can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestedIpError {
    /// Not an address of the subnet.
    #[error("{address} is outside {cidr}")]
    Outside {
        /// What was asked for.
        address: IpAddr,
        /// The subnet's prefix.
        cidr: Cidr,
    },
    /// An address that the subnet keeps for itself.
    #[error("{address} is {reserved} of {cidr}")]
    Reserved {
        /// What was asked for.
        address: IpAddr,
        /// The subnet's prefix.
        cidr: Cidr,
        /// What it is kept for.
        reserved: Reserved,
    },
}

/// Checks that a guest may have `address`, in a pool or not; whether somebody has it already is the ledger's to say.
pub fn check_requested(subnet: &Subnet, address: IpAddr) -> Result<(), RequestedIpError> {
    let cidr = subnet.cidr;
    if !cidr.contains(address) {
        return Err(RequestedIpError::Outside { address, cidr });
    }
    match Reserved::of(subnet, address) {
        Some(reserved) => Err(RequestedIpError::Reserved { address, cidr, reserved }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{Gateway, SubnetSpec};

    fn subnet(cidr: &str, gateway: Gateway) -> Subnet {
        let spec = SubnetSpec { gateway, ..SubnetSpec::new(cidr.parse().unwrap()) };
        spec.plan(Uuid::nil().into(), Uuid::nil().into()).unwrap()
    }

    fn answer(subnet: &Subnet, address: &str) -> String {
        match check_requested(subnet, address.parse().unwrap()) {
            Ok(()) => "yes".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_ipv4_guest_may_have_what_is_neither_outside_nor_reserved() {
        let subnet = subnet("10.1.0.0/24", Gateway::At("10.1.0.77".parse().unwrap()));
        assert_eq!(answer(&subnet, "10.1.0.1"), "yes");
        assert_eq!(answer(&subnet, "10.1.0.254"), "yes");
        assert_eq!(answer(&subnet, "10.1.0.0"), "10.1.0.0 is the network address of 10.1.0.0/24");
        assert_eq!(answer(&subnet, "10.1.0.255"), "10.1.0.255 is the broadcast address of 10.1.0.0/24");
        assert_eq!(answer(&subnet, "10.1.0.77"), "10.1.0.77 is the gateway of 10.1.0.0/24");
        assert_eq!(answer(&subnet, "10.1.1.0"), "10.1.1.0 is outside 10.1.0.0/24");
        assert_eq!(answer(&subnet, "fd00::1"), "fd00::1 is outside 10.1.0.0/24");
    }

    #[test]
    fn an_ipv6_guest_may_have_the_last_address_but_not_the_anycast_one() {
        let subnet = subnet("fd00::/64", Gateway::None);
        assert_eq!(answer(&subnet, "fd00::"), "fd00:: is the subnet-router anycast address of fd00::/64");
        assert_eq!(answer(&subnet, "fd00::1"), "yes");
        assert_eq!(answer(&subnet, "fd00::ffff:ffff:ffff:ffff"), "yes");
    }
}
