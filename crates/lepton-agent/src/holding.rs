//! [`Holding`]: what the agent was told that its host must have, and what of it the manager knows.

use std::collections::{BTreeMap, BTreeSet};

use lepton_types::{HostChanges, HostPort, HostReport, PortId, PortReport, PortStatus, Revision};

/// What the agent was told, and what it has told.
#[derive(Debug, Default)]
pub(crate) struct Holding {
    revision: Option<Revision>,
    reported: Revision,
    ports: BTreeMap<PortId, HostPort>,
    /// Ports that must go and whose absence the manager does not know yet.
    released: BTreeSet<PortId>,
    /// What the manager knows of ports.
    acknowledged: BTreeMap<PortId, Known>,
}

/// What the manager knows of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    status: PortStatus,
    /// The last revision by which it was certain to be filtered.
    filtered_at: Option<Revision>,
    /// Whether the manager is told all the same.
    is_doubted: bool,
}

impl Holding {
    /// Up to where the agent was told; none before it was told anything.
    pub(crate) fn revision(&self) -> Option<Revision> {
        self.revision
    }

    /// The ports that must be there.
    pub(crate) fn ports(&self) -> impl Iterator<Item = &HostPort> {
        self.ports.values()
    }

    /// The ports that must go.
    pub(crate) fn released(&self) -> impl Iterator<Item = PortId> {
        self.released.iter().copied()
    }

    /// Whether the manager takes the port to be plugged.
    pub(crate) fn is_known_active(&self, port: PortId) -> bool {
        self.acknowledged.get(&port).is_some_and(|known| known.status == PortStatus::Active)
    }

    /// Takes over what the manager tells.
    pub(crate) fn follow(&mut self, changes: HostChanges) {
        if changes.is_complete {
            self.ports.clear();
            self.released.clear();
            // Whoever sends everything may have forgotten what it was told.
            self.acknowledged.clear();
        }
        for port in changes.ports {
            self.released.remove(&port.id);
            // It may have been elsewhere meanwhile: what became of it is told anew, even if it is what it was.
            self.acknowledged.remove(&port.id);
            self.ports.insert(port.id, port);
        }
        for port in changes.released {
            self.ports.remove(&port);
            self.acknowledged.remove(&port);
            self.released.insert(port);
        }
        self.revision = Some(changes.revision);
    }

    /// Has the manager told once more what it has acknowledged: a report that it was slow to take, or took twice, may have come behind
    /// that, with what was so before.
    pub(crate) fn doubt(&mut self) {
        self.acknowledged.values_mut().for_each(|known| known.is_doubted = true);
    }

    /// What the manager does not know yet of these statuses and absences; none when it knows everything.
    pub(crate) fn news(&self, statuses: Vec<PortReport>, unplugged: Vec<PortId>) -> Option<HostReport> {
        let revision = self.revision?;
        let ports: Vec<_> = statuses.into_iter().filter(|report| self.is_news(report)).collect();
        let is_news = !ports.is_empty() || !unplugged.is_empty() || revision != self.reported;
        is_news.then_some(HostReport { revision, ports, unplugged })
    }

    /// That a filter is not certain any more takes back no proof of what was.
    fn is_news(&self, report: &PortReport) -> bool {
        let Some(known) = self.acknowledged.get(&report.id) else { return true };
        let has_proof = report.filtered_at.is_some() && report.filtered_at != known.filtered_at;
        known.status != report.status || has_proof || known.is_doubted
    }

    /// The manager has taken a report.
    pub(crate) fn acknowledge(&mut self, report: HostReport) {
        self.reported = report.revision;
        for PortReport { id, status, filtered_at } in report.ports {
            let before = self.acknowledged.get(&id).and_then(|known| known.filtered_at);
            let filtered_at = filtered_at.or(before);
            self.acknowledged.insert(id, Known { status, filtered_at, is_doubted: false });
        }
        for port in report.unplugged {
            self.released.remove(&port);
        }
    }
}

/// Ports that the manager is told of in one report: each is a row that it locks while it takes the report.
const AT_ONCE: usize = 256;

/// The report in parts that can be taken one after the other. Each may be the last one that arrives.
pub(crate) fn parts(report: HostReport) -> impl Iterator<Item = HostReport> {
    let HostReport { revision, ports, unplugged } = report;
    let count = ports.len().max(unplugged.len()).div_ceil(AT_ONCE).max(1);
    let (mut ports, mut unplugged) = (ports.into_iter(), unplugged.into_iter());
    (0..count).map(move |_| HostReport {
        revision,
        ports: ports.by_ref().take(AT_ONCE).collect(),
        unplugged: unplugged.by_ref().take(AT_ONCE).collect(),
    })
}
