//! Taps: the device of a VM's port, which the hypervisor opens by its name.

use std::io;

use lepton_types::IfName;
use rtnetlink::Handle;
use tokio::task;
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

use crate::PlugError;

use super::link;

/// A tap that is there as long as this is, and longer once it is made to stay: a program that dies before that leaves
/// no tap behind that lacks our mark.
pub(super) struct NewTap {
    name: IfName,
    device: SyncDevice,
}

/// Makes a tap. Equals `ip tuntap add dev NAME mode tap`, if that ended with its program. About 70 µs, on a thread for
/// blocking calls.
///
/// Whoever opens a tap says itself whether it wants headers for offloads (`IFF_VNET_HDR`), as qemu, Firecracker and Cloud
/// Hypervisor do; only the number of queues must agree, and one is what all of them take. Offloads stay off until then:
/// the kernel keeps them with the device, and would hand unfinished packets to a hypervisor that asked for none.
pub(super) async fn create(handle: &Handle, name: &IfName) -> Result<NewTap, PlugError> {
    let tap = blocking("create", name, {
        let name = name.clone();
        move || {
            let builder = DeviceBuilder::new().name(name.as_str()).layer(Layer::L2).inherit_enable_state();
            builder.build_sync().map(|device| NewTap { name, device })
        }
    })
    .await?;
    // The kernel opens a tap that is there as readily as it makes one. Ours does not stay yet.
    match link::find(handle, name).await? {
        Some(link) if !link.is_persistent => Ok(tap),
        Some(_) | None => Err(PlugError::new("create", name, "a tap of this name is there already")),
    }
}

impl NewTap {
    /// Makes the tap stay when this program ends; without carrier until a hypervisor opens it.
    pub(super) async fn keep(self) -> Result<(), PlugError> {
        let Self { name, device } = self;
        blocking("keep", &name, move || device.persist()).await
    }
}

/// Does what may wait for the kernel's link lock on a thread for blocking calls.
async fn blocking<T: Send + 'static>(
    operation: &'static str,
    name: &IfName,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, PlugError> {
    let done = task::spawn_blocking(work).await.unwrap_or_else(|died| Err(io::Error::other(died)));
    done.map_err(|error| PlugError::new(operation, name, &error))
}
