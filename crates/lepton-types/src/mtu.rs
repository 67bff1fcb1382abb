//! [`Mtu`]: how large an IP packet a link carries.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Shown;

/// Largest IP packet that a link carries, in bytes, without the Ethernet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Mtu(u16);

/// A number that no link can have as its MTU; it tells what a network may have, whose every port may be a tap.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not an MTU (expected {min} to {max} bytes)", min = Mtu::MIN_IPV4, max = Mtu::MAX_TAP)]
pub struct MtuError(String);

impl Mtu {
    /// What Ethernet carries (RFC 894).
    pub const ETHERNET: Self = Self(1500);
    /// Least that an IPv4 link must carry (RFC 791 §3.2).
    pub const MIN_IPV4: Self = Self(68);
    /// Most that every device of ours carries: a tap, whose frames have 65,535 bytes with their Ethernet header (Linux
    /// `drivers/net/tun.c`, `max_mtu`). Others carry more.
    pub const MAX_TAP: Self = Self(65_521);
    /// Least that an IPv6 link must carry (RFC 8200 §5).
    pub const MIN_IPV6: Self = Self(1280);

    /// The size in bytes.
    pub fn bytes(self) -> u16 {
        self.0
    }
}

impl Default for Mtu {
    fn default() -> Self {
        Self::ETHERNET
    }
}

impl TryFrom<u32> for Mtu {
    type Error = MtuError;

    fn try_from(bytes: u32) -> Result<Self, MtuError> {
        match u16::try_from(bytes) {
            Ok(bytes) if bytes >= Self::MIN_IPV4.0 => Ok(Self(bytes)),
            Ok(_) | Err(_) => Err(MtuError(bytes.to_string())),
        }
    }
}

impl From<Mtu> for u32 {
    fn from(mtu: Mtu) -> u32 {
        mtu.0.into()
    }
}

impl FromStr for Mtu {
    type Err = MtuError;

    fn from_str(text: &str) -> Result<Self, MtuError> {
        text.parse::<u32>().map_err(|_| MtuError(Shown::new(text).to_string()))?.try_into()
    }
}

impl fmt::Display for Mtu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_mtu_round_trips(bytes in 68_u32..=65_535) {
            let mtu = Mtu::try_from(bytes).unwrap();
            prop_assert_eq!(mtu.to_string().parse(), Ok(mtu));
            prop_assert_eq!(u32::from(mtu), bytes);
        }
    }

    #[test]
    fn sizes_no_link_can_have_are_refused() {
        for bytes in [0, 67, 65_536, u32::MAX] {
            assert!(Mtu::try_from(bytes).is_err(), "{bytes}");
        }
    }
}
