//! What happens to ports. The addresses that a port is made with, and those that end with it, are told with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use lepton_types::{Event, Port, PortId, PortStatus};

use super::subnet::listed;
use crate::{FixedIp, RowChange};

/// The addresses that a command's new ports got, and that its ended ports gave back.
pub(super) struct Addresses {
    created: BTreeSet<PortId>,
    deleted: BTreeSet<PortId>,
    of_port: BTreeMap<PortId, Vec<IpAddr>>,
}

impl Addresses {
    pub(super) fn new(ports: &[RowChange<&Port>], fixed_ips: &[RowChange<&FixedIp>]) -> Self {
        let created = ports.iter().filter(|change| change.before.is_none());
        let deleted = ports.iter().filter(|change| change.after.is_none());
        let mut addresses = Self {
            created: created.filter_map(|change| change.after).map(|port| port.id).collect(),
            deleted: deleted.filter_map(|change| change.before).map(|port| port.id).collect(),
            of_port: BTreeMap::new(),
        };
        for change in fixed_ips {
            let (came, went) = (addresses.came(change), addresses.went(change));
            for (port, address) in came.into_iter().chain(went) {
                addresses.of_port.entry(port).or_default().push(address);
            }
        }
        addresses
    }

    /// Whether all that happened to the address is that a new port got it or an ended one gave it back.
    pub(super) fn are_told_with_port(&self, change: &RowChange<&FixedIp>) -> bool {
        let is_told = |row: Option<&FixedIp>, is_there: bool| match row.and_then(port_of) {
            Some(port) if is_there => self.created.contains(&port),
            Some(port) => self.deleted.contains(&port),
            None => true,
        };
        let is_ports = [change.before, change.after].into_iter().flatten().any(|row| port_of(row).is_some());
        is_ports && is_told(change.before, false) && is_told(change.after, true)
    }

    fn came(&self, change: &RowChange<&FixedIp>) -> Option<(PortId, IpAddr)> {
        let port = change.after.and_then(port_of).filter(|port| self.created.contains(port))?;
        Some((port, change.after?.address))
    }

    fn went(&self, change: &RowChange<&FixedIp>) -> Option<(PortId, IpAddr)> {
        let port = change.before.and_then(port_of).filter(|port| self.deleted.contains(port))?;
        Some((port, change.before?.address))
    }
}

fn port_of(row: &FixedIp) -> Option<PortId> {
    row.holder.port()
}

/// What became of a port. One that ends where nobody waits for its host is told as released first, as any other one was.
pub(super) fn events(change: &RowChange<&Port>, addresses: &Addresses) -> Vec<Event> {
    let fixed_ips = |port: &Port| listed(addresses.of_port.get(&port.id).into_iter().flatten());
    match (change.before, change.after) {
        (None, Some(after)) => {
            let event = about("port.created", after).with("incarnation", after.incarnation);
            vec![event.with("mac", after.mac).with_some("fixed_ips", fixed_ips(after))]
        }
        (Some(before), None) => {
            let released = Port { is_released: true, target: None, ..before.clone() };
            let deleted = about("port.deleted", before).with_some("fixed_ips", fixed_ips(before));
            changed(before, &released).into_iter().chain([deleted]).collect()
        }
        (Some(before), Some(after)) => changed(before, after).into_iter().collect(),
        (None, None) => Vec::new(),
    }
}

/// What became of a port that is still there. That a host must look at it again is no news by itself.
fn changed(before: &Port, after: &Port) -> Option<Event> {
    if after.is_released && !before.is_released {
        return Some(moved(about("port.released", after), before, after));
    }
    if before.status != after.status {
        return Some(moved(of_status(before, after), before, after));
    }
    let event = moved(about("port.modified", after), before, after);
    (event.about != about("port.modified", after).about).then_some(event)
}

/// The event, telling where the port went, as which device, and what is known of its plug on the host that it is being moved to.
fn moved(event: Event, before: &Port, after: &Port) -> Event {
    let target_host = |port: &Port| port.target.as_ref().map(|target| target.host.clone());
    let target_binding = |port: &Port| port.target.as_ref().map(|target| target.binding.clone());
    let target_status = |port: &Port| port.target.as_ref().map(|target| word(&target.status));
    let target_error = |port: &Port| port.target.as_ref().and_then(|target| error_of(&target.status));
    event
        .changed("host", Some(&before.host), Some(&after.host))
        .changed("binding", Some(&before.binding), Some(&after.binding))
        .changed("target_host", target_host(before).as_ref(), target_host(after).as_ref())
        .changed("target_binding", target_binding(before).as_ref(), target_binding(after).as_ref())
        .changed("target_status", target_status(before).as_ref(), target_status(after).as_ref())
        .changed("target_error", target_error(before).as_ref(), target_error(after).as_ref())
}

fn of_status(before: &Port, after: &Port) -> Event {
    let (kind, error) = match &after.status {
        PortStatus::Pending => ("port.pending", None),
        PortStatus::Active => ("port.active", None),
        PortStatus::Error(error) => ("port.error", Some(error)),
    };
    about(kind, after).with("old_status", word(&before.status)).with_some("error", error)
}

fn word(status: &PortStatus) -> &'static str {
    match status {
        PortStatus::Pending => "PENDING",
        PortStatus::Active => "ACTIVE",
        PortStatus::Error(_) => "ERROR",
    }
}

fn error_of(status: &PortStatus) -> Option<String> {
    match status {
        PortStatus::Pending | PortStatus::Active => None,
        PortStatus::Error(error) => Some(error.clone()),
    }
}

fn about(kind: &'static str, port: &Port) -> Event {
    Event::new(kind)
        .of_project(Some(&port.project))
        .with("port_id", port.id)
        .with("instance_id", port.instance)
        .with("network_id", port.network)
        .with("host", &port.host)
}
