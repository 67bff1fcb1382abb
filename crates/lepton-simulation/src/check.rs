//! [`Checker`]: looks at the whole ledger, and at the hosts, after every batch that changed something.

use std::{
    any::Any,
    fmt::{self, Debug},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lepton_invariants::{Dump, assert_consistent};
use lepton_ledger::{Change, Holder, View};
use lepton_plug::fake;
use lepton_types::{HostId, Network, Subnet};
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
        let looked = catch_unwind(AssertUnwindSafe(|| {
            assert_consistent(&Dump::of_view(ledger));
            self.the_events_tell_what_there_is(ledger, changes);
            for change in changes {
                self.a_new_owner_is_the_only_one(ledger, change);
            }
        }));
        if let Err(fault) = looked {
            self.fail(format_args!("{}", said(&*fault)));
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
        for (host, kernel) in lock(&self.inner.kernels).iter() {
            let state = kernel.state();
            for (name, device) in &state.devices {
                let is_other = *name != port.device() && device.bridge.as_ref() == Some(&network.bridge());
                let filter = state.filters.get(name).filter(|_| is_other);
                assert!(
                    filter.is_none_or(|filter| !filter.addresses().contains(&row.address)),
                    "{} is given to {port} while {name} on {host} may still use it",
                    row.address
                );
            }
        }
    }

    /// Notes that something is wrong; the first such thing is what the run failed of.
    pub(crate) fn fail(&self, problem: fmt::Arguments<'_>) {
        lock(&self.inner.problem).get_or_insert_with(|| problem.to_string());
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

/// What a panic said.
fn said(fault: &(dyn Any + Send)) -> String {
    let text = fault.downcast_ref::<String>().cloned();
    text.or_else(|| fault.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

fn lock<T: Debug>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
