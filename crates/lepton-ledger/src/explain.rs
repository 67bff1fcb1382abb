//! Questions about why: why an instance has these vNICs in this order, why a port has this MAC and these addresses, where it should
//! be plugged and what its host says, and what an address is.
//!
//! What was decided once is told as it was decided, and what may change since, as it is now.

mod address;
mod cause;
mod port;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use lepton_types::{InstanceId, PortId, SubnetId};
use serde::{Deserialize, Serialize};

pub use self::{
    address::ExplainAddress,
    cause::{Cause, Given, Plug, PluggedInto},
    port::ExplainPort,
};
use crate::{Command, Key, Scope, Stop, View};

/// Explains an instance and each of its vNICs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainInstance {
    /// Which one.
    pub instance: InstanceId,
    /// What the caller may see.
    pub scope: Scope,
}

/// Why a thing is as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// What is explained.
    pub of: Explained,
    /// Why, one cause a decision, and behind them what is not as it should be.
    pub causes: Vec<Cause>,
    /// What it is made of, or who has it.
    pub parts: Vec<Explanation>,
}

/// What is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Explained {
    /// An instance's present life.
    Instance(InstanceId),
    /// A port.
    Port(PortId),
    /// An address of a subnet, or a floating IP of that range.
    Address(SubnetId, IpAddr),
}

impl Command for ExplainInstance {
    type Answer = Explanation;

    const NAME: &'static str = "ExplainInstance";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Instance(self.instance)]
    }

    fn decide(&self, ledger: &mut View) -> Result<Explanation, Stop> {
        let life = ledger.instance_in(self.instance, &self.scope)?;
        let ports = ledger.ports_of(&life)?;
        let mut causes = vec![Cause::Allocated {
            incarnation: life.incarnation,
            project: life.project.clone(),
            host: life.host.clone(),
            at: life.created_at,
        }];
        causes.extend(
            life.migration.as_ref().map(|migration| Cause::Moving {
                from: life.host.clone(),
                to: migration.destination.clone(),
            }),
        );
        if ports.is_empty() {
            causes.push(Cause::NoNetwork { project: life.project.clone() });
        }
        ledger.need(ports.iter().flat_map(port::keys))?;
        let parts = ports.iter().map(|port| ledger.explain_port(port)).collect::<Result<_, _>>()?;
        Ok(Explanation { of: Explained::Instance(life.id), causes, parts })
    }
}
