//! Ranges of MACs as they are shown.

use lepton_proto::v1 as pb;
use serde::Serialize;

use super::{View, table::Table};

/// `lepton.v1.MacRange`.
#[derive(Debug, Serialize)]
pub(crate) struct MacRangeView {
    id: String,
    range: String,
    size: u64,
    drawn: u64,
    created_at: Option<String>,
}

/// `lepton.v1.ListMacRangesResponse`.
#[derive(Debug, Serialize)]
pub(crate) struct MacRangesView {
    mac_ranges: Vec<MacRangeView>,
}

impl From<pb::MacRange> for MacRangeView {
    fn from(range: pb::MacRange) -> Self {
        Self {
            id: range.id,
            range: range.range,
            size: range.size,
            drawn: range.drawn,
            created_at: range.created_at.map(|time| time.to_string()),
        }
    }
}

impl From<Vec<pb::MacRange>> for MacRangesView {
    fn from(ranges: Vec<pb::MacRange>) -> Self {
        Self { mac_ranges: ranges.into_iter().map(MacRangeView::from).collect() }
    }
}

impl View for MacRangeView {
    fn to_text(&self) -> String {
        let mut fields = Table::default();
        fields.field("Id", &self.id);
        fields.field("Range", &self.range);
        fields.field("MACs", &self.size);
        fields.field("Drawn", &self.drawn);
        fields.field("Created", self.created_at.as_deref().unwrap_or_default());
        fields.to_string()
    }
}

impl View for MacRangesView {
    fn to_text(&self) -> String {
        let mut table = Table::with_header(["ID", "RANGE", "MACS", "DRAWN"]);
        for range in &self.mac_ranges {
            table.row([
                range.id.clone(),
                range.range.clone(),
                range.size.to_string(),
                range.drawn.to_string(),
            ]);
        }
        table.to_string()
    }
}
