//! Moving an instance to another host: its ports are plugged on both, and active on one.
//!
//! ```text
//!                     start, or set up on B                 finish
//!   lives on A ──────────────────────────▶ lives on A, ─────────────────▶ lives on B
//!       ▲                                  moves to B                     A is told to unplug
//!       └──────────────────────────────────────┘
//!          abort (tear down on B), or B could not plug in time: B is told to unplug
//! ```
//!
//! Each arrow changes the instance and all of its ports in one transaction. While it moves, the source's ports are as they
//! were, and the destination reports a status of its own. What a host must unplug, and what that means for the addresses, is
//! told in `host/proof.rs`. Whether the guest's memory is where it should be is the compute service's business, not ours.

mod finish;
mod setup;
mod start;

use lepton_types::{HostId, InstanceId, Migration, NetworkInfo, Port, PortStatus, PortTarget};
use serde::{Deserialize, Serialize};

pub use self::{
    finish::MigrateInstanceFinish,
    setup::{SetupNetworksOnHost, UndoMigration},
    start::MigrateInstanceStart,
};
use crate::{BindingRequest, Command, Instance, Key, PendingUnplug, Refusal, Stop, View, host::proof};

/// What a request to move an instance has come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The instance's vNICs, with the move that is under way.
    pub info: NetworkInfo,
    /// Whether this request began the move; otherwise it was under way, or there was nothing to move.
    pub has_begun: bool,
}

/// Asks how an instance is that a request had to do with, and whether the move that it was on then was finished, wherever it has
/// gone from there: both of one moment. Of the last [`Instance::MOST_ARRIVALS`] moves of the same life the latter is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowInstance {
    /// What the request was answered.
    pub since: NetworkInfo,
}

/// How the instance is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    /// Its vNICs.
    pub info: NetworkInfo,
    /// Whether the move was finished.
    pub is_finished: bool,
}

impl Command for FollowInstance {
    type Answer = Followed;

    const NAME: &'static str = "FollowInstance";

    /// Refuses an instance that lives no more, or anew.
    fn decide(&self, ledger: &mut View) -> Result<Followed, Stop> {
        let id = self.since.instance;
        ledger.need([Key::NetworkInfo(id)])?;
        let life = living(ledger, id)?;
        life.must_be(Some(self.since.incarnation))?;
        Ok(Followed { info: ledger.network_info(id)?, is_finished: has_arrived(&life, &self.since) })
    }
}

/// Whether the move that the instance was on then was finished.
fn has_arrived(instance: &Instance, then: &NetworkInfo) -> bool {
    then.migration.as_ref().is_some_and(|migration| instance.arrivals.contains(migration))
}

/// The hosts that have an instance's ports: its own, and the one that it is being moved to.
pub(crate) fn hosts_of(instance: &Instance) -> impl Iterator<Item = &HostId> {
    std::iter::once(&instance.host).chain(instance.migration.iter().map(|migration| &migration.destination))
}

/// The instance, if it lives.
fn living(ledger: &mut View, id: InstanceId) -> Result<Instance, Stop> {
    let found = ledger.instance(id)?.cloned();
    Ok(found.ok_or(Refusal::InstanceNotFound { instance: id })?)
}

/// Has the destination plug the instance's ports beside its present host, or, when the move there is under way already,
/// otherwise than before if `binding` says so; answers whether the move began now.
fn begin(
    ledger: &mut View,
    instance: Instance,
    to: &HostId,
    binding: Option<&BindingRequest>,
) -> Result<bool, Stop> {
    let ports = ledger.ports_of(&instance)?;
    let moved = ports.iter().filter(|port| port.has_moved).map(|port| Key::PendingUnplugs(port.id));
    let keys: Vec<Key> = moved.chain([Key::Host(to.clone())]).collect();
    ledger.need(keys)?;
    if let Some(binding) = binding {
        binding.must_be_for(ports.len())?;
    }
    for port in ports {
        plug_on_target(ledger, port, to, binding)?;
    }
    let has_begun = instance.migration.is_none();
    if has_begun {
        let migration = Migration { destination: to.clone(), revision: ledger.touch_host(to)? };
        ledger.replace(Instance { migration: Some(migration), ..instance });
    }
    Ok(has_begun)
}

/// Has the destination plug a port. Without a binding it is the source's, or the one that it was told before.
fn plug_on_target(
    ledger: &mut View,
    port: Port,
    to: &HostId,
    binding: Option<&BindingRequest>,
) -> Result<(), Stop> {
    let known = port.target.as_ref().map(|target| &target.binding);
    let wanted = match binding {
        Some(binding) => binding.at(port.position)?,
        None => known.unwrap_or(&port.binding).clone(),
    };
    if known == Some(&wanted) {
        return Ok(());
    }
    // It may have left this host not long ago, and be told to go from there. Now it is to stay.
    ledger.end::<PendingUnplug>(&(port.id, to.clone()));
    let revision = ledger.touch_host(to)?;
    let target = PortTarget { host: to.clone(), binding: wanted, status: PortStatus::Pending, revision };
    ledger.replace(Port { has_moved: true, target: Some(target), ..port });
    Ok(())
}

/// Ends the move that is under way, if there is one: the instance stays where it is.
fn abort(ledger: &mut View, instance: Instance) -> Result<(), Stop> {
    let Some(Migration { destination, .. }) = &instance.migration else { return Ok(()) };
    ledger.need([Key::Host(destination.clone())])?;
    let is_registered = ledger.is_registered(destination)?;
    let mut ports = ledger.ports_of(&instance)?;
    for port in &mut ports {
        leave_target(ledger, port)?;
        ledger.replace(port.clone());
    }
    if !is_registered {
        proof::departed(ledger, ports.iter().map(|port| port.id))?;
    }
    ledger.replace(Instance { migration: None, ..instance });
    Ok(())
}

/// Takes a port's target away, if it has one, and tells that host to unplug the port: whether it ever had it, only it knows.
pub(crate) fn leave_target(ledger: &mut View, port: &mut Port) -> Result<(), Stop> {
    match port.target.take() {
        Some(target) => leave(ledger, port, target.host),
        None => Ok(()),
    }
}

/// Tells a host to unplug a port that is no longer its own, if it was ever told of any.
fn leave(ledger: &mut View, port: &Port, host: HostId) -> Result<(), Stop> {
    if !ledger.is_registered(&host)? {
        return Ok(());
    }
    let revision = ledger.touch_host(&host)?;
    ledger.insert(PendingUnplug { port: port.id, host, revision, is_fenced: false });
    Ok(())
}

#[cfg(test)]
mod tests;
