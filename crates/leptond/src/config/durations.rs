//! Lengths of time as people write them: a whole number and its unit, `500ms`, `30s`, `5m`, `24h`, `7d`.

use std::{fmt, str::FromStr, time::Duration};

use super::values::ValueError;

/// The units and their lengths in milliseconds, the longest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// How long the answers to request ids are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeepTime(pub(super) Duration);

/// How long what has ended is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HistoryTime(pub(super) Duration);

/// How long a stop waits for calls that are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DrainTime(pub(super) Duration);

impl KeepTime {
    /// What the API promises its callers.
    const MIN: Duration = Duration::from_hours(24);
    const MAX: Duration = Duration::from_hours(24 * 365);
}

impl HistoryTime {
    /// Below a day it tells nobody anything.
    const MIN: Duration = Duration::from_hours(24);
    /// Ten years: far from where the moment before which to forget would be no moment.
    const MAX: Duration = Duration::from_hours(24 * 3650);
}

impl DrainTime {
    /// The longest that a call may wait for a plug (`wait_for_active`), so no call outlasts it.
    const MAX: Duration = Duration::from_mins(10);
}

impl FromStr for KeepTime {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let expected = "a length of time from 24h to 365d (expected a number and d, h, m, s or ms)";
        let time = parse(text).filter(|time| (Self::MIN..=Self::MAX).contains(time));
        time.map(Self).ok_or_else(|| ValueError::new(text, expected))
    }
}

impl FromStr for HistoryTime {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let expected = "a length of time from 1d to 3650d (expected a number and d, h, m, s or ms)";
        let time = parse(text).filter(|time| (Self::MIN..=Self::MAX).contains(time));
        time.map(Self).ok_or_else(|| ValueError::new(text, expected))
    }
}

impl FromStr for DrainTime {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let expected = "a length of time from 0s to 10m (expected a number and d, h, m, s or ms)";
        let time = parse(text).filter(|time| *time <= Self::MAX);
        time.map(Self).ok_or_else(|| ValueError::new(text, expected))
    }
}

impl fmt::Display for KeepTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(self.0, out)
    }
}

impl fmt::Display for HistoryTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(self.0, out)
    }
}

impl fmt::Display for DrainTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(self.0, out)
    }
}

fn parse(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, millis) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    Some(Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(millis)?))
}

/// Writes the time in seconds, or in the unit that needs no more digits, so that `24h` stays `24h` and not `1d`.
fn show(time: Duration, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let millis = u64::try_from(time.as_millis()).expect("a parsed time is a u64 of milliseconds");
    let whole = |length: u64| millis >= length && millis.is_multiple_of(length);
    match UNITS.into_iter().find(|(name, length)| whole(*length) && (*name != "d" || millis > *length)) {
        Some((name, length)) => write!(out, "{}{name}", millis / length),
        None => out.write_str("0s"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_with_its_unit_is_a_time() {
        for (text, millis) in [
            ("0s", 0),
            ("250ms", 250),
            ("10s", 10_000),
            ("5m", 300_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_not() {
        for text in [
            "",
            "10",
            "s",
            "-1s",
            "1.5s",
            "10 s",
            "10S",
            "1h30m",
            "1w",
            "99999999999999999999s",
            "99999999999999999d",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn each_setting_has_its_range() {
        assert!("24h".parse::<KeepTime>().is_ok() && "365d".parse::<KeepTime>().is_ok());
        assert!("23h".parse::<KeepTime>().is_err() && "366d".parse::<KeepTime>().is_err());
        assert!("1d".parse::<HistoryTime>().is_ok() && "3650d".parse::<HistoryTime>().is_ok());
        assert!("23h".parse::<HistoryTime>().is_err() && "3651d".parse::<HistoryTime>().is_err());
        assert!("0s".parse::<DrainTime>().is_ok() && "10m".parse::<DrainTime>().is_ok());
        assert!("11m".parse::<DrainTime>().is_err());
    }

    proptest! {
        #[test]
        fn a_time_round_trips(millis in 0..=600_000_u64) {
            let time = DrainTime(Duration::from_millis(millis));
            prop_assert_eq!(time.to_string().parse(), Ok(time));
        }
    }
}
