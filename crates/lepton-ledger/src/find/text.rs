//! Addresses by how they are written: by the beginning of their text, and by a pattern that matches there.

use std::{fmt, net::IpAddr, str::FromStr};

use lepton_types::Shown;
use regex::bytes::{Regex, RegexBuilder};

/// What an address's text is to begin with. IPv6 addresses are written as RFC 5952 has them.
#[derive(Clone, Debug)]
pub enum AddressText {
    /// These characters.
    Prefix(AddressPrefix),
    /// Whatever the pattern matches.
    Pattern(AddressPattern),
}

/// The beginning of an address's text, such as `10.1.` or `fd00:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressPrefix(String);

/// A regular expression that is matched at the beginning of an address's text, as Nova's filters `ip` and `ip6` were.
///
/// Its engine needs time in proportion to the text, whatever the pattern, and has no look-around and no back-references.
#[derive(Clone, Debug)]
pub struct AddressPattern(Regex);

/// A text that begins no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not the beginning of an IP address (expected for example 10.1. or fd00:)")]
pub struct AddressPrefixError(Shown);

/// A text that is no pattern, or none that is matched here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressPatternError {
    /// Too long.
    #[error("the pattern has {0} bytes (expected at most {LONGEST_PATTERN})")]
    TooLong(usize),
    /// Compiled it would need too much memory.
    #[error("{0} repeats so much that it would need too much memory; repeat less in it")]
    TooLarge(Shown),
    /// It cannot be read.
    #[error("{pattern} is no pattern: {problem}")]
    Malformed {
        /// What was given.
        pattern: Shown,
        /// What is wrong with it.
        problem: String,
    },
}

/// Characters of the longest text of an address, with an embedded IPv4 address (RFC 4291 section 2.2).
const LONGEST_PREFIX: usize = 45;

/// Bytes of the longest pattern.
const LONGEST_PATTERN: usize = 255;

/// Bytes of the largest compiled pattern, and of what is kept while it is matched.
const LARGEST_PATTERN: usize = 64 * 1024;

/// How deep groups may be nested.
const DEEPEST_PATTERN: u32 = 32;

impl AddressText {
    /// Whether the address is written so.
    pub(crate) fn matches(&self, address: IpAddr) -> bool {
        let text = address.to_string();
        match self {
            Self::Prefix(prefix) => text.starts_with(&prefix.0),
            // The leftmost match begins at the beginning if any does.
            Self::Pattern(pattern) => pattern.0.find(text.as_bytes()).is_some_and(|found| found.start() == 0),
        }
    }
}

impl FromStr for AddressPrefix {
    type Err = AddressPrefixError;

    fn from_str(text: &str) -> Result<Self, AddressPrefixError> {
        let is_of_one = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':');
        if text.is_empty() || text.len() > LONGEST_PREFIX || !text.chars().all(is_of_one) {
            return Err(AddressPrefixError(Shown::new(text)));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl FromStr for AddressPattern {
    type Err = AddressPatternError;

    fn from_str(text: &str) -> Result<Self, AddressPatternError> {
        if text.len() > LONGEST_PATTERN {
            return Err(AddressPatternError::TooLong(text.len()));
        }
        let mut builder = RegexBuilder::new(text);
        builder.unicode(false).size_limit(LARGEST_PATTERN).dfa_size_limit(LARGEST_PATTERN);
        builder.nest_limit(DEEPEST_PATTERN).build().map(Self).map_err(|error| {
            let pattern = Shown::new(text);
            if matches!(error, regex::Error::CompiledTooBig(_)) {
                return AddressPatternError::TooLarge(pattern);
            }
            AddressPatternError::Malformed { pattern, problem: last_line(&error) }
        })
    }
}

/// What is wrong, without the drawing of where that is before it.
fn last_line(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, address: &str) -> bool {
        AddressText::Pattern(pattern.parse().unwrap()).matches(address.parse().unwrap())
    }

    fn refused(pattern: &str) -> String {
        pattern.parse::<AddressPattern>().unwrap_err().to_string()
    }

    #[test]
    fn a_pattern_is_matched_at_the_beginning_and_need_not_reach_the_end() {
        assert!(matches(r"10\.1", "10.1.0.5") && matches(r"10\.1", "10.100.0.5"));
        assert!(!matches(r"1\.0", "10.1.0.5"), "it is further on");
        assert!(matches(r"10\.1\.0\.5$", "10.1.0.5") && !matches(r"10\.1\.0\.5$", "10.1.0.50"));
        assert!(matches("fd00:", "fd00::5") && matches(r".*:5", "fd00::5") && matches(r"\d+", "10.1.0.5"));
        assert!(matches("9|1", "10.1.0.5") && !matches("9|0", "10.1.0.5"));
    }

    #[test]
    fn what_the_engine_does_not_match_in_bounded_time_and_space_is_refused() {
        assert_eq!(refused("10.(1"), r#""10.(1" is no pattern: unclosed group"#);
        assert!(refused(r"(1)\1").contains("backreferences are not supported"));
        assert!(refused("10(?=.)").contains("look-around"));
        assert!(refused("(((1{200}){200}){200})").contains("too much memory"));
        assert!(refused(&"(".repeat(100)).contains("is no pattern"));
        assert_eq!(refused(&"1".repeat(256)), "the pattern has 256 bytes (expected at most 255)");
    }

    #[test]
    fn a_prefix_is_the_beginning_of_what_is_shown() {
        let begins = |prefix: &str, address: &str| {
            AddressText::Prefix(prefix.parse().unwrap()).matches(address.parse().unwrap())
        };
        assert!(begins("10.1", "10.1.0.5") && begins("10.1", "10.100.0.5") && !begins("10.1.", "10.100.0.5"));
        assert!(begins("FD00:", "fd00::5") && !begins("fd00:0", "fd00::5"));
        for wrong in ["", "10.1%", "host", &"1".repeat(46)] {
            assert!(wrong.parse::<AddressPrefix>().is_err(), "{wrong}");
        }
    }
}
