//! `ListFixedIps`: the addresses of a network, a subnet, an instance or a host that have an owner, are reserved or rest.
//!
//! What a subnet keeps for itself, its gateway for one, has no row and stands between them: there are a few of each subnet.
//!
//! A subnet's addresses are read in their order, and a host's port by port, so a page costs what it looks at; where some of
//! them are not wanted, a call looks at a bounded number, and tells from where to go on even if it has found nothing.

use lepton_ipam::Reserved;
use lepton_types::{
    FixedIpInfo, FixedIpState, HostId, InstanceId, Port, PortId, ProjectId, Revision, Subnet,
};
use serde::{Deserialize, Serialize};

use super::Place;
use crate::{AddressPlace, Command, FixedIp, Key, PortFilter, PortsBy, Scope, Stop, View, page};

/// Shows a page of addresses that are not free, in their order, IPv4 before IPv6; of a host those of one port after the other,
/// the port first that changed first.
///
/// Of a network or a subnet what it keeps for itself, such as its gateway, is among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListFixedIps {
    /// Whose or where.
    pub by: FixedIpsBy,
    /// Only those that this project's ports have.
    pub project: Option<ProjectId>,
    /// Only those that are this.
    pub state: Option<FixedIpState>,
    /// Only those behind this place, which an earlier page of the same list has told.
    pub after: Option<FixedIpPlace>,
    /// Most addresses to show; not zero.
    pub limit: u16,
    /// What the caller may see. A tenant is shown what its own ports have, and of its own networks also what is reserved or
    /// rests.
    pub scope: Scope,
}

/// By what addresses are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FixedIpsBy {
    /// By where they are.
    Place(Place),
    /// By the instance that has them.
    Instance(InstanceId),
    /// By the host on which the ports are active that have them.
    Host(HostId),
}

/// A page of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedIpPage {
    /// The addresses.
    pub fixed_ips: Vec<FixedIpInfo>,
    /// From where to go on; none when all was looked at.
    pub next: Option<FixedIpPlace>,
}

/// Where a list of addresses goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FixedIpPlace {
    /// Behind this address.
    Behind(AddressPlace),
    /// On a host behind this port, or when there is one behind this address of it.
    OnHost(HostPortPlace, Option<AddressPlace>),
}

/// Where a port is among those of its host: at which of the host's revisions it changed. A port that changes is behind all
/// others then, so whoever pages through them misses none.
pub type HostPortPlace = (Revision, PortId);

/// An address that is not free.
enum Found {
    /// It has an owner, is reserved or rests.
    Row(FixedIp),
    /// Its subnet keeps it for itself.
    Kept(AddressPlace),
}

/// What a call looks at.
struct Looked {
    found: Vec<Found>,
    /// Where to go on behind all of it; none when nothing is there.
    next: Option<FixedIpPlace>,
}

impl Command for ListFixedIps {
    type Answer = FixedIpPage;

    const NAME: &'static str = "ListFixedIps";

    fn decide(&self, ledger: &mut View) -> Result<FixedIpPage, Stop> {
        if self.project.is_some() && !self.scope.owns(self.project.as_ref()) {
            return Ok(FixedIpPage::default());
        }
        let Looked { found, next } = match &self.by {
            FixedIpsBy::Place(place) => self.in_place(ledger, *place)?,
            FixedIpsBy::Instance(instance) => self.of_instance(ledger, *instance)?,
            FixedIpsBy::Host(host) => self.on_host(ledger, host)?,
        };
        ledger.want(found.iter().map(|found| Key::Subnet(found.place().1)));
        ledger.need(found.iter().filter_map(Found::port).map(Key::Port))?;
        let mut page = FixedIpPage::default();
        for found in found {
            if page.fixed_ips.len() == usize::from(self.limit) {
                return Ok(page);
            }
            page.next = Some(self.place_of(ledger, &found));
            page.fixed_ips.extend(self.wanted(ledger, found)?);
        }
        Ok(FixedIpPage { next, ..page })
    }
}

impl Found {
    fn place(&self) -> AddressPlace {
        match self {
            Self::Row(row) => (row.address, row.subnet),
            Self::Kept(place) => *place,
        }
    }

    /// The port that has it.
    fn port(&self) -> Option<PortId> {
        match self {
            Self::Row(row) => row.holder.port(),
            Self::Kept(_) => None,
        }
    }
}

impl ListFixedIps {
    /// The next addresses of the subnets there.
    fn in_place(&self, ledger: &mut View, place: Place) -> Result<Looked, Stop> {
        let (_, mut subnets) = ledger.subnets_at(place, &self.scope)?;
        let after = self.behind().map(|(address, _)| address);
        subnets.retain(|subnet| after.is_none_or(|after| subnet.cidr.last() > after));
        let after = after.filter(|after| subnets.first().is_some_and(|first| first.cidr.contains(*after)));
        let looks = self.looks();
        let rows = ledger.fixed_ip_page(&subnets, after, looks)?;
        let last = rows.last().filter(|_| rows.len() == usize::from(looks));
        let last = last.map(|row| (row.address, row.subnet));
        let mut found = kept_between(&subnets, self.behind(), last);
        found.retain(|kept| rows.iter().all(|row| (row.address, row.subnet) != kept.place()));
        found.extend(rows.into_iter().map(Found::Row));
        found.sort_unstable_by_key(Found::place);
        Ok(Looked { found, next: last.map(FixedIpPlace::Behind) })
    }

