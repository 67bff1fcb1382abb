//! `ValidateNetworks`: whether an allocation could be honoured now.

use lepton_ipam::MacBase;
use lepton_types::{ProjectId, Resource};
use lepton_vnic::RequestedNetwork;

use crate::{
    Command, Key, Scope, Stop, View,
    allocate::{Seat, choose, draw_macs, give_addresses, keys_of_networks},
};

/// Asks whether networks and fixed IPs could be had now. It is decided by taking them, so it must be rehearsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidateNetworks {
    /// The project whose instance would be plugged.
    pub project: ProjectId,
    /// The networks and fixed IPs; none: what an instance would get without asking.
    pub networks: Vec<RequestedNetwork>,
    /// Whether a network may be named more than once.
    pub allow_duplicate_networks: bool,
    /// What MACs start with: the manager's setting, not part of the request.
    pub mac_base: MacBase,
    /// For whom the caller may ask.
    pub scope: Scope,
}

impl Command for ValidateNetworks {
    type Answer = ();

    const NAME: &'static str = "ValidateNetworks";

    fn keys(&self) -> Vec<Key> {
        let mut keys = keys_of_networks(&self.project, &self.networks);
        keys.push(Key::Quota(self.project.clone()));
        keys
    }

    fn decide(&self, ledger: &mut View) -> Result<(), Stop> {
        self.scope.may_change(Some(&self.project))?;
        let wanted = choose(ledger, &self.project, &self.networks, self.allow_duplicate_networks)?;
        ledger.spend(&self.project, Resource::Ports, wanted.len())?;
        let macs = draw_macs(ledger, &self.mac_base, &wanted)?;
        let seats = (0..).zip(wanted.iter().zip(macs));
        let seats: Vec<_> = seats
            .map(|(position, (wanted, drawn))| Seat {
                port: ledger.draws().port_id(position),
                mac: drawn.mac,
                wanted,
            })
            .collect();
        give_addresses(ledger, &seats)?;
        let addresses = seats.iter().map(|seat| ledger.fixed_ips_of(seat.port).len()).sum();
        ledger.spend(&self.project, Resource::FixedIps, addresses)
    }
}
