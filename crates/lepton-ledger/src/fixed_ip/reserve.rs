//! `ReserveFixedIp` and `UnreserveFixedIp`: an address that an operator keeps from everybody.

use std::net::IpAddr;

use lepton_ipam::check_requested;
use lepton_types::{FixedIpInfo, Name, NetworkId, Subnet};

use super::Place;
use crate::{Command, FixedIp, Holder, Key, Refusal, Scope, Stop, View, pool};

/// Keeps an address from being given to anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReserveFixedIp {
    /// In which network or subnet.
    pub place: Place,
    /// Which address.
    pub address: IpAddr,
    /// What for.
    pub reason: Name,
}

impl Command for ReserveFixedIp {
    type Answer = FixedIpInfo;

    const NAME: &'static str = "ReserveFixedIp";

    fn keys(&self) -> Vec<Key> {
        vec![self.place.key()]
    }

    fn decide(&self, ledger: &mut View) -> Result<FixedIpInfo, Stop> {
        let (address, reason) = (self.address, self.reason.clone());
        let subnet = ledger.guests_subnet(self.place, address)?;
        let network = subnet.network;
        let taken = Refusal::FixedIpAlreadyInUse { address, network, field: None };
        ledger.need(pool::keys_of(&subnet, address))?;
        match ledger.fixed_ip(subnet.id, address)?.cloned() {
            None => {
                let holder = Holder::Reserved { reason, resting_until: None };
                if !ledger.take_for(&subnet, address, holder, false)? {
                    return Err(taken.into());
                }
            }
            Some(FixedIp { holder: Holder::Quarantine(until), subnet, address, .. }) => {
                let since = ledger.now();
                let holder =
                    Holder::Reserved { reason, resting_until: Some(until).filter(|until| *until > since) };
                ledger.replace(FixedIp { subnet, address, holder, since, lease: None, is_asked_for: false });
            }
            Some(FixedIp { holder: Holder::Reserved { reason: already, .. }, .. }) if already == reason => {}
            Some(FixedIp { holder: Holder::Reserved { reason, .. }, .. }) => {
                return Err(Refusal::FixedIpReserved { address, network, reason }.into());
            }
            Some(FixedIp { holder: Holder::Port(_) | Holder::Leaving { .. }, .. }) => {
                return Err(taken.into());
            }
        }
        ledger.info_of(&subnet, address, &Scope::Everything)
    }
}

/// Lets an address that was reserved rest as its subnet wants, and then be given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreserveFixedIp {
    /// In which network or subnet.
    pub place: Place,
    /// Which address.
    pub address: IpAddr,
}

impl Command for UnreserveFixedIp {
    type Answer = FixedIpInfo;

    const NAME: &'static str = "UnreserveFixedIp";

    fn keys(&self) -> Vec<Key> {
        vec![self.place.key()]
    }

    fn decide(&self, ledger: &mut View) -> Result<FixedIpInfo, Stop> {
        let address = self.address;
        let subnet = ledger.guests_subnet(self.place, address)?;
        ledger.need(pool::keys_of(&subnet, address))?;
        let row = ledger.fixed_ip(subnet.id, address)?.cloned();
        let Some(row @ FixedIp { holder: Holder::Reserved { resting_until, .. }, .. }) = &row else {
            return Err(Refusal::FixedIpNotReserved { address, network: subnet.network }.into());
        };
        // Who was to wait when it was reserved still waits as long.
        let since = ledger.now();
        let until = since.after(subnet.quarantine).max(resting_until.unwrap_or(since));
        ledger.let_rest(&subnet, &FixedIp { since, ..row.clone() }, until)?;
        ledger.info_of(&subnet, address, &Scope::Everything)
    }
}

impl Place {
    /// What finding the subnet of an address there needs, for the round before it. The address itself comes with its block,
    /// behind which it is locked.
    fn key(self) -> Key {
        match self {
            Self::Network(id) => Key::Network(id),
            Self::Subnet(id) => Key::Subnet(id),
        }
    }
}

impl View {
    /// The subnet of an address that a guest could have.
    fn guests_subnet(&mut self, place: Place, address: IpAddr) -> Result<Subnet, Stop> {
        let subnet = self.subnet_at(place, address, &Scope::Everything)?;
        let (network, field): (NetworkId, String) = (subnet.network, "address".to_owned());
        check_requested(&subnet, address).map_err(|error| {
            let problem = error.to_string();
            Refusal::FixedIpInvalid { address, network, field, problem }
        })?;
        Ok(subnet)
    }
}
