//! `mac_range.proto`: ranges of MACs to the wire.

use lepton_types::MacRange;

use crate::{timestamp, v1};

impl From<MacRange> for v1::MacRange {
    fn from(range: MacRange) -> Self {
        Self {
            id: range.id.to_string(),
            range: range.prefix.to_string(),
            size: range.prefix.size(),
            drawn: range.drawn,
            created_at: Some(timestamp(range.created_at)),
        }
    }
}
