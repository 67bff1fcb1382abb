//! Taps: the device of a VM's port, which the hypervisor opens by its name.

use lepton_types::IfName;
use tokio::task;
use tun_rs::{DeviceBuilder, Layer};

use crate::PlugError;

/// Makes persistent taps, without carrier until a hypervisor opens them. Equals `ip tuntap add dev NAME mode tap`.
/// One outcome for each. About 70 µs each, on a thread for blocking calls.
///
/// Whoever opens a tap says itself whether it wants headers for offloads (`IFF_VNET_HDR`), as qemu, Firecracker and Cloud
/// Hypervisor do; only the number of queues must agree, and one is what all of them take. Offloads stay off until then:
/// the kernel keeps them with the device, and would hand unfinished packets to a hypervisor that asked for none.
pub(super) async fn create(names: Vec<IfName>) -> Vec<Result<(), PlugError>> {
    let count = names.len();
    let made = task::spawn_blocking(move || names.iter().map(create_one).collect()).await;
    made.unwrap_or_else(|died| vec![Err(PlugError::new("create", "taps", &died)); count])
}

fn create_one(name: &IfName) -> Result<(), PlugError> {
    let failed = |error: std::io::Error| PlugError::new("create", name, &error);
    let builder = DeviceBuilder::new().name(name.as_str()).layer(Layer::L2).inherit_enable_state();
    builder.build_sync().map_err(failed)?.persist().map_err(failed)
}
