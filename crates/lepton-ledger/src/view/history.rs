//! The history as a view knows it: holdings that were asked for, or, in memory, all that has ended of what can be held.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::IpAddr,
};

use lepton_types::{FloatingIp, InstanceId, MacAddr, Port, PortId, SubnetId, Timestamp};
use uuid::Uuid;

use super::View;
use crate::{
    Change, End, Ended, FixedIp, Held, Holdable, Holding, HoldingFilter, Key, LastHolder, PastPort,
    RowChange, Selection, Stop,
};

/// Most things that a complete view forgets at once.
const FORGOTTEN_AT_ONCE: usize = 1024;

/// What a view knows of what was.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// In a partial view: what was asked for.
    pages: BTreeMap<HoldingFilter, Vec<Holding>>,
    remembered_since: Option<Timestamp>,
    /// Ports that have ended, and when.
    ports: BTreeMap<PortId, (Port, Timestamp)>,
    ports_by_mac: BTreeSet<(MacAddr, Timestamp, PortId)>,
    fixed_ips: BTreeMap<FixedIpKey, FixedIp>,
    floating_ips: BTreeMap<FloatingIpKey, FloatingIp>,
    /// What the ports of instances had, and what led to them.
    by_instance: BTreeSet<(InstanceId, Timestamp, Kept)>,
    /// All of it in the order in which it ended, with the instance whose it was.
    order: VecDeque<(Timestamp, Option<InstanceId>, Kept)>,
}

/// An address, when it ended, and whose it was.
type FixedIpKey = (IpAddr, Timestamp, SubnetId, PortId);

/// An address, when it ended and when it began.
type FloatingIpKey = (IpAddr, Timestamp, Timestamp);

/// Where something is kept that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    Port(PortId),
    FixedIp(FixedIpKey),
    FloatingIp(FloatingIpKey),
}

impl View {
    /// Says which holdings a page has, in their order, when the store was asked for it.
    pub fn note_holdings(&mut self, filter: HoldingFilter, holdings: Vec<Holding>) {
        self.history.pages.insert(filter, holdings);
    }

    /// Says before when what ended may be forgotten.
    pub fn note_remembered_since(&mut self, moment: Option<Timestamp>) {
        self.history.remembered_since = moment;
    }

    /// A page of holdings, in their order. What the batch itself changes is not in it, so it is for questions.
    pub(crate) fn holding_page(&mut self, filter: &HoldingFilter) -> Result<Vec<Holding>, Stop> {
        self.need([Key::Select(Selection::Holdings(filter.clone()))])?;
        if !self.is_complete {
            return Ok(self.history.pages.get(filter).cloned().unwrap_or_default());
        }
        let (mut beyond, mut last) = (filter.beyond, End::NotYet);
        let mut holdings = match filter.of {
            Held::Address(address) => self.holdings_of_address(address),
            Held::Mac(mac) => self.holdings_of_mac(mac),
            Held::Instance(instance) => self.holdings_of_instance(instance, beyond),
            Held::Port(port) => {
                let Some((port, until)) = self.port_that_was(port) else { return Ok(Vec::new()) };
                (beyond, last) = (beyond.max(port.created_at), until);
                self.holdings_of_instance(port.instance, beyond)
            }
        };
        holdings.retain(|holding| {
            let is_in_time = holding.until > End::At(beyond) && holding.until <= last;
            is_in_time && holding.is_real() && filter.after.is_none_or(|after| holding.place() > after)
        });
        holdings.sort_unstable_by_key(Holding::place);
        holdings.truncate(filter.limit.into());
        Ok(holdings)
    }

    /// Before when what ended may be forgotten, when holdings are loaded; none: nothing is.
    pub(crate) fn remembered_since(&self) -> Option<Timestamp> {
        self.history.remembered_since
    }

