//! `ListHolders`: who held an address or a MAC, and when; and what the ports of an instance, or one port, held.
//!
//! Holdings are looked up in the order of their ends, those that last at last. So whoever pages misses none: what ends meanwhile
//! stands behind all that ended before. Where not all are wanted, a call looks at a bounded number of them, and tells from where
//! to go on even if it has found nothing.

use std::net::IpAddr;

use lepton_types::{HostId, InstanceId, MacAddr, NetworkId, Port, PortId, ProjectId, SubnetId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Command, Refusal, Scope, Stop, View, Violation, page};

/// Shows who held something, in the order in which that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListHolders {
    /// What was held.
    pub of: Held,
    /// When.
    pub when: When,
    /// Only what this project held.
    pub project: Option<ProjectId>,
    /// Only holdings behind this place.
    pub after: Option<HoldingPlace>,
    /// Most holdings to show; not zero.
    pub limit: u16,
    /// What the caller may see. A tenant is shown what its own project held.
    pub scope: Scope,
}

/// What may be held, or may hold something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Held {
    /// An address, as a fixed IP on any network and as a floating IP.
    Address(IpAddr),
    /// A MAC.
    Mac(MacAddr),
    /// Whatever the ports of an instance held, of any of its lives, and the floating IPs that led to them.
    Instance(InstanceId),
    /// The same of one port. It is looked for among what its instance held while the port was there.
    Port(PortId),
}

/// Which time a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// A moment.
    At(Timestamp),
    /// A span.
    Within {
        /// Its first moment; none: as far back as the ledger remembers.
        since: Option<Timestamp>,
        /// The first moment behind it; none: up to now.
        until: Option<Timestamp>,
    },
}

/// Which holdings a page is about, as the ledger is asked for them. What was held for no time is in none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldingFilter {
    /// What was held.
    pub of: Held,
    /// Only holdings that ended after this moment.
    pub beyond: Timestamp,
    /// Only those behind this place.
    pub after: Option<HoldingPlace>,
    /// Most holdings to look at.
    pub limit: u16,
}

/// Something that somebody held, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// What it was.
    pub what: Holdable,
    /// Whose it was.
    pub project: ProjectId,
    /// The port that had it, or that the floating IP led to; none: that led nowhere.
    pub port: Option<PastPort>,
    /// From when on.
    pub since: Timestamp,
    /// Until when.
    pub until: End,
}

/// What was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holdable {
    /// An address of a port.
    FixedIp {
        /// The address.
        address: IpAddr,
        /// Its subnet.
        subnet: SubnetId,
    },
    /// An address of a pool.
    FloatingIp {
        /// The address.
        address: IpAddr,
        /// Its range.
        subnet: SubnetId,
        /// Its pool.
        pool: NetworkId,
        /// The fixed IP that it led to; none: nowhere.
        leads_to: Option<IpAddr>,
    },
    /// This MAC, the port's.
    Mac(MacAddr),
}

/// A port that is, or was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastPort {
    /// Identity.
    pub id: PortId,
    /// Whose vNIC it was.
    pub instance: InstanceId,
    /// Which life of the instance, counted from 1.
    pub incarnation: u64,
    /// Its network.
    pub network: NetworkId,
    /// Its host; of one that has moved and ended, the one that unplugged it at last.
    pub host: HostId,
    /// Whether it was ever on its way to another one.
    pub has_moved: bool,
    /// Its MAC.
    pub mac: MacAddr,
}

/// When something ended. What lasts is behind all that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum End {
    /// At this moment, at which it was over already.
    At(Timestamp),
    /// It lasts.
    NotYet,
}

/// Where a holding stands among all: no address is held twice at once on one subnet or in all pools, and no MAC is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HoldingPlace {
    /// When it ended.
    pub until: End,
    /// Among those that ended at one moment.
    pub shelf: Shelf,
}

/// Where something is held once at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Shelf {
    /// As this fixed IP of this subnet.
    FixedIp(SubnetId, IpAddr),
    /// As this floating IP.
    FloatingIp(IpAddr),
    /// As this MAC.
    Mac(MacAddr),
}

