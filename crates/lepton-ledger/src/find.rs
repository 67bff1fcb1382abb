//! `FindInstances`: which instances have an address, in a range or written in a certain way, and to which one a floating IP
//! leads.
//!
//! A range is looked up by the index of all addresses, a text by going through the instances. A project's part of a range is found
//! among its instances as well: the index would go through what all others have there, and tell a tenant of that by the places to go
//! on from. Either way a call looks at a bounded number of rows, whether they match or not, and tells from where to go on.

mod text;

use std::net::IpAddr;

use lepton_types::{
    AddressFamily, Cidr, FloatingIp, InstanceId, Port, PortId, ProjectId, SubnetId, Timestamp,
};
use serde::{Deserialize, Serialize};

pub use text::{AddressPattern, AddressPatternError, AddressPrefix, AddressPrefixError, AddressText};

use crate::{Command, FixedIp, Instance, Key, Scope, Stop, View, page};

/// Finds the instances that have an address.
#[derive(Clone, Debug)]
pub struct FindInstances {
    /// Only this project's instances.
    pub project: Option<ProjectId>,
    /// Which addresses.
    pub wanted: WantedAddresses,
    /// From where to go on: behind what an earlier page of the same search has told.
    pub after: Option<FoundPlace>,
    /// Most addresses to show, though those that one instance has of a text are shown together; not zero.
    pub limit: u16,
    /// What the caller may see.
    pub scope: Scope,
}

/// Which addresses are looked for.
#[derive(Clone, Debug)]
pub enum WantedAddresses {
    /// Those in a range, which may be a single one.
    In(Cidr),
    /// Those that are written so, and those to which floating IPs lead that are.
    Written {
        /// What their texts begin with.
        text: AddressText,
        /// Only those of this family.
        family: Option<AddressFamily>,
    },
    /// The one that this floating IP leads to.
    LedToBy(IpAddr),
}

/// Where an address stands among all that have an owner row.
pub type AddressPlace = (IpAddr, SubnetId);

/// A page of the addresses that have an owner row, on whatever network, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressPage {
    /// Those in this range.
    pub range: Cidr,
    /// Only those behind this one.
    pub after: Option<AddressPlace>,
    /// Most addresses to look at.
    pub limit: u16,
}

/// Where an instance stands among all: by project, in the order of their allocation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstancePlace {
    /// Its project.
    pub project: ProjectId,
    /// When it was allocated.
    pub created_at: Timestamp,
    /// The instance.
    pub id: InstanceId,
}

/// An instance that has an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundInstance {
    /// Which instance.
    pub instance: InstanceId,
    /// Its project.
    pub project: ProjectId,
    /// The vNIC that has the address.
    pub port: PortId,
    /// The address, which is a fixed IP.
    pub address: IpAddr,
    /// The floating IP by which it was found.
    pub floating: Option<IpAddr>,
}

/// What was found by one call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundInstances {
    /// The addresses with their instances: of a range and every project in the order of addresses, else in that of the instances'
    /// allocation and of their vNICs.
    pub found: Vec<FoundInstance>,
    /// From where to go on; none when all was looked at.
    pub next: Option<FoundPlace>,
}

/// From where a search goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FoundPlace {
    /// Behind this address.
    Address(AddressPlace),
    /// Behind this instance.
    Instance(InstancePlace),
}

/// Whether an address is looked for.
type IsWanted<'a> = dyn Fn(IpAddr) -> bool + 'a;

impl Command for FindInstances {
    type Answer = FoundInstances;

    const NAME: &'static str = "FindInstances";

    fn decide(&self, ledger: &mut View) -> Result<FoundInstances, Stop> {
        let Some(project) = self.scope.narrowed(self.project.as_ref()) else {
            return Ok(FoundInstances::default());
        };
        match &self.wanted {
            WantedAddresses::In(range) => match project {
                None => self.in_range(ledger, *range),
                Some(project) => self.of_project_in(ledger, project, *range),
            },
            WantedAddresses::Written { text, family } => {
                let is_wanted = |address: IpAddr| {
                    family.is_none_or(|family| AddressFamily::of(address) == family) && text.matches(address)
                };
                self.of_instances(ledger, project, &is_wanted, Some(&is_wanted))
            }
            WantedAddresses::LedToBy(floating) => self.led_to(ledger, project, *floating),
        }
    }
}

impl FindInstances {
    fn in_range(&self, ledger: &mut View, range: Cidr) -> Result<FoundInstances, Stop> {
        let after = match self.after {
            Some(FoundPlace::Address(place)) => Some(place),
            Some(FoundPlace::Instance(_)) | None => None,
        };
        let (rows, behind) = ledger.address_page(AddressPage { range, after, limit: page::LOOKS })?;
        let held = rows.iter().zip(ledger.holders_of(&rows)?);
        let placed = held.map(|(row, port)| (row.place(), port.map(|port| found(&port, row.address, None))));
        let (found, next) = page::pick(placed, behind, self.limit, Option::is_some);
        let found = found.into_iter().flatten().collect();
        Ok(FoundInstances { found, next: next.map(FoundPlace::Address) })
    }

