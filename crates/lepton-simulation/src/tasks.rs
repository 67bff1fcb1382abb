//! [`Tasks`]: what goes on by itself in a run, until the run is over.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

/// The tasks of a run; they end with it. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tasks {
    running: Arc<Mutex<JoinSet<()>>>,
}

impl Tasks {
    /// Lets something go on by itself. That it panics fails the run ([`crate::panics::PanicWatch`]).
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while running.try_join_next().is_some() {}
        running.spawn(task);
    }
}
