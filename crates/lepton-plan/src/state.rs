//! [`HostState`]: what a host has, or must have.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
};

use lepton_types::{HostPort, IfName, MacAddr, Mtu, NetnsPath, PortBinding};

use crate::Role;

/// All that is ours on a host: what bears one of our names ([`crate::Role`]) and our mark, which whatever we make gets.
/// A name of another form appears nowhere but as a device's bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostState {
    /// The networks' bridges.
    pub bridges: BTreeMap<IfName, Bridge>,
    /// The ports' devices, and whatever else is ours by name and mark.
    pub devices: BTreeMap<IfName, Device>,
    /// What each port may send. A filter may exist before its device and outlive it. Where `is_filtering` is false, what
    /// is known of the filters that were there.
    pub filters: BTreeMap<IfName, Filter>,
    /// Whether the table that enforces `filters` is there and whole: its chains, sets, counters and rules.
    pub is_filtering: bool,
    /// What bears a port's name and is in the group of ports' devices, but has lost its alias. Who is desired here, just as
    /// it is, is marked again; everything else is treated as a stranger. Only ever observed.
    pub unmarked: BTreeMap<IfName, Device>,
    /// What bears one of our names without our mark, as Neutron's devices do; only ever observed, and never touched.
    pub strangers: BTreeSet<IfName>,
    /// Bridges of ours that something of others is plugged into, an uplink say; only ever observed.
    pub shared: BTreeSet<IfName>,
}

/// What was seen of some bridges and devices that were looked at by their names. Of filters it says nothing, nor of what
/// others have plugged in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// As [`HostState::bridges`].
    pub bridges: BTreeMap<IfName, Bridge>,
    /// As [`HostState::devices`].
    pub devices: BTreeMap<IfName, Device>,
    /// As [`HostState::unmarked`].
    pub unmarked: BTreeMap<IfName, Device>,
    /// As [`HostState::strangers`].
    pub strangers: BTreeSet<IfName>,
}

/// A network's bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// Largest IP packet that it carries.
    pub mtu: Mtu,
    /// Whether it is set up (`IFF_UP`).
    pub is_up: bool,
    /// Whether it only forwards: at once, without a spanning tree, without looking at who asks for which group, and without
    /// learning from frames that it does not forward.
    pub is_plain: bool,
}

/// A port's device: the end that is on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// What it is; cannot be changed in place.
    pub kind: Kind,
    /// The bridge that it is plugged into.
    pub bridge: Option<IfName>,
    /// Largest IP packet that it carries.
    pub mtu: Mtu,
    /// Whether it is set up (`IFF_UP`).
    pub is_up: bool,
    /// Whether it is in the group that all ports' devices are in, by which the filter knows it under any name.
    pub is_grouped: bool,
    /// Whether its bridge forwards whatever comes from it and goes to it, as it does for a port that was just plugged in.
    pub is_forwarding: bool,
}

/// What a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A persistent tap. The MAC is the guest's and not seen on the host; the port's [`Filter`] holds it.
    Tap,
    /// The outer end of a veth pair.
    Veth(Inner),
    /// Something else that bears one of our names and our mark; only ever observed, never desired.
    Unknown,
}

/// A veth pair's inner end, as it was handed over. The namespace is its owner's: what happened to the end there since
/// is not ours to see, but the pair dies with it, and then the outer end is gone from the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inner {
    /// The namespace's file on the host.
    pub netns: NetnsPath,
    /// The end's name in the namespace.
    pub device: IfName,
    /// The end's hardware address.
    pub mac: MacAddr,
}

/// The only sources that a port may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    mac: MacAddr,
    addresses: BTreeSet<IpAddr>,
}

