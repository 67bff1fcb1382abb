//! What commands ask a [`View`]: rows by key and small sets in a fixed order. Every question may stop with `Missing`.

use std::{net::IpAddr, ops::Bound};

use lepton_ipam::Block;
use lepton_types::{
    AddressFamily, HostId, InstanceId, MacAddr, Network, NetworkId, Port, PortId, ProjectId, Quota, Revision,
    Subnet, SubnetId,
};
use uuid::Uuid;

use super::View;
use crate::{
    FixedIp, Frontier, Host, HostPortPlace, Instance, Key, PendingUnplug, PortFilter, PortPlace, RequestKey,
    RequestRecord, Selection, Stop,
};

impl View {
    pub(crate) fn request(&mut self, key: &RequestKey) -> Result<Option<&RequestRecord>, Stop> {
        self.need([Key::Request(key.clone())])?;
        Ok(self.row(key))
    }

    pub(crate) fn network(&mut self, id: NetworkId) -> Result<Option<&Network>, Stop> {
        self.need([Key::Network(id)])?;
        Ok(self.row(&id))
    }

    /// The networks that a project may use, the global ones first.
    pub(crate) fn networks_of(&mut self, project: &ProjectId) -> Result<Vec<Network>, Stop> {
        self.need([Key::NetworksOf(project.clone())])?;
        Ok(self.owned(None).chain(self.owned(Some(project.clone()))).cloned().collect())
    }

    /// The networks that every project may use.
    pub(crate) fn global_networks(&mut self) -> Result<Vec<Network>, Stop> {
        self.need([Key::Select(Selection::GlobalNetworks)])?;
        Ok(self.owned(None).cloned().collect())
    }

    fn owned(&self, owner: Option<ProjectId>) -> impl Iterator<Item = &Network> {
        let start = (owner.clone(), 0, Uuid::nil().into());
        let entries = self.indexes.networks_by_project.range(start..);
        entries.take_while(move |entry| entry.0 == owner).filter_map(|entry| self.row(&entry.2))
    }

    /// Networks in the order of their creation.
    pub(crate) fn network_page(
        &mut self,
        project: Option<&ProjectId>,
        after: u64,
        limit: u16,
    ) -> Result<Vec<Network>, Stop> {
        self.need([Key::Select(Selection::NetworkPage { project: project.cloned(), after, limit })])?;
        let later = (Bound::Excluded((after, Uuid::max().into())), Bound::Unbounded);
        let networks =
            self.indexes.networks_by_sequence.range(later).filter_map(|(_, id)| self.row::<Network>(id));
        let visible = networks.filter(|network| {
            let is_seen =
                project.is_none_or(|project| network.project.as_ref().is_none_or(|owner| owner == project));
            is_seen && !network.is_external
        });
        Ok(visible.take(limit.into()).cloned().collect())
    }

    /// A sequence number above that of every network, deleted ones included.
    pub(crate) fn next_network_sequence(&mut self) -> Result<u64, Stop> {
        self.need([Key::NewestNetwork])?;
        let newest_known = self.indexes.networks_by_sequence.last().map_or(0, |(sequence, _)| *sequence);
        Ok(self.newest_network.max(newest_known) + 1)
    }

    pub(crate) fn subnet(&mut self, id: SubnetId) -> Result<Option<&Subnet>, Stop> {
        self.need([Key::Subnet(id)])?;
        Ok(self.row(&id))
    }

    /// The subnets of a network that is loaded, IPv4 before IPv6.
    pub(crate) fn subnets_of(&self, network: NetworkId) -> Vec<Subnet> {
        let lowest = "0.0.0.0/0".parse().expect("the IPv4 default route is a CIDR");
        let start = (network, AddressFamily::V4, lowest, Uuid::nil().into());
        let entries = self.indexes.subnets_by_network.range(start..).take_while(|entry| entry.0 == network);
        entries.filter_map(|entry| self.row::<Subnet>(&entry.3)).cloned().collect()
    }

    pub(crate) fn frontier(&mut self, subnet: SubnetId) -> Result<Option<&Frontier>, Stop> {
        self.need([Key::Frontier(subnet)])?;
        Ok(self.row(&subnet))
    }

