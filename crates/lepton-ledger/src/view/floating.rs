//! What commands ask a [`View`] of floating IPs and their pools.

use std::{net::IpAddr, ops::Bound};

use lepton_types::{
    FloatingIp, FloatingRange, FloatingTarget, HostId, Ipv4Range, Name, Network, NetworkId, Port, PortId,
    Subnet, SubnetId,
};
use uuid::Uuid;

use super::View;
use crate::{FloatingFilter, FloatingOwner, Key, Refusal, Selection, Stop, floating_pool};

impl View {
    /// The pool of this name.
    pub(crate) fn floating_pool(&mut self, name: &Name) -> Result<Option<&Network>, Stop> {
        self.need([Key::FloatingPool(name.clone())])?;
        let found = self.indexes.pools.range((name.clone(), Uuid::nil().into())..).next();
        Ok(found.filter(|entry| entry.0 == *name).and_then(|entry| self.row(&entry.1)))
    }

    /// Pools in the order of their creation.
    pub(crate) fn floating_pool_page(&mut self, after: u64, limit: u16) -> Result<Vec<Network>, Stop> {
        self.need([Key::Select(Selection::FloatingPoolPage { after, limit })])?;
        let later = (Bound::Excluded((after, Uuid::max().into())), Bound::Unbounded);
        let networks =
            self.indexes.networks_by_sequence.range(later).filter_map(|(_, id)| self.row::<Network>(id));
        Ok(networks.filter(|network| network.is_external).take(limit.into()).cloned().collect())
    }

    /// The ranges of a pool that is loaded, ascending.
    pub(crate) fn ranges_of(&self, pool: NetworkId) -> Vec<FloatingRange> {
        let lowest = Ipv4Range::from(std::net::Ipv4Addr::UNSPECIFIED);
        let start = (pool, lowest, Uuid::nil().into());
        let entries = self.indexes.floating_ranges_by_pool.range(start..).take_while(|entry| entry.0 == pool);
        entries.filter_map(|entry| self.row::<FloatingRange>(&entry.2)).cloned().collect()
    }

    /// The range of a pool that a subnet is.
    pub(crate) fn floating_range(&mut self, subnet: SubnetId) -> Result<Option<&FloatingRange>, Stop> {
        self.need([Key::FloatingRange(subnet)])?;
        Ok(self.row(&subnet))
    }

    /// The subnet that a range is.
    pub(crate) fn subnet_of_range(&mut self, subnet: SubnetId) -> Result<Subnet, Stop> {
        let found = self.subnet(subnet)?.cloned();
        found.ok_or_else(|| Refusal::SubnetNotFound { subnet }.into())
    }

    /// The lowest range that has an address in common with these, gaps left out, and the pool that has it.
    pub(crate) fn range_that_overlaps(
        &mut self,
        addresses: Ipv4Range,
    ) -> Result<Option<(NetworkId, Ipv4Range)>, Stop> {
        self.need([Key::FloatingRangesIn(addresses)])?;
        let around = self.rows::<FloatingRange>().filter(|range| range.addresses.overlaps(addresses));
        let around: Vec<_> = around.cloned().collect();
        self.need(around.iter().map(|range| Key::Subnet(range.subnet)))?;
        let overlapping = around.into_iter().filter_map(|range| {
            let subnet = self.row::<Subnet>(&range.subnet)?;
            let is_common = floating_pool::pieces(subnet).any(|piece| piece.overlaps(addresses));
            is_common.then_some((range.pool, range.addresses))
        });
        Ok(overlapping.min_by_key(|(_, addresses)| *addresses))
    }

    pub(crate) fn floating_ip(&mut self, address: IpAddr) -> Result<Option<&FloatingIp>, Stop> {
        self.need([Key::FloatingIp(address)])?;
        Ok(self.row(&address))
    }

