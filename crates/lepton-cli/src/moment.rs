//! Moments as people type them.

use prost_types::Timestamp;

/// Reads a moment of RFC 3339, whose seconds may be left out. A zone may not: whoever looks for somebody knows which.
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    const EXPECTED: &str =
        "expected a time with its zone, for example 2026-11-17T14:03Z or 2026-11-17T15:03:20+01:00";
    let has_zone = |clock: &str| clock.ends_with(['z', 'Z']) || clock.contains(['+', '-']);
    let (date, clock) = text.split_once(['T', 't', ' ']).ok_or(EXPECTED)?;
    if !has_zone(clock) {
        return Err(EXPECTED.to_owned());
    }
    // To the library hours and minutes are no time.
    let clock = match clock.split_at_checked(5) {
        Some((minute, rest)) if !rest.starts_with(':') => format!("{minute}:00{rest}"),
        Some(_) | None => clock.to_owned(),
    };
    format!("{date}T{clock}").parse().map_err(|_| EXPECTED.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_a_zone_and_may_lack_seconds() {
        for text in [
            "2026-11-17T14:03Z",
            "2026-11-17t14:03z",
            "2026-11-17 14:03Z",
            "2026-11-17T14:03:00Z",
            "2026-11-17T14:03:00.000Z",
            "2026-11-17T15:03+01:00",
            "2026-11-17T09:33:00-04:30",
        ] {
            assert_eq!(
                parse(text).map(|moment| (moment.seconds, moment.nanos)),
                Ok((1_794_924_180, 0)),
                "{text}"
            );
        }
        assert_eq!(parse("2026-11-17T14:03:00.25Z").unwrap().nanos, 250_000_000);
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "now",
            "2026-11-17",
            "14:03",
            "2026-11-17T14:03",
            "2026-13-17T14:03Z",
            "2026-11-17T14Z",
            "2026-11-17T14:63Z",
            "2026-11-17TäöüZ",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