    pub(crate) fn block(&mut self, subnet: SubnetId, first: IpAddr) -> Result<Option<&Block>, Stop> {
        self.need([Key::Block(subnet, first)])?;
        Ok(self.row(&(subnet, first)))
    }

    /// The lowest block of the subnet that has both a row and a free address.
    pub(crate) fn lowest_free_block(&mut self, subnet: SubnetId) -> Result<Option<&Block>, Stop> {
        let lowest_address = IpAddr::from([0, 0, 0, 0]);
        let start = (subnet, lowest_address);
        let candidate = self.indexes.free_blocks.range(start..).next().filter(|entry| entry.0 == subnet);
        let candidate = candidate.map(|entry| entry.1);
        if !self.is_complete {
            let known_up_to = self.free_blocks_known.get(&subnet).copied();
            let is_lowest = match known_up_to {
                None => false,
                Some(None) => true,
                Some(Some(up_to)) => candidate.is_some_and(|first| first <= up_to),
            };
            if !is_lowest {
                self.need([Key::FreeBlocks { subnet, after: known_up_to.flatten() }])?;
            }
        }
        Ok(candidate.and_then(|first| self.row(&(subnet, first))))
    }

    /// Quotas in the order of their projects.
    pub(crate) fn quota_page(&mut self, after: Option<&ProjectId>, limit: u16) -> Result<Vec<Quota>, Stop> {
        self.need([Key::Select(Selection::QuotaPage { after: after.cloned(), limit })])?;
        let later = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(self.tables.quotas.rows_from(later).take(limit.into()).cloned().collect())
    }

    pub(crate) fn fixed_ip(&mut self, subnet: SubnetId, address: IpAddr) -> Result<Option<&FixedIp>, Stop> {
        self.need([Key::FixedIp(subnet, address)])?;
        Ok(self.row(&(subnet, address)))
    }

    /// The address of the subnet, if a port has it, which is loaded then.
    pub(crate) fn port_address(
        &mut self,
        subnet: SubnetId,
        address: IpAddr,
    ) -> Result<Option<&FixedIp>, Stop> {
        self.need([Key::PortWith(subnet, address)])?;
        Ok(self.row(&(subnet, address)).filter(|row: &&FixedIp| row.holder.port().is_some()))
    }

    /// Addresses of the subnet that rested long enough: some of them, none only when there are none.
    pub(crate) fn rested_in(&mut self, subnet: SubnetId) -> Result<Vec<FixedIp>, Stop> {
        let rested: Vec<_> = self.known_rested().filter(|row| row.subnet == subnet).collect();
        let known_up_to = self.rested_known.get(&subnet).copied();
        if rested.is_empty() && known_up_to != Some(None) {
            self.need([Key::Select(Selection::RestedIn { subnet, after: known_up_to.flatten() })])?;
        }
        Ok(rested)
    }

    /// Addresses of any subnet that rested long enough, a bounded number of them.
    pub(crate) fn rested(&mut self) -> Result<Vec<FixedIp>, Stop> {
        self.need([Key::Select(Selection::Rested)])?;
        Ok(self.known_rested().collect())
    }

    fn known_rested(&self) -> impl Iterator<Item = FixedIp> {
        let entries = self.indexes.quarantine.iter().take_while(|entry| entry.0 <= self.now);
        entries.filter_map(|entry| self.row::<FixedIp>(&(entry.1, entry.2)).cloned())
    }

    pub(crate) fn instance(&mut self, id: InstanceId) -> Result<Option<&Instance>, Stop> {
        self.need([Key::Instance(id)])?;
        Ok(self.row(&id))
    }

    /// The incarnation that the instance's next life has.
    pub(crate) fn next_incarnation(&mut self, id: InstanceId) -> Result<u64, Stop> {
        self.need([Key::Instance(id), Key::PastLives(id)])?;
        let in_ports = self.ports_of_any_life(id).map(|port| port.incarnation);
        let ended = self.incarnations.get(&id).copied();
        Ok(in_ports.chain(ended).max().unwrap_or(0) + 1)
    }

