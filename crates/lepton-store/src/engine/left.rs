//! [`Shelf`]: where a batch on SQLite leaves to the next one what that would load.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use lepton_ledger::View;

/// Which batch of one process it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchNumber(u64);

/// What the last batch has left, for the one that goes on where it ended.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    newest: AtomicU64,
    left: Mutex<Option<(BatchNumber, Box<View>)>>,
}

impl Shelf {
    /// Leaves a view to whoever goes on behind the batch, which has the number that is answered.
    pub(crate) fn leave(&self, view: Box<View>) -> BatchNumber {
        let number = BatchNumber(self.newest.fetch_add(1, Ordering::Relaxed));
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some((number, view));
        number
    }

    /// Takes what this batch has left. What another one has left is of no use to anybody then.
    pub(crate) fn take(&self, number: BatchNumber) -> Option<Box<View>> {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner).take();
        left.filter(|(batch, _)| *batch == number).map(|(_, view)| view)
    }

    /// A copy of what this batch has left.
    #[cfg(test)]
    pub(crate) fn look(&self, number: BatchNumber) -> Option<View> {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.as_ref().filter(|(batch, _)| *batch == number).map(|(_, view)| View::clone(view))
    }
}
