//! `ReportHost`: what follows from what a host says that it has done.

use std::collections::BTreeSet;

use lepton_types::{HostId, HostReport, Port, PortReport};

use super::proof;
use crate::{Command, FixedIp, Key, PendingUnplug, Stop, View};

/// Records what a host has done; frees the addresses of released ports that every host has unplugged, and those that were
/// taken from a port which its host now keeps from using them.
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
        let mut left = Vec::new();
        for report in &self.report.ports {
            self.set_status(ledger, report)?;
            left.extend(self.left(ledger, report)?);
        }
        proof::free(ledger, &left)?;
        let unplugged = self.unplugged(ledger)?;
        proof::gone(ledger, &unplugged).map(drop)
    }
}

impl ReportHost {
    fn set_status(&self, ledger: &mut View, report: &PortReport) -> Result<(), Stop> {
        let Some(mut port) = ledger.port(report.id)?.filter(|port| !port.is_released).cloned() else {
            return Ok(());
        };
        if port.host == self.host && self.knows(&port) {
            port.status = report.status.clone();
        }
        if let Some(target) = &mut port.target
            && target.host == self.host
            && target.revision <= self.report.revision
        {
            target.status = report.status.clone();
        }
        ledger.replace(port);
        Ok(())
    }

    /// The addresses that were taken from one of the host's ports and that the port cannot use any more.
    fn left(&self, ledger: &mut View, report: &PortReport) -> Result<Vec<FixedIp>, Stop> {
        let port =
            ledger.port(report.id)?.filter(|port| port.host == self.host && !port.is_released).cloned();
        match port.zip(report.filtered_at) {
            Some((port, filtered_at)) => proof::left(ledger, &port, filtered_at),
            None => Ok(Vec::new()),
        }
    }

    /// Whether the report is about what this host was told last of its port. A port that moves may be told to a host more than
    /// once, and what the host said of it before is nothing then; its agent says anew what became of each port that it is told.
    fn knows(&self, port: &Port) -> bool {
        !port.has_moved || port.revision <= self.report.revision
    }

    /// The released ports of this host whose absence this report proves. Of ports that have left the host, and of what its
    /// fencing has ended, it notes that they need no more to be told; of any other port the report proves nothing.
    fn unplugged(&self, ledger: &mut View) -> Result<Vec<Port>, Stop> {
        let (mut own, mut left) = (Vec::new(), Vec::new());
        for id in self.report.unplugged.iter().collect::<BTreeSet<_>>() {
            match ledger.port(*id)? {
                Some(port) if port.is_released && port.host == self.host => {
                    own.extend(Some(port).filter(|port| self.knows(port)).cloned());
                }
                Some(port) if !port.has_moved => {}
                // Few are in no row or have moved: what is reported twice, what a fencing has ended.
                Some(_) | None => left.push((*id, self.host.clone())),
            }
        }
        ledger.need(left.iter().map(|(id, _)| Key::PendingUnplugs(*id)))?;
        left.retain(|key| {
            let unplug = ledger.row::<PendingUnplug>(key);
            unplug.is_some_and(|unplug| unplug.revision <= self.report.revision)
        });
        for key in &left {
            ledger.end::<PendingUnplug>(key);
        }
        proof::departed(ledger, left.into_iter().map(|(port, _)| port))?;
        Ok(own)
    }
}