/// A page of holdings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderPage {
    /// The holdings.
    pub holdings: Vec<Holding>,
    /// From where to go on; none when all was looked at.
    pub next: Option<HoldingPlace>,
    /// Before when something that ended may be forgotten; none: nothing is.
    pub remembered_since: Option<Timestamp>,
}

impl Command for ListHolders {
    type Answer = HolderPage;

    const NAME: &'static str = "ListHolders";

    fn decide(&self, ledger: &mut View) -> Result<HolderPage, Stop> {
        self.when.must_have_come(ledger.now())?;
        let beyond = self.when.first();
        let filter = HoldingFilter { of: self.of, beyond, after: self.after, limit: self.looks() };
        let rows = ledger.holding_page(&filter)?;
        let behind = page::last(&rows, filter.limit).map(Holding::place);
        let placed = rows.into_iter().map(|row| (row.place(), row));
        let (holdings, next) = page::pick(placed, behind, self.limit, |row| self.wants(row));
        Ok(HolderPage { holdings, next, remembered_since: ledger.remembered_since() })
    }
}

impl ListHolders {
    /// How many holdings the call looks at: where all are wanted, one more than it shows tells whether another page follows.
    fn looks(&self) -> u16 {
        let wants_all_ends = matches!(self.when, When::Within { until: None, .. });
        let wants_all_ports = !matches!(self.of, Held::Port(_));
        let wants_all =
            wants_all_ends && wants_all_ports && self.project.is_none() && self.scope == Scope::Everything;
        if wants_all { page::looks(self.limit) } else { page::LOOKS }
    }

    /// Whether the holding is asked for, and the caller's to see. That it did not end before is known.
    fn wants(&self, holding: &Holding) -> bool {
        let had_begun = match self.when {
            When::At(moment) => holding.since <= moment,
            When::Within { until, .. } => until.is_none_or(|until| holding.since < until),
        };
        let is_of_project = self.project.as_ref().is_none_or(|project| holding.project == *project);
        let is_of_port = match self.of {
            Held::Port(id) => holding.port.as_ref().is_some_and(|port| port.id == id),
            Held::Address(_) | Held::Mac(_) | Held::Instance(_) => true,
        };
        had_begun && is_of_port && is_of_project && self.scope.owns(Some(&holding.project))
    }
}

impl When {
    /// The first moment that the question is about.
    fn first(self) -> Timestamp {
        let first = match self {
            Self::At(moment) => Some(moment),
            Self::Within { since, .. } => since,
        };
        first.unwrap_or(Timestamp::FIRST)
    }

    /// Refuses a time of which nothing can be known yet. That a span ends later says only that it is not over.
    fn must_have_come(self, now: Timestamp) -> Result<(), Refusal> {
        let (field, moment) = match self {
            Self::At(moment) => ("at", Some(moment)),
            Self::Within { since, .. } => ("since", since),
        };
        let Some(ahead) =
            moment.map(|moment| moment.micros().saturating_sub(now.micros())).filter(|ahead| *ahead > 0)
        else {
            return Ok(());
        };
        let problem = format!(
            "has not come yet, by {}.{:06} s of the server's clock (expected a time that has passed)",
            ahead / 1_000_000,
            ahead % 1_000_000
        );
        Err(Refusal::InvalidFields { violations: vec![Violation { field: field.into(), problem }], more: 0 })
    }
}

impl Holding {
    /// Where it stands.
    pub fn place(&self) -> HoldingPlace {
        let shelf = match self.what {
            Holdable::FixedIp { address, subnet } => Shelf::FixedIp(subnet, address),
            Holdable::FloatingIp { address, .. } => Shelf::FloatingIp(address),
            Holdable::Mac(mac) => Shelf::Mac(mac),
        };
        HoldingPlace { until: self.until, shelf }
    }

    /// Whether it took any time.
    pub fn is_real(&self) -> bool {
        self.until > End::At(self.since)
    }
}

impl From<&Port> for PastPort {
    fn from(port: &Port) -> Self {
        Self {
            id: port.id,
            instance: port.instance,
            incarnation: port.incarnation,
            network: port.network,
            host: port.host.clone(),
            has_moved: port.has_moved,
            mac: port.mac,
        }
    }
}

#[cfg(test)]
mod tests;
