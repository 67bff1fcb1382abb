//! What happens to quotas. What is used follows from other events and is not told by itself.

use lepton_types::{Event, Limit, Quota, Resource};

use crate::RowChange;

/// What became of a project's limits.
pub(super) fn event(change: &RowChange<&Quota>) -> Option<Event> {
    let quota = change.after.or(change.before)?;
    let limit = |quota: Option<&Quota>, resource| -> Option<Limit> { *quota?.limits.of(resource) };
    let event = Resource::ALL.into_iter().fold(
        Event::new("quota.modified").of_project(Some(&quota.project)),
        |event, resource| {
            let (before, after) = (limit(change.before, resource), limit(change.after, resource));
            event.changed(resource.as_str(), before.as_ref(), after.as_ref())
        },
    );
    (!event.about.is_empty()).then_some(event)
}