    pub(super) fn ports_of_any_life(&self, instance: InstanceId) -> impl Iterator<Item = &Port> {
        let start = (instance, 0, 0, Uuid::nil().into());
        let entries =
            self.indexes.ports_by_instance.range(start..).take_while(move |entry| entry.0 == instance);
        entries.filter_map(|entry| self.row(&entry.3))
    }

    /// The ports of an instance's present life, in order, released ones left out.
    pub(crate) fn ports_of(&mut self, instance: &Instance) -> Result<Vec<Port>, Stop> {
        self.need([Key::Instance(instance.id)])?;
        let ports = self.ports_of_any_life(instance.id);
        Ok(ports
            .filter(|port| port.incarnation == instance.incarnation && !port.is_released)
            .cloned()
            .collect())
    }

    pub(crate) fn port(&mut self, id: PortId) -> Result<Option<&Port>, Stop> {
        self.need([Key::Port(id)])?;
        Ok(self.row(&id))
    }

    /// The addresses that a port which is loaded may use, by subnet.
    pub(crate) fn usable_by(&self, port: PortId) -> Vec<FixedIp> {
        let mut rows = self.fixed_ips_of(port);
        rows.retain(|row| row.holder.user().is_some());
        rows
    }

    /// The addresses of a port that is loaded, by subnet, those that are leaving it included.
    pub(crate) fn fixed_ips_of(&self, port: PortId) -> Vec<FixedIp> {
        let start = (port, Uuid::nil().into(), IpAddr::from([0, 0, 0, 0]));
        let entries = self.indexes.fixed_ips_by_port.range(start..).take_while(|entry| entry.0 == port);
        entries.filter_map(|entry| self.row::<FixedIp>(&(entry.1, entry.2))).cloned().collect()
    }

    pub(crate) fn is_mac_taken(&mut self, mac: MacAddr) -> Result<bool, Stop> {
        Ok(self.port_with(mac)?.is_some())
    }

    /// Ports by network, and within it in the order of their ids.
    pub(crate) fn port_page(
        &mut self,
        filter: &PortFilter,
        after: Option<PortPlace>,
        limit: u16,
    ) -> Result<Vec<Port>, Stop> {
        self.need([Key::Select(Selection::PortPage { filter: filter.clone(), after, limit })])?;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let entries = self.indexes.ports_by_network.range((start, Bound::Unbounded));
        let ports = entries.filter_map(|(_, id)| self.row::<Port>(id));
        Ok(ports.filter(|port| filter.lets_pass(port)).take(limit.into()).cloned().collect())
    }

    /// The host's ports in the order in which they changed.
    pub(crate) fn host_port_page(
        &mut self,
        host: &HostId,
        after: Option<HostPortPlace>,
        limit: u16,
    ) -> Result<Vec<Port>, Stop> {
        self.need([Key::Select(Selection::HostPortPage { host: host.clone(), after, limit })])?;
        let (revision, id) = after.unwrap_or((Revision::default(), Uuid::nil().into()));
        let behind = (Bound::Excluded((host.clone(), revision, id)), Bound::Unbounded);
        let entries = self.indexes.ports_by_host.range(behind).take_while(|entry| entry.0 == *host);
        let ports = entries.filter_map(|entry| self.row::<Port>(&entry.2)).filter(|port| port.host == *host);
        Ok(ports.take(limit.into()).cloned().collect())
    }

    /// The host's ports, and those on their way to it, that changed there after a revision, in the order of their changes.
    pub(crate) fn host_ports(&mut self, host: &HostId, after: Revision) -> Result<Vec<Port>, Stop> {
        self.need([Key::Select(Selection::HostPorts(host.clone(), after))])?;
        let later = (Bound::Excluded((host.clone(), after, Uuid::max().into())), Bound::Unbounded);
        let entries = self.indexes.ports_by_host.range(later).take_while(|entry| entry.0 == *host);
        Ok(entries.filter_map(|entry| self.row::<Port>(&entry.2)).cloned().collect())
    }

