//! What has to be done from time to time: quarantine that is over, answers that need not be remembered.

use std::time::Duration;

use lepton_ledger::{Envelope, SweepQuarantine};
use tokio::time::{self, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::Manager;

/// How often the house is kept. An address is never given out too early by it, only later than it could be; a dry
/// pool does not wait for it.
const PERIOD: Duration = Duration::from_secs(5);

/// Keeps house until `shutdown`. Answers are remembered for `remember`.
pub async fn keep_house(manager: Manager, remember: Duration, shutdown: CancellationToken) {
    let mut period = time::interval(PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = period.tick() => {} // cancel-safe
        }
        sweep(&manager).await;
        forget(&manager, remember).await;
    }
}

async fn sweep(manager: &Manager) {
    loop {
        match manager.submit(SweepQuarantine, Envelope::anonymous(), false).await {
            Ok(0) => return,
            Ok(addresses) => tracing::debug!(addresses, "addresses have rested long enough"),
            Err(error) => {
                tracing::warn!(%error, "quarantine is not swept");
                return;
            }
        }
    }
}

async fn forget(manager: &Manager, remember: Duration) {
    loop {
        match manager.store().forget_requests(remember).await {
            Ok(0) => return,
            Ok(answers) => tracing::debug!(answers, "answers are forgotten"),
            Err(error) => {
                tracing::warn!(%error, "old answers are not forgotten");
                return;
            }
        }
    }
}
