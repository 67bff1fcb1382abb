//! Beginning a move and waiting for its destination.

use std::time::Duration;

use lepton_ledger::{Envelope, Followed, MigrateInstanceStart, Move, Reply, UndoMigration};
use lepton_types::{HostId, Migration, NetworkInfo};
use tokio::time::Instant;

use super::{
    Awaited, Manager, ManagerError, Wanted,
    waiting::{Begun, Progress, Shortfall},
};
use crate::hub::InstanceWatch;

impl Manager {
    /// Begins a move, and answers when the destination has plugged every port; aborts the move when one fails or `patience`
    /// ends.
    ///
    /// It comes to its end also when its caller goes away. A request that did not begin the move, because it is repeated or
    /// the move was under way already, waits too and undoes nothing: somebody else may rely on it. So it ends with its caller.
    pub(crate) async fn migrate_and_wait(
        &self,
        wanted: Wanted<MigrateInstanceStart>,
        envelope: Envelope,
        patience: Duration,
    ) -> Result<NetworkInfo, ManagerError> {
        let (manager, deadline) = (self.clone(), Instant::now() + patience);
        let begun = self.detached(async move { manager.begin_move(wanted, envelope, deadline).await });
        match begun.await? {
            Begun::Waited(info) => Ok(info),
            Begun::Repeated((begun, migration), mut watch) => {
                let arrived = self.arrived(&begun, &migration, &mut watch, deadline).await;
                arrived.map_err(|shortfall| not_moved(shortfall, &begun, migration, false))
            }
        }
    }

    /// Begins a move, and unless it was under way already, waits and aborts it when a port fails or time is over.
    async fn begin_move(
        &self,
        wanted: Wanted<MigrateInstanceStart>,
        envelope: Envelope,
        deadline: Instant,
    ) -> Result<Begun<(Move, Migration)>, ManagerError> {
        // Watching starts before the destination is told, so that no report is missed.
        let mut watch = self.inner.hub.watch_instance(wanted.command.instance);
        let reply = self.carry_out(wanted, envelope.clone()).await.map_err(ManagerError::from)?;
        let Reply { answer: begun, is_repeated } = reply;
        let Some(migration) = begun.info.migration.clone() else { return Ok(Begun::Waited(begun.info)) };
        if is_repeated || !begun.has_begun {
            return Ok(Begun::Repeated((begun, migration), watch));
        }
        let shortfall = match self.arrived(&begun, &migration, &mut watch, deadline).await {
            Ok(info) => return Ok(Begun::Waited(info)),
            Err(shortfall) => shortfall,
        };
        let is_over = matches!(shortfall, Shortfall::Gone | Shortfall::Aborted { .. });
        let is_undone = !is_over && self.abort(&begun, &envelope).await;
        Err(not_moved(shortfall, &begun, migration, is_undone))
    }

    /// Waits until the destination has plugged every port, or the move is over.
    pub(super) async fn arrived(
        &self,
        begun: &Move,
        migration: &Migration,
        watch: &mut InstanceWatch,
        deadline: Instant,
    ) -> Result<NetworkInfo, Shortfall> {
        self.until(&begun.info, watch, deadline, |seen| arrival(&begun.info.host, migration, seen)).await
    }

    /// Takes a move back; answers whether that is certain.
    async fn abort(&self, begun: &Move, envelope: &Envelope) -> bool {
        let undo = UndoMigration { begun: begun.clone(), request: envelope.request_key().cloned() };
        self.insist(undo, envelope.actor()).await.is_some_and(|undone| undone.is_undone)
    }
}

fn not_moved(shortfall: Shortfall, begun: &Move, migration: Migration, is_undone: bool) -> ManagerError {
    shortfall.into_error(Awaited::Migration, begun.info.instance, migration.destination, is_undone)
}

/// How far a move has come that began so: whoever finishes it early need not wait for it. One that ended with the instance on its
/// destination was finished, also when it is on its way from there by now. Of an instance that has gone on between two looks the
/// ledger knows whether it came there.
fn arrival(source: &HostId, begun: &Migration, Followed { info, is_finished }: &Followed) -> Progress {
    if info.migration.as_ref() == Some(begun) {
        let plugs = info.vifs.iter().filter_map(|vif| Some((vif.id, &vif.destination.as_ref()?.status)));
        Progress::of(plugs)
    } else if *is_finished || info.host == begun.destination {
        Progress::Ready
    } else {
        Progress::Short(Shortfall::Aborted { is_home: info.host == *source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_that_ended_is_finished_where_it_led_to_and_nowhere_else() {
        let host = |name: &str| name.parse::<HostId>().unwrap();
        let to = |name: &str, revision: u64| Migration { destination: host(name), revision: revision.into() };
        let begun = to("there", 7);
        let on = |at: &str, migration: Option<Migration>| {
            let (instance, incarnation) = (uuid::Uuid::from_u128(1).into(), 1);
            let info = NetworkInfo { instance, incarnation, host: host(at), migration, vifs: Vec::new() };
            Followed { info, is_finished: false }
        };
        for at_home in [None, Some(to("there", 8)), Some(to("beyond", 1))] {
            let over = arrival(&host("here"), &begun, &on("here", at_home));
            assert!(matches!(over, Progress::Short(Shortfall::Aborted { is_home: true })));
        }
        for moved in [on("there", None), on("there", Some(to("beyond", 1)))] {
            assert!(matches!(arrival(&host("here"), &begun, &moved), Progress::Ready));
        }
        let elsewhere = arrival(&host("here"), &begun, &on("beyond", None));
        assert!(matches!(elsewhere, Progress::Short(Shortfall::Aborted { is_home: false })), "by either way");
        let went_on = Followed { is_finished: true, ..on("beyond", None) };
        assert!(matches!(arrival(&host("here"), &begun, &went_on), Progress::Ready));
    }
}
