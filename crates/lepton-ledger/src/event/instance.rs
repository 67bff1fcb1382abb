//! What happens to the lives of instances.

use lepton_types::Event;

use crate::{Instance, RowChange};

/// What became of an instance.
pub(super) fn event(change: &RowChange<&Instance>) -> Option<Event> {
    match (change.before, change.after) {
        (None, Some(after)) => Some(about("instance.allocated", after)),
        (Some(before), None) => Some(about("instance.deallocated", before)),
        (Some(before), Some(after)) => moved(before, after),
        (None, None) => None,
    }
}

fn moved(before: &Instance, after: &Instance) -> Option<Event> {
    if before.host != after.host {
        let event = about("instance.migrated", after);
        return Some(event.changed("host", Some(&before.host), Some(&after.host)));
    }
    let kind = match (&before.migration, &after.migration) {
        (Some(_), None) => "instance.migration_aborted",
        (before, Some(_)) if *before != after.migration => "instance.migrating",
        (_, Some(_)) | (None, None) => return None,
    };
    let migration = after.migration.as_ref().or(before.migration.as_ref());
    Some(about(kind, after).with_some("destination", migration.map(|migration| &migration.destination)))
}

fn about(kind: &'static str, instance: &Instance) -> Event {
    Event::new(kind)
        .of_project(Some(&instance.project))
        .with("instance_id", instance.id)
        .with("incarnation", instance.incarnation)
        .with("host", &instance.host)
}
