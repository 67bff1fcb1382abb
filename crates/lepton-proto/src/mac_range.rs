//! `mac_range.proto`: ranges of MACs to the wire.

use std::time::SystemTime;

use lepton_types::MacRange;

use crate::v1;

impl From<MacRange> for v1::MacRange {
    fn from(range: MacRange) -> Self {
        Self {
            id: range.id.to_string(),
            range: range.prefix.to_string(),
            size: range.prefix.size(),
            drawn: range.drawn,
            created_at: Some(SystemTime::from(range.created_at).into()),
        }
    }
}
