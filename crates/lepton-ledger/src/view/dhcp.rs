//! The guests of networks. A network may have very many, so a partial view is told of them in few words, and not of their rows.

use std::net::IpAddr;

use lepton_types::{NetworkId, Port};
use uuid::Uuid;

use super::View;
use crate::{Instance, Key, Selection, Stop, dhcp::DhcpGuest};

impl View {
    /// Says who all the guests of a network are.
    pub fn note_guests(&mut self, network: NetworkId, guests: Vec<DhcpGuest>) {
        self.guests.insert(network, guests);
    }

    /// The live IPv4 addresses of a network's ports, in no certain order. What the batch itself changes is not in them, so
    /// they are for questions.
    pub(crate) fn guests_on(&mut self, network: NetworkId) -> Result<Vec<DhcpGuest>, Stop> {
        self.need([Key::Select(Selection::GuestsOn(network))])?;
        if !self.is_complete {
            // Copied, since another question of the batch may be about the same network.
            return Ok(self.guests.get(&network).cloned().unwrap_or_default());
        }
        let entries = self.indexes.ports_by_network.range((network, Uuid::nil().into())..);
        let ports =
            entries.take_while(|entry| entry.0 == network).filter_map(|entry| self.row::<Port>(&entry.1));
        Ok(ports.filter(|port| !port.is_released).flat_map(|port| self.guests_of(port)).collect())
    }

    fn guests_of(&self, port: &Port) -> Vec<DhcpGuest> {
        let Some(instance) = self.row::<Instance>(&port.instance) else { return Vec::new() };
        let guest = |address| {
            DhcpGuest::new(port.mac, address, instance.hostname.clone(), port.position, instance.created_at)
        };
        let v4 = self.usable_by(port.id).into_iter().filter_map(|row| match row.address {
            IpAddr::V4(address) => Some(guest(address)),
            IpAddr::V6(_) => None,
        });
        v4.collect()
    }
}
