//! [`FixedIpInfo`]: what an address is, as its row and its subnet say.

use std::net::IpAddr;

use lepton_ipam::Reserved;
use lepton_types::{FixedIpInfo, FixedIpOwner, FixedIpState, Port, Subnet, SubnetId};

use crate::{FixedIp, Holder, Key, Scope, Stop, View};

impl View {
    /// What an address of a subnet is, for a caller who may see the subnet's network.
    pub(crate) fn info_of(
        &mut self,
        subnet: &Subnet,
        address: IpAddr,
        scope: &Scope,
    ) -> Result<FixedIpInfo, Stop> {
        let Some(row) = self.fixed_ip(subnet.id, address)?.cloned() else {
            return Ok(nobodys(subnet, address));
        };
        let info = self.info_of_row(subnet, row)?;
        let network = self.network(subnet.network)?;
        let is_own = scope.owns(network.and_then(|network| network.project.as_ref()));
        Ok(within(info, scope, is_own))
    }

    /// What an address is that has a row, if all of it is the caller's to know: what its own ports have, and of its own
    /// networks also what nobody has.
    pub(crate) fn own_info_of_row(
        &mut self,
        row: FixedIp,
        scope: &Scope,
    ) -> Result<Option<FixedIpInfo>, Stop> {
        let Some(subnet) = self.subnet(row.subnet)?.cloned() else { return Ok(None) };
        let info = self.info_of_row(&subnet, row)?;
        let is_own = match &info.owner {
            Some(owner) => scope.owns(Some(&owner.project)),
            None => scope.owns(self.network(subnet.network)?.and_then(|network| network.project.as_ref())),
        };
        Ok(is_own.then_some(info))
    }

    /// What an address is that has no row, if its network is the caller's own.
    pub(crate) fn own_info_of_kept(
        &mut self,
        subnet: SubnetId,
        address: IpAddr,
        scope: &Scope,
    ) -> Result<Option<FixedIpInfo>, Stop> {
        let Some(subnet) = self.subnet(subnet)?.cloned() else { return Ok(None) };
        let is_own = scope.owns(self.network(subnet.network)?.and_then(|network| network.project.as_ref()));
        Ok(is_own.then(|| nobodys(&subnet, address)))
    }

    /// What an address is that has a row, with everything that is to be told of it.
    pub(crate) fn info_of_row(&mut self, subnet: &Subnet, row: FixedIp) -> Result<FixedIpInfo, Stop> {
        self.need(row.holder.port().map(Key::Port))?;
        let port = row.holder.port().and_then(|port| self.row::<Port>(&port));
        let (state, reason, resting_until) = match row.holder {
            Holder::Port(_) if port.is_some_and(|port| port.is_released) => {
                (FixedIpState::Leaving, None, None)
            }
            Holder::Port(_) if row.lease.is_some() => (FixedIpState::Leased, None, None),
            Holder::Port(_) => (FixedIpState::Allocated, None, None),
            Holder::Leaving { .. } => (FixedIpState::Leaving, None, None),
            Holder::Reserved { reason, resting_until } => {
                (FixedIpState::Reserved, Some(reason.to_string()), resting_until)
            }
            // Nobody needs to wait for the sweep.
            Holder::Quarantine(until) if until <= self.now() => return Ok(nobodys(subnet, row.address)),
            Holder::Quarantine(until) => (FixedIpState::Resting, None, Some(until)),
        };
        let (owner, since, lease) = (port.map(owner), Some(row.since), row.lease);
        Ok(FixedIpInfo { state, reason, owner, since, lease, resting_until, ..nobodys(subnet, row.address) })
    }
}

/// The same as a caller may know it: of what another project has, that it is had; of what an operator keeps in a network that
/// is not the caller's own, that it is kept.
fn within(info: FixedIpInfo, scope: &Scope, is_own_network: bool) -> FixedIpInfo {
    let hidden = FixedIpInfo { reason: None, owner: None, since: None, lease: None, ..info.clone() };
    match &info.owner {
        Some(owner) if !scope.owns(Some(&owner.project)) => {
            FixedIpInfo { state: FixedIpState::Allocated, ..hidden }
        }
        None if !is_own_network && info.since.is_some() => FixedIpInfo { resting_until: None, ..hidden },
        Some(_) | None => info,
    }
}

/// An address that has no row: free, or its subnet keeps it for itself.
fn nobodys(subnet: &Subnet, address: IpAddr) -> FixedIpInfo {
    let kept = Reserved::of(subnet, address);
    FixedIpInfo {
        address,
        subnet: subnet.id,
        network: subnet.network,
        state: if kept.is_some() { FixedIpState::Reserved } else { FixedIpState::Free },
        reason: kept.map(|kept| kept.to_string()),
        owner: None,
        since: None,
        lease: None,
        resting_until: None,
    }
}

fn owner(port: &Port) -> FixedIpOwner {
    FixedIpOwner {
        port: port.id,
        mac: port.mac,
        instance: port.instance,
        project: port.project.clone(),
        host: port.host.clone(),
    }
}
