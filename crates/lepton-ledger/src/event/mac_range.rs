//! What happens to ranges of MACs. Which of their MACs are given follows from the ports' events.

use lepton_types::{Event, MacRange};

use crate::RowChange;

/// What became of a range. One that was deleted may be dropped bit by bit, which is nobody's business.
pub(super) fn event(change: &RowChange<&MacRange>) -> Option<Event> {
    let is_there = |range: &&MacRange| !range.is_ending;
    let (kind, range) = match (change.before.filter(is_there), change.after.filter(is_there)) {
        (None, Some(after)) => ("mac_range.created", after),
        (Some(before), None) => ("mac_range.deleted", before),
        (Some(_), Some(_)) | (None, None) => return None,
    };
    Some(Event::new(kind).with("mac_range_id", range.id).with("range", range.prefix))
}
