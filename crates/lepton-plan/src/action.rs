//! [`Action`]: one step from what a host has to what it must have.

use std::{collections::BTreeMap, fmt};

use lepton_types::{IfName, Mtu};

use crate::{Device, Filter};

/// One step. Each is idempotent where the kernel is: what is absent can be removed, a filter can be set again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Makes the filter table whole, with exactly these filters in it, in one transaction.
    LoadFilters {
        /// Every filter that the host then has.
        filters: BTreeMap<IfName, Filter>,
    },
    /// Gives a port a filter, or another one in place of the one that it has, in one transaction.
    SetFilter {
        /// Whose.
        device: IfName,
        /// Which.
        filter: Filter,
    },
    /// Deletes a port's device.
    Unplug {
        /// Which.
        device: IfName,
    },
    /// Deletes a network's bridge.
    DeleteBridge {
        /// Which.
        bridge: IfName,
    },
    /// Forgets the filter of a device that is gone.
    RemoveFilter {
        /// Whose.
        device: IfName,
    },
    /// Makes a network's bridge and sets it up.
    CreateBridge {
        /// Its name.
        bridge: IfName,
        /// What it carries.
        mtu: Mtu,
    },
    /// Gives a bridge that is there this MTU and makes it what every bridge must be.
    SetBridge {
        /// Which.
        bridge: IfName,
        /// What it carries.
        mtu: Mtu,
    },
    /// Makes a port's device, plugs it into its bridge and sets it up.
    Plug {
        /// Its name.
        device: IfName,
        /// What it is.
        config: Device,
    },
    /// Gives a device that is there its MTU and its mark, plugs it into its bridge or moves it there from another, and
    /// sets it up.
    SetDevice {
        /// Which.
        device: IfName,
        /// What it must be.
        config: Device,
    },
}

impl Action {
    /// The bridge or device that the action is about; `None` when it is about all of them.
    pub fn subject(&self) -> Option<&IfName> {
        match self {
            Self::LoadFilters { .. } => None,
            Self::SetFilter { device, .. }
            | Self::Unplug { device }
            | Self::RemoveFilter { device }
            | Self::Plug { device, .. }
            | Self::SetDevice { device, .. } => Some(device),
            Self::DeleteBridge { bridge }
            | Self::CreateBridge { bridge, .. }
            | Self::SetBridge { bridge, .. } => Some(bridge),
        }
    }

    /// What it does, as a verb of whatever it is about.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::LoadFilters { .. } => "load",
            Self::SetFilter { .. } => "set the filter of",
            Self::Unplug { .. } => "unplug",
            Self::DeleteBridge { .. } => "delete",
            Self::RemoveFilter { .. } => "remove the filter of",
            Self::CreateBridge { .. } => "create",
            Self::SetBridge { .. } | Self::SetDevice { .. } => "set up",
            Self::Plug { .. } => "plug",
        }
    }

    /// The action with all that it sets, such as `plug tap4be2d0a1-7c: a tap in brq9f6c1c1e-3a, MTU 1500`.
    pub fn in_full(&self) -> impl fmt::Display {
        InFull(self)
    }

    /// What it is about, as people call it.
    pub fn object(&self) -> &str {
        self.subject().map_or("the filter table", IfName::as_str)
    }
}

struct InFull<'a>(&'a Action);

impl fmt::Display for InFull<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)?;
        match self.0 {
            Action::LoadFilters { filters } => {
                filters.iter().try_for_each(|(device, filter)| write!(f, "; {device}: {filter}"))
            }
            Action::SetFilter { device: _, filter } => write!(f, ": {filter}"),
            Action::CreateBridge { bridge: _, mtu } | Action::SetBridge { bridge: _, mtu } => {
                write!(f, ": MTU {mtu}")
            }
            Action::Plug { device: _, config } | Action::SetDevice { device: _, config } => {
                write!(f, ": {config}")
            }
            Action::Unplug { .. } | Action::DeleteBridge { .. } | Action::RemoveFilter { .. } => Ok(()),
        }
    }
}

/// `plug tap4be2d0a1-7c`
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb(), self.object())
    }
}
