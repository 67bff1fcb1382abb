//! What happens to ranges of MACs. Which of their MACs are given follows from the ports' events.

use lepton_types::{Event, MacRange};

use crate::RowChange;

/// What became of a range.
pub(super) fn event(change: &RowChange<&MacRange>) -> Option<Event> {
    let (kind, range) = match (change.before, change.after) {
        (None, Some(after)) => ("mac_range.created", after),
        (Some(before), None) => ("mac_range.deleted", before),
        (Some(_), Some(_)) | (None, None) => return None,
    };
    Some(Event::new(kind).with("mac_range_id", range.id).with("range", range.prefix))
}
