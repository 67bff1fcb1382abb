//! Floating IPs: addresses of pools that projects have, and that lead to fixed IPs of their instances.
//!
//! ```text
//!         allocate                 associate
//!  free ───────────▶ a project's ───────────▶ leads to a fixed IP ──┐ associate: moved in one step
//!       ◀───────────             ◀───────────          ▲            │
//!          release                disassociate,        └────────────┘
//!                                 or the port goes
//! ```
//!
//! One that an allocation gave to an instance by itself (auto-assigned) goes back to its pool with the instance, unless
//! somebody has made it lead elsewhere in the meantime.

use std::net::IpAddr;

use lepton_types::{
    FloatingIp, FloatingRange, FloatingTarget, HostId, IfName, InstanceId, Name, Network, PortId, ProjectId,
    Resource, Subnet, SubnetId,
};
use serde::{Deserialize, Serialize};

use crate::{Command, Key, Refusal, Scope, Stop, View, pool};

mod associate;
mod list;
mod on_host;

pub use associate::{
    AssociateFloatingIp, AssociatedFloatingIp, DisassociateFloatingIp, FloatingOwner, TargetRequest,
};
pub use list::{
    FloatingBy, FloatingFilter, FloatingIpPage, FloatingPlace, FloatingSelection, GetFloatingIp,
    ListFloatingIps,
};

/// A floating IP with what follows from other rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloatingIpInfo {
    /// The floating IP.
    #[serde(flatten)]
    pub floating_ip: FloatingIp,
    /// What its pool is called.
    pub pool_name: Name,
    /// The device that its router puts it on; none: the router's default.
    pub interface: Option<IfName>,
    /// The host whose router is to carry it; none while it leads nowhere.
    pub host: Option<HostId>,
}

/// Gives a project an address of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocateFloatingIp {
    /// For which project; a tenant may leave its own out.
    pub project: Option<ProjectId>,
    /// Of which pool.
    pub pool: Name,
    /// This very address; none: the lowest that is free.
    pub address: Option<IpAddr>,
    /// For whom the caller may ask.
    pub scope: Scope,
}

impl Command for AllocateFloatingIp {
    type Answer = FloatingIpInfo;

    const NAME: &'static str = "AllocateFloatingIp";

    fn keys(&self) -> Vec<Key> {
        let project = self.scope.acting_for(self.project.as_ref()).ok().flatten();
        project.map(Key::Quota).into_iter().chain(keys_of_pool(&self.pool, self.address)).collect()
    }

    fn decide(&self, ledger: &mut View) -> Result<FloatingIpInfo, Stop> {
        let project = self.scope.acting_for(self.project.as_ref())?;
        let project = project.ok_or_else(|| Refusal::invalid_field("project_id", "is required"))?;
        let address = self.address.map(|address| (address, "address"));
        let allocated = ledger.allocate_floating_ip(&self.pool, address, project, None)?;
        ledger.floating_ip_info(allocated)
    }
}

/// What allocating an address of a pool needs, for the round before it.
pub(crate) fn keys_of_pool(pool: &Name, address: Option<IpAddr>) -> Vec<Key> {
    let address = address.map(Key::FloatingIp);
    address.into_iter().chain([Key::FloatingPool(pool.clone())]).collect()
}

/// Gives a floating IP back to its pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseFloatingIp {
    /// Which one.
    pub address: IpAddr,
    /// Whether one that leads to a fixed IP is disassociated first; else it is refused.
    pub disassociates: bool,
    /// Whether one that an allocation assigned by itself is meant as well; else it is refused.
    pub affects_auto_assigned: bool,
    /// What the caller may see and change.
    pub scope: Scope,
}

impl Command for ReleaseFloatingIp {
    type Answer = ();

    const NAME: &'static str = "ReleaseFloatingIp";

    /// It is locked before its project's quota and its range, as by who deallocates the instance that it leads to.
    fn keys(&self) -> Vec<Key> {
        vec![Key::FloatingIp(self.address)]
    }