impl HostState {
    /// What a host with exactly these ports must have.
    ///
    /// A bridge carries what the largest of its ports carries, while the MTU of a network is being changed port by port.
    pub fn desired<'a>(ports: impl IntoIterator<Item = &'a HostPort>) -> Self {
        let mut state = Self { is_filtering: true, ..Self::default() };
        for port in ports {
            let bridge =
                state.bridges.entry(port.bridge.clone()).or_insert_with(|| Bridge::desired(port.mtu));
            bridge.mtu = bridge.mtu.max(port.mtu);
            state.devices.insert(port.device.clone(), Device::desired(port));
            state.filters.insert(port.device.clone(), Filter::new(port.mac, port.addresses.iter().copied()));
        }
        state
    }

    /// What is seen of these bridges and devices when they are looked at by their names.
    pub fn see(&self, names: &BTreeSet<IfName>) -> Seen {
        Seen {
            bridges: of_names(&self.bridges, names),
            devices: of_names(&self.devices, names),
            unmarked: of_names(&self.unmarked, names),
            strangers: self.strangers.intersection(names).cloned().collect(),
        }
    }

    /// Takes over what was seen of these bridges and devices: what is not in `seen` is not there.
    pub fn renew(&mut self, names: &BTreeSet<IfName>, seen: Seen) {
        self.bridges.retain(|name, _| !names.contains(name));
        self.devices.retain(|name, _| !names.contains(name));
        self.unmarked.retain(|name, _| !names.contains(name));
        self.strangers.retain(|name| !names.contains(name));
        self.bridges.extend(seen.bridges);
        self.devices.extend(seen.devices);
        self.unmarked.extend(seen.unmarked);
        self.strangers.extend(seen.strangers);
    }

    /// The devices that have a filter: those with a port's name. What bears a bridge's name and is none is nobody's port.
    pub(crate) fn ports(&self) -> impl Iterator<Item = &IfName> {
        self.devices.keys().filter(|device| Role::of(device) == Some(Role::Port))
    }

    /// Whether something of this name is there that must not be touched, or only to mark it again.
    pub fn is_anothers(&self, name: &IfName) -> bool {
        self.strangers.contains(name) || self.unmarked.contains_key(name)
    }
}

fn of_names<T: Clone>(all: &BTreeMap<IfName, T>, names: &BTreeSet<IfName>) -> BTreeMap<IfName, T> {
    names
        .iter()
        .filter_map(|name| all.get_key_value(name))
        .map(|(name, one)| (name.clone(), one.clone()))
        .collect()
}

impl Bridge {
    /// What every bridge must be.
    pub(crate) fn desired(mtu: Mtu) -> Self {
        Self { mtu, is_up: true, is_plain: true }
    }
}

impl Device {
    fn desired(port: &HostPort) -> Self {
        Self {
            kind: Kind::desired(port),
            bridge: Some(port.bridge.clone()),
            mtu: port.mtu,
            is_up: true,
            is_grouped: true,
            is_forwarding: true,
        }
    }

    /// Whether changing it in place can make it `wanted`. From another bridge it is moved: who has it open, as a
    /// hypervisor has, would lose it for good if it were replaced.
    pub(crate) fn can_become(&self, wanted: &Self) -> bool {
        self.kind == wanted.kind
    }

    /// Whether a device that has lost its alias can only be `wanted`: what it is and where it is plugged in prove it.
    pub(crate) fn is_rightly(&self, wanted: &Self) -> bool {
        self.kind == wanted.kind && self.bridge == wanted.bridge
    }
}

impl Kind {
    fn desired(port: &HostPort) -> Self {
        match &port.binding {
            PortBinding::Tap => Self::Tap,
            PortBinding::Veth { netns, guest_device } => {
                Self::Veth(Inner { netns: netns.clone(), device: guest_device.clone(), mac: port.mac })
            }
        }
    }
}

impl Filter {
    /// Lets a port use `mac`, `addresses` and the IPv6 link-local address that follows from the MAC.
    pub fn new(mac: MacAddr, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let link_local = IpAddr::V6(mac.link_local());
        Self { mac, addresses: addresses.into_iter().chain([link_local]).collect() }
    }

    /// Lets nothing pass: no frame comes from the MAC 00:00:00:00:00:00, which IEEE 802 gives to nobody and a bridge drops.
    pub fn deny_all() -> Self {
        Self::new(MacAddr::from([0; 6]), [])
    }

    /// The only source MAC that the port may use.
    pub fn mac(&self) -> MacAddr {
        self.mac
    }

    /// The only source addresses that the port may use; the MAC's link-local address is among them.
    pub fn addresses(&self) -> &BTreeSet<IpAddr> {
        &self.addresses
    }
}

/// `a tap in brq9f6c1c1e-3a, MTU 1500`
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Tap => f.write_str("a tap")?,
            Kind::Veth(Inner { netns, device, mac }) => write!(f, "a veth to {device} ({mac}) in {netns}")?,
            Kind::Unknown => f.write_str("something else")?,
        }
        if let Some(bridge) = &self.bridge {
            write!(f, " in {bridge}")?;
        }
        write!(f, ", MTU {}", self.mtu)
    }
}

/// `only from fa:16:3e:00:00:01 and 10.1.0.2, fe80::f816:3eff:fe00:1`
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
        write!(f, "only from {} and {}", self.mac, addresses.join(", "))
    }
}
