//! `GetFixedIp`: what one address of a network is.

use std::net::IpAddr;

use lepton_types::{Cidr, FixedIpInfo, FixedIpState, NetworkId, ProjectId, Subnet};

use super::Place;
use crate::{AddressPage, Command, FixedIp, Key, Refusal, Scope, Stop, View, page};

/// Tells what an address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetFixedIp {
    /// In which network or subnet, whether anybody has it there or not; none: wherever a port of the caller's has it, or it is reserved
    /// or rests on a network of the caller's.
    pub place: Option<Place>,
    /// Which address.
    pub address: IpAddr,
    /// What the caller may see.
    pub scope: Scope,
}

impl Command for GetFixedIp {
    type Answer = FixedIpInfo;

    const NAME: &'static str = "GetFixedIp";

    fn decide(&self, ledger: &mut View) -> Result<FixedIpInfo, Stop> {
        match self.place {
            Some(place) => {
                let subnet = ledger.subnet_at(place, self.address, &self.scope)?;
                ledger.info_of(&subnet, self.address, &self.scope)
            }
            None => self.anywhere(ledger),
        }
    }
}

impl GetFixedIp {
    /// The only one that has a row, on whichever network.
    fn anywhere(&self, ledger: &mut View) -> Result<FixedIpInfo, Stop> {
        let address = self.address;
        let (mut found, mut after) = (None, None);
        loop {
            let (rows, next) = match self.scope.project() {
                Some(project) => (self.rows_of(ledger, project)?, None),
                None => ledger.address_page(AddressPage {
                    range: Cidr::only(address),
                    after,
                    limit: page::LOOKS,
                })?,
            };
            for row in rows {
                let info = ledger.own_info_of_row(row, &self.scope)?;
                // One that rests may be free by now, and then another one is meant.
                let Some(info) = info.filter(|info| info.state != FixedIpState::Free) else { continue };
                if found.replace(info).is_some() {
                    let problem = format!("{address} is on several networks; say on which");
                    return Err(Refusal::invalid_field("network_id", problem).into());
                }
            }
            after = next;
            if after.is_none() {
                return found.ok_or_else(|| Refusal::FixedIpNotFoundForAddress { address }.into());
            }
        }
    }

    /// The rows of the address in the networks that the project may use.
    fn rows_of(&self, ledger: &mut View, project: &ProjectId) -> Result<Vec<FixedIp>, Stop> {
        let networks = ledger.networks_of(project)?;
        let subnets = networks.iter().flat_map(|network| ledger.subnets_of(network.id));
        let around: Vec<Subnet> = subnets.filter(|subnet| subnet.cidr.contains(self.address)).collect();
        ledger.need(around.iter().map(|subnet| Key::FixedIp(subnet.id, self.address)))?;
        let mut rows = Vec::new();
        for subnet in around {
            rows.extend(ledger.fixed_ip(subnet.id, self.address)?.cloned());
        }
        Ok(rows)
    }
}

impl View {
    /// The subnet of a network of instances, which the caller may see, that contains the address.
    pub(crate) fn subnet_at(&mut self, place: Place, address: IpAddr, scope: &Scope) -> Result<Subnet, Stop> {
        let (network, subnets) = self.subnets_at(place, scope)?;
        let found = subnets.iter().find(|subnet| subnet.cidr.contains(address)).cloned();
        let cidrs = || subnets.iter().map(|subnet| subnet.cidr).collect();
        found.ok_or_else(|| Refusal::FixedIpNotFoundForNetwork { network, address, cidrs: cidrs() }.into())
    }

    /// A network of instances that the caller may see, and the subnets of it that are at the place, IPv4 before IPv6.
    pub(super) fn subnets_at(
        &mut self,
        place: Place,
        scope: &Scope,
    ) -> Result<(NetworkId, Vec<Subnet>), Stop> {
        match place {
            Place::Network(id) => {
                let network = self.seen_network(id, scope)?.id;
                Ok((network, self.subnets_of(network)))
            }
            Place::Subnet(id) => {
                let subnet = self.seen_subnet(id, scope)?;
                Ok((subnet.network, vec![subnet]))
            }
        }
    }
}
