//! `AllocateForInstance`: a vNIC on each of the instance's networks, or nothing at all.

use std::net::IpAddr;

use lepton_ipam::{MacBase, check_requested, eui64};
use lepton_types::{
    AddressFamily, AddressMode, HostId, IfName, InstanceId, MacAddr, Name, NetnsPath, Network, NetworkId,
    NetworkInfo, Port, PortBinding, PortId, PortStatus, ProjectId, Resource, Subnet,
};
use lepton_vnic::{Choice, OrderError, RequestedNetwork};

use crate::{Command, Instance, Key, Naming, Refusal, Stop, View, host, pool};

/// How many MACs are drawn for one port before the base counts as used up. With half of all MACs taken, one port in
/// four billion fails.
const MAC_ATTEMPTS: usize = 32;

/// Gives an instance its vNICs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocateForInstance {
    /// Which instance.
    pub instance: InstanceId,
    /// Its project.
    pub project: ProjectId,
    /// The host that is to plug its ports, as the request names it; none: the one of the manager that carries it out.
    pub host: Option<HostId>,
    /// The networks to plug into, in order; none: the project's own and the global ones.
    pub networks: Vec<RequestedNetwork>,
    /// Whether a network may be named more than once.
    pub allow_duplicate_networks: bool,
    /// What kind of devices the host makes.
    pub binding: BindingRequest,
    /// The host of the manager's own agent: its setting, not part of the request.
    pub own_host: Option<HostId>,
    /// Whether the host must be one that the ledger has met: the manager's setting, not part of the request.
    pub only_known_hosts: bool,
    /// The only host that the caller may allocate on, and its choice when it names none; none: any. Follows from its
    /// credentials, so it is not part of the request.
    pub only_on: Option<HostId>,
    /// What MACs start with: the manager's setting, not part of the request.
    pub mac_base: MacBase,
    /// What the instance is called.
    pub naming: Naming,
    /// The pool that its first IPv4 address gets a floating IP of, by itself; none: it gets none. The manager's setting, not
    /// part of the request.
    pub floating_pool: Option<Name>,
}

impl AllocateForInstance {
    /// Which host plugs the ports.
    fn place(&self) -> Result<&HostId, Refusal> {
        let named = self.host.as_ref().or(self.only_on.as_ref()).or(self.own_host.as_ref());
        let host = named.ok_or_else(|| {
            Refusal::invalid_field("host", "is required: this manager has no agent of its own")
        })?;
        Refusal::unless_allowed(self.only_on.as_ref(), host)?;
        Ok(host)
    }
}

/// What kind of devices the host makes for an instance's ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindingRequest {
    /// Persistent taps.
    Tap,
    /// veth pairs with their inner ends in one namespace.
    Veth {
        /// The namespace's file on the host.
        netns: NetnsPath,
        /// Names of the inner ends; `%d` at the end stands for the position.
        guest_device: IfName,
    },
}

impl BindingRequest {
    /// Refuses a binding that cannot tell so many vNICs apart.
    pub(crate) fn must_be_for(&self, vnics: usize) -> Result<(), Refusal> {
        match self {
            Self::Veth { guest_device, .. } if vnics > 1 && !guest_device.as_str().ends_with("%d") => {
                let problem = format!("{vnics} vNICs cannot share one name; let it end with %d");
                Err(Refusal::invalid_field("binding.veth.guest_device", problem))
            }
            Self::Tap | Self::Veth { .. } => Ok(()),
        }
    }

    /// The binding of the vNIC at this position.
    pub(crate) fn at(&self, position: u16) -> Result<PortBinding, Refusal> {
        match self {
            Self::Tap => Ok(PortBinding::Tap),
            Self::Veth { netns, guest_device } => {
                let name = match guest_device.as_str().strip_suffix("%d") {
                    Some(stem) => format!("{stem}{position}"),
                    None => guest_device.to_string(),
                };
                let guest_device = name.parse().map_err(|error| {
                    Refusal::invalid_field("binding.veth.guest_device", format!("{error}"))
                })?;
                Ok(PortBinding::Veth { netns: netns.clone(), guest_device })
            }
        }
    }
}

impl Command for AllocateForInstance {
    type Answer = NetworkInfo;

    const NAME: &'static str = "AllocateForInstance";

