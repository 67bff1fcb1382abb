//! Ports: what taps and veths have in common once they are made.

use lepton_plan::Device;
use lepton_types::IfName;
use rtnetlink::Handle;

use crate::PlugError;

use super::{link, mark};

/// Gives a port's device its MTU and our mark, which says `alias`. Equals
/// `ip link set dev NAME addrgenmode none mtu MTU alias ALIAS group default`.
///
/// To be done before [`plug_in`]: in one request the kernel would set the device up before it takes away its addresses.
pub(super) async fn configure(
    handle: &Handle,
    name: &IfName,
    config: &Device,
    alias: &str,
) -> Result<(), PlugError> {
    let configured = link::without_addresses(link::change(name)).mtu(config.mtu.into());
    link::set(handle, name, mark::set(configured, alias), "set the MTU of").await
}

/// Plugs a port's device into its bridge and sets it up. Equals `ip link set dev NAME master BRIDGE up`.
pub(super) async fn plug_in(handle: &Handle, name: &IfName, bridge: u32) -> Result<(), PlugError> {
    link::set(handle, name, link::change(name).controller(bridge).up(), "plug in").await
}
