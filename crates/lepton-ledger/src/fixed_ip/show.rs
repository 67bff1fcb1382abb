//! `GetFixedIp`: what one address of a network is.

use std::net::IpAddr;

use lepton_types::{Cidr, FixedIpInfo, FixedIpState, NetworkId, Subnet};

use super::Place;
use crate::{Command, FixedIp, Key, Refusal, Scope, Stop, View};

/// Tells what an address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetFixedIp {
    /// In which network or subnet, whether anybody has it there or not; none: wherever it is not free.
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
    /// The only address that is not free, on whichever network.
    fn anywhere(&self, ledger: &mut View) -> Result<FixedIpInfo, Stop> {
        let address = self.address;
        let mut found = Vec::new();
        for row in self.rows(ledger)? {
            let info = ledger.own_info_of_row(row, &self.scope)?;
            found.extend(info.filter(|info| info.state != FixedIpState::Free));
        }
        match found.pop() {
            None => Err(Refusal::FixedIpNotFoundForAddress { address }.into()),
            Some(info) if found.is_empty() => Ok(info),
            Some(_) => {
                let problem = format!("{address} is on several networks; say on which");
                Err(Refusal::invalid_field("network_id", problem).into())
            }
        }
    }

    /// The rows of the address that may be meant: of a tenant's networks all, of all networks so many that it is clear whether
    /// there are several.
    fn rows(&self, ledger: &mut View) -> Result<Vec<FixedIp>, Stop> {
        let Some(project) = self.scope.project() else {
            // One that rests may be free by now, and then another one is meant.
            return ledger.address_page(Cidr::only(self.address), None, MOST_MEANT);
        };
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

/// Most rows of one address that are looked at over all networks.
const MOST_MEANT: u16 = 16;

impl View {
    /// The subnet of a network of instances, which the caller may see, that contains the address.
    pub(crate) fn subnet_at(&mut self, place: Place, address: IpAddr, scope: &Scope) -> Result<Subnet, Stop> {
        let (network, subnets) = self.subnets_at(place, scope)?;
        let subnet = subnets.into_iter().find(|subnet| subnet.cidr.contains(address));
        subnet.ok_or_else(|| Refusal::FixedIpNotFoundForNetwork { network, address }.into())
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
