//! [`Step`]: what is done to a ledger and to its model, drawn at random.

use std::{fmt::Debug, net::IpAddr};

use proptest::prelude::*;

use super::world::{Address, Holder, PortKey, Slot, World};

/// Most networks that are made.
pub(super) const MOST_NETWORKS: Slot = 6;

/// So many are made before anything else happens.
const FIRST_NETWORKS: Slot = 3;

/// The projects.
pub(super) const PROJECTS: [&str; 2] = ["p1", "p2"];

/// The hosts.
pub(super) const HOSTS: [&str; 2] = ["host-1", "host-2"];

/// What a subnet is like; networks have the same prefixes, as different networks may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Five addresses for guests.
    Few,
    /// Five addresses that rest for a minute before they are given again.
    Resting,
    /// Six addresses of IPv6, from a pool.
    FewIpv6,
    /// IPv6 addresses that follow from the MACs.
    OfMac,
}

/// Something that is done.
#[derive(Clone, Debug)]
pub(super) enum Step {
    CreateNetwork {
        shapes: &'static [Shape],
        owner: Option<&'static str>,
        priority: i32,
    },
    DeleteNetwork(Slot),
    Allocate {
        instance: u8,
        project: &'static str,
        host: &'static str,
        wanted: Vec<(Slot, Option<IpAddr>)>,
        may_repeat: bool,
    },
    Deallocate(u8),
    /// A host does what it was told, and reports it.
    Follow(&'static str),
    Add {
        instance: u8,
        network: Slot,
        address: Option<IpAddr>,
    },
    Remove {
        instance: u8,
        network: Slot,
        address: IpAddr,
    },
    Reserve {
        network: Slot,
        address: IpAddr,
        reason: &'static str,
    },
    Unreserve {
        network: Slot,
        address: IpAddr,
    },
    Limit {
        project: &'static str,
        ports: u32,
        addresses: u32,
    },
    Wait(u64),
    Sweep,
    AllocateFloating(&'static str),
    ReleaseFloating(IpAddr),
    Associate(IpAddr, u8),
    Disassociate(IpAddr),
}

impl Shape {
    pub(super) fn cidr(self) -> &'static str {
        match self {
            Self::Few => "10.0.0.0/29",
            Self::Resting => "10.0.1.0/29",
            Self::FewIpv6 => "fd00::/125",
            Self::OfMac => "fd00:1::/64",
        }
    }

    /// For how many seconds an address rests.
    pub(super) fn quarantine(self) -> u64 {
        if self == Self::Resting { 60 } else { 0 }
    }

    pub(super) fn is_ipv4(self) -> bool {
        matches!(self, Self::Few | Self::Resting)
    }

    /// What guests may have, the lowest first; of what follows from MACs nothing is asked for.
    pub(super) fn guests(self) -> Vec<IpAddr> {
        let (prefix, numbers) = match self {
            Self::Few => ("10.0.0.", 2..=6),
            Self::Resting => ("10.0.1.", 2..=6),
            Self::FewIpv6 => ("fd00::", 2..=7),
            Self::OfMac => return Vec::new(),
        };
        numbers.map(|number| format!("{prefix}{number}").parse().unwrap()).collect()
    }

    pub(super) fn contains(self, address: IpAddr) -> bool {
        let (prefix, last) = match self {
            Self::Few => ("10.0.0.", 7),
            Self::Resting => ("10.0.1.", 7),
            Self::FewIpv6 => ("fd00::", 7),
            Self::OfMac => return false,
        };
        (0..=last).any(|number| format!("{prefix}{number}").parse() == Ok(address))
    }
}

const NETWORKS: [&[Shape]; 6] = [
    &[],
    &[Shape::Few],
    &[Shape::Resting],
    &[Shape::OfMac],
    &[Shape::Few, Shape::OfMac],
    &[Shape::Resting, Shape::FewIpv6],
];

/// Addresses that are asked for: a gateway, one outside, and some that a guest may have.
const WISHES: [&str; 8] =
    ["10.0.0.1", "10.0.0.9", "10.0.0.2", "10.0.0.3", "10.0.0.5", "10.0.1.2", "10.0.1.3", "fd00::3"];

/// One of these mostly, and now and then any.
fn mostly<T: Clone + Debug + 'static>(
    some: Vec<T>,
    any: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<T> {
    if some.is_empty() {
        return any.boxed();
    }
    prop_oneof![6 => prop::sample::select(some), 1 => any].boxed()
}

fn any_network() -> impl Strategy<Value = Slot> {
    0..MOST_NETWORKS
}

fn any_instance() -> impl Strategy<Value = u8> {
    1..6_u8
}

fn wish() -> impl Strategy<Value = IpAddr> {
    prop::sample::select(&WISHES[..]).prop_map(|text| text.parse().unwrap())
}

fn any_floating() -> impl Strategy<Value = IpAddr> {
    prop::sample::select(&["172.24.4.1", "172.24.4.2", "172.24.4.3"][..])
        .prop_map(|text| text.parse().unwrap())
}

fn project() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&PROJECTS[..])
}

