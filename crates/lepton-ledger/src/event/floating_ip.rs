//! What happens to floating IPs. How many addresses of a range are allocated is told by them, and not by itself.

use lepton_types::{Event, FloatingIp, FloatingTarget, NetworkId};

use super::Facts;
use crate::RowChange;

/// What became of a floating IP. One that comes with where it leads, or goes while it leads somewhere, has two events; so has one that
/// is led elsewhere and becomes its project's own with it.
pub(super) fn events(change: &RowChange<&FloatingIp>, facts: &Facts<'_>) -> Vec<Event> {
    let target = |row: Option<&FloatingIp>| row.and_then(|row| row.target);
    let mut events = Vec::new();
    if let (None, Some(after)) = (change.before, change.after) {
        events.push(about("floating_ip.allocated", after, facts));
    }
    let Some(row) = change.after.or(change.before) else { return events };
    match (target(change.before), target(change.after)) {
        (before, Some(after)) if before != Some(after) => {
            let event = leading("floating_ip.associated", row, &after, facts);
            events.push(event.with_some("old_instance_id", before.map(|before| before.instance)));
        }
        (Some(before), None) => events.push(leading("floating_ip.disassociated", row, &before, facts)),
        (_, Some(_)) | (None, None) => {}
    }
    if let (Some(before), Some(after)) = (change.before, change.after)
        && before.is_auto_assigned != after.is_auto_assigned
    {
        let (old, new) = (Some(&before.is_auto_assigned), Some(&after.is_auto_assigned));
        events.push(about("floating_ip.modified", after, facts).changed("auto_assigned", old, new));
    }
    if let (Some(before), None) = (change.before, change.after) {
        events.push(about("floating_ip.released", before, facts));
    }
    events
}

fn leading(kind: &'static str, row: &FloatingIp, target: &FloatingTarget, facts: &Facts<'_>) -> Event {
    about(kind, row, facts)
        .with("fixed_ip", target.address)
        .with("instance_id", target.instance)
        .with("port_id", target.port)
        .with("network_id", target.network)
}

fn about(kind: &'static str, row: &FloatingIp, facts: &Facts<'_>) -> Event {
    let pool: NetworkId = row.pool;
    Event::new(kind)
        .of_project(Some(&row.project))
        .with("floating_ip", row.address)
        .with_some("pool", facts.network(pool).map(|pool| &pool.label))
}
