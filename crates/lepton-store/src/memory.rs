//! The ledger in memory: a complete view behind a lock. For tests and simulation; it is gone with its process.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lepton_ledger::{Change, View};
use lepton_types::{Amounts, Limit, Timestamp};

use crate::{batch::Job, prune::Waste};

/// The ledger in memory.
#[derive(Debug)]
pub(crate) struct Memory {
    view: Mutex<View>,
}

impl Memory {
    pub(crate) fn new(default_limits: Amounts<Limit>) -> Self {
        let view = View::complete(Timestamp::default(), [0; 32]).with_default_limits(default_limits);
        Self { view: Mutex::new(view) }
    }

    /// Another ledger that holds the same.
    pub(crate) fn copy(&self) -> Self {
        Self { view: Mutex::new(self.view().clone()) }
    }

    /// Decides every job and keeps what they changed.
    pub(crate) fn write(&self, jobs: &mut [Box<dyn Job>], now: Timestamp, seed: [u8; 32]) -> Vec<Change> {
        let mut view = self.view();
        view.restart(now, seed);
        for (number, job) in jobs.iter_mut().enumerate() {
            job.attempt(number, &mut view);
        }
        let changes = view.changes().to_vec();
        view.keep();
        changes
    }

    /// Drops a bounded number of things.
    pub(crate) fn prune(&self, waste: Waste) -> u64 {
        let mut view = self.view();
        match waste {
            Waste::Requests(before) => view.forget_requests(before),
            Waste::Events(before) => view.forget_events(before),
            Waste::History(before) => view.forget_history(before),
            // It keeps nothing of them.
            Waste::EndedSubnets => 0,
        }
    }

    /// What the ledger holds.
    pub(crate) fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
