//! Spans of time as people type them: `500ms`, `60s`, `5m`, `1h`, `7d`.

use std::time::Duration;

/// What a text that is no span of time is told.
const EXPECTED: &str = "expected a whole number and its unit: ms, s, m, h or d, for example 60s";

/// Units and how long they are, in milliseconds; `ms` stands before `m` and `s`, which it ends with.
const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60 * 1_000), ("h", 60 * 60 * 1_000), ("d", 24 * 60 * 60 * 1_000)];

/// Reads one number with its unit.
pub(crate) fn parse(text: &str) -> Result<Duration, &'static str> {
    let (number, millis) =
        UNITS.iter().find_map(|(unit, millis)| Some((text.strip_suffix(unit)?, *millis))).ok_or(EXPECTED)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(EXPECTED); // u64's own parser would take a sign
    }
    let number: u64 = number.parse().map_err(|_| EXPECTED)?;
    number.checked_mul(millis).map(Duration::from_millis).ok_or("too long")
}

/// The span as the wire has it; beyond 292 billion years, as much as it can hold.
pub(crate) fn to_wire(span: Duration) -> prost_types::Duration {
    span.try_into().unwrap_or(prost_types::Duration { seconds: i64::MAX, nanos: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_understood() {
        let cases = [
            ("500ms", 500),
            ("60s", 60_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("0s", 0),
        ];
        for (text, millis) in cases {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text:?}");
        }
    }

    #[test]
    fn a_number_without_unit_a_sign_and_a_fraction_are_refused() {
        for text in ["", "s", "60", "-5s", "+5s", "1.5h", "1h30m", "60 s", "9999999999999999999d"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