    fn holdings_of_address(&self, address: IpAddr) -> Vec<Holding> {
        let first = (address, Timestamp::FIRST, Uuid::nil().into(), Uuid::nil().into());
        let past = self.history.fixed_ips.range(first..).take_while(|(key, _)| key.0 == address);
        let past = past.filter_map(|(key, row)| self.of_fixed_ip(row, End::At(key.1)));
        let places = self.indexes.fixed_ips_by_address.range((address, Uuid::nil().into())..);
        let places = places.take_while(|place| place.0 == address);
        let rows = places.filter_map(|(address, subnet)| self.row::<FixedIp>(&(*subnet, *address)));
        let lasting = rows.filter_map(|row| self.of_fixed_ip(row, End::NotYet));
        let first = (address, Timestamp::FIRST, Timestamp::FIRST);
        let floating = self.history.floating_ips.range(first..).take_while(|(key, _)| key.0 == address);
        let floating = floating.map(|(key, row)| self.of_floating_ip(row, End::At(key.1)));
        let lasting_floating = self.row(&address).map(|row| self.of_floating_ip(row, End::NotYet));
        past.chain(lasting).chain(floating).chain(lasting_floating).collect()
    }

    fn holdings_of_mac(&self, mac: MacAddr) -> Vec<Holding> {
        let first = (mac, Timestamp::FIRST, Uuid::nil().into());
        let past = self.history.ports_by_mac.range(first..).take_while(|key| key.0 == mac);
        let past = past.filter_map(|key| self.that_was(Kept::Port(key.2)));
        let live = self.indexes.ports_by_mac.range((mac, Uuid::nil().into())..);
        let live = live.take_while(|entry| entry.0 == mac);
        let live = live.filter_map(|entry| Some(Holding::of_mac(self.row::<Port>(&entry.1)?, End::NotYet)));
        past.chain(live).collect()
    }

    /// What ended after a moment, or at it, and what lasts.
    fn holdings_of_instance(&self, instance: InstanceId, beyond: Timestamp) -> Vec<Holding> {
        let first = (instance, beyond, Kept::Port(Uuid::nil().into()));
        let past = self.history.by_instance.range(first..).take_while(|entry| entry.0 == instance);
        let mut holdings: Vec<_> = past.filter_map(|entry| self.that_was(entry.2)).collect();
        for port in self.ports_of_any_life(instance) {
            let fixed_ips = self.fixed_ips_of(port.id);
            holdings.extend(fixed_ips.iter().filter_map(|row| self.of_fixed_ip(row, End::NotYet)));
            let floating_ips = self.floating_ips_of(port.id);
            holdings.extend(floating_ips.iter().map(|row| self.of_floating_ip(row, End::NotYet)));
            holdings.push(Holding::of_mac(port, End::NotYet));
        }
        holdings
    }

    /// What has ended, as it was held.
    fn that_was(&self, kept: Kept) -> Option<Holding> {
        match kept {
            Kept::Port(id) => {
                let (port, ended) = self.history.ports.get(&id)?;
                Some(Holding::of_mac(port, End::At(*ended)))
            }
            Kept::FixedIp(key) => self.of_fixed_ip(self.history.fixed_ips.get(&key)?, End::At(key.1)),
            Kept::FloatingIp(key) => {
                Some(self.of_floating_ip(self.history.floating_ips.get(&key)?, End::At(key.1)))
            }
        }
    }

    /// What a port held; nothing when no port did.
    fn of_fixed_ip(&self, row: &FixedIp, until: End) -> Option<Holding> {
        let (port, _) = self.port_that_was(row.holder.port()?)?;
        Some(Holding {
            what: Holdable::FixedIp { address: row.address, subnet: row.subnet },
            project: port.project.clone(),
            port: Some(port.into()),
            since: row.since,
            until,
        })
    }

    fn of_floating_ip(&self, row: &FloatingIp, until: End) -> Holding {
        let port = row.target.and_then(|target| self.port_that_was(target.port));
        let port = port.map(|(port, _)| PastPort::from(port));
        Holding { port, ..Holding::of_floating_ip(row, until) }
    }

    /// A port that is or was, and until when.
    pub(crate) fn port_that_was(&self, id: PortId) -> Option<(&Port, End)> {
        let live = self.row(&id).map(|port| (port, End::NotYet));
        live.or_else(|| self.history.ports.get(&id).map(|(port, ended)| (port, End::At(*ended))))
    }

