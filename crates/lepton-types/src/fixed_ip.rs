//! [`Lease`]: an address as a DHCP server has given it to a guest.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{MacAddr, Timestamp};

/// An address as a DHCP server has given it to a guest, for so long as the server has not taken it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// To which MAC.
    pub mac: MacAddr,
    /// When the server told of it.
    pub at: Timestamp,
    /// How long the guest may use it without asking again, in whole seconds.
    pub time: Duration,
}
