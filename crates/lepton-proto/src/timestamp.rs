//! Moments on the wire.

use std::time::SystemTime;

use lepton_types::Timestamp;

/// The moment as the API tells it.
pub fn timestamp(moment: Timestamp) -> prost_types::Timestamp {
    SystemTime::from(moment).into()
}
