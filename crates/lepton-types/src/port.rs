//! [`Port`]: one vNIC of an instance and its plug on a host.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    HostId, IfName, InstanceId, MacAddr, MacRangeId, NetworkId, PortId, ProjectId, Revision, Shown,
    Timestamp, text::texts,
};

/// One vNIC of an instance and its plug on a host.
///
/// ```text
///              plugged              released
///   PENDING ───────────▶ ACTIVE ───────────────┐
///      │  ▲                 │                  ▼      unplugged
///      │  │ retried         │ device lost   RELEASING ──────────▶ (ended, in the history)
///      ▼  │                 ▼                  ▲
///     ERROR ◀───────────────┘                  │
///      └───────────────────────────────────────┘
/// ```
///
/// That is its state on `host`. While its instance is moved it has a second one on `target`, which is PENDING, ACTIVE or
/// ERROR in the same way and becomes the first one's when the move is finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Identity; also the vif id that compute agents see.
    pub id: PortId,
    /// Whose vNIC it is.
    pub instance: InstanceId,
    /// Which life of the instance it belongs to, counted from 1.
    pub incarnation: u64,
    /// The network that it is plugged into.
    pub network: NetworkId,
    /// The instance's project.
    pub project: ProjectId,
    /// The host that must plug it.
    pub host: HostId,
    /// Where it stands among the instance's vNICs, counted from 0.
    pub position: u16,
    /// Its hardware address, unique over all live ports.
    pub mac: MacAddr,
    /// The range that its MAC was drawn from; none when it was drawn from the configured base.
    #[serde(default)]
    pub mac_range: Option<MacRangeId>,
    /// What kind of device the host makes.
    pub binding: PortBinding,
    /// What is known of the plug.
    pub status: PortStatus,
    /// Whether its owner gave it back; it ends when the host has unplugged it.
    pub is_released: bool,
    /// The host's revision at the last change that the host must see.
    pub revision: Revision,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it was ever on its way to another host. Such a port may be told to one host more than once, and hosts that it
    /// has left may still have to unplug it.
    pub has_moved: bool,
    /// Where its instance is being moved to; none for a port that stays, and for one that is released.
    pub target: Option<PortTarget>,
}

/// A port's plug on the host that it is being moved to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortTarget {
    /// The host; never the one that the port is on.
    pub host: HostId,
    /// What kind of device that host makes.
    pub binding: PortBinding,
    /// What is known of the plug there.
    pub status: PortStatus,
    /// That host's revision at the last change that it must see.
    pub revision: Revision,
}

/// What kind of device the host makes for a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PortBinding {
    /// A persistent tap device, ready for a hypervisor to open.
    Tap,
    /// A veth pair; the inner end is moved into a network namespace.
    Veth {
        /// The namespace's file on the host.
        netns: NetnsPath,
        /// The inner end's name in the namespace.
        guest_device: IfName,
    },
}

impl fmt::Display for PortBinding {
    /// `tap`, or `veth to eth0 in /run/netns/web1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tap => f.write_str("tap"),
            Self::Veth { netns, guest_device } => write!(f, "veth to {guest_device} in {netns}"),
        }
    }
}

/// What is known of a port's plug.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "status", content = "error", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PortStatus {
    /// The host has not reported yet.
    Pending,
    /// The host has plugged it.
    Active,
    /// The host could not plug it, in the kernel's own words; it tries again.
    Error(String),
}

texts! {
    /// Absolute path of a network namespace's file, such as `/run/netns/web1` or `/proc/4711/ns/net`.
    NetnsPath is check, NetnsPathError;
}

/// A text that cannot be a namespace's path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a network namespace's path (expected an absolute path without '..', at most {max} bytes)", max = NetnsPath::MAX)]
pub struct NetnsPathError(Shown);

impl Port {
    /// Name of the port's device on its host: `tap` and the id's first 11 characters, as OpenStack's operators know it.
    pub fn device(&self) -> IfName {
        self.id.device()
    }
}

impl PortId {
    /// Name of the port's device on its host: `tap` and the id's first 11 characters.
    pub fn device(self) -> IfName {
        let id = self.to_string();
        format!("tap{}", &id[..11])
            .parse()
            .expect("14 hexadecimal digits, letters and hyphens are a device name")
    }
}

impl NetnsPath {
    /// Longest path, in bytes: far above any in use, and with the port's MAC and device it still fits into a device's
    /// alias (Linux `IFALIASZ`, 256 bytes), where the host notes what it has plugged.
    const MAX: usize = 200;
}

fn check(text: &str) -> Result<(), NetnsPathError> {
    let is_plain =
        text.starts_with('/') && !text.chars().any(char::is_control) && text.len() <= NetnsPath::MAX;
    if is_plain && text.split('/').all(|part| part != "..") {
        Ok(())
    } else {
        Err(NetnsPathError(Shown::new(text)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_namespace_path_round_trips(text in "(/[a-z0-9]{1,20}){1,8}") {
            let path: NetnsPath = text.parse().unwrap();
            prop_assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn a_namespace_path_is_absolute_and_does_not_climb() {
        for text in ["", "run/netns/a", "/run/../etc", "/run/netns/a\n", &format!("/{}", "x".repeat(200))] {
            assert!(text.parse::<NetnsPath>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_device_is_named_after_the_port() {
        let id: PortId = "aaaaaaaa-0001-4000-8000-000000000001".parse().unwrap();
        assert_eq!(id.device().as_str(), "tapaaaaaaaa-00");
    }
}
