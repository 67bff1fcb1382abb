//! How a caller moves an instance to another host.

use std::time::Duration;

use lepton_proto::v1;
use tokio::time;

use super::{Broken, Caller, Outcome, THINKS};

impl Caller {
    /// Moves an instance to another host, or begins to and goes back.
    pub(super) async fn migrate(&mut self) -> Outcome<()> {
        let place = self.chance.number(0..self.guests.len());
        let (instance_id, incarnation) =
            (self.guests[place].info.instance_id.clone(), self.guests[place].info.incarnation);
        let (source, dest) = (self.guests[place].info.host.clone(), self.chance.one(&self.hosts).clone());
        if source == dest {
            return Ok(());
        }
        self.trace.note(format_args!("caller {} moves {instance_id} to {dest}", self.number));
        let start = v1::MigrateInstanceStartRequest {
            instance_id: instance_id.clone(),
            incarnation,
            source: source.clone(),
            dest: dest.clone(),
            request_id: self.chance.uuid().to_string(),
            ..v1::MigrateInstanceStartRequest::default()
        };
        let started = self.insist(
            || (self.networks.clone(), start.clone()),
            |(mut client, request)| async move { client.migrate_instance_start(request).await },
        );
        started
            .await
            .map_err(|status| Broken(format!("{instance_id} does not begin to move: {status:?}")))?;
        time::sleep(self.chance.time(Duration::ZERO..THINKS)).await;
        if self.chance.strikes(300) {
            let back = v1::SetupNetworksOnHostRequest {
                instance_id: instance_id.clone(),
                incarnation,
                host: dest,
                teardown: true,
                request_id: self.chance.uuid().to_string(),
                ..v1::SetupNetworksOnHostRequest::default()
            };
            let stayed = self.insist(
                || (self.networks.clone(), back.clone()),
                |(mut client, request)| async move { client.setup_networks_on_host(request).await },
            );
            stayed.await.map_err(|status| Broken(format!("{instance_id} does not stay: {status:?}")))?;
        } else {
            let finish = v1::MigrateInstanceFinishRequest {
                instance_id: instance_id.clone(),
                incarnation,
                source,
                dest: dest.clone(),
                request_id: self.chance.uuid().to_string(),
                validate_only: false,
            };
            let moved = self.insist(
                || (self.networks.clone(), finish.clone()),
                |(mut client, request)| async move { client.migrate_instance_finish(request).await },
            );
            moved.await.map_err(|status| Broken(format!("{instance_id} has not moved: {status:?}")))?;
            self.guests[place].info.host = dest;
        }
        self.done.moves += 1;
        self.look(&self.guests[place].clone()).await
    }
}