    fn keys(&self) -> Vec<Key> {
        let mut keys = keys_of_networks(&self.project, &self.networks);
        keys.extend([Key::Instance(self.instance), Key::PastLives(self.instance)]);
        keys.push(Key::Quota(self.project.clone()));
        keys.extend(self.place().ok().cloned().map(Key::Host));
        keys.extend(self.naming.keys());
        keys.extend(self.floating_pool.clone().map(Key::FloatingPool));
        keys
    }

    /// Gives the instance a port on each of its networks, or nothing at all.
    fn decide(&self, ledger: &mut View) -> Result<NetworkInfo, Stop> {
        let host = self.place()?;
        if let Some(live) = ledger.instance(self.instance)?.cloned() {
            let Instance { id: instance, incarnation, host, .. } = live;
            return Err(Refusal::InstanceAlreadyAllocated { instance, incarnation, host }.into());
        }
        if self.only_known_hosts {
            host::check(ledger, host, Some("host"))?;
        }
        let wanted = choose(ledger, &self.project, &self.networks, self.allow_duplicate_networks)?;
        self.binding.must_be_for(wanted.len())?;
        ledger.spend(&self.project, Resource::Ports, wanted.len())?;
        let macs = draw_macs(ledger, &self.mac_base, &wanted)?;
        let incarnation = ledger.next_incarnation(self.instance)?;
        let mut seats = Vec::with_capacity(wanted.len());
        for (position, (wanted, mac)) in (0..).zip(wanted.iter().zip(macs)) {
            let port = Port {
                id: ledger.draws().port_id(position),
                instance: self.instance,
                incarnation,
                network: wanted.network,
                project: self.project.clone(),
                host: host.clone(),
                position,
                mac,
                binding: self.binding.at(position)?,
                status: PortStatus::Pending,
                is_released: false,
                revision: ledger.touch_host(host)?,
                created_at: ledger.now(),
                has_moved: false,
                target: None,
            };
            seats.push(Seat { port: port.id, mac, wanted });
            ledger.insert(port);
        }
        give_addresses(ledger, &seats)?;
        let ports: Vec<PortId> = seats.iter().map(|seat| seat.port).collect();
        let has_names = self.naming.name(ledger, self.instance, &ports)?;
        let addresses = seats.iter().map(|seat| ledger.fixed_ips_of(seat.port).len()).sum();
        ledger.spend(&self.project, Resource::FixedIps, addresses)?;
        ledger.insert(Instance {
            id: self.instance,
            incarnation,
            project: self.project.clone(),
            host: host.clone(),
            hostname: self.naming.hostname.clone(),
            has_names,
            created_at: ledger.now(),
            migration: None,
        });
        if let Some(pool) = &self.floating_pool {
            ledger.assign_floating_ip(self.instance, pool)?;
        }
        ledger.network_info(self.instance)
    }
}

/// A vNIC to be: its network, and the addresses that it is to get.
pub(crate) struct Wanted {
    network: NetworkId,
    places: Vec<Place>,
}

/// An address that a vNIC is to get.
enum Place {
    /// This very one.
    Wished(Box<Subnet>, Wish),
    /// Any of the first of these subnets, all of one family, that has one left.
    Any(Vec<Subnet>),
}

/// An address that was asked for.
struct Wish {
    address: IpAddr,
    /// Its path in the request.
    field: String,
}

impl Place {
    /// The one address that will do, and its subnet: the one that was asked for, or the one that follows from the MAC.
    fn must_have(&self, mac: MacAddr) -> Option<(&Subnet, IpAddr)> {
        match self {
            Self::Wished(subnet, wish) => Some((subnet, wish.address)),
            Self::Any(subnets) => {
                let first = subnets.first().filter(|subnet| subnet.mode == AddressMode::Eui64);
                first.map(|subnet| (subnet, eui64(subnet, mac)))
            }
        }
    }

    /// The subnet that is asked first.
    fn first(&self) -> Option<&Subnet> {
        match self {
            Self::Wished(subnet, _) => Some(subnet),
            Self::Any(subnets) => subnets.first(),
        }
    }

    /// Where the request asks for it, if it does.
    fn field(&self) -> Option<String> {
        match self {
            Self::Wished(_, wish) => Some(wish.field.clone()),
            Self::Any(_) => None,
        }
    }
}

