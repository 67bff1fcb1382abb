//! [`Fields`]: collects what is wrong with a request, field by field.

use std::{fmt::Display, net::IpAddr, ops::RangeInclusive, str::FromStr, time::Duration};

use lepton_ledger::{Refusal, Violation};
use lepton_types::{IfName, Name, Shown, Timestamp};

/// Most violations that are told of at once.
const MOST_VIOLATIONS: usize = 16;

/// Most bytes of violations that are told of at once. They travel thrice in an answer's trailers: as `grpc-message`, where
/// a byte may take three, and twice in base64. That is up to 6 bytes for each, of the 16 KiB that clients take.
const MOST_BYTES: usize = 2 * 1024;

/// The violations found so far. Parsing goes on behind a wrong field, so that a caller learns of all of them at once,
/// or of as many as an answer can carry.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    violations: Vec<Violation>,
    bytes: usize,
    /// How many were found for which there is no room.
    more: usize,
}

impl Fields {
    /// Notes what is wrong with a field.
    pub(crate) fn wrong(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        let violation = Violation { field: field.into(), problem: problem.into() };
        let bytes = self.bytes + violation.field.len() + violation.problem.len();
        let has_room = self.more == 0 && self.violations.len() < MOST_VIOLATIONS && bytes <= MOST_BYTES;
        if has_room || self.violations.is_empty() {
            self.violations.push(violation);
            self.bytes = bytes;
        } else {
            self.more += 1;
        }
    }

    /// Tells what is wrong with a field under the name of the one that it was made from.
    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        for violation in self.violations.iter_mut().filter(|violation| violation.field == from) {
            to.clone_into(&mut violation.field);
        }
    }

    /// Parses a field that must be there.
    pub(crate) fn required<T: FromStr<Err: Display>>(&mut self, field: &str, text: &str) -> Option<T> {
        if text.is_empty() {
            self.wrong(field, "is required");
            return None;
        }
        self.optional(field, text)
    }

    /// Parses a field that may be empty.
    pub(crate) fn optional<T: FromStr<Err: Display>>(&mut self, field: &str, text: &str) -> Option<T> {
        if text.is_empty() {
            return None;
        }
        text.parse().map_err(|error: T::Err| self.wrong(field, error.to_string())).ok()
    }

    /// Parses a device's name that may be empty. Linux lets no device have the names by which its settings speak of all devices
    /// and of those to come (`sysctl_dev_name_is_allowed()`); [`IfName`] has them, for the rows of older programs do.
    pub(crate) fn device(&mut self, field: &str, text: &str) -> Option<IfName> {
        if ["all", "default"].contains(&text) {
            self.wrong(field, format!("{} is a name that Linux gives to no device", Shown::new(text)));
            return None;
        }
        self.optional(field, text)
    }

    /// Parses a name that must be there; an empty one is told as the other texts that are no names.
    pub(crate) fn name(&mut self, field: &str, text: &str) -> Option<Name> {
        text.parse().map_err(|error| self.wrong(field, format!("{error}"))).ok()
    }

    /// Parses each text of a list, whose elements must not be empty.
    pub(crate) fn each<T: FromStr<Err: Display>>(&mut self, field: &str, texts: &[String]) -> Vec<T> {
        let elements = texts.iter().enumerate();
        elements.filter_map(|(index, text)| self.required(&format!("{field}[{index}]"), text)).collect()
    }

    /// Parses an address that must be there.
    pub(crate) fn address(&mut self, field: &str, text: &str) -> Option<IpAddr> {
        self.required::<Address>(field, text).map(|address| address.0)
    }

    /// Parses each address of a list.
    pub(crate) fn addresses(&mut self, field: &str, texts: &[String]) -> Vec<IpAddr> {
        self.each::<Address>(field, texts).into_iter().map(|address| address.0).collect()
    }

    /// Parses a span of time that is not negative; an absent one is none.
    pub(crate) fn duration(&mut self, field: &str, span: Option<&prost_types::Duration>) -> Option<Duration> {
        /// Nanoseconds beyond these are seconds (google/protobuf/duration.proto).
        const MOST_NANOS: u32 = 999_999_999;

        let prost_types::Duration { seconds, nanos } = *span?;
        let Ok(whole) = u64::try_from(seconds) else {
            self.wrong(field, format!("{seconds} seconds are negative"));
            return None;
        };
        let Some(part) = u32::try_from(nanos).ok().filter(|nanos| *nanos <= MOST_NANOS) else {
            self.wrong(field, format!("{nanos} nanos are out of range (expected 0 to {MOST_NANOS})"));
            return None;
        };
        Some(Duration::new(whole, part))
    }

    /// Parses a moment, of which less than a microsecond is dropped; an absent one is none.
    pub(crate) fn moment(&mut self, field: &str, time: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
        /// The years 1 to 9999 (google/protobuf/timestamp.proto).
        const SECONDS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

        let time = time?;
        if SECONDS.contains(&time.seconds) && (0..1_000_000_000).contains(&time.nanos) {
            return Some(Timestamp::from(time.seconds * 1_000_000 + i64::from(time.nanos / 1000)));
        }
        let problem =
            format!("{} s and {} ns since 1970 are no time of the years 1 to 9999", time.seconds, time.nanos);
        self.wrong(field, problem);
        None
    }

    /// The parsed request, if nothing was wrong.
    ///
    /// # Errors
    ///
    /// All that was wrong.
    pub(crate) fn finish<T>(self, parsed: Option<T>) -> Result<T, Refusal> {
        match parsed {
            Some(parsed) if self.violations.is_empty() => Ok(parsed),
            Some(_) | None => Err(Refusal::InvalidFields { violations: self.violations, more: self.more }),
        }
    }
}

/// An address whose error names what was given, as the standard library's does not.
pub(super) struct Address(pub(super) IpAddr);

#[derive(Debug, thiserror::Error)]
#[error("{0} is not an IP address (expected for example 10.1.0.5 or fd00:1::5)")]
pub(super) struct AddressError(Shown);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        text.parse().map(Self).map_err(|_| AddressError(Shown::new(text)))
    }
}
