//! This process's claim to be the agent of its host: the only one among those on the ledger's database.

use std::{future::Future, time::Duration};

use lepton_manager::Manager;
use lepton_store::{ClaimError, HostClaim};
use lepton_types::HostId;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

/// How long a start waits for the one before it to end, or for the database to find out that it has.
const PATIENCE: Duration = Duration::from_secs(30);

/// Pause before a start tries again. Longer than [`LOOK`]: when all have lost their connections, whoever had the host is faster than
/// somebody who has been given its name by mistake.
const PAUSE: Duration = Duration::from_secs(5);

/// How often it is made sure that the claim still holds.
const LOOK: Duration = Duration::from_secs(1);

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

/// Works for as long as the claim is this process's, and gives it up when the work has ended.
///
/// What was lost with a connection is claimed anew. Where another process was faster and keeps the host, the work is cut: two
/// agents of one host are worse than none.
pub(crate) async fn hold(mut claim: HostClaim, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        () = lost(&mut claim) => {}
    }
}

/// Waits until the claim is another process's for good.
async fn lost(claim: &mut HostClaim) {
    let mut loss = Loss::default();
    loop {
        time::sleep(LOOK).await;
        let looked = claim.keep().await;
        if let Err(error) = &looked {
            tracing::error!(%error, "this process is not certain to be its host's only agent");
        }
        if loss.is_final(looked.as_ref().err()) {
            return;
        }
    }
}

/// For how long another process has had what was this one's.
#[derive(Debug, Default)]
struct Loss {
    since: Option<Instant>,
}

impl Loss {
    /// Whether this look at the claim was one too many that found it another's. A session that ended without a word has its lock
    /// until the server notices, and may be this process's own; a database that does not answer says nothing about others.
    fn is_final(&mut self, found: Option<&ClaimError>) -> bool {
        let Some(ClaimError::Held { .. }) = found else {
            self.since = None;
            return false;
        };
        self.since.get_or_insert_with(Instant::now).elapsed() >= PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use lepton_manager::Settings;
    use lepton_store::{Database, StoreConfig};
    use lepton_testkit::PrivatePostgres;
    use tokio::sync::oneshot;

    use super::*;

    fn host() -> HostId {
        "host-1".parse().unwrap()
    }

    async fn open(database: Database) -> Manager {
        let settings = Settings { mac_base: "fa:16:3e".parse().unwrap(), ..Settings::default() };
        Manager::open(&StoreConfig::new(database), settings).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_another_process_keeps_is_lost_for_good() {
        let held = ClaimError::Held { host: host(), holder: "runs elsewhere".to_owned() };
        let unknown = ClaimError::Unknown { host: host(), problem: "no answer".to_owned() };
        let mut loss = Loss::default();
        assert!(!loss.is_final(Some(&held)));
        time::advance(PATIENCE).await;
        assert!(!loss.is_final(Some(&unknown)), "who does not answer does not say who has it");
        assert!(!loss.is_final(Some(&held)));
        time::advance(PATIENCE - LOOK).await;
        assert!(!loss.is_final(Some(&held)));
        time::advance(LOOK).await;
        assert!(loss.is_final(Some(&held)));
        assert!(!loss.is_final(None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_is_held_for_as_long_as_the_work_lasts() {
        let manager = open(Database::Memory).await;
        let claim = manager.claim_host(&host()).await.unwrap();
        let held = hold(claim, future::pending());
        assert!(time::timeout(10 * PATIENCE, held).await.is_err());
        let claim = manager.claim_host(&host()).await.unwrap();
        hold(claim, future::ready(())).await;
    }

    #[tokio::test]
    async fn the_host_is_free_for_others_once_the_work_has_ended() {
        let url = PrivatePostgres::shared().unwrap().create_database("claim").unwrap();
        let manager = open(Database::Postgres(url)).await;
        let claim = manager.claim_host(&host()).await.unwrap();
        let (end, ended) = oneshot::channel::<()>();
        let holding = hold(claim, async { ended.await.unwrap() });
        let other = async {
            let error = manager.claim_host(&host()).await.unwrap_err();
            assert!(matches!(error, ClaimError::Held { .. }), "{error}");
            end.send(()).unwrap();
        };
        tokio::join!(holding, other);
        let shutdown = CancellationToken::new();
        assert!(make(&manager, &host(), &shutdown).await.unwrap().is_some());
    }
}
