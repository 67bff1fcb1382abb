//! `ListFixedIps`: the addresses of a network, a subnet, an instance or a host that have an owner, are reserved or rest.
//!
//! What a subnet keeps for itself, its gateway for one, has no row and stands between them: there are a few of each subnet.
//!
//! A subnet's addresses are read in their order, and a host's or a project's port by port, so a page costs what it looks at; where
//! some of that is not wanted, a call looks at a bounded number, and tells from where to go on even if it has found nothing.
//! What is looked at for a tenant, and told as a place to go on from, is the tenant's own.

use lepton_ipam::Reserved;
use lepton_types::{
    FixedIpInfo, FixedIpState, HostId, InstanceId, Port, PortId, ProjectId, Revision, Subnet,
};
use serde::{Deserialize, Serialize};

use super::Place;
use crate::{
    AddressPlace, Command, FixedIp, Holder, Key, PortFilter, PortPlace, PortsBy, Scope, Stop, View, page,
};

/// Shows a page of addresses that are not free, in their order, IPv4 before IPv6; of a host those of one port after the other,
/// the port first that changed first; of a project, and of a network that is not the tenant's who asks, those of one of its ports
/// after the other, by network and id.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FixedIpPlace {
    /// Behind this address.
    Behind(AddressPlace),
    /// On a host behind this port, or when there is one behind this address of it.
    OnHost(HostPortPlace, Option<AddressPlace>),
    /// Among a project's ports behind this one, or when there is one behind this address of it.
    OfProject(PortPlace, Option<AddressPlace>),
}

/// Where a port is among those of its host: at which of the host's revisions it changed. A port that changes is behind all
/// others then, so whoever pages through them misses none.
pub type HostPortPlace = (Revision, PortId);

/// Addresses of a subnet that a store finds in their order without going through others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FixedIpKind {
    /// All that have a row.
    Any,
    /// Those that an operator keeps.
    Reserved,
    /// Those that rest, or have rested and were not swept yet.
    Resting,
    /// Those that ports have and DHCP servers have leased.
    Leased,
}

/// An address that is not free.
enum Found {
    /// It has an owner, is reserved or rests.
    Row(FixedIp),
    /// Its subnet keeps it for itself.
    Kept(AddressPlace),
}

/// What a call looks at.
struct Looked {
    /// What is there, each with the place behind it.
    found: Vec<(FixedIpPlace, Found)>,
    /// Where to go on behind all of it; none when nothing is there.
    next: Option<FixedIpPlace>,
}

impl Command for ListFixedIps {
    type Answer = FixedIpPage;

    const NAME: &'static str = "ListFixedIps";

    fn decide(&self, ledger: &mut View) -> Result<FixedIpPage, Stop> {
        let Some(project) = self.scope.narrowed(self.project.as_ref()) else {
            return Ok(FixedIpPage::default());
        };
        let project = project.cloned();
        let Looked { found, next } = match (&self.by, project) {
            (FixedIpsBy::Place(place), project) => self.in_place(ledger, *place, project)?,
            (FixedIpsBy::Instance(instance), project) => self.of_instance(ledger, *instance, project)?,
            (FixedIpsBy::Host(host), None) => self.on_host(ledger, host)?,
            (FixedIpsBy::Host(host), Some(project)) => self.of_project_on(ledger, project, host)?,
        };
        ledger.want(found.iter().map(|(_, found)| Key::Subnet(found.place().1)));
        ledger.need(found.iter().filter_map(|(_, found)| found.port()).map(Key::Port))?;
        let wanted = found.into_iter().map(|(place, found)| Ok((place, self.wanted(ledger, found)?)));
        let wanted = wanted.collect::<Result<Vec<_>, Stop>>()?;
        let (fixed_ips, next) = page::pick(wanted, next, self.limit, Option::is_some);
        Ok(FixedIpPage { fixed_ips: fixed_ips.into_iter().flatten().collect(), next })
    }
}

impl FixedIpKind {
    /// The kind that has every address in this state; [`Self::Any`] where no other has.
    fn of(state: FixedIpState) -> Self {
        match state {
            FixedIpState::Reserved => Self::Reserved,
            FixedIpState::Resting => Self::Resting,
            FixedIpState::Leased => Self::Leased,
            FixedIpState::Free | FixedIpState::Allocated | FixedIpState::Leaving => Self::Any,
        }
    }

