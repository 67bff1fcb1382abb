//! Why a store does not answer.

use std::{any::Any, time::Duration};

use lepton_ledger::{Refusal, UnreadableAnswer};

/// Why a store does not answer. What was not committed has left no trace; see [`StoreError::Unavailable`] for the rest.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is full, or does not come to an end with a conflict. A commit whose answer was
    /// lost may have happened: repeating under the same request id is safe.
    #[error("the ledger's database is unavailable: {0}")]
    Unavailable(String),
    /// Too many requests wait already.
    #[error("{limit} requests wait already; try again in {} ms", retry_after.as_millis())]
    QueueFull {
        /// How many may wait.
        limit: usize,
        /// When there should be room again.
        retry_after: Duration,
    },
    /// The store is closing.
    #[error("the ledger is closing")]
    Closed,
    /// The database was written by a newer program.
    #[error(
        "the database has schema {found}, which this program does not know (it knows up to {known}); \
         use the program that wrote it, or a newer one"
    )]
    NewerSchema {
        /// The newest schema that the database has.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// The database cannot be opened as the ledger.
    #[error("cannot open the ledger at {location}: {problem}")]
    Open {
        /// Where the database should be, without a password.
        location: String,
        /// What is wrong.
        problem: String,
        /// Whether that may pass by itself.
        may_pass: bool,
    },
    /// A request was answered before, and this program cannot read the answer.
    #[error(transparent)]
    UnreadableAnswer(UnreadableAnswer),
    /// The database holds or answers something that it should not, or an index or a foreign key keeps out what was decided:
    /// a fault of this program's, or a damaged file.
    #[error("fault in the ledger's store: {0}")]
    Internal(String),
}

/// Why a command was not carried out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SubmitError {
    /// The caller's error.
    #[error(transparent)]
    Refused(Refusal),
    /// The store's error.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a panic said, as an error.
pub(crate) fn panicked(fault: &(dyn Any + Send)) -> StoreError {
    let said = fault.downcast_ref::<&str>().copied().map(str::to_owned);
    let said = said.or_else(|| fault.downcast_ref::<String>().cloned());
    StoreError::Internal(format!("a panic: {}", said.unwrap_or_default()))
}