    fn decide(&self, ledger: &mut View) -> Result<(), Stop> {
        let row = ledger.own_floating_ip(self.address, &self.scope)?;
        unless_auto_assigned(&row, self.affects_auto_assigned)?;
        if let Some(target) = row.target.filter(|_| !self.disassociates) {
            let (address, fixed_ip) = (row.address, target.address);
            return Err(Refusal::FloatingIpAssociated { address, fixed_ip }.into());
        }
        ledger.release_floating_ip(&row)
    }
}

/// Refuses to touch what an allocation assigned by itself, unless it is meant (B49).
fn unless_auto_assigned(row: &FloatingIp, is_meant: bool) -> Result<(), Refusal> {
    if row.is_auto_assigned && !is_meant {
        return Err(Refusal::FloatingIpAutoAssigned { address: row.address });
    }
    Ok(())
}

impl View {
    /// A floating IP that the caller may see and change.
    pub(crate) fn own_floating_ip(&mut self, address: IpAddr, scope: &Scope) -> Result<FloatingIp, Stop> {
        let found = self.floating_ip(address)?.filter(|row| scope.owns(Some(&row.project))).cloned();
        found.ok_or_else(|| Refusal::FloatingIpNotFound { address, pool: None }.into())
    }

    /// The floating IP with what follows from other rows.
    pub(crate) fn floating_ip_info(&mut self, floating_ip: FloatingIp) -> Result<FloatingIpInfo, Stop> {
        let target = floating_ip.target;
        self.want([Key::Network(floating_ip.pool)]);
        let host = match &target {
            Some(target) => self.floating_host(target)?,
            None => None,
        };
        let not_found = Refusal::NetworkNotFound { network: floating_ip.pool, field: None };
        let pool_name = self.network(floating_ip.pool)?.map(|pool| pool.label.clone()).ok_or(not_found)?;
        let interface = self.subnet(floating_ip.subnet)?.and_then(|subnet| subnet.interface.clone());
        Ok(FloatingIpInfo { floating_ip, pool_name, interface, host })
    }