/// What choosing the networks needs, for the round before it.
pub(crate) fn keys_of_networks(project: &ProjectId, requested: &[RequestedNetwork]) -> Vec<Key> {
    if requested.is_empty() {
        return vec![Key::NetworksOf(project.clone())];
    }
    requested.iter().map(|requested| Key::Network(requested.network)).collect()
}

/// Resolves and authorises every network and every requested address before anything is taken.
pub(crate) fn choose(
    ledger: &mut View,
    project: &ProjectId,
    requested: &[RequestedNetwork],
    allow_duplicates: bool,
) -> Result<Vec<Wanted>, Stop> {
    let candidates = candidates(ledger, project, requested)?;
    let choices = lepton_vnic::order(project, &candidates, requested, allow_duplicates)
        .map_err(|error| refusal(&error))?;
    let mut wanted = Vec::with_capacity(choices.len());
    for (index, choice) in choices.iter().enumerate() {
        wanted.push(Wanted { network: choice.network, places: places(ledger, index, choice)? });
    }
    Ok(wanted)
}

fn candidates(
    ledger: &mut View,
    project: &ProjectId,
    requested: &[RequestedNetwork],
) -> Result<Vec<Network>, Stop> {
    ledger.need(keys_of_networks(project, requested))?;
    if requested.is_empty() {
        return ledger.networks_of(project);
    }
    let mut found = Vec::with_capacity(requested.len());
    for requested in requested {
        found.extend(ledger.network(requested.network)?.filter(|network| !network.is_external).cloned());
    }
    Ok(found)
}

fn refusal(error: &OrderError) -> Refusal {
    let (network, field) = (error.network(), format!("networks[{}].network_id", error.index()));
    match error {
        OrderError::NotFound { .. } => Refusal::NetworkNotFound { network, field: Some(field) },
        OrderError::Duplicate { .. } => Refusal::DuplicateNetwork { network, field },
    }
}

/// The addresses that the vNIC is to get: those that were asked for, and one of each family for which none was.
fn places(ledger: &View, index: usize, choice: &Choice) -> Result<Vec<Place>, Refusal> {
    let subnets = ledger.subnets_of(choice.network);
    let mut places = Vec::new();
    for family in [AddressFamily::V4, AddressFamily::V6] {
        let of_family: Vec<_> = subnets.iter().filter(|subnet| subnet.family() == family).cloned().collect();
        let is_wished = choice.fixed_ips.iter().any(|address| AddressFamily::of(*address) == family);
        if !is_wished && !of_family.is_empty() {
            places.push(Place::Any(of_family));
        }
    }
    for (address_index, &address) in choice.fixed_ips.iter().enumerate() {
        let field = format!("networks[{index}].fixed_ips[{address_index}]");
        let invalid = |problem: String| Refusal::FixedIpInvalid {
            address,
            network: choice.network,
            field: field.clone(),
            problem,
        };
        let Some(subnet) = subnets.iter().find(|subnet| subnet.cidr.contains(address)) else {
            return Err(invalid(format!("no subnet of network {} contains {address}", choice.network)));
        };
        check_requested(subnet, address).map_err(|error| invalid(error.to_string()))?;
        let earlier = places.iter().find_map(|place| match place {
            Place::Wished(other, wish) if other.id == subnet.id => Some(wish.address),
            Place::Wished(..) | Place::Any(_) => None,
        });
        if let Some(first) = earlier {
            return Err(invalid(format!(
                "{first} and {address} are both in subnet {}; a vNIC has one address in each subnet",
                subnet.cidr
            )));
        }
        places.push(Place::Wished(Box::new(subnet.clone()), Wish { address, field }));
    }
    Ok(places)
}

/// A free MAC for each vNIC. A MAC whose EUI-64 address is taken counts as taken too.
pub(crate) fn draw_macs(ledger: &mut View, base: &MacBase, wanted: &[Wanted]) -> Result<Vec<MacAddr>, Stop> {
    let mut macs: Vec<MacAddr> =
        (0..).zip(wanted).map(|(position, _)| ledger.draws().mac_nearby(base, position)).collect();
    // All that the vNICs are going to need is loaded in one round.
    let keys = wanted.iter().zip(&macs).flat_map(|(wanted, mac)| keys_of(wanted, *mac));
    let keys: Vec<Key> = keys.collect();
    ledger.need(keys)?;
    for index in 0..macs.len() {
        let mut attempts = 1;
        while macs[..index].contains(&macs[index]) || !is_free(ledger, &wanted[index], macs[index])? {
            if attempts == MAC_ATTEMPTS {
                return Err(Refusal::NoMoreMacAddresses { base: base.to_string() }.into());
            }
            macs[index] = ledger.draws().mac(base);
            attempts += 1;
        }
    }
    Ok(macs)
}