    /// What a project has of a range. Where an address is on so many networks that not all who have it are looked at, and in a
    /// longer range, its instances are gone through.
    fn of_project_in(
        &self,
        ledger: &mut View,
        project: &ProjectId,
        range: Cidr,
    ) -> Result<FoundInstances, Stop> {
        if range.first() == range.last() && self.after.is_none() {
            let first = AddressPage { range, after: None, limit: page::LOOKS };
            let (rows, behind) = ledger.address_page(first)?;
            if behind.is_none() {
                let ports = ledger.holders_of(&rows)?.into_iter().flatten();
                let own = ports.filter(|port| port.project == *project);
                let found: Vec<_> = own.map(|port| found(&port, range.first(), None)).collect();
                if found.len() <= usize::from(self.limit) {
                    return Ok(FoundInstances { found, next: None });
                }
            }
        }
        self.of_instances(ledger, Some(project), &|address| range.contains(address), None)
    }

    /// The addresses of the next instances that are wanted, and in the place of others those floating IPs that are, if any may be,
    /// and lead to them.
    fn of_instances(
        &self,
        ledger: &mut View,
        project: Option<&ProjectId>,
        is_wanted: &IsWanted<'_>,
        is_floating_wanted: Option<&IsWanted<'_>>,
    ) -> Result<FoundInstances, Stop> {
        let after = match &self.after {
            Some(FoundPlace::Instance(place)) => Some(place),
            Some(FoundPlace::Address(_)) | None => None,
        };
        let instances = ledger.instance_page(project, after, page::LOOKS)?;
        if is_floating_wanted.is_some() {
            let mut ports = Vec::new();
            for instance in &instances {
                ports.extend(ledger.ports_of(instance)?);
            }
            ledger.need(ports.iter().map(|port| Key::FloatingIpsOf(port.id)))?;
        }
        let mut page = FoundInstances::default();
        for instance in &instances {
            let of_instance = ledger.found_of(instance, is_wanted, is_floating_wanted)?;
            let is_full = page.found.len() + of_instance.len() > usize::from(self.limit);
            if is_full && !page.found.is_empty() {
                return Ok(page);
            }
            page.next = Some(FoundPlace::Instance(InstancePlace::of(instance)));
            page.found.extend(of_instance);
        }
        if page::last(&instances, page::LOOKS).is_none() {
            page.next = None;
        }
        Ok(page)
    }

    /// The fixed IP that a floating IP leads to, with its instance; nothing when it leads nowhere.
    fn led_to(
        &self,
        ledger: &mut View,
        project: Option<&ProjectId>,
        floating: IpAddr,
    ) -> Result<FoundInstances, Stop> {
        let Some(target) = ledger.own_floating_ip(floating, &self.scope)?.target else {
            return Ok(FoundInstances::default());
        };
        let port = ledger.port(target.port)?.filter(|port| !port.is_released);
        let port = port.filter(|port| project.is_none_or(|project| port.project == *project));
        let found = port.map(|port| found(port, target.address, Some(floating))).into_iter().collect();
        Ok(FoundInstances { found, next: None })
    }
}

impl InstancePlace {
    /// Where the instance stands.
    pub fn of(instance: &Instance) -> Self {
        Self { project: instance.project.clone(), created_at: instance.created_at, id: instance.id }
    }
}

fn found(port: &Port, address: IpAddr, floating: Option<IpAddr>) -> FoundInstance {
    FoundInstance { instance: port.instance, project: port.project.clone(), port: port.id, address, floating }
}

impl View {
    /// The live ports that have addresses, for each row one or none.
    fn holders_of(&mut self, rows: &[FixedIp]) -> Result<Vec<Option<Port>>, Stop> {
        let users = rows.iter().map(|row| row.holder.user());
        self.need(users.clone().flatten().map(Key::Port))?;
        let live = |id| self.row::<Port>(&id).filter(|port| !port.is_released).cloned();
        Ok(users.map(|user| user.and_then(live)).collect())
    }

    /// The instance's addresses that are wanted, in the order of its vNICs, IPv4 before IPv6; and in the place of one that is
    /// not wanted the floating IPs that are and lead to it.
    fn found_of(
        &mut self,
        instance: &Instance,
        is_wanted: &IsWanted<'_>,
        is_floating_wanted: Option<&IsWanted<'_>>,
    ) -> Result<Vec<FoundInstance>, Stop> {
        let mut all = Vec::new();
        for port in self.ports_of(instance)? {
            let mut places: Vec<_> = self.usable_by(port.id).iter().map(FixedIp::place).collect();
            places.sort_unstable();
            for place @ (address, _) in places {
                if is_wanted(address) {
                    all.push(found(&port, address, None));
                    continue;
                }
                let Some(is_floating_wanted) = is_floating_wanted else { continue };
                let leads_to_it = |row: &FloatingIp| {
                    row.target.is_some_and(|target| (target.address, target.subnet) == place)
                };
                let mut floating_ips = self.floating_ips_of(port.id);
                floating_ips.retain(|row| leads_to_it(row) && is_floating_wanted(row.address));
                all.extend(floating_ips.iter().map(|row| found(&port, address, Some(row.address))));
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests;
