//! What an audit looks at, as a view knows it: what a store looked up, or, in memory, the tables themselves.

use std::{collections::BTreeMap, net::IpAddr, ops::Bound};

use lepton_types::{
    Amounts, FloatingIp, FloatingRange, Network, Port, ProjectId, Quota, Resource, Subnet, SubnetId,
};

use super::View;
use crate::{
    Counted, CountedBlock, CountedQuota, CountedRange, FixedIp, Frontier, JournalAbout, Key, LastHolder,
    PoolLook, PoolSpan, Selection, Stop, Which,
};
use lepton_ipam::Block;

/// What a store was asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Audit {
    pools: BTreeMap<PoolSpan, PoolLook>,
    ranges: BTreeMap<Which<SubnetId>, Vec<CountedRange>>,
    quotas: BTreeMap<Which<ProjectId>, Vec<CountedQuota>>,
    last_holders: BTreeMap<(SubnetId, IpAddr), LastHolder>,
    journal: BTreeMap<IpAddr, JournalAbout>,
}

impl View {
    /// Says what a part of a subnet looks like; nothing when the subnet is not there.
    pub fn note_pool_look(&mut self, span: PoolSpan, look: PoolLook) {
        self.audit.pools.insert(span, look);
    }

    /// Says which ranges there are, each with how many rows it has.
    pub fn note_counted_ranges(&mut self, which: Which<SubnetId>, ranges: Vec<CountedRange>) {
        self.audit.ranges.insert(which, ranges);
    }

    /// Says which quotas there are, each with how many rows its project has.
    pub fn note_counted_quotas(&mut self, which: Which<ProjectId>, quotas: Vec<CountedQuota>) {
        self.audit.quotas.insert(which, quotas);
    }

    /// Says who had an address at last; nothing when the history does not tell.
    pub fn note_last_holder(&mut self, subnet: SubnetId, address: IpAddr, last: LastHolder) {
        self.audit.last_holders.insert((subnet, address), last);
    }

    /// Says what the journal tells of an address.
    pub fn note_journal_about(&mut self, address: IpAddr, about: JournalAbout) {
        self.audit.journal.insert(address, about);
    }

    /// The ids of the first subnets behind one.
    pub(crate) fn subnets_behind(
        &mut self,
        after: Option<SubnetId>,
        limit: u16,
    ) -> Result<Vec<SubnetId>, Stop> {
        self.need([Key::Select(Selection::SubnetPage { after, limit })])?;
        let behind = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        Ok(self.tables.subnets.rows_from(behind).take(limit.into()).map(|subnet| subnet.id).collect())
    }

    /// A part of a subnet as it is; none when there is no such subnet. What the batch itself changes is not in it.
    pub(crate) fn pool_look(&mut self, span: &PoolSpan) -> Result<Option<PoolLook>, Stop> {
        self.need([Key::Select(Selection::AuditPool(*span))])?;
        Ok(if self.is_complete { self.look_at_tables(span) } else { self.audit.pools.get(span).cloned() })
    }

    fn look_at_tables(&self, span: &PoolSpan) -> Option<PoolLook> {
        let subnet = self.row::<Subnet>(&span.subnet)?.clone();
        let network = self.row::<Network>(&subnet.network)?;
        let key = (span.subnet, span.from.unwrap_or(IpAddr::from([0, 0, 0, 0])));
        let from = Bound::Included(&key);
        let blocks = self.tables.blocks.rows_from(from).take_while(|block| block.subnet() == span.subnet);
        let blocks = blocks.filter(|block| span.contains(block.first()));
        let blocks = blocks.take(usize::from(span.blocks) + 1);
        let fixed_ips = self.tables.fixed_ips.rows_from(from).take_while(|row| row.subnet == span.subnet);
        let fixed_ips = fixed_ips.filter(|row| span.contains(row.address)).take(span.rows().into());
        let floating_ips = self.tables.floating_ips.rows_from(Bound::Included(&key.1));
        let floating_ips = floating_ips.filter(|row| row.subnet == span.subnet && span.contains(row.address));
        let mut look = PoolLook {
            label: network.label.to_string(),
            is_range: self.row::<FloatingRange>(&span.subnet).is_some(),
            frontier: self.row::<Frontier>(&span.subnet).cloned(),
            blocks: blocks.map(counted).collect(),
            fixed_ips: fixed_ips.cloned().collect(),
            floating_ips: floating_ips.take(span.rows().into()).cloned().collect(),
            subnet,
            end: None,
        };
        look.cut_to(span);
        Some(look)
    }

