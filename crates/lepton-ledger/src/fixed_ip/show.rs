//! `GetFixedIp`: what one address of a network is.

use std::net::IpAddr;

use lepton_types::{FixedIpInfo, NetworkId, Subnet};

use super::Place;
use crate::{Command, Refusal, Scope, Stop, View};

/// Tells what an address of a network is, whether anybody has it or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetFixedIp {
    /// In which network or subnet.
    pub place: Place,
    /// Which address.
    pub address: IpAddr,
    /// What the caller may see.
    pub scope: Scope,
}

impl Command for GetFixedIp {
    type Answer = FixedIpInfo;

    const NAME: &'static str = "GetFixedIp";

    fn decide(&self, ledger: &mut View) -> Result<FixedIpInfo, Stop> {
        let subnet = ledger.subnet_at(self.place, self.address, &self.scope)?;
        ledger.info_of(&subnet, self.address, &self.scope)
    }
}

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
