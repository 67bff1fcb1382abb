//! What happens to addresses, other than that they come with a new port and go with an ended one.

use lepton_types::{Event, PortId};

use super::Facts;
use crate::{FixedIp, Holder, RowChange};

/// What became of an address.
pub(super) fn event(change: &RowChange<&FixedIp>, facts: &Facts<'_>) -> Option<Event> {
    let holder = |row: Option<&FixedIp>| row.map(|row| row.holder);
    let row = change.after.or(change.before)?;
    let event = match (holder(change.before), holder(change.after)) {
        (_, Some(Holder::Port(port))) => of_port("fixed_ip.allocated", port, facts),
        (Some(Holder::Port(port)), _) => of_port("fixed_ip.released", port, facts),
        (Some(Holder::Quarantine(_)), None) => Event::new("fixed_ip.freed"),
        // An address that rests was its subnet's own, whose change tells it.
        (_, Some(Holder::Quarantine(_))) | (None, None) => return None,
    };
    let event = event.with("fixed_ip", row.address).with("subnet_id", row.subnet);
    Some(event.with_some("network_id", facts.network_of(row.subnet)))
}

fn of_port(kind: &'static str, id: PortId, facts: &Facts<'_>) -> Event {
    let event = Event::new(kind).with("port_id", id);
    match facts.port(id) {
        Some(port) => event.of_project(Some(&port.project)).with("instance_id", port.instance),
        None => event,
    }
}
