//! Beginning a move and waiting for its destination.

use std::time::Duration;

use lepton_ledger::{Envelope, MigrateInstanceStart, Move, Reply, UndoMigration};
use lepton_store::{StoreError, SubmitError};
use lepton_types::{HostId, Migration, NetworkInfo};
use tokio::time::Instant;

use super::{
    Awaited, Manager, ManagerError,
    waiting::{Progress, Shortfall},
};

impl Manager {
    /// Begins a move, and answers when the destination has plugged every port; aborts the move when one fails or `patience`
    /// ends.
    ///
    /// It comes to its end also when its caller goes away. A request that did not begin the move, because it is repeated or
    /// the move was under way already, waits too and undoes nothing: somebody else may rely on it.
    pub(crate) async fn migrate_and_wait(
        &self,
        command: MigrateInstanceStart,
        envelope: Envelope,
        patience: Duration,
    ) -> Result<NetworkInfo, ManagerError> {
        let manager = self.clone();
        let deadline = Instant::now() + patience;
        let wait = async move { manager.migrate_until(command, envelope, deadline).await };
        let done = self.inner.waits.spawn(wait).await;
        done.unwrap_or_else(|died| Err(SubmitError::Store(StoreError::Internal(died.to_string())).into()))
    }

    async fn migrate_until(
        &self,
        command: MigrateInstanceStart,
        envelope: Envelope,
        deadline: Instant,
    ) -> Result<NetworkInfo, ManagerError> {
        // Watching starts before the destination is told, so that no report is missed.
        let mut watch = self.inner.hub.watch_instance(command.instance);
        let reply = self.inner.store.submit(command, envelope.clone()).await.map_err(ManagerError::from)?;
        let Reply { answer: begun, is_repeated } = reply;
        let Some(migration) = begun.info.migration.clone() else { return Ok(begun.info) };
        let shortfall = match self
            .until(&begun.info, &mut watch, deadline, |info| arrival(&begun.info.host, &migration, info))
            .await
        {
            Ok(info) => return Ok(info),
            Err(shortfall) => shortfall,
        };
        let is_over = matches!(shortfall, Shortfall::Gone | Shortfall::Aborted);
        let is_ours = begun.has_begun && !is_repeated && !is_over;
        let is_undone = is_ours && self.abort(&begun, &envelope).await;
        Err(shortfall.into_error(Awaited::Migration, begun.info.instance, migration.destination, is_undone))
    }

    /// Takes a move back; answers whether that is certain.
    async fn abort(&self, begun: &Move, envelope: &Envelope) -> bool {
        let undo = UndoMigration { begun: begun.clone(), request: envelope.request_key().cloned() };
        self.insist(undo, envelope.actor()).await.is_some_and(|undone| undone.is_undone)
    }
}

/// How far a move has come that began so: whoever finishes it early need not wait for it. One that ended with the instance on
/// another host than its source was finished, wherever the instance has gone since.
fn arrival(source: &HostId, begun: &Migration, info: &NetworkInfo) -> Progress {
    if info.migration.as_ref() == Some(begun) {
        let plugs = info.vifs.iter().filter_map(|vif| Some((vif.id, &vif.destination.as_ref()?.status)));
        Progress::of(plugs)
    } else if info.host != *source {
        Progress::Ready
    } else {
        Progress::Short(Shortfall::Aborted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_that_ended_is_aborted_where_it_began_and_finished_anywhere_else() {
        let host = |name: &str| name.parse::<HostId>().unwrap();
        let to = |name: &str, revision: u64| Migration { destination: host(name), revision: revision.into() };
        let begun = to("there", 7);
        let on = |at: &str, migration: Option<Migration>| {
            let (instance, incarnation) = (uuid::Uuid::from_u128(1).into(), 1);
            NetworkInfo { instance, incarnation, host: host(at), migration, vifs: Vec::new() }
        };
        for at_home in [None, Some(to("there", 8)), Some(to("beyond", 1))] {
            let over = arrival(&host("here"), &begun, &on("here", at_home));
            assert!(matches!(over, Progress::Short(Shortfall::Aborted)));
        }
        for moved in [on("there", None), on("there", Some(to("beyond", 1))), on("beyond", None)] {
            assert!(matches!(arrival(&host("here"), &begun, &moved), Progress::Ready));
        }
    }
}
