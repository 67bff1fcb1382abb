//! `ReportHost`: what follows from what a host says that it has done.

use std::collections::BTreeSet;

use lepton_types::{HostId, HostReport, Port, PortReport};

use crate::{Command, FencedPort, Key, Stop, View, pool};

/// Records what a host has done; frees the addresses of released ports that it has unplugged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportHost {
    /// Which host.
    pub host: HostId,
    /// What it has done.
    pub report: HostReport,
}

impl Command for ReportHost {
    type Answer = ();

    const NAME: &'static str = "ReportHost";

    fn keys(&self) -> Vec<Key> {
        let plugged = self.report.ports.iter().map(|port| Key::Port(port.id));
        let unplugged = self.report.unplugged.iter().map(|id| Key::Port(*id));
        plugged.chain(unplugged).collect()
    }

    fn decide(&self, ledger: &mut View) -> Result<(), Stop> {
        for report in &self.report.ports {
            self.set_status(ledger, report)?;
        }
        self.forget_fenced(ledger)?;
        let unplugged = self.unplugged(ledger)?;
        end(ledger, &unplugged)
    }
}

impl ReportHost {
    fn set_status(&self, ledger: &mut View, report: &PortReport) -> Result<(), Stop> {
        let port = ledger.port(report.id)?.filter(|port| port.host == self.host && !port.is_released);
        if let Some(mut port) = port.cloned() {
            port.status = report.status.clone();
            ledger.replace(port);
        }
        Ok(())
    }

    /// The ports whose absence this report proves: this host's, and released. Of any other port it proves nothing.
    fn unplugged(&self, ledger: &mut View) -> Result<Vec<Port>, Stop> {
        let mut ports = Vec::new();
        for id in self.report.unplugged.iter().collect::<BTreeSet<_>>() {
            ports
                .extend(ledger.port(*id)?.filter(|port| port.host == self.host && port.is_released).cloned());
        }
        Ok(ports)
    }

    /// Of what the host's fencing has ended, what the host has unplugged needs no more to be told.
    fn forget_fenced(&self, ledger: &mut View) -> Result<(), Stop> {
        let mut ended = Vec::new();
        for id in &self.report.unplugged {
            // Few ports are in no row: those of a fenced host, and what is reported twice.
            if ledger.port(*id)?.is_none() {
                ended.push(*id);
            }
        }
        ledger.need(ended.iter().map(|id| Key::FencedPort(*id)))?;
        for id in ended {
            if ledger.fenced_port(id)?.is_some_and(|port| port.host == self.host) {
                ledger.end::<FencedPort>(&id);
            }
        }
        Ok(())
    }
}

/// Ends released ports that are on no host any more: their addresses go back.
pub(crate) fn end(ledger: &mut View, ports: &[Port]) -> Result<(), Stop> {
    need_addresses(ledger, ports)?;
    for port in ports {
        for fixed_ip in ledger.fixed_ips_of(port.id) {
            if let Some(subnet) = ledger.subnet(fixed_ip.subnet)?.cloned() {
                ledger.release(&subnet, &fixed_ip)?;
            }
        }
        ledger.end::<Port>(&port.id);
    }
    Ok(())
}

/// Loads in two rounds all that freeing the ports' addresses needs: their subnets, then their blocks.
fn need_addresses(ledger: &mut View, ports: &[Port]) -> Result<(), Stop> {
    let fixed_ips: Vec<_> = ports.iter().flat_map(|port| ledger.fixed_ips_of(port.id)).collect();
    ledger.need(fixed_ips.iter().map(|row| Key::Subnet(row.subnet)))?;
    let mut keys = Vec::new();
    for row in &fixed_ips {
        if let Some(subnet) = ledger.subnet(row.subnet)? {
            keys.extend(pool::key_of_block(subnet, row.address));
        }
    }
    ledger.need(keys)
}
