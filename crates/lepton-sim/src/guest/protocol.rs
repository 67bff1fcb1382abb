//! What a hypervisor and its guest say to each other: one JSON object a line.

use std::net::IpAddr;

use lepton_types::{IfName, MacAddr};
use serde::{Deserialize, Serialize};

use super::Interface;

/// What a guest is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Give these interfaces, which are there already, their addresses and routes, and bring them up.
    Configure {
        /// The interfaces, by position.
        interfaces: Vec<Interface>,
    },
    /// Send one echo request.
    Ping {
        /// One of the guest's own addresses.
        source: IpAddr,
        /// Where to.
        target: IpAddr,
    },
    /// Send one echo request under a false name, then take the true one back.
    Spoof {
        /// The interface to send from.
        device: IfName,
        /// The false name.
        forgery: Forgery,
        /// Where to.
        target: IpAddr,
        /// The target's hardware address, so that it need not be asked for.
        target_mac: MacAddr,
    },
}

/// A name that is not the guest's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forgery {
    /// Another source address.
    Address(IpAddr),
    /// Another hardware address; the echo request goes out from the guest's own address `source`.
    Mac {
        /// The false hardware address.
        mac: MacAddr,
        /// The guest's own address.
        source: IpAddr,
    },
}

/// What a guest answers: once when it is ready, and once to each command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// It is done.
    Done,
    /// The echo request was sent.
    Echo {
        /// How long the reply took, in microseconds; none when there was no reply within a second.
        micros: Option<u64>,
    },
    /// It could not be done.
    Failed {
        /// Why.
        message: String,
    },
}
