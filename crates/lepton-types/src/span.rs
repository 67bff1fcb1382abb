//! [`Span`]: a length of time, as people write it.

use std::{fmt, str::FromStr, time::Duration};

/// A whole number and its unit: `500ms`, `60s`, `5m`, `24h`, `7d`. Whole milliseconds, up to half a billion years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    millis: u64,
}

/// A text that is not a length of time. Whoever shows it names the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// Not a number and a unit.
    #[error("expected a whole number and its unit: ms, s, m, h or d, for example 60s")]
    Malformed,
    /// Before nothing.
    #[error(
        "a length of time is never negative; expected a whole number and its unit: ms, s, m, h or d, for example 60s"
    )]
    Negative,
    /// More than there is room for.
    #[error("too long")]
    TooLong,
}

impl Span {
    /// The units and their lengths in milliseconds, the longest first.
    const UNITS: [(&str, u64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
}

impl From<Span> for Duration {
    fn from(span: Span) -> Duration {
        Duration::from_millis(span.millis)
    }
}

impl From<Duration> for Span {
    /// What is less than a millisecond is cut off; what there is no room for is as long as there is.
    fn from(time: Duration) -> Self {
        Self { millis: u64::try_from(time.as_millis()).unwrap_or(u64::MAX) }
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        if text.strip_prefix('-').is_some_and(|rest| !rest.starts_with('-') && rest.parse::<Self>().is_ok()) {
            return Err(SpanError::Negative);
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let known = Self::UNITS.into_iter().find(|(name, _)| *name == unit);
        let (_, length) = known.filter(|_| digits > 0).ok_or(SpanError::Malformed)?;
        let number = number.parse::<u64>().ok();
        let millis = number.and_then(|number| number.checked_mul(length)).ok_or(SpanError::TooLong)?;
        Ok(Self { millis })
    }
}

impl fmt::Display for Span {
    /// In seconds, or in the longest unit that it is a multiple of; `24h` stays `24h` and is not `1d`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_whole = |length: u64| self.millis >= length && self.millis.is_multiple_of(length);
        let fits =
            |(name, length): &(&str, u64)| is_whole(*length) && (*name != "d" || self.millis > *length);
        match Self::UNITS.into_iter().find(fits) {
            Some((name, length)) => write!(out, "{}{name}", self.millis / length),
            None => out.write_str("0s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_with_its_unit_is_a_span() {
        for (text, millis) in [
            ("0s", 0),
            ("500ms", 500),
            ("60s", 60_000),
            ("5m", 300_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(
                text.parse::<Span>().map(Duration::from),
                Ok(Duration::from_millis(millis)),
                "{text:?}"
            );
        }
    }

    #[test]
    fn anything_else_is_not() {
        for text in ["", "s", "60", "-5", "--5s", "+5s", "1.5h", "1h30m", "60 s", "10S", "1w", "60sec"] {
            assert_eq!(text.parse::<Span>(), Err(SpanError::Malformed), "{text:?}");
        }
        assert_eq!("-5s".parse::<Span>(), Err(SpanError::Negative));
        for text in ["99999999999999999999s", "99999999999999999d"] {
            assert_eq!(text.parse::<Span>(), Err(SpanError::TooLong), "{text:?}");
        }
    }

    #[test]
    fn a_span_is_written_in_the_unit_that_needs_the_fewest_digits() {
        for text in ["0s", "1ms", "1500ms", "90s", "24h", "2d"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("1d".parse::<Span>().unwrap().to_string(), "24h");
    }

    proptest! {
        #[test]
        fn a_span_round_trips(millis in any::<u64>()) {
            let span = Span::from(Duration::from_millis(millis));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }
    }
}
