//! [`Writing`]: the batch that is being written, while its lane takes up the next one.

use std::panic;

use tokio::{
    task::{JoinError, JoinSet},
    time::Instant,
};

use crate::engine::BatchNumber;

/// The task that writes a batch and answers its callers, one at most. It ends with its lane.
#[derive(Debug)]
pub(crate) struct Writing {
    /// Answers whether the batch was written as it was decided.
    task: JoinSet<bool>,
    number: Option<BatchNumber>,
    free_since: Instant,
}

impl Default for Writing {
    fn default() -> Self {
        Self { task: JoinSet::new(), number: None, free_since: Instant::now() }
    }
}

impl Writing {
    /// Writes a batch, now that the one before has [ended](Writing::end). One without a number has not been decided.
    pub(crate) fn start(
        &mut self,
        number: Option<BatchNumber>,
        task: impl Future<Output = bool> + Send + 'static,
    ) {
        self.number = number;
        self.task.spawn(task);
    }

    /// The batch that is being written and was decided.
    pub(crate) fn number(&mut self) -> Option<BatchNumber> {
        if let Some(ended) = self.task.try_join_next() {
            self.note(ended);
        }
        self.number
    }

    /// Whether something is written, or was and nobody has heard yet what it came to.
    pub(crate) fn is_going_on(&self) -> bool {
        !self.task.is_empty()
    }

    /// Since when nothing is written.
    pub(crate) fn free_since(&self) -> Instant {
        self.free_since
    }

    /// Waits until nothing is written any more; answers whether it was as it had been decided. Cancel-safe.
    pub(crate) async fn end(&mut self) -> bool {
        match self.task.join_next().await {
            Some(ended) => self.note(ended),
            None => true,
        }
    }

    fn note(&mut self, ended: Result<bool, JoinError>) -> bool {
        (self.number, self.free_since) = (None, Instant::now());
        match ended.map_err(JoinError::try_into_panic) {
            Ok(went_as_decided) => went_as_decided,
            // It is the lane's.
            Err(Ok(fault)) => panic::resume_unwind(fault),
            Err(Err(_cancelled)) => false,
        }
    }
}
