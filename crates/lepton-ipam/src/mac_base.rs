//! [`MacBase`]: the range that ports' MACs are drawn from.

use std::{fmt, str::FromStr};

use lepton_types::MacAddr;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// The leading octets that all MACs of ports have in common: three to five of them, `fa:16:3e` by default.
///
/// Parsed from those octets (`fa:16:3e:4f`) or from a whole MAC whose trailing zero octets stand for any value
/// (`fa:16:3e:4f:00:00`), as OpenStack's `base_mac` has it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacBase {
    octets: [u8; MacBase::WHOLE],
    /// How many of the octets are fixed.
    length: usize,
}

/// A text that is not a base of MACs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MacBaseError {
    /// Not a range of MACs at all.
    #[error(
        "{0:?} is not a MAC base (expected three to five pairs of hexadecimal digits such as fa:16:3e, \
         or a MAC whose last octets are zero such as fa:16:3e:00:00:00)"
    )]
    Malformed(String),
    /// A MAC that leaves nothing to draw.
    #[error(
        "{0:?} leaves no octet to draw (end it with at least one octet of zeros, or leave that octet out)"
    )]
    Full(String),
    /// MACs that no interface may have.
    #[error("{0:?} is not the start of unicast MACs (its first octet must be even, and not all octets zero)")]
    NotUnicast(String),
}

impl MacBase {
    const WHOLE: usize = 6;
    /// An assignment of the IEEE's registry (OUI) fixes at least these.
    const SHORTEST: usize = 3;
    const LONGEST: usize = Self::WHOLE - 1;

    /// A MAC of the range, each equally likely.
    pub fn draw(&self, generator: &mut (impl Rng + ?Sized)) -> MacAddr {
        let mut octets = self.octets;
        generator.fill_bytes(&mut octets[self.length..]);
        MacAddr::from(octets)
    }

    /// The MAC at this place of the range, which begins again at its end.
    pub fn nth(&self, number: u64) -> MacAddr {
        let mut octets = self.octets;
        octets[self.length..].copy_from_slice(&number.to_be_bytes()[8 - Self::WHOLE + self.length..]);
        MacAddr::from(octets)
    }

    /// Whether `mac` is of the range.
    pub fn contains(&self, mac: MacAddr) -> bool {
        mac.octets()[..self.length] == self.octets[..self.length]
    }
}

impl Default for MacBase {
    /// `fa:16:3e`, OpenStack's: locally administered, so it collides with no manufacturer's.
    fn default() -> Self {
        Self { octets: [0xfa, 0x16, 0x3e, 0, 0, 0], length: Self::SHORTEST }
    }
}

impl FromStr for MacBase {
    type Err = MacBaseError;

    fn from_str(text: &str) -> Result<Self, MacBaseError> {
        let malformed = || MacBaseError::Malformed(text.to_owned());
        let given = text.split(':').count();
        if !(Self::SHORTEST..=Self::WHOLE).contains(&given) {
            return Err(malformed());
        }
        let whole = format!("{text}{}", ":00".repeat(Self::WHOLE - given));
        let mac: MacAddr = whole.parse().map_err(|_| malformed())?;
        let octets = mac.octets();
        let length =
            if given == Self::WHOLE { without_trailing_zeros(&octets).max(Self::SHORTEST) } else { given };
        if length > Self::LONGEST {
            Err(MacBaseError::Full(text.to_owned()))
        } else if !mac.is_unicast() {
            Err(MacBaseError::NotUnicast(text.to_owned()))
        } else {
            Ok(Self { octets, length })
        }
    }
}

fn without_trailing_zeros(octets: &[u8]) -> usize {
    octets.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1)
}

impl fmt::Display for MacBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = MacAddr::from(self.octets).to_string();
        // Two digits for each octet and a colon between them.
        f.write_str(&whole[..self.length * 3 - 1])
    }
}

lepton_types::as_text!(MacBase, MacBaseError);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    proptest! {
        #[test]
        fn a_base_round_trips(text in "[0-9a-f][02468ace](:[0-9a-f]{2}){2,4}") {
            prop_assume!(text.bytes().any(|digit| digit.is_ascii_hexdigit() && digit != b'0'));
            prop_assert_eq!(text.parse::<MacBase>().unwrap().to_string(), text);
        }

        #[test]
        fn a_drawn_mac_is_unicast_and_of_the_base(text in "[0-9a-f][2468ace](:[0-9a-f]{2}){2,4}", seed in any::<u64>()) {
            let base: MacBase = text.parse().unwrap();
            let mac = base.draw(&mut StdRng::seed_from_u64(seed));
            prop_assert!(mac.is_unicast() && base.contains(mac) && mac.to_string().starts_with(&text));
        }
    }

    #[test]
    fn the_macs_of_a_base_are_counted_and_begin_again() {
        let base: MacBase = "fa:16:3e:4f".parse().unwrap();
        assert_eq!(base.nth(0).to_string(), "fa:16:3e:4f:00:00");
        assert_eq!(base.nth(0x1_0203).to_string(), "fa:16:3e:4f:02:03");
        assert_eq!(base.nth(u64::MAX).to_string(), "fa:16:3e:4f:ff:ff");
    }

    #[test]
    fn a_whole_mac_is_a_base_by_its_trailing_zeros() {
        let shown = |text: &str| text.parse::<MacBase>().map(|base| base.to_string());
        assert_eq!(shown("FA:16:3E:00:00:00").unwrap(), "fa:16:3e");
        assert_eq!(shown("fa:16:3e:4f:00:00").unwrap(), "fa:16:3e:4f");
        assert_eq!(shown("fa:16:3e:00:4f:00").unwrap(), "fa:16:3e:00:4f");
        assert_eq!(
            shown("02:00:00:00:00:00").unwrap(),
            "02:00:00",
            "an octet that must be fixed may be zero"
        );
        assert_eq!(shown("fa:16:3e:00").unwrap(), "fa:16:3e:00", "octets that are given are fixed");
    }

    #[test]
    fn what_is_no_base_is_refused_with_the_way_out() {
        for text in ["", "fa:16", "fa:16:3g", "fa:16:3e:", "fa-16-3e", "fa:16:3e:00:00:00:00", "a:16:3e"] {
            assert_eq!(text.parse::<MacBase>(), Err(MacBaseError::Malformed(text.to_owned())));
        }
        assert!(matches!("fa:16:3e:11:22:33".parse::<MacBase>(), Err(MacBaseError::Full(_))));
        assert!(matches!("01:00:5e".parse::<MacBase>(), Err(MacBaseError::NotUnicast(_))));
        assert!(matches!("00:00:00".parse::<MacBase>(), Err(MacBaseError::NotUnicast(_))));
    }

    #[test]
    fn every_free_bit_is_drawn() {
        let mut generator = StdRng::seed_from_u64(1);
        let base = MacBase::default();
        let (mut ever_set, mut ever_clear) = ([0_u8; 6], [0_u8; 6]);
        for _ in 0..64 {
            for (index, octet) in base.draw(&mut generator).octets().into_iter().enumerate() {
                ever_set[index] |= octet;
                ever_clear[index] |= !octet;
            }
        }
        assert_eq!((&ever_set[3..], &ever_clear[3..]), (&[0xff; 3][..], &[0xff; 3][..]));
    }
}
