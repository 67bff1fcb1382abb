//! Spans of time as people type them, and as the wire has them.

use std::time::Duration;

use lepton_types::{Span, SpanError};

/// Reads one number with its unit.
pub(crate) fn parse(text: &str) -> Result<Duration, SpanError> {
    text.parse::<Span>().map(Duration::from)
}

/// The span as the wire has it; beyond 292 billion years, as much as it can hold.
pub(crate) fn to_wire(span: Duration) -> prost_types::Duration {
    span.try_into().unwrap_or(prost_types::Duration { seconds: i64::MAX, nanos: 0 })
}
