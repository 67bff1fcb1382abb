//! Taps: the device of a VM's port, which the hypervisor opens by its name.

use std::io;

use lepton_types::IfName;
use rtnetlink::{
    Handle,
    packet_core::Emitable,
    packet_route::link::{InfoData, InfoTun, LinkInfo},
};
use tokio::task;
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

use crate::PlugError;

use super::{link, off_worker::OffWorker};

/// A tap that is there as long as this is, and longer once it is made to stay: a program that dies before that leaves
/// no tap behind that lacks our mark.
pub(super) struct NewTap {
    name: IfName,
    device: OffWorker<SyncDevice>,
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
            let device = builder.build_sync().map_err(|error| explained(&error))?;
            Ok(NewTap { name, device: OffWorker::new(device) })
        }
    })
    .await?;
    // The kernel opens a tap that is there as readily as it makes one. Ours does not stay yet.
    match link::find(handle, name).await? {
        Some(link) if !link.is_persistent => Ok(tap),
        Some(_) | None => {
            tap.give_up().await;
            Err(PlugError::new("create", name, "a tap of this name is there already"))
        }
    }
}

/// Why a tap cannot be made, with what makes it and what that needs: the kernel's words alone say neither.
fn explained(error: &io::Error) -> io::Error {
    let way_out = if error.kind() == io::ErrorKind::PermissionDenied {
        "; it takes CAP_NET_ADMIN and the right to read and write /dev/net/tun"
    } else if error.kind() == io::ErrorKind::NotFound {
        "; load the kernel's module tun, or give the container the device"
    } else {
        ""
    };
    io::Error::new(error.kind(), format!("/dev/net/tun: {error}{way_out}"))
}

impl NewTap {
    /// Makes the tap stay when this program ends; without carrier until a hypervisor opens it.
    pub(super) async fn keep(self) -> Result<(), PlugError> {
        let Self { name, device } = self;
        // Closed there too, before anybody is told that the tap is there: a hypervisor could not open it else.
        blocking("keep", &name, move || device.into_inner().persist()).await
    }

    /// Lets go of the tap, which is gone then unless it was there before.
    pub(super) async fn give_up(self) {
        self.device.end().await;
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

/// Whether a `tun` device is a tap: carries frames, not packets.
pub(super) fn is_tap(info: &LinkInfo) -> bool {
    /// Linux `IFLA_TUN_TYPE`, one byte.
    const TYPE: u16 = 3;
    /// Linux `IFF_TAP`.
    const TAP: u8 = 2;
    has_tun_byte(info, TYPE, TAP)
}

/// Whether a `tun` device stays when nobody has it open.
pub(super) fn is_persistent(info: &LinkInfo) -> bool {
    /// Linux `IFLA_TUN_PERSIST`, one byte.
    const PERSIST: u16 = 6;
    has_tun_byte(info, PERSIST, 1)
}

fn has_tun_byte(info: &LinkInfo, kind: u16, value: u8) -> bool {
    let LinkInfo::Data(InfoData::Tun(data)) = info else { return false };
    data.iter().any(|attribute| match attribute {
        InfoTun::Other(attribute) => {
            let mut bytes = vec![0; attribute.buffer_len()];
            attribute.emit(&mut bytes);
            bytes.get(2..5) == Some(&[kind.to_ne_bytes()[0], kind.to_ne_bytes()[1], value])
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_make_a_tap_is_told_what_it_takes() {
        let cases = [
            (
                1, // EPERM: without the capability
                "/dev/net/tun: Operation not permitted (os error 1); it takes CAP_NET_ADMIN and the right to read and write /dev/net/tun",
            ),
            (
                13, // EACCES: the device's mode
                "/dev/net/tun: Permission denied (os error 13); it takes CAP_NET_ADMIN and the right to read and write /dev/net/tun",
            ),
            (
                2, // ENOENT
                "/dev/net/tun: No such file or directory (os error 2); load the kernel's module tun, or give the container the device",
            ),
            (16, "/dev/net/tun: Device or resource busy (os error 16)"),
        ];
        for (number, words) in cases {
            assert_eq!(explained(&io::Error::from_raw_os_error(number)).to_string(), words);
        }
    }
}