fn host() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&HOSTS[..])
}

fn creation() -> impl Strategy<Value = Step> {
    let create = (prop::sample::select(&NETWORKS[..]), prop::option::weighted(0.2, project()), -1..2_i32);
    create.prop_map(|(shapes, owner, priority)| Step::CreateNetwork { shapes, owner, priority })
}

fn allocation(world: &World) -> impl Strategy<Value = Step> + use<> {
    let networks: Vec<Slot> = world.networks.keys().copied().collect();
    let wanted = (mostly(networks, any_network()), prop::option::weighted(0.2, wish())).boxed();
    let rested = world.resting().into_iter().map(|(slot, address)| (slot, Some(address)));
    let wanted = prop_oneof![4 => wanted.clone(), 1 => mostly(rested.collect(), wanted)];
    let wanted = prop::collection::vec(wanted, 0..4);
    let dead: Vec<u8> = (1..6).filter(|number| !world.instances.contains_key(number)).collect();
    (mostly(dead, any_instance()), project(), host(), wanted, any::<bool>()).prop_map(
        |(instance, project, host, wanted, may_repeat)| Step::Allocate {
            instance,
            project,
            host,
            wanted,
            may_repeat,
        },
    )
}

/// What is done to single addresses.
fn address_step(world: &World) -> BoxedStrategy<Step> {
    let live = |port: &&PortKey| world.instances.get(&port.0).is_some_and(|live| live.life == port.1);
    let seats = world.ports.iter().filter(|(key, _)| live(key)).map(|(key, port)| (key.0, port.network));
    let (mut held, mut kept) = (Vec::new(), Vec::new());
    for ((slot, address), holder) in &world.addresses {
        match (address, holder) {
            (Address::Plain(address), Holder::Port(port)) if live(&port) => {
                held.push((port.0, *slot, *address))
            }
            (Address::Plain(address), Holder::Reserved(..)) => kept.push((*slot, *address)),
            (_, _) => {}
        }
    }
    let made: Vec<Slot> = world.networks.keys().copied().collect();
    let place = (mostly(made, any_network()), wish()).boxed();
    let add = (mostly(seats.collect(), (any_instance(), any_network())), prop::option::of(wish()));
    prop_oneof![
        3 => add.prop_map(|((instance, network), address)| Step::Add { instance, network, address }),
        3 => mostly(held, (any_instance(), any_network(), wish()))
            .prop_map(|(instance, network, address)| Step::Remove { instance, network, address }),
        3 => (mostly(world.resting(), place.clone()), prop::sample::select(&["dns", "vip"][..]))
            .prop_map(|((network, address), reason)| Step::Reserve { network, address, reason }),
        2 => mostly(kept, place).prop_map(|(network, address)| Step::Unreserve { network, address }),
    ]
    .boxed()
}

/// What is done to floating IPs.
fn floating_step(world: &World) -> BoxedStrategy<Step> {
    let had: Vec<IpAddr> = world.floating.keys().copied().collect();
    let live: Vec<u8> = world.instances.keys().copied().collect();
    let floating = move || mostly(had.clone(), any_floating());
    prop_oneof![
        3 => project().prop_map(Step::AllocateFloating),
        1 => floating().prop_map(Step::ReleaseFloating),
        4 => (floating(), mostly(live, any_instance()))
            .prop_map(|(address, instance)| Step::Associate(address, instance)),
        1 => floating().prop_map(Step::Disassociate),
    ]
    .boxed()
}

/// Any step that makes sense now, and some that make none.
pub(super) fn any_step(world: &World) -> BoxedStrategy<Step> {
    if world.made < FIRST_NETWORKS {
        return creation().boxed();
    }
    let live: Vec<u8> = world.instances.keys().copied().collect();
    prop_oneof![
        2 => creation(),
        1 => any_network().prop_map(Step::DeleteNetwork),
        8 => allocation(world),
        3 => mostly(live, any_instance()).prop_map(Step::Deallocate),
        4 => host().prop_map(Step::Follow),
        9 => address_step(world),
        4 => floating_step(world),
        1 => (project(), 4..16_u32, 4..16_u32)
            .prop_map(|(project, ports, addresses)| Step::Limit { project, ports, addresses }),
        2 => (1..100_u64).prop_map(Step::Wait),
        1 => Just(Step::Sweep),
    ]
    .boxed()
}
