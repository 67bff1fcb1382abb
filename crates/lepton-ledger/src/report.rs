//! What a host is told to have, and what follows from its reports.

use std::collections::BTreeSet;

use lepton_types::{HostChanges, HostId, HostPort, HostReport, Port, PortReport, Revision};

use crate::{Command, Key, Stop, View, pool};

/// Tells a host what it must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFeed {
    /// Which host.
    pub host: HostId,
    /// The revision that it holds; none: it wants everything.
    pub after: Option<Revision>,
}

impl Command for HostFeed {
    type Answer = HostChanges;

    const NAME: &'static str = "HostFeed";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Host(self.host.clone())]
    }

    fn decide(&self, ledger: &mut View) -> Result<HostChanges, Stop> {
        let revision = ledger.host(&self.host)?.revision;
        // A host that holds more than there is has outlived a restored ledger: it gets everything.
        let after = self.after.filter(|after| *after <= revision);
        let ports = ledger.host_ports(&self.host, after.unwrap_or_default())?;
        ledger.need(ports.iter().map(|port| Key::Network(port.network)))?;
        let mut changes = HostChanges { revision, is_complete: after.is_none(), ..HostChanges::default() };
        for port in ports {
            if port.is_released {
                changes.released.push(port.id);
            } else {
                changes.ports.extend(host_port(ledger, port)?);
            }
        }
        Ok(changes)
    }
}

/// The port as its host must have it; none if its network is gone, which the store's constraints forbid.
fn host_port(ledger: &mut View, port: Port) -> Result<Option<HostPort>, Stop> {
    let addresses = ledger.fixed_ips_of(port.id).into_iter().map(|row| row.address).collect();
    let device = port.device();
    Ok(ledger.network(port.network)?.map(|network| HostPort {
        id: port.id,
        device,
        network: network.id,
        bridge: network.bridge(),
        mtu: network.mtu,
        mac: port.mac,
        addresses,
        binding: port.binding,
    }))
}

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

#[cfg(test)]
mod tests;
