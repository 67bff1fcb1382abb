//! Addresses of both families as one kind of number.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use lepton_types::AddressFamily;

/// The address as a number; an IPv4 address has 32 bits of it.
pub(crate) fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address that has this number; none when the number is larger than the family's last address.
pub(crate) fn address_at(family: AddressFamily, bits: u128) -> Option<IpAddr> {
    match family {
        AddressFamily::V4 => u32::try_from(bits).ok().map(|bits| Ipv4Addr::from_bits(bits).into()),
        AddressFamily::V6 => Some(Ipv6Addr::from_bits(bits).into()),
    }
}
