//! What happens to networks.

use lepton_types::{Event, Network};

use crate::RowChange;

/// What became of a network. Where its owner changed, both the old and the new one hear of it, and neither of the other.
pub(super) fn events(change: &RowChange<&Network>) -> Vec<Event> {
    match (change.before, change.after) {
        (None, Some(after)) => vec![about("network.created", after)],
        (Some(before), None) => vec![about("network.deleted", before)],
        (Some(before), Some(after)) => changed(before, after),
        (None, None) => Vec::new(),
    }
}

fn changed(before: &Network, after: &Network) -> Vec<Event> {
    let mut events = Vec::new();
    if before.project != after.project {
        events.push(about("network.disassociated", before));
        events.push(about("network.associated", after));
    }
    let as_it_was = Network { project: before.project.clone(), version: before.version, ..after.clone() };
    if as_it_was != *before {
        let modified = about("network.modified", after)
            .changed("label", Some(&before.label), Some(&after.label))
            .changed("priority", Some(&before.priority), Some(&after.priority))
            .changed("mtu", Some(&before.mtu), Some(&after.mtu))
            .changed("host", before.host.as_ref(), after.host.as_ref())
            .changed("injected", Some(&before.is_injected), Some(&after.is_injected));
        events.push(modified);
    }
    events
}

fn about(kind: &'static str, network: &Network) -> Event {
    Event::new(kind)
        .of_owner(network.project.as_ref())
        .with("network_id", network.id)
        .with("label", &network.label)
        .with_some("external", network.is_external.then_some(true))
}
