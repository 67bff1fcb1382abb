//! Ports: what taps and veths have in common once they are made.

use lepton_plan::Device;
use lepton_types::IfName;
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec};

use crate::PlugError;

use super::link;

/// Gives a port's device its MTU, plugs it into its bridge and sets it up. Equals:
///
/// ```text
/// ip link set dev NAME addrgenmode none mtu MTU [alias …]
/// ip link set dev NAME master BRIDGE up
/// ```
///
/// Two requests, because in one the kernel would set the device up before it takes away its addresses.
pub(super) async fn set(
    handle: &Handle,
    name: &IfName,
    config: &Device,
    bridge: u32,
    more: impl FnOnce(LinkMessageBuilder<LinkUnspec>) -> LinkMessageBuilder<LinkUnspec>,
) -> Result<(), PlugError> {
    let configured = more(link::without_addresses(link::change(name)).mtu(config.mtu.into()));
    link::set(handle, name, configured, "set the MTU of").await?;
    link::set(handle, name, link::change(name).controller(bridge).up(), "plug in").await
}
