//! This process's claim to be the agent of its host: the only one among those on the ledger's database.

use std::time::Duration;

use lepton_manager::Manager;
use lepton_store::{ClaimError, HostClaim};
use lepton_types::HostId;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

/// How long a start waits for the one before it to end, or for the database to find out that it has.
const PATIENCE: Duration = Duration::from_secs(30);

/// Pause before it is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// How often it is made sure that the claim still holds.
const LOOK: Duration = Duration::from_secs(10);

/// Claims the host; none when the shutdown came first.
///
/// # Errors
///
/// Another process has it, and keeps it.
pub(crate) async fn make(
    manager: &Manager,
    host: &HostId,
    shutdown: &CancellationToken,
) -> Result<Option<HostClaim>, ClaimError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match manager.claim_host(host).await {
            Ok(claim) => return Ok(Some(claim)),
            Err(error) if Instant::now() >= deadline => return Err(error),
            Err(error) => tracing::warn!(%error, "waiting for the host"),
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(None),
            () = time::sleep(PAUSE) => {}
        }
    }
}

/// Keeps the claim until `stop`. What was lost with a connection is claimed anew; where another process was faster, the log
/// says so until one of them is stopped.
pub(crate) async fn keep(mut claim: HostClaim, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = time::sleep(LOOK) => {}
        }
        if let Err(error) = claim.keep().await {
            tracing::error!(%error, "this process is not certain to be its host's only agent");
        }
    }
}
