//! A model of the kernel: what an action does to a host, and when it cannot be done.
//!
//! The fake back end *is* this model; the Linux back end asks it before each action, so that after a failure nothing is
//! done that was only right if the failed action had worked.

use lepton_types::IfName;

use crate::{Action, Bridge, Device, HostState, Kind};

/// Why an action cannot be done now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Plugging into, or changing, a bridge that is not there.
    #[error("bridge {0} is not there")]
    NoBridge(IfName),
    /// Deleting a bridge that a port of ours is plugged into.
    #[error("{device} is still plugged into bridge {bridge}")]
    BridgeInUse {
        /// The bridge.
        bridge: IfName,
        /// The port's device.
        device: IfName,
    },
    /// Deleting a bridge that something of others is plugged into.
    #[error("something that is not Lepton's is plugged into bridge {0}")]
    BridgeShared(IfName),
    /// Making what is there.
    #[error("{0} is there already")]
    Exists(IfName),
    /// Making, changing or deleting what bears our name and is not ours.
    #[error(
        "a device called {0} is there that is not Lepton's, for it has no alias 'lepton …'; rename or delete it"
    )]
    Stranger(IfName),
    /// Changing what is not there.
    #[error("{0} is not there")]
    NoDevice(IfName),
    /// Changing what must be replaced.
    #[error("{0} is of another kind")]
    NotChangeable(IfName),
    /// Making something that only an observer can have seen.
    #[error("{0} is of no kind that can be made")]
    NotMakeable(IfName),
    /// Setting or removing a filter while the table is missing or damaged.
    #[error("the filter table is not loaded")]
    NoFilterTable,
    /// Plugging in a device, or loading filters while a device exists, that would be unfiltered.
    #[error("{0} has no filter")]
    NoFilter(IfName),
    /// Removing the filter of a device that exists.
    #[error("{0} is still there and needs its filter")]
    FilterInUse(IfName),
}

impl HostState {
    /// Does what `action` says, as the kernel would.
    ///
    /// Errors: what [`HostState::check`] says; then nothing has changed.
    pub fn apply(&mut self, action: &Action) -> Result<(), Refusal> {
        self.check(action)?;
        match action {
            Action::LoadFilters { filters } => {
                self.is_filtering = true;
                self.filters = filters.clone();
            }
            Action::SetFilter { device, filter } => drop(self.filters.insert(device.clone(), filter.clone())),
            Action::Unplug { device } => drop(self.devices.remove(device)),
            Action::DeleteBridge { bridge } => drop(self.bridges.remove(bridge)),
            Action::RemoveFilter { device } => drop(self.filters.remove(device)),
            Action::CreateBridge { bridge, mtu } | Action::SetBridge { bridge, mtu } => {
                self.bridges.insert(bridge.clone(), Bridge::desired(*mtu));
            }
            Action::Plug { device, config } | Action::SetDevice { device, config } => {
                self.unmarked.remove(device);
                self.devices.insert(device.clone(), config.clone());
            }
        }
        Ok(())
    }

    /// Whether `action` can be done now, without the port's traffic or another's ever being unfiltered.
    pub fn check(&self, action: &Action) -> Result<(), Refusal> {
        match action {
            Action::LoadFilters { filters } => {
                let is_new = |device: &&IfName| self.filters.get(*device) != filters.get(*device);
                filters.keys().filter(is_new).try_for_each(|device| self.check_filtered(device))?;
                match self.devices.keys().find(|device| !filters.contains_key(*device)) {
                    Some(device) => Err(Refusal::NoFilter(device.clone())),
                    None => Ok(()),
                }
            }
            Action::SetFilter { device, .. } => {
                self.check_table()?;
                self.check_filtered(device)
            }
            Action::Unplug { device } => self.check_ours(device),
            Action::DeleteBridge { bridge } => {
                self.check_ours(bridge)?;
                self.check_unused(bridge)
            }
            Action::RemoveFilter { device } => {
                self.check_table()?;
                self.check_ours(device)?;
                refuse(self.devices.contains_key(device), || Refusal::FilterInUse(device.clone()))
            }
            Action::CreateBridge { bridge, .. } => self.check_absent(bridge),
            Action::SetBridge { bridge, .. } => {
                refuse(!self.bridges.contains_key(bridge), || Refusal::NoBridge(bridge.clone()))
            }
            Action::Plug { device, config } => {
                self.check_absent(device)?;
                self.check_plug(device, config)
            }
            Action::SetDevice { device, config } => {
                if let Some(have) = self.unmarked.get(device) {
                    refuse(!have.is_rightly(config), || Refusal::Stranger(device.clone()))?;
                } else {
                    let have = self.devices.get(device).ok_or_else(|| Refusal::NoDevice(device.clone()))?;
                    refuse(!have.can_become(config), || Refusal::NotChangeable(device.clone()))?;
                }
                self.check_plug(device, config)
            }
        }
    }

    fn check_table(&self) -> Result<(), Refusal> {
        refuse(!self.is_filtering, || Refusal::NoFilterTable)
    }

    fn check_ours(&self, name: &IfName) -> Result<(), Refusal> {
        refuse(self.is_anothers(name), || Refusal::Stranger(name.clone()))
    }

    /// A device in the group of ports may send nothing without a filter, so that one takes nothing from anybody.
    fn check_filtered(&self, device: &IfName) -> Result<(), Refusal> {
        refuse(self.strangers.contains(device), || Refusal::Stranger(device.clone()))
    }

    fn check_absent(&self, name: &IfName) -> Result<(), Refusal> {
        self.check_ours(name)?;
        let is_there = self.bridges.contains_key(name) || self.devices.contains_key(name);
        refuse(is_there, || Refusal::Exists(name.clone()))
    }

    fn check_unused(&self, bridge: &IfName) -> Result<(), Refusal> {
        refuse(self.shared.contains(bridge), || Refusal::BridgeShared(bridge.clone()))?;
        match self.devices.iter().find(|(_, device)| device.bridge.as_ref() == Some(bridge)) {
            Some((device, _)) => Err(Refusal::BridgeInUse { bridge: bridge.clone(), device: device.clone() }),
            None => Ok(()),
        }
    }

    fn check_plug(&self, device: &IfName, config: &Device) -> Result<(), Refusal> {
        self.check_table()?;
        refuse(!self.filters.contains_key(device), || Refusal::NoFilter(device.clone()))?;
        let bridge = match (&config.kind, &config.bridge) {
            (Kind::Tap | Kind::Veth(_), Some(bridge)) => bridge,
            (Kind::Unknown, _) | (_, None) => return Err(Refusal::NotMakeable(device.clone())),
        };
        refuse(!self.bridges.contains_key(bridge), || Refusal::NoBridge(bridge.clone()))
    }
}

fn refuse(when: bool, refusal: impl FnOnce() -> Refusal) -> Result<(), Refusal> {
    if when { Err(refusal()) } else { Ok(()) }
}
