//! What happens to addresses, other than that they come with a new port and go with an ended one.

use lepton_types::{Event, Name, NetworkId, PortId};

use super::Facts;
use crate::{FixedIp, Holder, RowChange};

/// Told of an address that can be given out again, and so not of one that its subnet keeps from now on.
const FREED: &str = "fixed_ip.freed";

/// Told of an address that is a port's no more, or its subnet's, and that nobody gets yet.
const RESTING: &str = "fixed_ip.resting";

/// Told of an address that a DHCP server has taken back, and so not of one whose subnet lets it rest whatever such a server says.
const RELEASED: &str = "fixed_ip.released";

/// What became of an address. One that no host had to follow is nobody's as soon as it is taken from its port.
pub(super) fn events(change: &RowChange<&FixedIp>, facts: &Facts<'_>) -> impl Iterator<Item = Event> {
    let was_ports = change.before.is_some_and(|row| matches!(row.holder, Holder::Port(_)));
    let at_once = match change.after.map(|row| &row.holder) {
        None => Some(FREED),
        Some(Holder::Quarantine(_)) => Some(RESTING),
        Some(Holder::Port(_) | Holder::Leaving { .. } | Holder::Reserved { .. }) => None,
    };
    let kinds = kind(change).into_iter().chain(at_once.filter(|_| was_ports));
    kinds.filter_map(|kind| event(kind, change, facts))
}

/// What the owner of the network hears where the address is another project's port's, before or after: that it rests, or no more. Whatever
/// else becomes of it is that project's business.
pub(super) fn event_of_network(change: &RowChange<&FixedIp>, facts: &Facts<'_>) -> Option<Event> {
    let (before, after) = (change.before?, change.after?);
    let (kind, port) = match (&before.holder, &after.holder) {
        (held, Holder::Quarantine(_)) => (RESTING, held.port()?),
        (Holder::Quarantine(_), held) => (FREED, held.port()?),
        _ => return None,
    };
    let network = facts.network_of(after.subnet)?;
    let owner = facts.network(network)?.project.as_ref()?;
    if facts.port(port)?.project == *owner {
        return None;
    }
    let event = Event::new(kind).of_project(Some(owner)).with("fixed_ip", after.address);
    Some(event.with("subnet_id", after.subnet).with("network_id", network))
}

fn event(kind: &'static str, change: &RowChange<&FixedIp>, facts: &Facts<'_>) -> Option<Event> {
    let row = change.after.or(change.before)?;
    let is_subnets = match kind {
        FREED => facts.is_kept(row.subnet, row.address),
        RELEASED => facts.has_changed(row.subnet),
        _ => false,
    };
    if is_subnets {
        return None;
    }
    let newest_first = || change.after.into_iter().chain(change.before);
    let network = facts.network_of(row.subnet);
    let event = match newest_first().find_map(|row| row.holder.port()) {
        Some(port) => about_port(kind, port, facts),
        None => about_nobodys(kind, network, facts),
    };
    let event = event.with("fixed_ip", row.address).with("subnet_id", row.subnet);
    Some(event.with_some("network_id", network).with_some("reason", newest_first().find_map(reason_of)))
}

fn kind(change: &RowChange<&FixedIp>) -> Option<&'static str> {
    use Holder::{Leaving, Port, Quarantine, Reserved};
    let holder = |row: Option<&FixedIp>| row.map(|row| row.holder.clone());
    match (holder(change.before), holder(change.after)) {
        (Some(Reserved { .. }), Some(Reserved { .. })) => None,
        (_, Some(Reserved { .. })) => Some("fixed_ip.reserved"),
        (Some(Reserved { .. }), None | Some(Quarantine(_))) => Some("fixed_ip.unreserved"),
        (Some(Port(before)), Some(Port(after))) if before == after => of_lease(change),
        (Some(Leaving { .. }), Some(Leaving { .. })) | (Some(Quarantine(_)), Some(Quarantine(_))) => {
            of_lease(change)
        }
        (_, Some(Port(_))) => Some("fixed_ip.added"),
        (Some(Port(_)), _) => Some("fixed_ip.removed"),
        (Some(Leaving { .. } | Quarantine(_)), None) => Some(FREED),
        // Without a row before, it was its subnet's own, a gateway or a next hop.
        (Some(Leaving { .. }) | None, Some(Quarantine(_))) => Some(RESTING),
        (_, Some(Leaving { .. })) | (None, None) => None,
    }
}

/// What became of the lease of an address that stays where it is. That it is renewed tells nobody anything: each guest does so
/// every minute or so, and there would be nothing else in the journal.
fn of_lease(change: &RowChange<&FixedIp>) -> Option<&'static str> {
    let guest = |row: Option<&FixedIp>| row.and_then(|row| row.lease).map(|lease| lease.mac);
    match (guest(change.before), guest(change.after)) {
        (before, Some(after)) => (before != Some(after)).then_some("fixed_ip.leased"),
        (Some(_), None) => Some(RELEASED),
        (None, None) => None,
    }
}

fn reason_of(row: &FixedIp) -> Option<&Name> {
    match &row.holder {
        Holder::Reserved { reason, .. } => Some(reason),
        Holder::Port(_) | Holder::Leaving { .. } | Holder::Quarantine(_) => None,
    }
}

/// Of an address that no port has, its network's owner hears, who may list it; on a global network only operators may.
fn about_nobodys(kind: &'static str, network: Option<NetworkId>, facts: &Facts<'_>) -> Event {
    let network = network.and_then(|id| facts.network(id));
    Event::new(kind).of_project(network.and_then(|network| network.project.as_ref()))
}

fn about_port(kind: &'static str, id: PortId, facts: &Facts<'_>) -> Event {
    let event = Event::new(kind).with("port_id", id);
    match facts.port(id) {
        Some(port) => event.of_project(Some(&port.project)).with("instance_id", port.instance),
        None => event,
    }
}
