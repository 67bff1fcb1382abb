//! `GetDhcpGuests`: who is on a network, as a DHCP server must know them.

use lepton_types::{NetworkId, Timestamp};
use serde::{Deserialize, Serialize};

use super::DhcpGuest;
use crate::{Command, Key, Scope, Selection, Stop, View};

/// Tells the live IPv4 addresses of a network's ports, and whose they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetDhcpGuests {
    /// Which network.
    pub network: NetworkId,
}

/// The guests of a network at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DhcpGuests {
    /// The revision of the ledger's newest event. Of two answers the one with the higher revision is the newer one, so that
    /// whoever writes a file keeps what it has when its revision is higher (B26).
    pub revision: u64,
    /// When they were looked up.
    pub at: Timestamp,
    /// The guests, an address each, in no certain order.
    pub guests: Vec<DhcpGuest>,
}

impl Command for GetDhcpGuests {
    type Answer = DhcpGuests;

    const NAME: &'static str = "GetDhcpGuests";

    const IS_LONG: bool = true;

    fn keys(&self) -> Vec<Key> {
        vec![
            Key::Network(self.network),
            Key::Select(Selection::GuestsOn(self.network)),
            Key::Select(Selection::JournalBounds),
        ]
    }

    fn decide(&self, ledger: &mut View) -> Result<DhcpGuests, Stop> {
        let network = self.network;
        ledger.seen_network(network, &Scope::Everything)?;
        let guests = ledger.guests_on(network)?;
        Ok(DhcpGuests { revision: ledger.journal_bounds()?.newest, at: ledger.now(), guests })
    }
}

#[cfg(test)]
mod tests;
