//! Pruning: what is old, or is of nobody any more, goes, a bounded number of rows at a time, between the batches of the lane that writes.

use std::sync::Arc;

use lepton_types::Timestamp;
use tokio::sync::oneshot;

use crate::{
    engine::Engine,
    error::StoreError,
    failure::Failure,
    tables::{ended_subnets, history, journal, requests},
};

/// What is dropped: what is from before a moment, or is of nobody any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waste {
    /// Answers that are remembered under request ids.
    Requests(Timestamp),
    /// Things that have ended.
    History(Timestamp),
    /// What commands did, as those who follow the ledger are told.
    Events(Timestamp),
    /// What is left of subnets that were deleted.
    EndedSubnets,
}

/// Rows to drop, and who waits for how many there were.
#[derive(Debug)]
pub(crate) struct Prune {
    pub(crate) waste: Waste,
    pub(crate) caller: oneshot::Sender<Result<u64, StoreError>>,
}

/// Drops a bounded number of rows; answers how many, zero when none is left.
pub(crate) async fn prune(engine: &Arc<Engine>, waste: Waste) -> Result<u64, Failure> {
    let mut tx = engine.write().await?;
    let dropped = match waste {
        Waste::Requests(before) => requests::forget(&mut tx, before).await,
        Waste::History(before) => history::forget(&mut tx, before).await,
        Waste::Events(before) => journal::forget(&mut tx, before).await,
        Waste::EndedSubnets => ended_subnets::drop_some(&mut tx).await,
    };
    match dropped {
        Ok(0) => tx.rollback().await.map(|()| 0),
        Ok(dropped) => tx.commit().await.map(|()| dropped),
        Err(failure) => {
            // Unheard, the server takes it back by itself.
            let _ = tx.rollback().await;
            Err(failure)
        }
    }
}
