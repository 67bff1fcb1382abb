//! `ListFixedIps`: the addresses of a network, a subnet, an instance or a host that have an owner, are reserved or rest.
//!
//! A subnet's addresses are read in their order, so a page costs what it looks at; where some of them are not wanted, a call
//! looks at a bounded number, and tells from where to go on even if it has found nothing.

use lepton_types::{FixedIpInfo, FixedIpState, HostId, InstanceId, ProjectId};
use serde::{Deserialize, Serialize};

use super::Place;
use crate::{AddressPlace, Command, FixedIp, Key, PortFilter, PortsBy, Scope, Stop, View};

/// Most addresses that a call looks at which does not want all of them.
const LOOKS: u16 = 256;

/// Shows a page of addresses that are not free, in their order, IPv4 before IPv6.
///
/// What a subnet keeps for itself, such as its gateway, has no row and is not listed; its subnet tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListFixedIps {
    /// Whose or where.
    pub by: FixedIpsBy,
    /// Only those that this project's ports have.
    pub project: Option<ProjectId>,
    /// Only those that are this.
    pub state: Option<FixedIpState>,
    /// Only those behind this one.
    pub after: Option<AddressPlace>,
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
    pub next: Option<AddressPlace>,
}

/// What a call looks at.
struct Looked {
    rows: Vec<FixedIp>,
    /// Whether nothing is behind it.
    is_all: bool,
}

impl Command for ListFixedIps {
    type Answer = FixedIpPage;

    const NAME: &'static str = "ListFixedIps";

    fn decide(&self, ledger: &mut View) -> Result<FixedIpPage, Stop> {
        if self.project.is_some() && !self.scope.owns(self.project.as_ref()) {
            return Ok(FixedIpPage::default());
        }
        let Looked { rows, is_all } = match &self.by {
            FixedIpsBy::Place(place) => self.in_place(ledger, *place)?,
            FixedIpsBy::Instance(instance) => self.of_ports(ledger, PortsBy::Instance(*instance))?,
            FixedIpsBy::Host(host) => self.of_ports(ledger, PortsBy::Host(host.clone()))?,
        };
        ledger.want(rows.iter().map(|row| Key::Subnet(row.subnet)));
        ledger.need(rows.iter().filter_map(|row| row.holder.port()).map(Key::Port))?;
        let mut page = FixedIpPage::default();
        for row in rows {
            if page.fixed_ips.len() == usize::from(self.limit) {
                return Ok(page);
            }
            page.next = Some((row.address, row.subnet));
            page.fixed_ips.extend(self.wanted(ledger, row)?);
        }
        if is_all {
            page.next = None;
        }
        Ok(page)
    }
}

impl ListFixedIps {
    /// The next addresses of the subnets there.
    fn in_place(&self, ledger: &mut View, place: Place) -> Result<Looked, Stop> {
        let (_, mut subnets) = ledger.subnets_at(place, &self.scope)?;
        let after = self.after.map(|(address, _)| address);
        subnets.retain(|subnet| after.is_none_or(|after| subnet.cidr.last() > after));
        let after = after.filter(|after| subnets.first().is_some_and(|first| first.cidr.contains(*after)));
        let looks = self.looks();
        let rows = ledger.fixed_ip_page(&subnets, after, looks)?;
        Ok(Looked { is_all: rows.len() < usize::from(looks), rows })
    }

    /// The next addresses of an instance's or a host's ports. Either has so few that they are sorted.
    fn of_ports(&self, ledger: &mut View, by: PortsBy) -> Result<Looked, Stop> {
        let project = self.project.as_ref().or(self.scope.project()).cloned();
        let ports = ledger.port_page(&PortFilter { project, by }, None, u16::MAX)?;
        ledger.need(ports.iter().map(|port| Key::Port(port.id)))?;
        let mut rows: Vec<FixedIp> = ports.iter().flat_map(|port| ledger.fixed_ips_of(port.id)).collect();
        rows.retain(|row| self.after.is_none_or(|after| (row.address, row.subnet) > after));
        rows.sort_unstable_by_key(|row| (row.address, row.subnet));
        Ok(Looked { rows, is_all: true })
    }

    /// How many addresses the call looks at: where all are wanted, one more than it shows tells whether another page follows.
    fn looks(&self) -> u16 {
        let wants_all = self.state.is_none() && self.project.is_none() && self.scope == Scope::Everything;
        if wants_all { self.limit.saturating_add(1) } else { LOOKS }
    }

    /// What the address is, if it is wanted and the caller's to see.
    fn wanted(&self, ledger: &mut View, row: FixedIp) -> Result<Option<FixedIpInfo>, Stop> {
        let info = ledger.own_info_of_row(row, &self.scope)?;
        Ok(info.filter(|info| {
            let owner = info.owner.as_ref().map(|owner| &owner.project);
            let is_of_project = self.project.is_none() || owner == self.project.as_ref();
            is_of_project && self.state.map_or(info.state != FixedIpState::Free, |state| info.state == state)
        }))
    }
}
