//! Bridges: one per network.
#![expect(clippy::wildcard_enum_match_arm, reason = "the kernel's list of a bridge's options is open")]

use std::collections::BTreeMap;

use lepton_types::{IfName, Mtu};
use rand::{RngExt, rand_core::UnwrapErr, rngs::SysRng};
use rtnetlink::{
    Handle, LinkBridge, LinkMessageBuilder,
    packet_route::link::{BridgeBooleanOptionFlags, BridgeStpState, InfoBridge, InfoData, LinkInfo},
};

use crate::PlugError;

use super::{link, mark};

/// Makes a bridge that forwards at once, has a MAC of its own, and on which the host has no address. Equals:
///
/// ```text
/// ip link add NAME address MAC group MAKING type bridge stp_state 0 forward_delay 0 mcast_snooping 0 no_linklocal_learn 1
/// ip link set dev NAME addrgenmode none mtu MTU alias 'lepton bridge' group default
/// ip link set dev NAME up
/// ```
pub(super) async fn create(handle: &Handle, name: &IfName, mtu: Mtu) -> Result<(), PlugError> {
    let bridge = plain(name).forward_delay(0).address(own_mac().to_vec()).link_group(mark::MAKING);
    link::add(handle, name, bridge.build()).await?;
    set_up(handle, name, mtu).await
}

/// Makes a bridge that is there what [`create`] makes. Equals:
///
/// ```text
/// ip link set dev NAME type bridge stp_state 0 mcast_snooping 0 no_linklocal_learn 1
/// ip link set dev NAME type bridge forward_delay 0
/// ip link set dev NAME addrgenmode none mtu MTU alias 'lepton bridge' group default
/// ip link set dev NAME up
/// ```
pub(super) async fn set(handle: &Handle, name: &IfName, mtu: Mtu) -> Result<(), PlugError> {
    // With a spanning tree, which the kernel ends only after it has looked at the delay, none would be too short a delay.
    link::set_options(handle, name, plain(name)).await?;
    link::set_options(handle, name, LinkMessageBuilder::<LinkBridge>::new(name.as_str()).forward_delay(0))
        .await?;
    set_up(handle, name, mtu).await
}

/// The options of a bridge that only forwards, but for the delay.
fn plain(name: &IfName) -> LinkMessageBuilder<LinkBridge> {
    LinkMessageBuilder::<LinkBridge>::new(name.as_str())
        .stp_state(BridgeStpState::Disabled)
        // Else a guest could ask for listeners in a router's stead, and take groups from those who do not answer.
        .mcast_snooping(false)
        // Else a guest's frame to a reserved group address, which no bridge forwards, could claim another's MAC.
        .no_linklocal_learn(true)
}

/// Whether a link's kind and options are those of a bridge that only forwards. What a kernel does not tell of it does not have.
pub(super) fn is_plain(info: &LinkInfo) -> bool {
    let LinkInfo::Data(InfoData::Bridge(options)) = info else { return false };
    options.iter().all(|option| match option {
        InfoBridge::StpState(state) => *state == BridgeStpState::Disabled,
        InfoBridge::ForwardDelay(delay) => *delay == 0,
        InfoBridge::MulticastSnooping(is_on) => !is_on,
        InfoBridge::MultiBoolOpt(options) => {
            options.value.contains(BridgeBooleanOptionFlags::NoLinkLocalLearn)
        }
        _ => true,
    })
}

/// Gives a bridge its MTU and our mark and sets it up.
async fn set_up(handle: &Handle, name: &IfName, mtu: Mtu) -> Result<(), PlugError> {
    // Set after the bridge is made: an MTU that it is made with follows its ports', one that is set stays.
    link::configure(handle, name, mtu, mark::BRIDGE).await?;
    link::set(handle, name, link::change(name).up(), "set up").await
}

/// One device of each bridge that has any (`bridge link show`).
pub(super) async fn members(handle: &Handle) -> Result<BTreeMap<IfName, IfName>, PlugError> {
    let links = link::list(handle).await?;
    let names: BTreeMap<u32, &IfName> = links.iter().map(|link| (link.index, &link.name)).collect();
    let members =
        links.iter().filter_map(|link| Some(((*names.get(&link.master?)?).clone(), link.name.clone())));
    Ok(members.collect())
}

/// A MAC that no bridge on any host has: else it would take its lowest port's, and change with its ports.
fn own_mac() -> [u8; 6] {
    /// Locally administered, not a group (IEEE 802-2014 §8.2.2).
    const LOCAL: u8 = 0x02;
    let mut mac: [u8; 6] = UnwrapErr(SysRng).random(); // Linux has getrandom(2) since 3.17
    mac[0] = LOCAL;
    mac
}
