//! [`Disk`]: where a ledger in memory is kept, with the mishaps of a real one, as a simulation wants them.

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use lepton_ledger::{Change, View};
use lepton_types::{Amounts, Limit};

use crate::{
    batch::Job, error::StoreError, failure::Failure, memory::Memory, prune::Waste, surroundings::Clock,
};

/// What befalls the same batch when it was carried out; an error loses the answer, and nobody can tell whether it was.
pub type After = BoxFuture<'static, Result<(), String>>;

/// What befalls the batches of one store on a [`Disk`]. Each method may take its time, or all time, as for a process that is dead.
pub trait Weather: Send + Sync {
    /// Befalls a batch, or what drops old things, before it is carried out; an error refuses it, and nothing of it is kept.
    fn before(&self) -> BoxFuture<'static, Result<After, String>>;

    /// Sees the whole ledger after each batch that changed it, and what the batch changed. Things that are dropped since they are old are
    /// no changes.
    fn kept(&self, ledger: &View, changes: &[Change]);
}

/// A ledger in memory, which outlives the stores that are opened on it. Clones are the same ledger.
#[derive(Clone)]
pub struct Disk {
    memory: Arc<Memory>,
    weather: Option<Arc<dyn Weather>>,
}

impl Disk {
    /// An empty ledger, to which nothing happens.
    pub fn new(default_limits: Amounts<Limit>) -> Self {
        Self { memory: Arc::new(Memory::new(default_limits)), weather: None }
    }

    /// The same ledger, as a store finds it that others may share it with.
    #[must_use]
    pub fn under(&self, weather: Arc<dyn Weather>) -> Self {
        Self { memory: Arc::clone(&self.memory), weather: Some(weather) }
    }

    /// Another ledger that holds the same, and to which nothing happens.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self { memory: Arc::new(self.memory.copy()), weather: None }
    }

    /// Looks at the whole ledger.
    pub fn look<T>(&self, look: impl FnOnce(&View) -> T) -> T {
        look(&self.memory.view())
    }

    /// Changes the ledger behind its stores' backs.
    #[cfg(test)]
    pub(crate) fn tamper(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.memory.view());
    }

    /// Whether other stores may be open on it.
    pub(crate) fn is_shared(&self) -> bool {
        self.weather.is_some()
    }

    /// Decides every job and keeps what they changed.
    pub(crate) async fn write(
        &self,
        jobs: &mut [Box<dyn Job>],
        clock: &Clock,
        seed: [u8; 32],
    ) -> Result<Vec<Change>, Failure> {
        let Some(weather) = &self.weather else { return Ok(self.memory.write(jobs, clock(), seed)) };
        let after = weather.before().await.map_err(unavailable)?;
        let changes = self.memory.write(jobs, clock(), seed);
        if !changes.is_empty() {
            weather.kept(&self.memory.view(), &changes);
        }
        after.await.map_err(unavailable)?;
        Ok(changes)
    }

    /// Drops a bounded number of things.
    pub(crate) async fn prune(&self, waste: Waste) -> Result<u64, Failure> {
        let Some(weather) = &self.weather else { return Ok(self.memory.prune(waste)) };
        let after = weather.before().await.map_err(unavailable)?;
        let dropped = self.memory.prune(waste);
        if dropped > 0 {
            weather.kept(&self.memory.view(), &[]);
        }
        after.await.map_err(unavailable)?;
        Ok(dropped)
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("is_shared", &self.is_shared()).finish_non_exhaustive()
    }
}

fn unavailable(problem: String) -> Failure {
    Failure::Error(StoreError::Unavailable(problem))
}