    /// The next addresses of an instance's ports. It has so few that they are sorted.
    fn of_instance(&self, ledger: &mut View, instance: InstanceId) -> Result<Looked, Stop> {
        let project = self.project.as_ref().or(self.scope.project()).cloned();
        let filter = PortFilter { project, by: PortsBy::Instance(instance) };
        let ports = ledger.port_page(&filter, None, u16::MAX)?;
        let mut rows: Vec<FixedIp> = ports.iter().flat_map(|port| ledger.fixed_ips_of(port.id)).collect();
        rows.retain(|row| self.behind().is_none_or(|after| (row.address, row.subnet) > after));
        rows.sort_unstable_by_key(|row| (row.address, row.subnet));
        Ok(Looked { found: rows.into_iter().map(Found::Row).collect(), next: None })
    }

    /// What a host's next ports have, and before it the rest of what the last one has that was shown in part.
    fn on_host(&self, ledger: &mut View, host: &HostId) -> Result<Looked, Stop> {
        let after = match self.after {
            Some(FixedIpPlace::OnHost(port, address)) => Some((port, address)),
            Some(FixedIpPlace::Behind(_)) | None => None,
        };
        let looks = self.looks();
        let ports = ledger.host_port_page(host, after.map(|(port, _)| port), looks)?;
        let mut rows = Vec::new();
        if let Some(((revision, id), Some(shown))) = after {
            // A port that has changed or moved since comes again, or is not there any more.
            let port = ledger.port(id)?.filter(|port| port.host == *host && port.revision == revision);
            if let Some(port) = port.map(|port| port.id) {
                rows.extend(
                    in_order(ledger, port).into_iter().filter(|row| (row.address, row.subnet) > shown),
                );
            }
        }
        rows.extend(ports.iter().flat_map(|port| in_order(ledger, port.id)));
        let last = ports.last().filter(|_| ports.len() == usize::from(looks));
        let found = rows.into_iter().map(Found::Row).collect();
        Ok(Looked { found, next: last.map(|port| FixedIpPlace::OnHost((port.revision, port.id), None)) })
    }

    /// Behind which address the page begins, unless it is about a host.
    fn behind(&self) -> Option<AddressPlace> {
        match self.after {
            Some(FixedIpPlace::Behind(place)) => Some(place),
            Some(FixedIpPlace::OnHost(..)) | None => None,
        }
    }

    /// Where the list goes on behind an address, whose port is loaded.
    fn place_of(&self, ledger: &View, found: &Found) -> FixedIpPlace {
        let port = found.port().filter(|_| matches!(self.by, FixedIpsBy::Host(_)));
        match port.and_then(|port| ledger.row::<Port>(&port)) {
            Some(port) => FixedIpPlace::OnHost((port.revision, port.id), Some(found.place())),
            None => FixedIpPlace::Behind(found.place()),
        }
    }

    /// How many addresses, or ports of a host, the call looks at: where all are wanted, one more than it shows tells whether
    /// another page follows.
    fn looks(&self) -> u16 {
        let wants_all = self.state.is_none() && self.project.is_none() && self.scope == Scope::Everything;
        if wants_all { page::looks(self.limit) } else { page::LOOKS }
    }

    /// What the address is, if it is wanted and the caller's to see.
    fn wanted(&self, ledger: &mut View, found: Found) -> Result<Option<FixedIpInfo>, Stop> {
        let info = match found {
            Found::Row(row) => ledger.own_info_of_row(row, &self.scope)?,
            Found::Kept((address, subnet)) => ledger.own_info_of_kept(subnet, address, &self.scope)?,
        };
        Ok(info.filter(|info| {
            let owner = info.owner.as_ref().map(|owner| &owner.project);
            let is_of_project = self.project.is_none() || owner == self.project.as_ref();
            is_of_project && self.state.map_or(info.state != FixedIpState::Free, |state| info.state == state)
        }))
    }
}

/// What subnets keep for themselves behind a place, and up to another one.
fn kept_between(subnets: &[Subnet], after: Option<AddressPlace>, until: Option<AddressPlace>) -> Vec<Found> {
    let kept = subnets
        .iter()
        .flat_map(|subnet| Reserved::all_of(subnet).into_iter().map(|address| (address, subnet.id)));
    kept.filter(|place| after.is_none_or(|after| *place > after) && until.is_none_or(|until| *place <= until))
        .map(Found::Kept)
        .collect()
}

/// The addresses of a port that is loaded, in their order.
fn in_order(ledger: &View, port: PortId) -> Vec<FixedIp> {
    let mut rows = ledger.fixed_ips_of(port);
    rows.sort_unstable_by_key(|row| (row.address, row.subnet));
    rows
}
