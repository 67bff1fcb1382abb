//! [`Picture`]: what a ledger and its model have in common, in the model's words.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr},
};

use lepton_ledger::Holder as LedgerHolder;
use lepton_types::{InstanceId, MacAddr, NetworkId, NetworkInfo, PortId, SubnetId, Timestamp};

use super::{
    super::{harness::START, sound::Dump},
    step::PROJECTS,
    world::{Address, Floating, Holder, Instance, Port, PortKey, Slot, World},
};

/// Everything there is; moments are seconds since the beginning.
#[derive(Debug, PartialEq)]
pub(super) struct Picture {
    networks: BTreeSet<Slot>,
    instances: BTreeMap<u8, (String, String, u64)>,
    ports: BTreeMap<PortKey, (Slot, String, String, bool)>,
    addresses: BTreeMap<(Slot, Address), Holder>,
    floating: BTreeMap<IpAddr, (String, Option<(PortKey, IpAddr)>)>,
    used: BTreeMap<String, (u64, u64)>,
}

/// The vNICs of an instance, in their order: the network, and the addresses there.
pub(super) type Vifs = Vec<(Slot, BTreeSet<Address>)>;

impl Picture {
    pub(super) fn of_world(world: &World) -> Self {
        let instance =
            |Instance { project, host, life }: &Instance| ((*project).to_owned(), (*host).to_owned(), *life);
        let port =
            |port: &Port| (port.network, port.project.to_owned(), port.host.to_owned(), port.is_released);
        let floating = |(project, target): &Floating| ((*project).to_owned(), *target);
        Self {
            networks: world.networks.keys().copied().collect(),
            instances: world.instances.iter().map(|(number, it)| (*number, instance(it))).collect(),
            ports: world.ports.iter().map(|(key, it)| (*key, port(it))).collect(),
            addresses: world.addresses.clone(),
            floating: world.floating.iter().map(|(address, it)| (*address, floating(it))).collect(),
            used: PROJECTS.map(|project| (project.to_owned(), world.used(project))).into(),
        }
    }

    pub(super) fn of_ledger(dump: &Dump, networks: &[NetworkId]) -> Self {
        let names = Names::of(dump, networks);
        let is_pool = |network: &&lepton_types::Network| !network.is_external;
        let quota = |project: &str| dump.quotas.iter().find(|quota| quota.project.as_str() == project);
        let used =
            |project: &str| quota(project).map_or((0, 0), |quota| (quota.used.ports, quota.used.fixed_ips));
        let floating = dump.floating_ips.iter().map(|row| {
            let target = row.target.map(|target| (names.ports[&target.port].0, target.address));
            (row.address, (row.project.to_string(), target))
        });
        Self {
            networks: dump.networks.iter().filter(is_pool).map(|network| names.slot(network.id)).collect(),
            instances: dump
                .instances
                .iter()
                .map(|row| (number(row.id), (row.project.to_string(), row.host.to_string(), row.incarnation)))
                .collect(),
            ports: dump
                .ports
                .iter()
                .map(|row| {
                    let port = (
                        names.slot(row.network),
                        row.project.to_string(),
                        row.host.to_string(),
                        row.is_released,
                    );
                    (names.ports[&row.id].0, port)
                })
                .collect(),
            addresses: names.addresses(dump),
            floating: floating.collect(),
            used: PROJECTS.map(|project| (project.to_owned(), used(project))).into(),
        }
    }
}

/// The vNICs that NetworkInfo tells.
pub(super) fn vifs_of(info: &NetworkInfo, networks: &[NetworkId]) -> Vifs {
    let slot = |network: NetworkId| slot_in(networks, network);
    let vifs = info.vifs.iter().zip(0..).map(|(vif, position)| {
        let key = (number(info.instance), info.incarnation, position);
        let addresses = vif.network.subnets.iter().flat_map(|subnet| &subnet.fixed_ips);
        (slot(vif.network.id), addresses.map(|ip| address_of(*ip, vif.mac, key)).collect())
    });
    vifs.collect()
}

/// The vNICs that the model has.
pub(super) fn vifs_in(world: &World, number: u8) -> Vifs {
    let life = world.instances[&number].life;
    let own = world.ports.range((number, life, 0)..=(number, life, u16::MAX));
    let usable = |key: &PortKey| {
        let held = world.addresses.iter().filter(|(_, holder)| **holder == Holder::Port(*key));
        held.map(|((_, address), _)| *address).collect()
    };
    own.map(|(key, port)| (port.network, usable(key))).collect()
}

/// What the ledger's ids are in the model.
struct Names<'a> {
    networks: &'a [NetworkId],
    subnets: BTreeMap<SubnetId, NetworkId>,
    ports: BTreeMap<PortId, (PortKey, MacAddr)>,
}

impl<'a> Names<'a> {
    fn of(dump: &Dump, networks: &'a [NetworkId]) -> Self {
        let key = |port: &lepton_types::Port| (number(port.instance), port.incarnation, port.position);
        Self {
            networks,
            subnets: dump.subnets.iter().map(|subnet| (subnet.id, subnet.network)).collect(),
            ports: dump.ports.iter().map(|port| (port.id, (key(port), port.mac))).collect(),
        }
    }

    fn slot(&self, network: NetworkId) -> Slot {
        slot_in(self.networks, network)
    }

    /// The addresses that have a row, of subnets that are there.
    fn addresses(&self, dump: &Dump) -> BTreeMap<(Slot, Address), Holder> {
        let mut addresses = BTreeMap::new();
        for row in &dump.fixed_ips {
            let Some(network) = self.subnets.get(&row.subnet) else { continue };
            let port = row.holder.port().map(|port| self.ports[&port]);
            let address =
                port.map_or(Address::Plain(row.address), |(key, mac)| address_of(row.address, mac, key));
            let key = port.map(|(key, _)| key);
            let holder = match &row.holder {
                LedgerHolder::Port(_) => Holder::Port(key.unwrap()),
                LedgerHolder::Leaving { .. } => Holder::Leaving(key.unwrap()),
                LedgerHolder::Reserved { reason, resting_until } => {
                    Holder::Reserved(reason.to_string(), resting_until.map(seconds))
                }
                LedgerHolder::Quarantine(until) => Holder::Resting(seconds(*until)),
            };
            addresses.insert((self.slot(*network), address), holder);
        }
        addresses
    }
}

fn slot_in(networks: &[NetworkId], network: NetworkId) -> Slot {
    let place = networks.iter().position(|known| *known == network).expect("only what was made is there");
    place.try_into().unwrap()
}

fn number(instance: InstanceId) -> u8 {
    instance.as_uuid().as_u128().try_into().unwrap()
}

fn seconds(moment: Timestamp) -> u64 {
    ((moment.micros() - START) / 1_000_000).try_into().unwrap()
}

/// The address, or that it is the one which follows from the MAC (RFC 4291, appendix A).
fn address_of(address: IpAddr, mac: MacAddr, key: PortKey) -> Address {
    let [a, b, c, d, e, f] = mac.octets();
    let interface = u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
    let prefix = "fd00:1::".parse::<Ipv6Addr>().unwrap();
    let follows = Ipv6Addr::from(u128::from(prefix) | u128::from(interface));
    if address == follows { Address::OfMac(key) } else { Address::Plain(address) }
}
