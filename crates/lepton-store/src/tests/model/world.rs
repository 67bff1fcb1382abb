//! [`World`]: what the NetworkManager means, said once more in plain maps, without batches, blocks, bitmaps, keys or rounds.
//!
//! It knows nothing of how the ledger decides. Where several things are wrong with a step it names all of them, since which one a
//! caller is told first is of no account. What is random, ids and MACs, it does not know: a port is the n-th of an instance's m-th
//! life, and an address that follows from a MAC is just that.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::step::{Shape, Step};

mod floating;

/// The number of a network, in the order of creation.
pub(super) type Slot = u8;

/// A port: its instance, which life of it, and its position there.
pub(super) type PortKey = (u8, u64, u16);

/// Why a step may be refused.
pub(super) type Reasons = BTreeSet<&'static str>;

/// An address of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Address {
    Plain(IpAddr),
    /// The one that follows from the port's MAC.
    OfMac(PortKey),
}

/// Who has an address; moments are seconds since the beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    Port(PortKey),
    /// Taken from the port, whose host has not followed yet.
    Leaving(PortKey),
    Reserved(String, Option<u64>),
    Resting(u64),
}

#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) owner: Option<&'static str>,
    pub(super) priority: i32,
    pub(super) shapes: &'static [Shape],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instance {
    pub(super) project: &'static str,
    pub(super) host: &'static str,
    pub(super) life: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) network: Slot,
    pub(super) project: &'static str,
    pub(super) host: &'static str,
    pub(super) is_released: bool,
}

/// What a floating IP is: whose, and to which address of which port it leads.
pub(super) type Floating = (&'static str, Option<(PortKey, IpAddr)>);

/// Everything there is.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    pub(super) now: u64,
    pub(super) made: Slot,
    pub(super) networks: BTreeMap<Slot, Network>,
    pub(super) instances: BTreeMap<u8, Instance>,
    pub(super) ports: BTreeMap<PortKey, Port>,
    pub(super) addresses: BTreeMap<(Slot, Address), Holder>,
    pub(super) floating: BTreeMap<IpAddr, Floating>,
    lives: BTreeMap<u8, u64>,
    port_limits: BTreeMap<&'static str, u64>,
    address_limits: BTreeMap<&'static str, u64>,
    /// What became of the last step.
    pub(super) last: Option<Result<(), Reasons>>,
}

fn limit_in(limits: &BTreeMap<&'static str, u64>, project: &str) -> u64 {
    limits.get(project).copied().unwrap_or(u64::MAX)
}

fn because(reason: &'static str) -> Reasons {
    Reasons::from([reason])
}

impl World {
    /// Takes the step, all of it or nothing.
    pub(super) fn take(mut self, step: &Step) -> Self {
        let mut next = self.clone();
        let outcome = next.carry_out(step);
        if outcome.is_ok() {
            self = next;
        }
        self.last = Some(outcome);
        self
    }

    fn carry_out(&mut self, step: &Step) -> Result<(), Reasons> {
        match step {
            Step::CreateNetwork { shapes, owner, priority } => {
                let network = Network { owner: *owner, priority: *priority, shapes };
                self.networks.insert(self.made, network);
                self.made += 1;
                Ok(())
            }
            Step::DeleteNetwork(slot) => self.delete_network(*slot),
            Step::Allocate { instance, project, host, wanted, may_repeat } => {
                self.allocate(*instance, project, host, wanted, *may_repeat)
            }
            Step::Deallocate(instance) => {
                self.deallocate(*instance);
                Ok(())
            }
            Step::Follow(host) => {
                self.follow(host);
                Ok(())
            }
            Step::Add { instance, network, address } => self.add(*instance, *network, *address),
            Step::Remove { instance, network, address } => self.remove(*instance, *network, *address),
            Step::Reserve { network, address, reason } => self.reserve(*network, *address, reason),
            Step::Unreserve { network, address } => self.unreserve(*network, *address),
            Step::Limit { project, ports, addresses } => {
                self.port_limits.insert(project, u64::from(*ports));
                self.address_limits.insert(project, u64::from(*addresses));
                Ok(())
            }
            Step::Wait(seconds) => {
                self.now += seconds;
                Ok(())
            }
            Step::Sweep => {
                let now = self.now;
                self.addresses.retain(|_, holder| !matches!(holder, Holder::Resting(until) if *until <= now));
                Ok(())
            }
            Step::AllocateFloating(project) => self.allocate_floating(project),
            Step::ReleaseFloating(address) => self.release_floating(*address),
            Step::Associate(address, instance) => self.associate(*address, *instance),
            Step::Disassociate(address) => self.disassociate(*address),
        }
    }

