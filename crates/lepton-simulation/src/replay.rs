//! [`Replay`]: what a follower of the journal knows who has heard every event and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use lepton_ledger::{Change, FixedIp, Holder, Instance, View};
use lepton_types::{Event, FloatingIp, Port, PortStatus};

/// What there is, as the events tell it. A ledger is compared with it by making the same of its rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Replay {
    /// The host of each instance.
    instances: BTreeMap<String, String>,
    /// How each port is, and whether it was released.
    ports: BTreeMap<String, (&'static str, bool)>,
    /// Which port has which address; not those that were taken from it and that it has still to leave.
    fixed_ips: BTreeSet<(String, String)>,
    /// Where each floating IP leads.
    floating_ips: BTreeMap<String, Option<String>>,
}

impl Replay {
    /// Hears of the events among the changes of a batch.
    pub(crate) fn follow(&mut self, changes: &[Change]) {
        for change in changes {
            let Some(entry) = change.journal_entry() else { continue };
            entry.events.iter().for_each(|event| self.hear(event));
        }
    }

    fn hear(&mut self, event: &Event) {
        let about = |name: &str| event.about.get(name).cloned().unwrap_or_default();
        let port = |ports: &mut BTreeMap<String, (&'static str, bool)>, status| {
            ports.entry(about("port_id")).or_default().0 = status;
        };
        match &*event.kind {
            "instance.allocated" | "instance.migrated" => {
                self.instances.insert(about("instance_id"), about("host"));
            }
            "instance.deallocated" => drop(self.instances.remove(&about("instance_id"))),
            "port.created" => {
                port(&mut self.ports, "pending");
                let list = about("fixed_ips");
                let addresses = list.split(',').filter(|address| !address.is_empty());
                self.fixed_ips.extend(addresses.map(|address| (about("port_id"), address.to_owned())));
            }
            "port.pending" => port(&mut self.ports, "pending"),
            "port.active" => port(&mut self.ports, "active"),
            "port.error" => port(&mut self.ports, "error"),
            "port.released" => self.ports.entry(about("port_id")).or_default().1 = true,
            "port.deleted" => {
                let id = about("port_id");
                self.ports.remove(&id);
                self.fixed_ips.retain(|(port, _)| *port != id);
            }
            "fixed_ip.added" => drop(self.fixed_ips.insert((about("port_id"), about("fixed_ip")))),
            "fixed_ip.removed" => drop(self.fixed_ips.remove(&(about("port_id"), about("fixed_ip")))),
            "floating_ip.allocated" | "floating_ip.disassociated" => {
                self.floating_ips.insert(about("floating_ip"), None);
            }
            "floating_ip.associated" => {
                self.floating_ips.insert(about("floating_ip"), Some(about("fixed_ip")));
            }
            "floating_ip.released" => drop(self.floating_ips.remove(&about("floating_ip"))),
            _ => {}
        }
    }

    /// The same, as the rows tell it.
    pub(crate) fn of(ledger: &View) -> Self {
        let instances = ledger.rows::<Instance>().map(|row| (row.id.to_string(), row.host.to_string()));
        let ports =
            ledger.rows::<Port>().map(|row| (row.id.to_string(), (word(&row.status), row.is_released)));
        let held = ledger.rows::<FixedIp>().filter_map(|row| match row.holder {
            Holder::Port(port) => Some((port.to_string(), row.address.to_string())),
            Holder::Leaving { .. } | Holder::Quarantine(_) | Holder::Reserved { .. } => None,
        });
        let leads_to = |row: &FloatingIp| row.target.map(|target| target.address.to_string());
        let floating_ips = ledger.rows::<FloatingIp>().map(|row| (row.address.to_string(), leads_to(row)));
        Self {
            instances: instances.collect(),
            ports: ports.collect(),
            fixed_ips: held.collect(),
            floating_ips: floating_ips.collect(),
        }
    }
}

fn word(status: &PortStatus) -> &'static str {
    match status {
        PortStatus::Pending => "pending",
        PortStatus::Active => "active",
        PortStatus::Error(_) => "error",
    }
}
