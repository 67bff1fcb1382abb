//! `MigrateInstanceFinish`: the instance lives on its destination now.

use lepton_types::{HostId, InstanceId, NetworkInfo, Port};

use super::{leave, living};
use crate::{Command, FixedIp, Holder, Instance, Key, Refusal, Stop, View, host::proof};

/// Ends a move: the destination is the instance's host, and the source unplugs its ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrateInstanceFinish {
    /// Which instance.
    pub instance: InstanceId,
    /// Which life of it; none: whichever lives.
    pub incarnation: Option<u64>,
    /// The host that it comes from.
    pub source: HostId,
    /// The host that it went to. Where it lives there already, nothing is to be done.
    pub destination: HostId,
    /// The only host that the caller may act for; none: any. Follows from its credentials, so it is not part of the request.
    pub only_on: Option<HostId>,
}

impl Command for MigrateInstanceFinish {
    type Answer = NetworkInfo;

    const NAME: &'static str = "MigrateInstanceFinish";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Instance(self.instance), Key::Host(self.source.clone())]
    }

    fn decide(&self, ledger: &mut View) -> Result<NetworkInfo, Stop> {
        // The source has consented by starting the move, so that either of them may finish it.
        Refusal::unless_one_of(self.only_on.as_ref(), [&self.source, &self.destination])?;
        let instance = living(ledger, self.instance)?;
        instance.must_be(self.incarnation)?;
        if instance.host == self.destination {
            return ledger.network_info(self.instance);
        }
        instance.must_live_on(&self.source)?;
        let destination = instance.migration.as_ref().map(|migration| &migration.destination);
        if destination != Some(&self.destination) {
            let (given, destination) = (self.destination.clone(), destination.cloned());
            return Err(Refusal::InstanceNotMoving { instance: instance.id, given, destination }.into());
        }
        arrive(ledger, instance, &self.destination)?;
        ledger.network_info(self.instance)
    }
}

/// Makes the destination the host of the instance and of its ports. Whether it has plugged them by now is what it says of
/// them: the guest is there already.
fn arrive(ledger: &mut View, instance: Instance, destination: &HostId) -> Result<(), Stop> {
    ledger.need([Key::Host(instance.host.clone()), Key::Host(destination.clone())])?;
    for mut port in ledger.ports_of(&instance)? {
        // Every port of an instance that moves has one.
        let Some(target) = port.target.take() else { continue };
        leave(ledger, &port, port.host.clone())?;
        port.host = target.host;
        port.binding = target.binding;
        port.status = target.status;
        port.revision = target.revision;
        ledger.replace(port.clone());
        if proof::is_nowhere(ledger, &port)? {
            proof::departed(ledger, [port.id].into_iter())?;
        } else if ledger.has_leaving(port.id) {
            leave_at_destination(ledger, &port)?;
        }
    }
    ledger.replace(instance.arrived());
    Ok(())
}

/// That a port cannot use the addresses which are leaving it is for its new host to prove, in that host's own count.
fn leave_at_destination(ledger: &mut View, port: &Port) -> Result<(), Stop> {
    let Port { id, revision, .. } = ledger.tell_hosts_of(port)?;
    for row in ledger.fixed_ips_of(id) {
        if matches!(row.holder, Holder::Leaving { .. }) {
            ledger.replace(FixedIp { holder: Holder::Leaving { port: id, revision }, ..row });
        }
    }
    Ok(())
}
