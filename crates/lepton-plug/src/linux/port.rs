//! Ports: what taps and veths have in common once they are made.
#![expect(clippy::wildcard_enum_match_arm, reason = "the kernel's list of what a bridge's port has is open")]

use lepton_types::IfName;
use rtnetlink::{
    Handle, LinkBridgePort,
    packet_route::link::{BridgePortState, InfoBridgePort, InfoPortData, LinkInfo},
};

use crate::PlugError;

use super::link;

/// Plugs a port's device into its bridge and sets it up. Equals `ip link set dev NAME master BRIDGE up`.
pub(super) async fn plug_in(handle: &Handle, name: &IfName, bridge: u32) -> Result<(), PlugError> {
    link::set(handle, name, link::change(name).controller(bridge).up(), "plug in").await
}

/// Lets the bridge forward for a device as it did when that was plugged in, whatever somebody has set since. Equals, for
/// what is otherwise, `bridge link set dev NAME state 3 hairpin off isolated off learning on …`.
pub(super) async fn let_forward(handle: &Handle, name: &IfName) -> Result<(), PlugError> {
    let Some(link) = link::find(handle, name).await? else { return Ok(()) };
    if link.wrong_as_port.is_empty() {
        return Ok(());
    }
    let change = LinkBridgePort::new(link.index);
    let change =
        link.wrong_as_port.into_iter().fold(change, |change, option| change.append_info_data(option));
    link::set_options(handle, name, change).await
}

/// What a bridge does not do for a device as for one that was just plugged in, as it should be. What a kernel does not tell
/// of a port it does not have.
pub(super) fn wrong(infos: &[LinkInfo], is_working: bool) -> Vec<InfoBridgePort> {
    let options = infos.iter().filter_map(|info| match info {
        LinkInfo::PortData(InfoPortData::BridgePort(options)) => Some(options),
        _ => None,
    });
    options.flatten().filter_map(|option| right(option, is_working)).collect()
}

/// What an option should be that is otherwise. A device that does not work, as a tap that nobody has open, forwards
/// nothing, and the bridge itself lets it once it does.
fn right(option: &InfoBridgePort, is_working: bool) -> Option<InfoBridgePort> {
    match option {
        InfoBridgePort::State(state) => (is_working && *state != BridgePortState::Forwarding)
            .then_some(InfoBridgePort::State(BridgePortState::Forwarding)),
        InfoBridgePort::HairpinMode(true) => Some(InfoBridgePort::HairpinMode(false)),
        InfoBridgePort::Guard(true) => Some(InfoBridgePort::Guard(false)),
        InfoBridgePort::Protect(true) => Some(InfoBridgePort::Protect(false)),
        InfoBridgePort::Learning(false) => Some(InfoBridgePort::Learning(true)),
        InfoBridgePort::UnicastFlood(false) => Some(InfoBridgePort::UnicastFlood(true)),
        InfoBridgePort::MulticastFlood(false) => Some(InfoBridgePort::MulticastFlood(true)),
        InfoBridgePort::BroadcastFlood(false) => Some(InfoBridgePort::BroadcastFlood(true)),
        InfoBridgePort::ProxyARP(true) => Some(InfoBridgePort::ProxyARP(false)),
        InfoBridgePort::ProxyARPWifi(true) => Some(InfoBridgePort::ProxyARPWifi(false)),
        InfoBridgePort::NeighSupress(true) => Some(InfoBridgePort::NeighSupress(false)),
        InfoBridgePort::Isolated(true) => Some(InfoBridgePort::Isolated(false)),
        InfoBridgePort::Locked(true) => Some(InfoBridgePort::Locked(false)),
        _ => None,
    }
}