    fn delete_network(&mut self, slot: Slot) -> Result<(), Reasons> {
        if !self.networks.contains_key(&slot) {
            return Err(because("NETWORK_NOT_FOUND"));
        }
        if self.ports.values().any(|port| port.network == slot) {
            return Err(because("NETWORK_IN_USE"));
        }
        self.networks.remove(&slot);
        self.addresses.retain(|(network, _), _| *network != slot);
        Ok(())
    }

    /// The networks that a project may use: by priority, its own before those of all, in the order of creation.
    fn usable(&self, project: &str) -> Vec<Slot> {
        let is_usable =
            |network: &Network| network.owner.is_none() || network.owner.is_some_and(|it| it == project);
        let mut usable: Vec<_> = self.networks.iter().filter(|(_, network)| is_usable(network)).collect();
        usable.sort_by_key(|(slot, network)| (network.priority, network.owner.is_none(), **slot));
        usable.into_iter().map(|(slot, _)| *slot).collect()
    }

    fn allocate(
        &mut self,
        instance: u8,
        project: &'static str,
        host: &'static str,
        wanted: &[(Slot, Option<IpAddr>)],
        may_repeat: bool,
    ) -> Result<(), Reasons> {
        let (seats, mut wrong) = self.seats(project, wanted, may_repeat);
        if self.instances.contains_key(&instance) {
            wrong.insert("INSTANCE_ALREADY_ALLOCATED");
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let before = self.used(project);
        let life = self.lives.get(&instance).copied().unwrap_or_default() + 1;
        self.lives.insert(instance, life);
        self.instances.insert(instance, Instance { project, host, life });
        let port_at = |position: usize| (instance, life, u16::try_from(position).unwrap());
        for (position, (slot, _)) in seats.iter().enumerate() {
            let port = Port { network: *slot, project, host, is_released: false };
            self.ports.insert(port_at(position), port);
        }
        // Very addresses first, lest one of them be given to another vNIC by chance.
        for (position, (slot, wish)) in seats.iter().enumerate() {
            if wish.is_some_and(|wish| !self.give(*slot, Address::Plain(wish), port_at(position))) {
                wrong.insert("FIXED_IP_ALREADY_IN_USE");
            }
        }
        for (position, (slot, wish)) in seats.iter().enumerate() {
            for shape in self.networks[slot].shapes {
                if wish.is_some_and(|wish| wish.is_ipv4() == shape.is_ipv4()) {
                    continue;
                }
                if !self.give_any(*slot, *shape, port_at(position)) {
                    wrong.insert("NO_MORE_FIXED_IPS");
                }
            }
        }
        self.unless_above_limits(project, before, wrong)
    }

    /// On which networks an instance gets vNICs, with the addresses that are asked for there; and what is wrong with that.
    fn seats(
        &self,
        project: &str,
        wanted: &[(Slot, Option<IpAddr>)],
        may_repeat: bool,
    ) -> (Vec<(Slot, Option<IpAddr>)>, Reasons) {
        let mut wrong = Reasons::new();
        let usable = self.usable(project);
        let seats: Vec<(Slot, Option<IpAddr>)> = if wanted.is_empty() {
            usable.into_iter().map(|slot| (slot, None)).collect()
        } else {
            if wanted.iter().any(|(slot, _)| !usable.contains(slot)) {
                wrong.insert("NETWORK_NOT_FOUND");
            }
            let distinct: BTreeSet<_> = wanted.iter().map(|(slot, _)| slot).collect();
            if distinct.len() < wanted.len() && !may_repeat {
                wrong.insert("DUPLICATE_NETWORK");
            }
            wanted.to_vec()
        };
        let is_possible = |(slot, address): &(Slot, Option<IpAddr>)| {
            address.is_none_or(|address| self.is_guests(*slot, address))
        };
        if !seats.iter().all(is_possible) {
            wrong.insert("FIXED_IP_INVALID");
        }
        (seats, wrong)
    }

    fn deallocate(&mut self, instance: u8) {
        let Some(Instance { life, .. }) = self.instances.remove(&instance) else { return };
        for (key, port) in &mut self.ports {
            port.is_released |= (key.0, key.1) == (instance, life);
        }
        self.lead_nowhere(|(port, _)| (port.0, port.1) == (instance, life));
    }

    /// A host does what it was told, and says so.
    fn follow(&mut self, host: &str) {
        let here = |port: &Port| port.host == host;
        let gone: BTreeSet<PortKey> = self
            .ports
            .iter()
            .filter(|(_, port)| here(port) && port.is_released)
            .map(|(key, _)| *key)
            .collect();
        let is_free = |holder: &Holder| match holder {
            Holder::Port(port) => gone.contains(port),
            Holder::Leaving(port) => self.ports.get(port).is_some_and(here),
            Holder::Reserved(..) | Holder::Resting(_) => false,
        };
        let free: Vec<_> =
            self.addresses.iter().filter(|(_, holder)| is_free(holder)).map(|(place, _)| *place).collect();
        for place in free {
            self.let_rest(place, self.now);
        }
        self.ports.retain(|key, _| !gone.contains(key));
    }

    fn add(&mut self, instance: u8, slot: Slot, address: Option<IpAddr>) -> Result<(), Reasons> {
        let live = self.instances.get(&instance).ok_or_else(|| because("INSTANCE_NOT_FOUND"))?;
        let (project, life) = (live.project, live.life);
        let mut own = self.ports.iter().filter(|(key, _)| (key.0, key.1) == (instance, life));
        let Some((port, _)) = own.find(|(_, port)| port.network == slot) else {
            return Err(because("NETWORK_NOT_FOUND_FOR_INSTANCE"));
        };
        let (port, mut wrong) = (*port, Reasons::new());
        let is_full = self.used(project).1 + 1 > limit_in(&self.address_limits, project);
        match address {
            Some(address) if !self.is_guests(slot, address) => {
                wrong.insert("FIXED_IP_INVALID");
            }
            Some(address) => {
                if !self.give(slot, Address::Plain(address), port) {
                    wrong.insert("FIXED_IP_ALREADY_IN_USE");
                }
            }
            // Of IPv4 if there is any of that.
            None => match self.networks[&slot].shapes.first() {
                Some(Shape::OfMac) if self.give(slot, Address::OfMac(port), port) => {}
                Some(Shape::OfMac) | None => {
                    wrong.insert("INVALID_FIELD");
                }
                Some(shape) => {
                    if !self.give_any(slot, *shape, port) {
                        wrong.insert("NO_MORE_FIXED_IPS");
                    }
                }
            },
        }
        if is_full {
            wrong.insert("QUOTA_EXCEEDED");
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn remove(&mut self, instance: u8, slot: Slot, address: IpAddr) -> Result<(), Reasons> {
        let live = self.instances.get(&instance).ok_or_else(|| because("INSTANCE_NOT_FOUND"))?;
        let is_own = |port: &PortKey| (port.0, port.1) == (instance, live.life);
        let has_any =
            self.addresses.values().any(|holder| matches!(holder, Holder::Port(port) if is_own(port)));
        let place = (slot, Address::Plain(address));
        match self.addresses.get(&place) {
            _ if !has_any => Err(because("FIXED_IP_NOT_FOUND_FOR_INSTANCE")),
            Some(Holder::Port(port)) if is_own(port) => {
                let port = *port;
                self.addresses.insert(place, Holder::Leaving(port));
                self.lead_nowhere(|target| *target == (port, address));
                Ok(())
            }
            Some(_) | None => Err(because("FIXED_IP_NOT_FOUND_FOR_SPECIFIC_INSTANCE")),
        }
    }

    fn reserve(&mut self, slot: Slot, address: IpAddr, reason: &str) -> Result<(), Reasons> {
        let place = self.operators(slot, address)?;
        let resting_until = match self.addresses.get(&place) {
            None => None,
            Some(Holder::Resting(until)) => Some(*until).filter(|until| *until > self.now),
            Some(Holder::Reserved(already, _)) if already == reason => return Ok(()),
            Some(Holder::Reserved(..)) => return Err(because("FIXED_IP_RESERVED")),
            Some(Holder::Port(_) | Holder::Leaving(_)) => return Err(because("FIXED_IP_ALREADY_IN_USE")),
        };
        self.addresses.insert(place, Holder::Reserved(reason.to_owned(), resting_until));
        Ok(())
    }

    fn unreserve(&mut self, slot: Slot, address: IpAddr) -> Result<(), Reasons> {
        let place = self.operators(slot, address)?;
        let Some(Holder::Reserved(_, resting_until)) = self.addresses.get(&place) else {
            return Err(because("FIXED_IP_NOT_RESERVED"));
        };
        self.let_rest(place, resting_until.unwrap_or(self.now));
        Ok(())
    }

    /// An address that an operator may keep.
    fn operators(&self, slot: Slot, address: IpAddr) -> Result<(Slot, Address), Reasons> {
        let network = self.networks.get(&slot).ok_or_else(|| because("NETWORK_NOT_FOUND"))?;
        if !network.shapes.iter().any(|shape| shape.contains(address)) {
            return Err(because("FIXED_IP_NOT_FOUND_FOR_NETWORK"));
        }
        if !self.is_guests(slot, address) {
            return Err(because("FIXED_IP_INVALID"));
        }
        Ok((slot, Address::Plain(address)))
    }

    /// Whether the address is one of the network's that a guest may have.
    fn is_guests(&self, slot: Slot, address: IpAddr) -> bool {
        let shapes = self.networks.get(&slot).map(|network| network.shapes).unwrap_or_default();
        shapes.iter().any(|shape| shape.guests().contains(&address))
    }

    /// Gives the port this very address; answers whether nobody else has it. One that has rested is had.
    fn give(&mut self, slot: Slot, address: Address, port: PortKey) -> bool {
        let is_had = match self.addresses.get(&(slot, address)) {
            None => false,
            Some(Holder::Resting(until)) => *until > self.now,
            Some(Holder::Port(_) | Holder::Leaving(_) | Holder::Reserved(..)) => true,
        };
        if !is_had {
            self.addresses.insert((slot, address), Holder::Port(port));
        }
        !is_had
    }

    /// Gives the port the lowest address that is free, or where none is, of those that have rested; answers whether there was one.
    fn give_any(&mut self, slot: Slot, shape: Shape, port: PortKey) -> bool {
        if shape == Shape::OfMac {
            return self.give(slot, Address::OfMac(port), port);
        }
        let guests = shape.guests();
        let is_free =
            |world: &Self, address: &IpAddr| !world.addresses.contains_key(&(slot, Address::Plain(*address)));
        if !guests.iter().any(|address| is_free(self, address)) {
            let now = self.now;
            self.addresses.retain(|(network, address), holder| {
                let is_here = *network == slot && guests.iter().any(|it| Address::Plain(*it) == *address);
                !(is_here && matches!(holder, Holder::Resting(until) if *until <= now))
            });
        }
        let lowest = guests.iter().find(|address| is_free(self, address)).copied();
        lowest.is_some_and(|address| self.give(slot, Address::Plain(address), port))
    }

    /// Nobody has the address any more: it rests as its subnet wants, until that moment at the least.
    fn let_rest(&mut self, place: (Slot, Address), at_least: u64) {
        let shapes = self.networks[&place.0].shapes;
        let shape = shapes.iter().find(|shape| match place.1 {
            Address::Plain(address) => shape.contains(address),
            Address::OfMac(_) => **shape == Shape::OfMac,
        });
        let until = at_least.max(self.now + shape.map_or(0, |shape| shape.quarantine()));
        if until <= self.now {
            self.addresses.remove(&place);
        } else {
            self.addresses.insert(place, Holder::Resting(until));
        }
    }

    /// The addresses that rest, or have rested and were not swept.
    pub(super) fn resting(&self) -> Vec<(Slot, IpAddr)> {
        let resting = self.addresses.iter().filter(|(_, holder)| matches!(holder, Holder::Resting(_)));
        let plain = |(slot, address): &(Slot, Address)| match address {
            Address::Plain(address) => Some((*slot, *address)),
            Address::OfMac(_) => None,
        };
        resting.filter_map(|(place, _)| plain(place)).collect()
    }

    /// How many ports and addresses a project has: what is released counts until its host has followed.
    pub(super) fn used(&self, project: &str) -> (u64, u64) {
        let ports = self.ports.values().filter(|port| port.project == project).count();
        let addresses = self.addresses.values().filter(|holder| match holder {
            Holder::Port(port) | Holder::Leaving(port) => self.ports[port].project == project,
            Holder::Reserved(..) | Holder::Resting(_) => false,
        });
        (ports as u64, addresses.count() as u64)
    }

    /// Refuses what is wrong, and that the project has more than before of what it may not have so much of. Below what it has
    /// already a limit may be lowered.
    fn unless_above_limits(
        &self,
        project: &str,
        before: (u64, u64),
        mut wrong: Reasons,
    ) -> Result<(), Reasons> {
        let (ports, addresses) = self.used(project);
        let is_above = |used: u64, before: u64, limits| used > before && used > limit_in(limits, project);
        if is_above(ports, before.0, &self.port_limits) || is_above(addresses, before.1, &self.address_limits)
        {
            wrong.insert("QUOTA_EXCEEDED");
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}
