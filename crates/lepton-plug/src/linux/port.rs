//! Ports: what taps and veths have in common once they are made.

use lepton_types::IfName;
use rtnetlink::Handle;

use crate::PlugError;

use super::link;

/// Plugs a port's device into its bridge and sets it up. Equals `ip link set dev NAME master BRIDGE up`.
pub(super) async fn plug_in(handle: &Handle, name: &IfName, bridge: u32) -> Result<(), PlugError> {
    link::set(handle, name, link::change(name).controller(bridge).up(), "plug in").await
}