fn keys_of(wanted: &Wanted, mac: MacAddr) -> Vec<Key> {
    let mut keys = vec![Key::Mac(mac)];
    for place in &wanted.places {
        match (place.must_have(mac), place.first()) {
            (Some((subnet, address)), _) => keys.extend(pool::keys_of(subnet, address)),
            (None, Some(subnet)) => keys.extend(pool::keys_of_next(subnet)),
            (None, None) => {}
        }
    }
    keys
}

fn is_free(ledger: &mut View, wanted: &Wanted, mac: MacAddr) -> Result<bool, Stop> {
    ledger.need([Key::Mac(mac)])?;
    for place in wanted.places.iter().filter(|place| matches!(place, Place::Any(_))) {
        if let Some((subnet, address)) = place.must_have(mac) {
            // Neither the gateway's address nor one that somebody asked for.
            if check_requested(subnet, address).is_err() || ledger.fixed_ip(subnet.id, address)?.is_some() {
                return Ok(false);
            }
        }
    }
    Ok(!ledger.is_mac_taken(mac)?)
}

/// A port and what it is to get.
pub(crate) struct Seat<'w> {
    pub(crate) port: PortId,
    pub(crate) mac: MacAddr,
    pub(crate) wanted: &'w Wanted,
}

/// Gives each port its addresses: first to all ports the very addresses that they must have, lest another one of them be
/// given such an address by chance.
pub(crate) fn give_addresses(ledger: &mut View, seats: &[Seat<'_>]) -> Result<(), Stop> {
    let places = || seats.iter().flat_map(|seat| seat.wanted.places.iter().map(move |place| (seat, place)));
    for_all(places(), |(seat, place)| match place.must_have(seat.mac) {
        Some((subnet, address)) if !ledger.take(subnet, address, seat.port)? => {
            let (network, field) = (seat.wanted.network, place.field());
            Err(Refusal::FixedIpAlreadyInUse { address, network, field }.into())
        }
        Some(_) | None => Ok(()),
    })?;
    for_all(places(), |(seat, place)| match place {
        Place::Any(subnets) if place.must_have(seat.mac).is_none() => give_any(ledger, seat, subnets),
        Place::Any(_) | Place::Wished(..) => Ok(()),
    })
}

/// Gives the port an address of the first of these subnets that has one left.
fn give_any(ledger: &mut View, seat: &Seat<'_>, subnets: &[Subnet]) -> Result<(), Stop> {
    for subnet in subnets {
        let is_given = match subnet.mode {
            AddressMode::Pool => ledger.take_next(subnet, seat.port)?.is_some(),
            AddressMode::Eui64 => ledger.take(subnet, eui64(subnet, seat.mac), seat.port)?,
        };
        if is_given {
            return Ok(());
        }
    }
    let (network, cidrs) = (seat.wanted.network, subnets.iter().map(|subnet| subnet.cidr).collect());
    Err(Refusal::NoMoreFixedIps { network, cidrs }.into())
}

/// Decides each thing even when one before it stopped for want of a row, so that one round loads what all of them miss.
/// A refusal counts only when nothing before it was missing: otherwise it may rest on what is not known yet.
fn for_all<T>(
    things: impl Iterator<Item = T>,
    mut decide: impl FnMut(T) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut so_far = Ok(());
    for thing in things {
        match decide(thing) {
            Ok(()) => {}
            Err(Stop::Missing) => so_far = Err(Stop::Missing),
            Err(stop @ (Stop::Refused(_) | Stop::Unreadable(_))) => so_far = so_far.and(Err(stop)),
        }
        if matches!(so_far, Err(Stop::Refused(_) | Stop::Unreadable(_))) {
            return so_far;
        }
    }
    so_far
}

#[cfg(test)]
mod tests;
