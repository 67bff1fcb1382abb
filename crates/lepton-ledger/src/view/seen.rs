//! [`Seen`]: whether there is any row of some kind.
//!
//! A store looks for one without locks, so that another manager may change it until the batch is written. Such a row is in no
//! table: there it would stand for the one that another command of the batch loads to decide on.

use std::{collections::BTreeMap, net::IpAddr};

use lepton_types::{FloatingIp, MacAddr, MacPrefix, NetworkId, Port, PortId, SubnetId};
use uuid::Uuid;

use super::View;
use crate::{FixedIp, Key, Row, Selection, Stop};

/// Most rows of a kind that a store looks for: one more than the batch may have ended, mostly.
pub const MOST_SEEN: u16 = 2;

/// Rows that a store has seen and holds nobody from. What the tables know of them is newer, or the batch's own decision.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    ports_on: BTreeMap<NetworkId, Vec<Port>>,
    with_mac: BTreeMap<MacAddr, PortId>,
    of_macs: BTreeMap<MacPrefix, Vec<Port>>,
    held_in: BTreeMap<SubnetId, Vec<IpAddr>>,
    floating_ips_in: BTreeMap<SubnetId, Vec<IpAddr>>,
}

impl View {
    /// Says that the network has this port.
    pub fn note_port_on(&mut self, port: Port) {
        self.seen.ports_on.entry(port.network).or_default().push(port);
    }

    /// Says that this port has the MAC.
    pub fn note_port_with(&mut self, mac: MacAddr, port: PortId) {
        self.seen.with_mac.insert(mac, port);
    }

    /// Says that this port has one of the MACs.
    pub fn note_port_of_macs(&mut self, macs: MacPrefix, port: Port) {
        self.seen.of_macs.entry(macs).or_default().push(port);
    }

    /// Says that a port has this address of the subnet.
    pub fn note_held_in(&mut self, subnet: SubnetId, address: IpAddr) {
        self.seen.held_in.entry(subnet).or_default().push(address);
    }

    /// Says that a project has this address of the range.
    pub fn note_floating_ip_in(&mut self, subnet: SubnetId, address: IpAddr) {
        self.seen.floating_ips_in.entry(subnet).or_default().push(address);
    }

    /// A port on the network, if there is any.
    pub(crate) fn port_on(&mut self, network: NetworkId) -> Result<Option<&Port>, Stop> {
        self.need([Key::Select(Selection::PortOn(network))])?;
        let mut ports = self.indexes.ports_by_network.range((network, Uuid::nil().into())..);
        let known = ports.next().filter(|entry| entry.0 == network).and_then(|entry| self.row(&entry.1));
        Ok(known.or_else(|| self.still_there::<Port, _>(self.seen.ports_on.get(&network)?, |port| port.id)))
    }

    /// The port whose vNIC has the MAC, if there is one.
    pub(crate) fn port_with(&mut self, mac: MacAddr) -> Result<Option<PortId>, Stop> {
        self.need([Key::Mac(mac)])?;
        let found = self.indexes.ports_by_mac.range((mac, Uuid::nil().into())..).next();
        let known = found.filter(|entry| entry.0 == mac).map(|entry| entry.1);
        let seen = self.seen.with_mac.get(&mac).copied();
        Ok(known.or_else(|| seen.filter(|port| self.is_unknown::<Port>(port))))
    }

    /// A port that has one of the MACs, if there is one.
    pub(crate) fn port_of_macs(&mut self, macs: MacPrefix) -> Result<Option<Port>, Stop> {
        self.need([Key::Select(Selection::PortOfMacs(macs))])?;
        let mut ports = self.indexes.ports_by_mac.range((macs.first(), Uuid::nil().into())..);
        let id = ports.next().filter(|entry| macs.contains(entry.0)).map(|entry| entry.1);
        let known = id.and_then(|id| self.row::<Port>(&id));
        let seen = || self.still_there::<Port, _>(self.seen.of_macs.get(&macs)?, |port| port.id);
        Ok(known.or_else(seen).cloned())
    }

    /// An address of the subnet that a port has, if there is any.
    pub(crate) fn held_in(&mut self, subnet: SubnetId) -> Result<Option<IpAddr>, Stop> {
        self.need([Key::Select(Selection::HeldIn(subnet))])?;
        let mut rows = self.rows::<FixedIp>().filter(|row| row.subnet == subnet);
        let known = rows.find(|row| row.holder.port().is_some()).map(|row| row.address);
        let key = |address: &IpAddr| (subnet, *address);
        Ok(known.or_else(|| self.still_there::<FixedIp, _>(self.seen.held_in.get(&subnet)?, key).copied()))
    }

    /// An address of the range that a project has, if there is any.
    pub(crate) fn floating_ip_in(&mut self, subnet: SubnetId) -> Result<Option<IpAddr>, Stop> {
        self.need([Key::Select(Selection::FloatingIpIn(subnet))])?;
        let known = self.rows::<FloatingIp>().find(|row| row.subnet == subnet).map(|row| row.address);
        let seen =
            || self.still_there::<FloatingIp, _>(self.seen.floating_ips_in.get(&subnet)?, |address| *address);
        Ok(known.or_else(|| seen().copied()))
    }

    /// One of those that were seen, unless the view knows better of all of them. The batch may have ended as many as the store has
    /// looked for, and then there may be more: the last of them stands for these.
    fn still_there<'s, R: Row, S>(&self, seen: &'s [S], key: impl Fn(&S) -> R::Key) -> Option<&'s S> {
        let unknown = seen.iter().find(|row| self.is_unknown::<R>(&key(row)));
        unknown.or_else(|| seen.last().filter(|_| seen.len() >= MOST_SEEN.into()))
    }

    /// Whether the view knows neither that the row is there nor that it is gone.
    fn is_unknown<R: Row>(&self, key: &R::Key) -> bool {
        !R::table(&self.tables).knows(key)
    }
}
