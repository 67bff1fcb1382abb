//! What links and filters mean for the host: [`state`].

use std::collections::{BTreeMap, BTreeSet};

use lepton_plan::{Bridge, Device, HostState, Kind, Role, Seen};
use lepton_types::{IfName, NetnsPath};

use super::{
    filter::Found,
    link::{Link, LinkKind},
    mark,
    netns::Namespaces,
    veth,
};

/// What the host has, and the names of all bridges by their index.
pub(super) fn state(
    links: &[Link],
    Found { filters, is_whole, strays: _ }: Found,
    namespaces: &Namespaces,
) -> (HostState, BTreeMap<u32, IfName>) {
    let masters: BTreeMap<u32, IfName> = links
        .iter()
        .filter(|link| link.kind == LinkKind::Bridge)
        .map(|link| (link.index, link.name.clone()))
        .collect();
    let mut seen = Seen::default();
    for link in links {
        insert(&mut seen, link, &masters, namespaces);
    }
    let others = links.iter().filter(|link| link.role().is_none() || !link.is_marked());
    let used = others.filter_map(|link| masters.get(&link.master?));
    let shared = used.filter(|bridge| seen.bridges.contains_key(*bridge)).cloned().collect();
    let Seen { bridges, devices, unmarked, strangers } = seen;
    let state = HostState { bridges, devices, filters, is_filtering: is_whole, unmarked, strangers, shared };
    (state, masters)
}

/// Adds a link to what was seen, if it bears one of our names. A bridge's name on something else of ours makes it a
/// device, for it is no bridge.
pub(super) fn insert(seen: &mut Seen, link: &Link, masters: &BTreeMap<u32, IfName>, namespaces: &Namespaces) {
    match link.role() {
        None => {}
        Some(Role::Port) if !link.is_marked() && link.group == mark::PORTS => {
            seen.unmarked.insert(link.name.clone(), device(link, masters, namespaces));
        }
        Some(_) if !link.is_marked() => drop(seen.strangers.insert(link.name.clone())),
        Some(Role::Bridge) if link.kind == LinkKind::Bridge => {
            let bridge = Bridge { mtu: link.mtu, is_up: link.is_up, is_plain: link.is_plain };
            seen.bridges.insert(link.name.clone(), bridge);
        }
        Some(Role::Bridge | Role::Port) => {
            seen.devices.insert(link.name.clone(), device(link, masters, namespaces));
        }
    }
}

/// The namespaces that the veths' inner ends were handed over to.
pub(super) fn namespaces(links: &[Link]) -> BTreeSet<NetnsPath> {
    let veths = links.iter().filter(|link| link.kind == LinkKind::Veth && link.role().is_some());
    let inner = veths.filter_map(|link| veth::read_alias(link.alias.as_deref()?));
    inner.map(|(inner, _)| inner.netns).collect()
}

/// The veths whose outer ends have lost their names, by what their aliases say, which tells a port from every other: their
/// indexes. A tap's alias does not say whose it is.
pub(super) fn renamed(links: &[Link]) -> BTreeMap<String, u32> {
    let nameless = links.iter().filter(|link| link.kind == LinkKind::Veth && link.role().is_none());
    let noted = nameless.filter_map(|link| Some((link.alias.clone()?, link.index)));
    noted.filter(|(alias, _)| veth::read_alias(alias).is_some()).collect()
}

fn device(link: &Link, masters: &BTreeMap<u32, IfName>, namespaces: &Namespaces) -> Device {
    let kind = match (link.kind, link.role()) {
        (LinkKind::Tap, Some(Role::Port)) => Kind::Tap,
        (LinkKind::Veth, Some(Role::Port)) => {
            let inner = link.alias.as_deref().and_then(veth::read_alias);
            // A path under which there is another namespace now asks for another veth.
            let inner = inner.filter(|(inner, number)| !namespaces.is_another(&inner.netns, *number));
            inner.map_or(Kind::Unknown, |(inner, _)| Kind::Veth(inner))
        }
        _ => Kind::Unknown,
    };
    // A master that is no bridge (a bond, a VRF) is called by its own device's name: on no bridge of ours it must not be.
    let bridge = link.master.map(|index| masters.get(&index).unwrap_or(&link.name).clone());
    Device {
        kind,
        bridge,
        mtu: link.mtu,
        is_up: link.is_up,
        is_grouped: link.group == mark::PORTS,
        is_forwarding: link.wrong_as_port.is_empty(),
    }
}
