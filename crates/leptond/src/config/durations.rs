//! The settings that are lengths of time, each with its range.

use std::{fmt, str::FromStr, time::Duration};

use lepton_types::Span;

use super::values::ValueError;

macro_rules! spans {
    ($($(#[$doc:meta])* $name:ident is $least:expr, $most:expr, $expected:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) struct $name(pub(super) Duration);

        impl FromStr for $name {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                let range: std::ops::RangeInclusive<Duration> = $least..=$most;
                let time = text.parse::<Span>().ok().map(Duration::from).filter(|time| range.contains(time));
                let expected = concat!("a length of time ", $expected, " (expected a number and d, h, m, s or ms)");
                time.map(Self).ok_or_else(|| ValueError::new(text, expected))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                Span::from(self.0).fmt(out)
            }
        }
    )+};
}

spans! {
    /// How long the answers to request ids are kept; at least as long as the API promises its callers.
    KeepTime is Duration::from_hours(24), Duration::from_hours(24 * 365), "from 24h to 365d";
    /// How long what has ended is kept: below a day it tells nobody anything, and ten years are far from where the moment
    /// before which to forget would be no moment.
    HistoryTime is Duration::from_hours(24), Duration::from_hours(24 * 3650), "from 1d to 3650d";
    /// How long events are kept: as long as those who follow them may be away.
    EventsTime is Duration::from_hours(1), Duration::from_hours(24 * 365), "from 1h to 365d";
    /// How often the ledger is audited. What is found is not urgent, and what is looked at is all that there is.
    AuditPeriod is Duration::ZERO, Duration::from_hours(24), "from 0s to 24h";
    /// How long a DHCP lease is good. Clients ask anew at half of it (RFC 2131 §4.4.5), and count in seconds.
    LeaseTime is Duration::from_secs(2), Duration::from_hours(24 * 30), "from 2s to 30d";
    /// How long a connection with TLS may last.
    ConnectionAge is Duration::from_secs(1), Duration::from_hours(24), "from 1s to 24h";
    /// How long a stop waits for calls that are under way; at most as long as a call may wait for a plug
    /// (`wait_for_active`), so no call outlasts it.
    DrainTime is Duration::ZERO, Duration::from_mins(10), "from 0s to 10m";
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_setting_has_its_range() {
        assert!("24h".parse::<KeepTime>().is_ok() && "365d".parse::<KeepTime>().is_ok());
        assert!("23h".parse::<KeepTime>().is_err() && "366d".parse::<KeepTime>().is_err());
        assert!("1d".parse::<HistoryTime>().is_ok() && "3650d".parse::<HistoryTime>().is_ok());
        assert!("23h".parse::<HistoryTime>().is_err() && "3651d".parse::<HistoryTime>().is_err());
        assert!("1h".parse::<EventsTime>().is_ok() && "365d".parse::<EventsTime>().is_ok());
        assert!("59m".parse::<EventsTime>().is_err() && "366d".parse::<EventsTime>().is_err());
        assert!("0s".parse::<DrainTime>().is_ok() && "10m".parse::<DrainTime>().is_ok());
        assert!("11m".parse::<DrainTime>().is_err() && "10".parse::<DrainTime>().is_err());
        assert!("2s".parse::<LeaseTime>().is_ok() && "30d".parse::<LeaseTime>().is_ok());
        assert!("1s".parse::<LeaseTime>().is_err() && "31d".parse::<LeaseTime>().is_err());
        assert!("1s".parse::<ConnectionAge>().is_ok() && "24h".parse::<ConnectionAge>().is_ok());
        assert!("0s".parse::<ConnectionAge>().is_err() && "25h".parse::<ConnectionAge>().is_err());
    }

    proptest! {
        #[test]
        fn a_time_round_trips(millis in 0..=600_000_u64) {
            let time = DrainTime(Duration::from_millis(millis));
            prop_assert_eq!(time.to_string().parse(), Ok(time));
        }
    }
}
