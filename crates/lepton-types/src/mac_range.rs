//! [`MacRange`]: MACs that an operator gives ports to have, and [`MacPrefix`], which says which ones.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{MacAddr, MacRangeId, Shown, Timestamp};

/// The MACs that begin with the same bits, such as `02:16:3e:00:00:00/24`.
///
/// Shape:  all of them are unicast, and none is all zeros; no bit behind the prefix is set.
/// Units:  24 to 47 bits; an assignment of the IEEE's registry (OUI) has 24.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacPrefix {
    first: MacAddr,
    length: u8,
}

/// A text that says no MACs that ports may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MacPrefixError {
    /// Not a MAC and a length.
    #[error(
        "{0} is not a range of MACs (expected a MAC and 24 to 47 bits, for example 02:16:3e:00:00:00/24)"
    )]
    Malformed(Shown),
    /// Bits behind the prefix are set.
    #[error("{given} has bits behind its prefix (expected {expected})")]
    HostBits {
        /// What was given.
        given: Shown,
        /// The range that the MAC is in.
        expected: MacPrefix,
    },
    /// MACs that no interface may have.
    #[error(
        "{0} has MACs that no interface may have (its first octet must be even, and the MAC not all zeros)"
    )]
    NotUnicast(Shown),
}

impl MacPrefix {
    /// Bits of a MAC.
    const WHOLE: u8 = 48;
    /// Fewest bits of a prefix.
    const SHORTEST: u8 = 24;
    /// Most bits of a prefix.
    const LONGEST: u8 = Self::WHOLE - 1;

    /// The MACs that begin as this one does.
    fn of(mac: MacAddr, length: u8) -> Self {
        let first = mac.to_bits() >> (Self::WHOLE - length) << (Self::WHOLE - length);
        Self { first: MacAddr::try_from(first).expect("it has no bit that the MAC has not"), length }
    }

    /// The lowest of them.
    pub fn first(self) -> MacAddr {
        self.first
    }

    /// The highest of them.
    pub fn last(self) -> MacAddr {
        MacAddr::try_from(self.first.to_bits() + self.size() - 1)
            .expect("only bits behind the prefix are set")
    }

    /// How many bits they have in common.
    pub fn length(self) -> u8 {
        self.length
    }

    /// How many they are.
    pub fn size(self) -> u64 {
        1 << (Self::WHOLE - self.length)
    }

    /// The MAC at this place, counted from 0; none behind the last.
    pub fn nth(self, place: u64) -> Option<MacAddr> {
        if place < self.size() { MacAddr::try_from(self.first.to_bits() + place).ok() } else { None }
    }

    /// Whether it has the MAC.
    pub fn contains(self, mac: MacAddr) -> bool {
        (self.first..=self.last()).contains(&mac)
    }

    /// Whether both have a MAC in common: then one of them has all of the other's.
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.first) || other.contains(self.first)
    }
}

impl FromStr for MacPrefix {
    type Err = MacPrefixError;

    fn from_str(text: &str) -> Result<Self, MacPrefixError> {
        let malformed = || MacPrefixError::Malformed(Shown::new(text));
        let (mac, length) = text.split_once('/').ok_or_else(malformed)?;
        let mac: MacAddr = mac.parse().map_err(|_| malformed())?;
        let is_number = length.len() == 2 && length.bytes().all(|digit| digit.is_ascii_digit());
        let length: u8 = length.parse().map_err(|_| malformed())?;
        if !is_number || !(Self::SHORTEST..=Self::LONGEST).contains(&length) {
            return Err(malformed());
        }
        let expected = Self::of(mac, length);
        if expected.first != mac {
            Err(MacPrefixError::HostBits { given: Shown::new(text), expected })
        } else if !mac.is_unicast() {
            Err(MacPrefixError::NotUnicast(Shown::new(text)))
        } else {
            Ok(expected)
        }
    }
}

impl fmt::Display for MacPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.length)
    }
}

crate::as_text!(MacPrefix, MacPrefixError);

/// MACs that ports are given, and how many of them were given so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MacRange {
    /// Identity.
    pub id: MacRangeId,
    /// Which MACs; no two ranges have one in common.
    pub prefix: MacPrefix,
    /// Its place among the ranges: they are drawn from in the order in which they were made.
    pub number: u64,
    /// How many of its MACs were drawn, lowest first. One that came back since is kept apart, and is drawn again before a fresh
    /// one is.
    pub drawn: u64,
    /// Whether it was deleted, and only what came back of it is still to be dropped.
    #[serde(default)]
    pub is_ending: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

impl MacRange {
    /// How many of its MACs no port ever had.
    pub fn fresh(&self) -> u64 {
        self.prefix.size() - self.drawn
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix(text: &str) -> MacPrefix {
        text.parse().unwrap()
    }

    proptest! {
        #[test]
        fn a_prefix_round_trips(bits in any::<u64>(), length in 24_u8..=47) {
            let mac = MacAddr::try_from(bits >> 16 & !(1 << 40) | 2 << 40).unwrap();
            let made = MacPrefix::of(mac, length);
            prop_assert_eq!(made.to_string().parse(), Ok(made));
            prop_assert!(made.contains(mac) && made.nth(made.size() - 1) == Some(made.last()));
            prop_assert_eq!(made.nth(made.size()), None);
        }
    }

    #[test]
    fn prefixes_are_apart_or_within_each_other() {
        let wide = prefix("02:16:3e:00:00:00/24");
        assert!(
            wide.overlaps(prefix("02:16:3e:40:00:00/28")) && prefix("02:16:3e:40:00:00/28").overlaps(wide)
        );
        assert!(!wide.overlaps(prefix("02:16:3f:00:00:00/24")));
        assert_eq!((wide.size(), wide.last().to_string()), (1 << 24, "02:16:3e:ff:ff:ff".into()));
    }

    #[test]
    fn what_is_no_range_is_refused_with_the_way_out() {
        for text in [
            "",
            "02:16:3e",
            "02:16:3e:00:00:00",
            "02:16:3e:00:00:00/23",
            "02:16:3e:00:00:00/48",
            "02:16:3e:00:00:00/+9",
        ] {
            assert!(matches!(text.parse::<MacPrefix>(), Err(MacPrefixError::Malformed(_))), "{text}");
        }
        for text in ["01:16:3e:00:00:00/24", "00:00:00:00:00:00/24"] {
            assert!(matches!(text.parse::<MacPrefix>(), Err(MacPrefixError::NotUnicast(_))), "{text}");
        }
        let error = "02:16:3e:00:00:01/24".parse::<MacPrefix>().unwrap_err().to_string();
        assert!(error.ends_with("(expected 02:16:3e:00:00:00/24)"), "{error}");
    }
}
