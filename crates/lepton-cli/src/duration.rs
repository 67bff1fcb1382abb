//! Spans of time as people type them, and as the wire has them.

use std::time::Duration;

use lepton_types::{Span, SpanError};

/// Reads one number with its unit.
pub(crate) fn parse(text: &str) -> Result<Duration, SpanError> {
    text.parse::<Span>().map(Duration::from)
}

/// Reads a span in which something can be waited for.
pub(crate) fn positive(text: &str) -> Result<Duration, String> {
    match parse(text) {
        Ok(Duration::ZERO) => {
            Err("nothing is answered in no time; expected more than 0, for example 60s".to_owned())
        }
        span => span.map_err(|error| error.to_string()),
    }
}

/// The span as the wire has it; beyond 292 billion years, as much as it can hold.
pub(crate) fn to_wire(span: Duration) -> prost_types::Duration {
    span.try_into().unwrap_or(prost_types::Duration { seconds: i64::MAX, nanos: 0 })
}
