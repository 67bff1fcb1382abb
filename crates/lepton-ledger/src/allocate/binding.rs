//! [`BindingRequest`]: what kind of devices an instance's ports get.

use lepton_types::{IfName, NetnsPath, PortBinding};

use crate::Refusal;

/// What kind of devices the host makes for an instance's ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindingRequest {
    /// Persistent taps.
    Tap,
    /// veth pairs with their inner ends in one namespace.
    Veth {
        /// The namespace's file on the host.
        netns: NetnsPath,
        /// Names of the inner ends; `%d` at the end stands for the position.
        guest_device: IfName,
    },
}

impl BindingRequest {
    /// Refuses a binding that cannot tell so many vNICs apart.
    pub(crate) fn must_be_for(&self, vnics: usize) -> Result<(), Refusal> {
        match self {
            Self::Veth { guest_device, .. } if vnics > 1 && !guest_device.as_str().ends_with("%d") => {
                let problem = format!("{vnics} vNICs cannot share one name; let it end with %d");
                Err(Refusal::invalid_field("binding.veth.guest_device", problem))
            }
            Self::Tap | Self::Veth { .. } => Ok(()),
        }
    }

    /// The binding of the vNIC at this position.
    pub(crate) fn at(&self, position: u16) -> Result<PortBinding, Refusal> {
        match self {
            Self::Tap => Ok(PortBinding::Tap),
            Self::Veth { netns, guest_device } => {
                let name = match guest_device.as_str().strip_suffix("%d") {
                    Some(stem) => format!("{stem}{position}"),
                    None => guest_device.to_string(),
                };
                let guest_device = name.parse().map_err(|error| {
                    Refusal::invalid_field("binding.veth.guest_device", format!("{error}"))
                })?;
                Ok(PortBinding::Veth { netns: netns.clone(), guest_device })
            }
        }
    }
}
