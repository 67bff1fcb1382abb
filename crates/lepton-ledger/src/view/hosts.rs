//! How far hosts are, as a view knows it: what a store counted, or, in memory, the ports themselves.

use std::{collections::BTreeMap, ops::Bound};

use lepton_types::{HostId, Port, Revision};
use uuid::Uuid;

use super::View;
use crate::{Host, HostFigures, Key, PendingUnplug, Selection, Stop};

/// What a store has counted, by behind which host.
pub(super) type HostPages = BTreeMap<Option<HostId>, Vec<HostFigures>>;

impl View {
    /// Says what the hosts behind one have.
    pub fn note_host_figures(&mut self, after: Option<HostId>, figures: Vec<HostFigures>) {
        self.host_pages.insert(after, figures);
    }

    /// What the first hosts behind one have. What the batch itself changes is not in it, so it is for questions.
    pub(crate) fn host_figures(
        &mut self,
        after: Option<&HostId>,
        limit: u16,
    ) -> Result<Vec<HostFigures>, Stop> {
        self.need([Key::Select(Selection::HostFigures { after: after.cloned(), limit })])?;
        if !self.is_complete {
            return Ok(self.host_pages.get(&after.cloned()).cloned().unwrap_or_default());
        }
        let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
        let hosts = self.tables.hosts.rows_from(behind).filter(|host| host.is_registered);
        let hosts = hosts.take(limit.into());
        Ok(hosts.map(|host| self.count_ports_on(host)).collect())
    }

    fn count_ports_on(&self, host: &Host) -> HostFigures {
        let mut figures = HostFigures::of(host.id.clone());
        let first = (host.id.clone(), Revision::default(), Uuid::nil().into());
        let ports = self.indexes.ports_by_host.range(first.clone()..).take_while(|entry| entry.0 == host.id);
        for port in ports.filter_map(|entry| self.row::<Port>(&entry.2)) {
            match port.target.as_ref().filter(|target| target.host == host.id) {
                Some(target) => figures.add(&target.status, 1, None),
                None if port.is_released => figures.to_unplug += 1,
                None => {
                    let since = Some(port.created_at).filter(|_| !port.has_moved);
                    figures.add(&port.status, 1, since);
                }
            }
        }
        let left = self.indexes.unplugs_by_host.range(first..).take_while(|entry| entry.0 == host.id);
        let left = left.filter_map(|entry| self.row::<PendingUnplug>(&(entry.2, host.id.clone())));
        figures.to_unplug += left.filter(|unplug| !unplug.is_fenced).count() as u64;
        figures
    }
}
