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

/// What is dropped when it is old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Old {
    /// Answers that are remembered under request ids.
    Requests,
    /// Things that have ended.
    History,
    /// What commands did, as those who follow the ledger are told.
    Events,
    /// What is left of subnets that were deleted, however old it is.
    EndedSubnets,
}

/// Rows to drop, and who waits for how many there were.
#[derive(Debug)]
pub(crate) struct Prune {
    pub(crate) old: Old,
    pub(crate) before: Timestamp,
    pub(crate) caller: oneshot::Sender<Result<u64, StoreError>>,
}

/// Drops a bounded number of old rows; answers how many, zero when none is left.
pub(crate) async fn prune(engine: &Arc<Engine>, old: Old, before: Timestamp) -> Result<u64, Failure> {
    let mut tx = engine.write().await?;
    let dropped = match old {
        Old::Requests => requests::forget(&mut tx, before).await,
        Old::History => history::forget(&mut tx, before).await,
        Old::Events => journal::forget(&mut tx, before).await,
        Old::EndedSubnets => ended_subnets::drop_some(&mut tx).await,
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