    /// The first `limit` ports of the host, released ones before the others, those on their way to it last, and whether it
    /// has more of them.
    pub(crate) fn ports_to_fence(&mut self, host: &HostId, limit: u16) -> Result<(Vec<Port>, bool), Stop> {
        self.need([Key::Select(Selection::PortsToFence { host: host.clone(), limit })])?;
        let start = (host.clone(), Revision::default(), Uuid::nil().into());
        let entries = self.indexes.ports_by_host.range(start..).take_while(|entry| entry.0 == *host);
        let mut ports: Vec<Port> = entries.filter_map(|entry| self.row::<Port>(&entry.2)).cloned().collect();
        ports.sort_by_key(|port| (!port.is_released, port.host != *host, port.id));
        let has_more = self.fenced_in_part.contains(host) || ports.len() > limit.into();
        ports.truncate(limit.into());
        Ok((ports, has_more))
    }

    /// The first `limit` ports that have left the host and wait for it, and whether it has more of them.
    pub(crate) fn unplugs_to_fence(
        &mut self,
        host: &HostId,
        limit: u16,
    ) -> Result<(Vec<PendingUnplug>, bool), Stop> {
        self.need([Key::Select(Selection::PortsToFence { host: host.clone(), limit })])?;
        let unplugs = self.unplugs_after(host, Revision::default()).filter(|unplug| !unplug.is_fenced);
        let mut unplugs: Vec<PendingUnplug> = unplugs.cloned().collect();
        let has_more = self.left_in_part.contains(host) || unplugs.len() > limit.into();
        unplugs.truncate(limit.into());
        Ok((unplugs, has_more))
    }

    /// The ports that must go from the host since after a revision, beside those that it has and that are released.
    pub(crate) fn unplugs_of_host(&mut self, host: &HostId, after: Revision) -> Result<Vec<PortId>, Stop> {
        self.need([Key::Select(Selection::HostPorts(host.clone(), after))])?;
        Ok(self.unplugs_after(host, after).map(|unplug| unplug.port).collect())
    }

    fn unplugs_after(&self, host: &HostId, after: Revision) -> impl Iterator<Item = &PendingUnplug> {
        let later = (Bound::Excluded((host.clone(), after, Uuid::max().into())), Bound::Unbounded);
        let entries = self.indexes.unplugs_by_host.range(later);
        let entries = entries.take_while(move |entry| entry.0 == *host);
        entries.filter_map(|entry| self.row(&(entry.2, entry.0.clone())))
    }

    /// From which hosts the port must still go, beside its own, in the order of their names.
    pub(crate) fn unplugs_of_port(&mut self, port: PortId) -> Result<Vec<PendingUnplug>, Stop> {
        self.need([Key::PendingUnplugs(port)])?;
        let shortest = "!".parse().expect("a character is a host's name");
        let entries = self.indexes.unplugs_by_port.range((port, shortest)..);
        let of_port = entries.take_while(|entry| entry.0 == port);
        Ok(of_port.filter_map(|entry| self.row::<PendingUnplug>(entry)).cloned().collect())
    }

    /// The host; one that the ledger has not met yet is at revision zero.
    pub(crate) fn host(&mut self, id: &HostId) -> Result<Host, Stop> {
        self.need([Key::Host(id.clone())])?;
        let unknown = || Host { id: id.clone(), revision: Revision::default(), is_registered: false };
        Ok(self.row(id).cloned().unwrap_or_else(unknown))
    }

    /// Whether the ledger has met the host.
    pub(crate) fn knows_host(&mut self, id: &HostId) -> Result<bool, Stop> {
        self.need([Key::Host(id.clone())])?;
        Ok(self.row::<Host>(id).is_some())
    }

    /// Whether an agent of the host was ever told what it must have.
    pub(crate) fn is_registered(&mut self, id: &HostId) -> Result<bool, Stop> {
        Ok(self.host(id)?.is_registered)
    }

    /// Raises the host's revision, for a change that it must see.
    pub(crate) fn touch_host(&mut self, id: &HostId) -> Result<Revision, Stop> {
        let mut host = self.host(id)?;
        host.revision = host.revision.next();
        let revision = host.revision;
        self.replace(host);
        Ok(revision)
    }
}
