//! `DeallocateForInstance`: the ports are released now; their addresses return when the host has unplugged them.

use lepton_types::{HostId, InstanceId, PortId};
use serde::{Deserialize, Serialize};

use crate::{Command, Instance, Key, Refusal, RequestKey, RequestRecord, Stop, View, host::proof, migration};

/// Takes an instance's vNICs back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeallocateForInstance {
    /// Which instance.
    pub instance: InstanceId,
    /// Which life of it must end; none: whichever lives.
    pub incarnation: Option<u64>,
    /// The only host on which the caller may end anything; none: any. Follows from its credentials, so it is not part of
    /// the request.
    pub only_on: Option<HostId>,
}

/// What a deallocation released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// The ports, in the order of the vNICs.
    pub ports: Vec<PortId>,
}

impl Command for DeallocateForInstance {
    type Answer = Released;

    const NAME: &'static str = "DeallocateForInstance";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Instance(self.instance)]
    }

    fn decide(&self, ledger: &mut View) -> Result<Released, Stop> {
        let Some(instance) = ledger.instance(self.instance)?.cloned() else {
            return Ok(Released { ports: Vec::new() });
        };
        Refusal::unless_allowed(self.only_on.as_ref(), &instance.host)?;
        instance.must_be(self.incarnation)?;
        release(ledger, &instance)
    }
}

/// Takes back an allocation whose ports could not be plugged in time, and with it the memory of its answer, so that the
/// request may be tried again under its id. An allocation that has ended already keeps its answer, which may be a later
/// life's. An instance that has begun to move is left alone: somebody relies on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoAllocation {
    /// Which instance.
    pub instance: InstanceId,
    /// Which life of it; another one is left alone.
    pub incarnation: u64,
    /// The host that could not plug the ports.
    pub host: HostId,
    /// Under which name the answer is remembered.
    pub request: Option<RequestKey>,
}

/// What an undo has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// Whether nothing is left of what was to be undone, now or since before. Where it is false, it stands.
    pub is_undone: bool,
}

impl Command for UndoAllocation {
    type Answer = Undone;

    const NAME: &'static str = "UndoAllocation";

    fn keys(&self) -> Vec<Key> {
        let request = self.request.clone().map(Key::Request);
        std::iter::once(Key::Instance(self.instance)).chain(request).collect()
    }

    fn decide(&self, ledger: &mut View) -> Result<Undone, Stop> {
        let found = ledger.instance(self.instance)?.cloned();
        let Some(instance) = found.filter(|instance| instance.incarnation == self.incarnation) else {
            return Ok(Undone { is_undone: true });
        };
        if instance.host != self.host || instance.migration.is_some() {
            return Ok(Undone { is_undone: false });
        }
        if let Some(key) = &self.request {
            ledger.request(key)?;
            ledger.end::<RequestRecord>(key);
        }
        release(ledger, &instance)?;
        Ok(Undone { is_undone: true })
    }
}

/// Ends the instance's life and tells its host to unplug its ports, and the host that it was on its way to. No floating IP
/// leads to them any more (B20, B21). Ports that no agent was ever told of have nobody to wait for, and end now.
fn release(ledger: &mut View, instance: &Instance) -> Result<Released, Stop> {
    ledger.need(migration::hosts_of(instance).cloned().map(Key::Host))?;
    let ports = ledger.ports_of(instance)?;
    ledger.forget_names_of(instance, &ports)?;
    let is_registered = ledger.is_registered(&instance.host)?;
    let mut released = Vec::with_capacity(ports.len());
    for mut port in ports {
        migration::leave_target(ledger, &mut port)?;
        ledger.detach_floating_ips(port.id, None)?;
        port.is_released = true;
        if is_registered {
            port.revision = ledger.touch_host(&port.host)?;
        }
        ledger.replace(port.clone());
        released.push(port);
    }
    if !is_registered {
        proof::gone(ledger, &released)?;
    }
    ledger.note_incarnation(instance.id, instance.incarnation);
    ledger.end::<Instance>(&instance.id);
    Ok(Released { ports: released.iter().map(|port| port.id).collect() })
}

#[cfg(test)]
mod tests;