    /// Whose a floating IP is and to which fixed IP it leads, which may change until it is asked for itself.
    pub(crate) fn floating_owner(&mut self, address: IpAddr) -> Result<Option<FloatingOwner>, Stop> {
        self.need([Key::FloatingOwner(address)])?;
        let known = self.row::<FloatingIp>(&address).map(|row| FloatingOwner {
            project: row.project.clone(),
            leads_to: row.target.map(|target| (target.subnet, target.address)),
        });
        Ok(known.or_else(|| self.floating_owners.get(&address).cloned()))
    }

    /// Says whose a floating IP is, whose row is not loaded yet.
    pub fn note_floating_owner(&mut self, address: IpAddr, owner: FloatingOwner) {
        self.floating_owners.insert(address, owner);
    }

    /// The floating IPs that lead to a port of an instance that is loaded, ascending.
    pub(crate) fn floating_ips_of(&self, port: PortId) -> Vec<FloatingIp> {
        let start = (port, IpAddr::from([0, 0, 0, 0]));
        let entries = self.indexes.floating_ips_by_port.range(start..).take_while(|entry| entry.0 == port);
        entries.filter_map(|entry| self.row::<FloatingIp>(&entry.1)).cloned().collect()
    }

    /// Floating IPs in the order of their addresses.
    pub(crate) fn floating_ip_page(
        &mut self,
        filter: &FloatingFilter,
        after: Option<IpAddr>,
        limit: u16,
    ) -> Result<Vec<FloatingIp>, Stop> {
        self.need([Key::Select(Selection::FloatingIpPage { filter: filter.clone(), after, limit })])?;
        let rows = self.rows::<FloatingIp>().filter(|row| after.is_none_or(|after| after < row.address));
        let wanted = rows.filter(|row| filter.lets_pass(row));
        Ok(wanted.take(limit.into()).cloned().collect())
    }

    /// Networks whose own host this is, in the order of their ids, from one on.
    pub(crate) fn networks_on_host(
        &mut self,
        host: &HostId,
        from: NetworkId,
        limit: u16,
    ) -> Result<Vec<NetworkId>, Stop> {
        self.need([Key::Select(Selection::NetworksOnHost { host: host.clone(), from, limit })])?;
        let entries = self.indexes.networks_by_host.range((host.clone(), from)..);
        let of_host = entries.take_while(|entry| entry.0 == *host).map(|entry| entry.1);
        Ok(of_host.take(limit.into()).collect())
    }

    /// Floating IPs that lead to the networks, one network after the other; of the first those behind an address alone.
    pub(crate) fn floating_ips_on(
        &mut self,
        networks: &[NetworkId],
        after: Option<IpAddr>,
        limit: u16,
    ) -> Result<Vec<FloatingIp>, Stop> {
        let selection = Selection::FloatingIpsOn { networks: networks.to_vec(), after, limit };
        self.need([Key::Select(selection)])?;
        let lowest = IpAddr::from([0, 0, 0, 0]);
        let behind = |(position, network): (usize, &NetworkId)| {
            let start = match after.filter(|_| position == 0) {
                Some(after) => Bound::Excluded((*network, after)),
                None => Bound::Included((*network, lowest)),
            };
            let network = *network;
            let entries = self.indexes.floating_ips_by_network.range((start, Bound::Unbounded));
            entries.take_while(move |entry| entry.0 == network).map(|entry| entry.1)
        };
        let addresses = networks.iter().enumerate().flat_map(behind).take(limit.into());
        Ok(addresses.filter_map(|address| self.row::<FloatingIp>(&address)).cloned().collect())
    }

    /// The host whose router is to carry what is sent to the fixed IP: the network's own, else the port's; none while the port is
    /// moved between two.
    pub(crate) fn floating_host(&mut self, target: &FloatingTarget) -> Result<Option<HostId>, Stop> {
        self.need([Key::Network(target.network), Key::Port(target.port)])?;
        let Some(network) = self.row::<Network>(&target.network) else { return Ok(None) };
        Ok(network.host.clone().or_else(|| {
            let port = self.row::<Port>(&target.port)?;
            port.target.is_none().then(|| port.host.clone())
        }))
    }
}