    /// What the batch ended, in order, each with when that was decided.
    pub fn ended(&self) -> Vec<(Ended, Timestamp)> {
        // Whoever takes an address from a port has the port, or has just ended it.
        let gone = |change: &Change| {
            let Change::Port(RowChange { before: Some(port), after: None }) = change else { return None };
            Some((port.id, port.instance))
        };
        let gone: BTreeMap<PortId, InstanceId> = self.changes.iter().filter_map(gone).collect();
        let instance_of =
            |id| gone.get(&id).copied().or_else(|| self.row::<Port>(&id).map(|port| port.instance));
        let changes = self.changes.iter().enumerate();
        changes
            .filter_map(|(number, change)| Some((change.ended(instance_of)?, self.moments.of(number))))
            .collect()
    }

    /// Keeps what has ended of what can be held.
    pub(super) fn keep_ended(&mut self, ended: Ended, at: Timestamp) {
        let history = &mut self.history;
        let (instance, kept) = match ended {
            Ended::Port(port) => {
                let (id, instance) = (port.id, port.instance);
                history.ports_by_mac.insert((port.mac, at, id));
                history.ports.insert(id, (port, at));
                (Some(instance), Kept::Port(id))
            }
            Ended::FixedIp(row, instance) => {
                let Some(port) = row.holder.port() else { return };
                let key = (row.address, at, row.subnet, port);
                history.fixed_ips.insert(key, row);
                (instance, Kept::FixedIp(key))
            }
            Ended::FloatingIp(row) => {
                let key = (row.address, at, row.since);
                let instance = row.target.map(|target| target.instance);
                history.floating_ips.insert(key, row);
                (instance, Kept::FloatingIp(key))
            }
            Ended::Network(_) | Ended::Subnet(_) | Ended::Instance(_) => return,
        };
        history.by_instance.extend(instance.map(|instance| (instance, at, kept)));
        history.order.push_back((at, instance, kept));
    }

    /// Drops a bounded number of things of which a complete view keeps that they ended before a moment; answers how many.
    pub fn forget_history(&mut self, before: Timestamp) -> u64 {
        let history = &mut self.history;
        let mut dropped = 0;
        while dropped < FORGOTTEN_AT_ONCE
            && let Some((at, instance, kept)) = history.order.pop_front_if(|(at, ..)| *at < before)
        {
            if let Some(instance) = instance {
                history.by_instance.remove(&(instance, at, kept));
            }
            match kept {
                Kept::Port(id) => {
                    if let Some((port, _)) = history.ports.remove(&id) {
                        history.ports_by_mac.remove(&(port.mac, at, id));
                    }
                }
                Kept::FixedIp(key) => drop(history.fixed_ips.remove(&key)),
                Kept::FloatingIp(key) => drop(history.floating_ips.remove(&key)),
            }
            history.remembered_since = history.remembered_since.max(Some(before));
            dropped += 1;
        }
        dropped as u64
    }
}

impl History {
    /// Who had an address of a subnet at last.
    pub(super) fn last_holder(
        &self,
        subnet: SubnetId,
        address: IpAddr,
        is_floating: bool,
    ) -> Option<LastHolder> {
        let last = |port, since, ended_at| LastHolder { port, since, ended_at, awaited: None };
        if is_floating {
            let first = (address, Timestamp::FIRST, Timestamp::FIRST);
            let past = self.floating_ips.range(first..).take_while(|(key, _)| key.0 == address);
            let past = past.filter(|(_, row)| row.subnet == subnet);
            return past
                .last()
                .map(|(key, row)| last(row.target.map(|target| target.port), row.since, key.1));
        }
        let first = (address, Timestamp::FIRST, Uuid::nil().into(), Uuid::nil().into());
        let past = self.fixed_ips.range(first..).take_while(|(key, _)| key.0 == address);
        past.filter(|(key, _)| key.2 == subnet).last().map(|(key, row)| last(Some(key.3), row.since, key.1))
    }
}

impl Holding {
    /// A port's MAC.
    fn of_mac(port: &Port, until: End) -> Self {
        Self {
            what: Holdable::Mac(port.mac),
            project: port.project.clone(),
            port: Some(port.into()),
            since: port.created_at,
            until,
        }
    }

    /// What a project had, but for the port that it led to.
    pub fn of_floating_ip(row: &FloatingIp, until: End) -> Self {
        let what = Holdable::FloatingIp {
            address: row.address,
            subnet: row.subnet,
            pool: row.pool,
            leads_to: row.target.map(|target| target.address),
        };
        Self { what, project: row.project.clone(), port: None, since: row.since, until }
    }
}