    /// Whether the address is among them.
    pub(crate) fn lets_pass(self, row: &FixedIp) -> bool {
        match self {
            Self::Any => true,
            Self::Reserved => matches!(row.holder, Holder::Reserved { .. }),
            Self::Resting => matches!(row.holder, Holder::Quarantine(_)),
            Self::Leased => row.holder.port().is_some() && row.lease.is_some(),
        }
    }
}

impl Found {
    fn place(&self) -> AddressPlace {
        match self {
            Self::Row(row) => row.place(),
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
    /// The next addresses of the subnets there, or those of a project: whoever asks for it, and a tenant whose network it is not.
    fn in_place(&self, ledger: &mut View, place: Place, project: Option<ProjectId>) -> Result<Looked, Stop> {
        let (network, subnets) = ledger.subnets_at(place, &self.scope)?;
        let owner = ledger.network(network)?.and_then(|network| network.project.as_ref());
        if project.is_some() && (self.project.is_some() || !self.scope.owns(owner)) {
            let filter = PortFilter { project, by: PortsBy::Network(network) };
            let mut looked = self.of_project(ledger, &filter, self.looks())?;
            looked.found.retain(|(_, found)| subnets.iter().any(|subnet| subnet.id == found.place().1));
            return Ok(looked);
        }
        self.in_order(ledger, subnets)
    }

    /// The next addresses of some subnets.
    fn in_order(&self, ledger: &mut View, mut subnets: Vec<Subnet>) -> Result<Looked, Stop> {
        let behind = self.behind();
        let after = behind.map(|(address, _)| address);
        subnets.retain(|subnet| after.is_none_or(|after| subnet.cidr.last() > after));
        let after = after.filter(|after| subnets.first().is_some_and(|first| first.cidr.contains(*after)));
        let kind = self.state.map_or(FixedIpKind::Any, FixedIpKind::of);
        let looks = if kind == FixedIpKind::Any { self.looks() } else { page::looks(self.limit) };
        let rows = ledger.fixed_ip_page(&subnets, after, kind, looks)?;
        let last = page::last(&rows, looks).map(FixedIp::place);
        let mut found = kept_between(&subnets, behind, last);
        found.retain(|kept| rows.iter().all(|row| row.place() != kept.place()));
        found.extend(rows.into_iter().map(Found::Row));
        found.sort_unstable_by_key(Found::place);
        Ok(Looked { found: in_their_order(found), next: last.map(FixedIpPlace::Behind) })
    }

    /// The next addresses of an instance's ports. It has so few that they are sorted.
    fn of_instance(
        &self,
        ledger: &mut View,
        instance: InstanceId,
        project: Option<ProjectId>,
    ) -> Result<Looked, Stop> {
        let filter = PortFilter { project, by: PortsBy::Instance(instance) };
        let ports = ledger.port_page(&filter, None, u16::MAX)?;
        let mut rows: Vec<FixedIp> = ports.iter().flat_map(|port| ledger.fixed_ips_of(port.id)).collect();
        rows.retain(|row| self.behind().is_none_or(|after| row.place() > after));
        rows.sort_unstable_by_key(FixedIp::place);
        let found = rows.into_iter().map(Found::Row).collect();
        Ok(Looked { found: in_their_order(found), next: None })
    }

    /// What a host's next ports have, and before it the rest of what the last one has that was shown in part.
    fn on_host(&self, ledger: &mut View, host: &HostId) -> Result<Looked, Stop> {
        let after = match self.after {
            Some(FixedIpPlace::OnHost(port, shown)) => Some((port, shown)),
            Some(FixedIpPlace::Behind(_) | FixedIpPlace::OfProject(..)) | None => None,
        };
        let looks = self.looks();
        let ports = ledger.host_port_page(host, after.map(|(port, _)| port), looks)?;
        let place = |port: &Port, shown| FixedIpPlace::OnHost((port.revision, port.id), shown);
        let next = page::last(&ports, looks).map(|port| place(port, None));
        let mut rest = None;
        if let Some(((revision, id), Some(shown))) = after {
            // A port that has changed or moved since comes again, or is not there any more.
            let port = ledger.port(id)?.filter(|port| port.host == *host && port.revision == revision);
            rest = port.cloned().map(|port| (port, shown));
        }
        Ok(Looked { found: port_by_port(ledger, rest, ports, place), next })
    }

    /// What those of a project's next ports have that are on a host.
    fn of_project_on(&self, ledger: &mut View, project: ProjectId, host: &HostId) -> Result<Looked, Stop> {
        let filter = PortFilter { project: Some(project), by: PortsBy::Any };
        let mut looked = self.of_project(ledger, &filter, self.looks().max(page::LOOKS))?;
        let is_there = |port: PortId| ledger.row::<Port>(&port).is_some_and(|port| port.host == *host);
        looked.found.retain(|(_, found)| found.port().is_some_and(is_there));
        Ok(looked)
    }

    /// What a project's next ports have, so many ports, and before it the rest of what the last one has that was shown in part.
    fn of_project(&self, ledger: &mut View, filter: &PortFilter, looks: u16) -> Result<Looked, Stop> {
        let after = match self.after {
            Some(FixedIpPlace::OfProject(port, shown)) => Some((port, shown)),
            Some(FixedIpPlace::Behind(_) | FixedIpPlace::OnHost(..)) | None => None,
        };
        let ports = ledger.port_page(filter, after.map(|(port, _)| port), looks)?;
        let place = |port: &Port, shown| FixedIpPlace::OfProject((port.network, port.id), shown);
        let next = page::last(&ports, looks).map(|port| place(port, None));
        let mut rest = None;
        if let Some(((_, id), Some(shown))) = after {
            let port = ledger.port(id)?.filter(|port| filter.lets_pass(port));
            rest = port.cloned().map(|port| (port, shown));
        }
        Ok(Looked { found: port_by_port(ledger, rest, ports, place), next })
    }

    /// Behind which address the page begins that goes by addresses.
    fn behind(&self) -> Option<AddressPlace> {
        match self.after {
            Some(FixedIpPlace::Behind(place)) => Some(place),
            Some(FixedIpPlace::OnHost(..) | FixedIpPlace::OfProject(..)) | None => None,
        }
    }

    /// How many addresses, or ports, the call looks at: where all are wanted, one more than it shows tells whether another page
    /// follows.
    fn looks(&self) -> u16 {
        if self.state.is_none() { page::looks(self.limit) } else { page::LOOKS }
    }

    /// What the address is, if it is wanted and the caller's to see.
    fn wanted(&self, ledger: &mut View, found: Found) -> Result<Option<FixedIpInfo>, Stop> {
        let info = match found {
            Found::Row(row) => ledger.own_info_of_row(row, &self.scope)?,
            Found::Kept((address, subnet)) => ledger.own_info_of_kept(subnet, address, &self.scope)?,
        };
        let is_wanted = |info: &FixedIpInfo| {
            self.state.map_or(info.state != FixedIpState::Free, |state| info.state == state)
        };
        Ok(info.filter(is_wanted))
    }
}

/// What was found in the order of the addresses, with its places.
fn in_their_order(found: Vec<Found>) -> Vec<(FixedIpPlace, Found)> {
    found.into_iter().map(|found| (FixedIpPlace::Behind(found.place()), found)).collect()
}

/// What ports that are loaded have, one port after the other, with its places; before them the `rest` of a port, behind an address
/// of it that was shown.
fn port_by_port(
    ledger: &View,
    rest: Option<(Port, AddressPlace)>,
    ports: Vec<Port>,
    place: impl Fn(&Port, Option<AddressPlace>) -> FixedIpPlace,
) -> Vec<(FixedIpPlace, Found)> {
    let mut found = Vec::new();
    let rest = rest.into_iter().map(|(port, shown)| (port, Some(shown)));
    for (port, shown) in rest.chain(ports.into_iter().map(|port| (port, None))) {
        let mut rows = ledger.fixed_ips_of(port.id);
        rows.retain(|row| shown.is_none_or(|shown| row.place() > shown));
        rows.sort_unstable_by_key(FixedIp::place);
        found.extend(rows.into_iter().map(|row| (place(&port, Some(row.place())), Found::Row(row))));
    }
    found
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