    /// Gives the project an address of the pool: this very one (and where the request asks for it), or the lowest free one.
    /// One that has a target at once is auto-assigned; it counts against the project's quota like any other.
    pub(crate) fn allocate_floating_ip(
        &mut self,
        pool: &Name,
        wanted: Option<(IpAddr, &'static str)>,
        project: ProjectId,
        target: Option<FloatingTarget>,
    ) -> Result<FloatingIp, Stop> {
        let network = self.found_pool(pool)?;
        self.spend(&project, Resource::FloatingIps, 1)?;
        let (mut range, address) = match wanted {
            Some((address, field)) => (self.take_wanted(&network, address, field)?, address),
            None => self.take_any(&network)?,
        };
        range.allocated += 1;
        let (subnet, pool) = (range.subnet, range.pool);
        self.replace(range);
        let (allocated_at, is_auto_assigned) = (self.now(), target.is_some());
        let since = allocated_at;
        let row =
            FloatingIp { address, subnet, pool, project, target, is_auto_assigned, allocated_at, since };
        self.insert(row.clone());
        Ok(row)
    }

    /// Gives the first IPv4 address of an instance that is loaded a floating IP of the pool, which goes with the instance (B11). One
    /// that has no such address gets none.
    pub(crate) fn assign_floating_ip(&mut self, instance: InstanceId, pool: &Name) -> Result<(), Stop> {
        let Some(instance) = self.instance(instance)?.cloned() else { return Ok(()) };
        if let Some(target) = self.targets_of(&instance)?.first() {
            self.allocate_floating_ip(pool, None, instance.project, Some(*target))?;
        }
        Ok(())
    }

    fn take_wanted(
        &mut self,
        pool: &Network,
        address: IpAddr,
        field: &'static str,
    ) -> Result<FloatingRange, Stop> {
        let taken = || Refusal::FloatingIpAlreadyInUse { address, field };
        let (range, subnet) = self.range_with(pool, address)?;
        self.want(pool::key_of_block(&subnet, address));
        if self.floating_ip(address)?.is_some() || !self.take_bit(&subnet, address)? {
            return Err(taken().into());
        }
        Ok(range)
    }

    /// The range of the pool that has the address; others may have it in a gap.
    fn range_with(&mut self, pool: &Network, address: IpAddr) -> Result<(FloatingRange, Subnet), Stop> {
        for range in self.ranges_of(pool.id).into_iter().filter(|range| range.addresses.contains(address)) {
            let subnet = self.subnet_of_range(range.subnet)?;
            if subnet.pools.iter().any(|piece| piece.contains(address)) {
                return Ok((range, subnet));
            }
        }
        Err(Refusal::FloatingIpNotFound { address, pool: Some(pool.label.clone()) }.into())
    }

    fn take_any(&mut self, pool: &Network) -> Result<(FloatingRange, IpAddr), Stop> {
        for range in self.ranges_of(pool.id).into_iter().filter(FloatingRange::has_room) {
            let subnet = self.subnet_of_range(range.subnet)?;
            if let Some(address) = self.take_lowest(&subnet)? {
                return Ok((range, address));
            }
        }
        Err(Refusal::NoMoreFloatingIps { pool: pool.label.clone() }.into())
    }

    /// Gives a floating IP back to its pool, wherever it leads; the names that end with it go.
    pub(crate) fn release_floating_ip(&mut self, row: &FloatingIp) -> Result<(), Stop> {
        self.need([
            Key::FloatingRange(row.subnet),
            Key::Subnet(row.subnet),
            Key::Network(row.pool),
            Key::BoundNames(row.subnet, row.address),
            Key::Quota(row.project.clone()),
        ])?;
        self.refund(&row.project, Resource::FloatingIps, 1)?;
        self.forget_names(row.subnet, row.address)?;
        let subnet = self.subnet_of_range(row.subnet)?;
        self.free_bit(&subnet, row.address)?;
        if let Some(mut range) = self.floating_range(row.subnet)?.cloned() {
            range.allocated -= 1;
            self.replace(range);
        }
        self.end::<FloatingIp>(&row.address);
        Ok(())
    }

    /// Lets the floating IPs that lead to a port, or to one address of it, lead nowhere any more; those that were assigned by
    /// themselves go back to their pool (B20, B21). Answers which there were.
    ///
    /// The port's or its instance's lock is held, so that nobody makes another one lead there meanwhile.
    pub(crate) fn detach_floating_ips(
        &mut self,
        port: PortId,
        fixed_ip: Option<(SubnetId, IpAddr)>,
    ) -> Result<Vec<IpAddr>, Stop> {
        self.need([Key::FloatingIpsOf(port)])?;
        let mut rows = self.floating_ips_of(port);
        rows.retain(|row| {
            fixed_ip.is_none_or(|fixed_ip| {
                row.target.map(|target| (target.subnet, target.address)) == Some(fixed_ip)
            })
        });
        let pools = rows.iter().map(|row| Key::Network(row.pool));
        let released = rows.iter().filter(|row| row.is_auto_assigned);
        let released = released.flat_map(|row| {
            [Key::FloatingRange(row.subnet), Key::Subnet(row.subnet), Key::Quota(row.project.clone())]
        });
        self.need(pools.chain(released))?;
        for row in &rows {
            if row.is_auto_assigned {
                self.release_floating_ip(row)?;
            } else {
                self.lead(row, None);
            }
        }
        Ok(rows.into_iter().map(|row| row.address).collect())
    }

    /// Makes a floating IP lead elsewhere, or nowhere. One that was assigned by itself is from then on like any other: it stays its
    /// project's when an instance goes. Its pool is loaded too, for those who are told of it.
    pub(crate) fn lead(&mut self, row: &FloatingIp, target: Option<FloatingTarget>) -> FloatingIp {
        let since = if target == row.target { row.since } else { self.now() };
        let row = FloatingIp { target, is_auto_assigned: false, since, ..row.clone() };
        self.replace(row.clone());
        row
    }
}

#[cfg(test)]
mod tests;
