//! `AddFixedIp`: one more address for a vNIC that is there.

use std::net::IpAddr;

use lepton_types::{
    AddressMode, DomainName, HostId, InstanceId, Network, NetworkInfo, Port, Resource, Subnet,
};

use super::{Place, Sought};
use crate::{
    Command, Instance, Key, Naming, Refusal, Scope, Stop, View,
    pool::{self, Taker},
};

/// Gives one of an instance's vNICs another address, and lets its host hear of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddFixedIp {
    /// Which instance.
    pub instance: InstanceId,
    /// Which address.
    pub wanted: WantedAddress,
    /// The only host on which the caller may change an instance; none: any. Follows from its credentials, so it is not
    /// part of the request.
    pub only_on: Option<HostId>,
    /// What the caller may see and change.
    pub scope: Scope,
    /// The domain of guests' own names; none: they get none. The manager's setting, not part of the request.
    pub domain: Option<DomainName>,
}

/// Which address an instance is to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedAddress {
    /// The lowest free one there: of several subnets the first with room, and of IPv4 if there are any of that.
    Lowest(Place),
    /// This very one, there.
    Chosen(IpAddr, Sought),
}

impl Command for AddFixedIp {
    type Answer = NetworkInfo;

    const NAME: &'static str = "AddFixedIp";

    fn keys(&self) -> Vec<Key> {
        Naming::key(self.domain.as_ref()).into_iter().chain([Key::Instance(self.instance)]).collect()
    }

    fn decide(&self, ledger: &mut View) -> Result<NetworkInfo, Stop> {
        let instance = ledger.instance_in(self.instance, &self.scope)?;
        Refusal::unless_allowed(self.only_on.as_ref(), &instance.host)?;
        let sought = match self.wanted {
            WantedAddress::Lowest(place) => Sought::At(place),
            WantedAddress::Chosen(_, sought) => sought,
        };
        ledger.want([Key::Quota(instance.project.clone())]);
        let (port, subnets) = seat(ledger, &instance, sought, &self.scope)?;
        ledger.spend(&port.project, Resource::FixedIps, 1)?;
        match self.wanted {
            WantedAddress::Lowest(_) => give_lowest(ledger, &port, &subnets)?,
            WantedAddress::Chosen(address, _) => give(ledger, &port, &subnets, address)?,
        }
        ledger.tell_hosts_of(&port)?;
        Naming::of(&instance, self.domain.as_ref()).name_where_none(ledger, &instance)?;
        ledger.network_info(self.instance)
    }
}

/// The first of the instance's vNICs that is there, and the subnets there. A network that was given to another project keeps the
/// vNICs that it has, but a tenant gets no further address there.
fn seat(
    ledger: &mut View,
    instance: &Instance,
    sought: Sought,
    scope: &Scope,
) -> Result<(Port, Vec<Subnet>), Stop> {
    let mut ports = ledger.ports_of(instance)?;
    ledger.need(ports.iter().map(|port| Key::Network(port.network)))?;
    ports.retain(|port| ledger.row::<Network>(&port.network).is_some_and(|network| scope.sees(network)));
    let mut seats = ports.into_iter().filter_map(|port| {
        let subnets = ledger.subnets_of(port.network).into_iter().filter(|subnet| sought.has(subnet));
        let subnets: Vec<Subnet> = subnets.collect();
        let is_there = !subnets.is_empty() || sought == Sought::At(Place::Network(port.network));
        is_there.then_some((port, subnets))
    });
    let Some(seat) = seats.next() else {
        return Err(Refusal::NetworkNotFoundForInstance { instance: instance.id, sought }.into());
    };
    if seats.any(|(other, _)| other.network != seat.0.network) {
        let problem =
            format!("instance {} has vNICs on more than one, each {sought}; say on which", instance.id);
        return Err(Refusal::invalid_field("network_id", problem).into());
    }
    Ok(seat)
}

/// Gives the port this very address.
fn give(ledger: &mut View, port: &Port, subnets: &[Subnet], address: IpAddr) -> Result<(), Stop> {
    let network = port.network;
    let subnet = pool::subnet_for_guest(subnets, network, address).map_err(|problem| {
        Refusal::FixedIpInvalid { address, network, field: "address".to_owned(), problem }
    })?;
    if !ledger.take(subnet, address, port.id)? {
        return Err(Refusal::FixedIpAlreadyInUse { address, network, field: None }.into());
    }
    Ok(())
}

/// Gives the port the lowest free address of the first of these subnets that has one, IPv4's before IPv6's.
fn give_lowest(ledger: &mut View, port: &Port, subnets: &[Subnet]) -> Result<(), Stop> {
    let network = port.network;
    let Some(first) = subnets.first() else {
        let problem = format!("network {network} has no subnet to give an address of; add one to it first");
        return Err(Refusal::invalid_field("network_id", problem).into());
    };
    // IPv4 subnets come before those of IPv6.
    let of_family: Vec<&Subnet> = subnets.iter().filter(|subnet| subnet.family() == first.family()).collect();
    for subnet in &of_family {
        if ledger.take_for_port(subnet, Taker { port: port.id, project: &port.project, mac: port.mac })? {
            return Ok(());
        }
    }
    let with_pools: Vec<_> = of_family.iter().filter(|subnet| subnet.mode == AddressMode::Pool).collect();
    if with_pools.is_empty() {
        let cidrs: Vec<_> = of_family.iter().map(|subnet| subnet.cidr.to_string()).collect();
        let problem = format!(
            "there is no pool to choose from in {} of network {network}, and the address that follows from the vNIC is taken; name an address",
            cidrs.join(", ")
        );
        return Err(Refusal::invalid_field("address", problem).into());
    }
    let cidrs = with_pools.into_iter().map(|subnet| subnet.cidr).collect();
    Err(Refusal::NoMoreFixedIps { network, cidrs }.into())
}
