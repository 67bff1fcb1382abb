//! What links and filters mean for the host: [`state`].

use std::collections::BTreeMap;

use lepton_plan::{Bridge, Device, Filter, HostState, Kind, Role};
use lepton_types::IfName;

use super::{
    link::{Link, LinkKind},
    veth,
};

/// What the host has, and the names of all bridges by their index.
pub(super) fn state(
    links: &[Link],
    filters: Option<BTreeMap<IfName, Filter>>,
) -> (HostState, BTreeMap<u32, IfName>) {
    let masters: BTreeMap<u32, IfName> = links
        .iter()
        .filter(|link| link.kind == LinkKind::Bridge)
        .map(|link| (link.index, link.name.clone()))
        .collect();
    let mut state = HostState {
        is_filtering: filters.is_some(),
        filters: filters.unwrap_or_default(),
        ..HostState::default()
    };
    for link in links {
        insert(&mut state, link, &masters);
    }
    (state, masters)
}

/// Adds a link to what the host has, if it bears one of our names. A bridge's name on something else makes it a device,
/// for there it must go.
pub(super) fn insert(state: &mut HostState, link: &Link, masters: &BTreeMap<u32, IfName>) {
    match link.role() {
        None => {}
        Some(Role::Bridge) if link.kind == LinkKind::Bridge => {
            state.bridges.insert(link.name.clone(), Bridge { mtu: link.mtu, is_up: link.is_up });
        }
        Some(Role::Bridge | Role::Port) => {
            state.devices.insert(link.name.clone(), device(link, masters));
        }
    }
}

fn device(link: &Link, masters: &BTreeMap<u32, IfName>) -> Device {
    let kind = match (link.kind, link.role()) {
        (LinkKind::Tap, Some(Role::Port)) => Kind::Tap,
        (LinkKind::Veth, Some(Role::Port)) => {
            link.alias.as_deref().and_then(veth::read_alias).map_or(Kind::Unknown, Kind::Veth)
        }
        _ => Kind::Unknown,
    };
    // A master that is no bridge (a bond, a VRF) is called by its own device's name: on no bridge of ours it must not be.
    let bridge = link.master.map(|index| masters.get(&index).unwrap_or(&link.name).clone());
    Device { kind, bridge, mtu: link.mtu, is_up: link.is_up }
}