    /// Ranges of floating IPs, each with how many of its addresses have a row.
    pub(crate) fn counted_ranges(&mut self, which: &Which<SubnetId>) -> Result<Vec<CountedRange>, Stop> {
        self.need([Key::Select(Selection::CountedRanges(which.clone()))])?;
        if !self.is_complete {
            return Ok(self.audit.ranges.get(which).cloned().unwrap_or_default());
        }
        let count = |range: &FloatingRange| {
            let counted = self.rows::<FloatingIp>().filter(|row| row.subnet == range.subnet).count() as u64;
            Counted { row: range.clone(), counted }
        };
        Ok(match which {
            Which::One(subnet) => self.row::<FloatingRange>(subnet).map(count).into_iter().collect(),
            Which::Page { after, limit } => {
                let behind = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
                self.tables.floating_ranges.rows_from(behind).take((*limit).into()).map(count).collect()
            }
        })
    }

    /// Quotas, each with how many rows its project has.
    pub(crate) fn counted_quotas(&mut self, which: &Which<ProjectId>) -> Result<Vec<CountedQuota>, Stop> {
        self.need([Key::Select(Selection::CountedQuotas(which.clone()))])?;
        if !self.is_complete {
            return Ok(self.audit.quotas.get(which).cloned().unwrap_or_default());
        }
        let count =
            |quota: &Quota| Counted { row: quota.clone(), counted: self.count_rows_of(&quota.project) };
        Ok(match which {
            Which::One(project) => self.row::<Quota>(project).map(count).into_iter().collect(),
            Which::Page { after, limit } => {
                let behind = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
                self.tables.quotas.rows_from(behind).take((*limit).into()).map(count).collect()
            }
        })
    }

    fn count_rows_of(&self, project: &ProjectId) -> Amounts<u64> {
        let is_port = |row: &&FixedIp| {
            let port = row.holder.port().and_then(|port| self.row::<Port>(&port));
            port.is_some_and(|port| port.project == *project)
        };
        let mut counted = Amounts::default();
        for resource in Resource::ALL {
            *counted.of_mut(resource) = match resource {
                Resource::Networks => {
                    self.rows::<Network>().filter(|row| row.project.as_ref() == Some(project)).count()
                }
                Resource::Ports => self.rows::<Port>().filter(|row| row.project == *project).count(),
                Resource::FixedIps => self.rows::<FixedIp>().filter(is_port).count(),
                Resource::FloatingIps => {
                    self.rows::<FloatingIp>().filter(|row| row.project == *project).count()
                }
            } as u64;
        }
        counted
    }

    /// Who had an address at last, as far as the history tells.
    pub(crate) fn last_holder(
        &mut self,
        subnet: SubnetId,
        address: IpAddr,
        is_floating: bool,
    ) -> Result<Option<LastHolder>, Stop> {
        self.need([Key::Select(Selection::LastHolder { subnet, address, is_floating })])?;
        let noted = self.audit.last_holders.get(&(subnet, address)).cloned();
        Ok(if self.is_complete { self.history.last_holder(subnet, address, is_floating) } else { noted })
    }

    /// What the latest entries of the journal tell of an address.
    pub(crate) fn journal_about(&mut self, address: IpAddr) -> Result<JournalAbout, Stop> {
        self.need([Key::Select(Selection::JournalAbout(address))])?;
        if !self.is_complete {
            return Ok(self.audit.journal.get(&address).cloned().unwrap_or_default());
        }
        let (rows, bounds) = self.whole_journal();
        let mut rows = rows.peekable();
        let mut about = JournalAbout::default();
        if bounds.oldest > 1 {
            about.since = Some(rows.peek().map_or(self.now, |row| row.entry.at));
        }
        for row in rows {
            let events = row.entry.events.iter().filter(|event| JournalAbout::names(event, address));
            about.events.extend(events.map(|event| (row.entry.at, event.clone())));
        }
        Ok(about)
    }
}

/// A block of a ledger in memory, which keeps no count of its own.
fn counted(block: &Block) -> CountedBlock {
    CountedBlock { block: block.clone(), free: block.free().into() }
}
