//! [`Checker`]: looks at the whole ledger, and at the hosts, after every batch that changed something.

use std::{
    collections::BTreeSet,
    fmt::{self, Debug},
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lepton_invariants::{Dump, assert_consistent};
use lepton_ledger::{Change, Holder, Instance, View};
use lepton_plan::HostState;
use lepton_plug::fake;
use lepton_types::{HostId, IfName, Network, NetworkId, Port, Subnet};
use tokio_util::sync::CancellationToken;

use crate::replay::Replay;

/// Notes the first thing that is wrong in a run. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checker {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The kernels of all hosts.
    kernels: Mutex<Vec<(HostId, fake::Host)>>,
    replay: Mutex<Replay>,
    problem: Mutex<Option<String>>,
    found: CancellationToken,
    looks: Mutex<u64>,
}

impl Checker {
    /// Looks at this host too from now on.
    pub(crate) fn watch(&self, host: HostId, kernel: fake::Host) {
        lock(&self.inner.kernels).push((host, kernel));
    }

    /// Looks at the ledger after these changes.
    pub(crate) fn look(&self, ledger: &View, changes: &[Change]) {
        *lock(&self.inner.looks) += 1;
        // Whoever has written goes on; the run has failed (`PanicWatch`).
        let _ = catch_unwind(AssertUnwindSafe(|| {
            assert_consistent(&Dump::of_view(ledger));
            each_instance_has_all_its_ports(ledger);
            self.the_events_tell_what_there_is(ledger, changes);
            for change in changes {
                self.a_new_owner_is_the_only_one(ledger, change);
            }
        }));
    }

    /// Looks at a device and its filter after a host's kernel has changed them: no other port on the network, on any host, may use
    /// what this one may. An agent that acts on what is no longer so is found out here.
    pub(crate) fn look_at_device(&self, host: &HostId, name: &IfName) {
        let kernels = lock(&self.inner.kernels);
        let of_host = kernels.iter().find(|(id, _)| id == host);
        let Some((bridge, addresses)) =
            of_host.and_then(|(_, kernel)| kernel.look(|state| usable(state, name)))
        else {
            return;
        };
        for (other_host, kernel) in kernels.iter() {
            kernel.look(|state| {
                for address in &addresses {
                    if let Some(other) = others_that_may_use(state, &bridge, name, *address).next() {
                        self.fail(format_args!("{name} on {host} may use {address} while {other} on {other_host} may still use it"));
                    }
                }
            });
        }
    }

    /// Whoever hears of every event knows what there is.
    fn the_events_tell_what_there_is(&self, ledger: &View, changes: &[Change]) {
        let mut replay = lock(&self.inner.replay);
        replay.follow(changes);
        assert_eq!(*replay, Replay::of(ledger), "what the events tell, and what there is");
    }

    /// An address that is given to a port is allowed to no other one, on any host, on its network.
    fn a_new_owner_is_the_only_one(&self, ledger: &View, change: &Change) {
        let Change::FixedIp(change) = change else { return };
        let Some(row) = &change.after else { return };
        let Holder::Port(port) = row.holder else { return };
        if change.before.as_ref().is_some_and(|before| before.holder == row.holder) {
            return;
        }
        let Some(subnet) = ledger.row::<Subnet>(&row.subnet) else { return };
        let Some(network) = ledger.row::<Network>(&subnet.network) else { return };
        let (bridge, device) = (network.bridge(), port.device());
        for (host, kernel) in lock(&self.inner.kernels).iter() {
            let other = kernel
                .look(|state| others_that_may_use(state, &bridge, &device, row.address).next().cloned());
            if let Some(other) = other {
                panic!("{} is given to {port} while {other} on {host} may still use it", row.address);
            }
        }
    }

    /// Notes that something is wrong; the first such thing is what the run failed of.
    pub(crate) fn fail(&self, problem: fmt::Arguments<'_>) {
        let problem = problem.to_string();
        lock(&self.inner.problem).get_or_insert(problem);
        self.inner.found.cancel();
    }

    /// Waits until something is wrong; for ever, when all is well.
    pub(crate) async fn failed(&self) {
        self.inner.found.cancelled().await;
    }

    /// What is wrong.
    pub(crate) fn problem(&self) -> Option<String> {
        lock(&self.inner.problem).clone()
    }

    /// How often it has looked.
    pub(crate) fn looks(&self) -> u64 {
        *lock(&self.inner.looks)
    }
}

/// An instance has a port on each network that its project may use. Callers name no networks, and none that an instance may use comes or
/// goes while the instance is there.
fn each_instance_has_all_its_ports(ledger: &View) {
    for life in ledger.rows::<Instance>() {
        let is_usable = |network: &&Network| {
            !network.is_external && network.project.as_ref().is_none_or(|owner| *owner == life.project)
        };
        let is_own = |port: &&Port| {
            !port.is_released && (port.instance, port.incarnation) == (life.id, life.incarnation)
        };
        let networks: Vec<NetworkId> = ledger.rows().filter(is_usable).map(|network| network.id).collect();
        let mut had: Vec<NetworkId> = ledger.rows().filter(is_own).map(|port| port.network).collect();
        had.sort_unstable();
        assert_eq!(had, networks, "{life:?} has a port on each of its networks");
    }
}

/// The bridge that a device is plugged into, and the addresses that it may use there.
fn usable(state: &HostState, name: &IfName) -> Option<(IfName, BTreeSet<IpAddr>)> {
    let bridge = state.devices.get(name)?.bridge.clone()?;
    Some((bridge, state.filters.get(name)?.addresses().clone()))
}

/// The devices on a bridge, other than one port's, that may use an address.
fn others_that_may_use<'s>(
    state: &'s HostState,
    bridge: &IfName,
    own: &IfName,
    address: IpAddr,
) -> impl Iterator<Item = &'s IfName> {
    let others = state
        .devices
        .iter()
        .filter(move |(name, device)| *name != own && device.bridge.as_ref() == Some(bridge));
    let may_use = move |name: &&IfName| {
        state.filters.get(*name).is_some_and(|filter| filter.addresses().contains(&address))
    };
    others.map(|(name, _)| name).filter(may_use)
}

fn lock<T: Debug>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
