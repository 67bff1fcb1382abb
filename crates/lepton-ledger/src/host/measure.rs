//! `MeasureHosts`: how far hosts are behind what they must have.

use lepton_types::{HostId, PortStatus, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Command, Stop, View, page};

/// How many hosts a step looks at.
const HOSTS_AT_ONCE: u16 = 16;

/// Counts the ports of the next hosts, in the order of their names, by what the hosts have said of them. A host whose agent has never
/// been there has nothing to follow, and is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasureHosts {
    /// Behind which host; none: from the first one on.
    pub after: Option<HostId>,
}

/// What a step has counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasuredHosts {
    /// The hosts.
    pub hosts: Vec<HostFigures>,
    /// From where to go on; none when all are measured.
    pub next: Option<HostId>,
}

/// How many ports a host must have, and must not have any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFigures {
    /// The host.
    pub host: HostId,
    /// Ports that it must have and that are active there. A port that is on its way counts on both of its hosts.
    pub active: u64,
    /// Ports that it must have and of which it has not said yet what became of them.
    pub pending: u64,
    /// Ports that it must have and could not plug.
    pub failed: u64,
    /// Ports that it must unplug and has not said so: released ones, and those that have left it.
    pub to_unplug: u64,
    /// When the oldest of the pending ports was allocated; of one that was ever moved, since when it waits is not known.
    pub pending_since: Option<Timestamp>,
}

impl Command for MeasureHosts {
    type Answer = MeasuredHosts;

    const NAME: &'static str = "MeasureHosts";

    const IS_LONG: bool = true;

    fn decide(&self, ledger: &mut View) -> Result<MeasuredHosts, Stop> {
        let hosts = ledger.host_figures(self.after.as_ref(), HOSTS_AT_ONCE)?;
        let next = page::last(&hosts, HOSTS_AT_ONCE).map(|figures| figures.host.clone());
        Ok(MeasuredHosts { hosts, next })
    }
}

impl HostFigures {
    /// Of a host without ports.
    pub fn of(host: HostId) -> Self {
        Self { host, active: 0, pending: 0, failed: 0, to_unplug: 0, pending_since: None }
    }

    /// Counts so many ports that the host must have and of which it has said this; the oldest was allocated then.
    pub fn add(&mut self, status: &PortStatus, count: u64, since: Option<Timestamp>) {
        match status {
            PortStatus::Active => self.active += count,
            PortStatus::Pending => {
                self.pending += count;
                self.pending_since = [self.pending_since, since].into_iter().flatten().min();
            }
            PortStatus::Error(_) => self.failed += count,
        }
    }
}
