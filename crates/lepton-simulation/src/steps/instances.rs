//! Operations on instances and hosts.

use lepton_proto::v1::{self, network_manager_client::NetworkManagerClient};
use lepton_sim::reason;
use tonic::Status;

use super::{Operation, Scene, allocation, id, instance};

pub(super) const OPERATIONS: &[Operation] = &[
    operation!("NetworkManager/AllocateForInstance", |scene| {
        two_networks(scene).await?;
        let wait_for_active = None;
        let request =
            v1::AllocateForInstanceRequest { request_id: id(), wait_for_active, ..allocation(1, "host-1") };
        scene
            .perform(async |wire| {
                NetworkManagerClient::new(wire).allocate_for_instance(request.clone()).await
            })
            .await
    }),
    operation!("a boot that waits for its ports", |scene| {
        two_networks(scene).await?;
        scene.begin().await;
        let request = v1::AllocateForInstanceRequest { request_id: id(), ..allocation(1, "host-1") };
        scene.boot_at_last(&request).await
    }),
    operation!("a boot whose ports are never there", |scene| {
        two_networks(scene).await?;
        let away = &scene.simulation.hosts[1];
        scene.begin_without(away).await;
        let wait_for_active = Some(prost_types::Duration { seconds: 1, nanos: 0 });
        let request =
            v1::AllocateForInstanceRequest { request_id: id(), wait_for_active, ..allocation(1, "host-2") };
        let boots = async |wire| NetworkManagerClient::new(wire).allocate_for_instance(request.clone()).await;
        let refused = scene.ask(boots).await.map_or_else(|status| reason(&status), |_| "none".to_owned());
        away.start();
        if refused != "PORT_PLUG_TIMEOUT" {
            return Err(Status::internal(format!("it is refused for the reason {refused}")));
        }
        // Who asks again, since the first answer was lost, waits again, and what had been given stays.
        let end = v1::DeallocateForInstanceRequest {
            instance_id: instance(1),
            request_id: "end".to_owned(),
            ..v1::DeallocateForInstanceRequest::default()
        };
        let ends = async |wire| NetworkManagerClient::new(wire).deallocate_for_instance(end.clone()).await;
        scene.ask(ends).await.map(drop)
    }),
    operation!("NetworkManager/DeallocateForInstance", |scene| {
        two_networks(scene).await?;
        scene.boot(1, "host-1").await?;
        let request = v1::DeallocateForInstanceRequest {
            instance_id: instance(1),
            request_id: id(),
            ..v1::DeallocateForInstanceRequest::default()
        };
        scene
            .perform(async |wire| {
                NetworkManagerClient::new(wire).deallocate_for_instance(request.clone()).await
            })
            .await
    }),
    operation!("NetworkManager/MigrateInstanceStart", |scene| {
        two_networks(scene).await?;
        scene.boot(1, "host-1").await?;
        let request = start(id());
        scene
            .perform(async |wire| {
                NetworkManagerClient::new(wire).migrate_instance_start(request.clone()).await
            })
            .await
    }),
    operation!("NetworkManager/MigrateInstanceFinish", |scene| {
        begins_to_move(scene).await?;
        let request = v1::MigrateInstanceFinishRequest {
            instance_id: instance(1),
            source: "host-1".to_owned(),
            dest: "host-2".to_owned(),
            request_id: id(),
            ..v1::MigrateInstanceFinishRequest::default()
        };
        scene
            .perform(async |wire| {
                NetworkManagerClient::new(wire).migrate_instance_finish(request.clone()).await
            })
            .await
    }),
    operation!("NetworkManager/SetupNetworksOnHost", |scene| {
        begins_to_move(scene).await?;
        let request = v1::SetupNetworksOnHostRequest {
            instance_id: instance(1),
            host: "host-2".to_owned(),
            teardown: true,
            request_id: id(),
            ..v1::SetupNetworksOnHostRequest::default()
        };
        scene
            .perform(async |wire| {
                NetworkManagerClient::new(wire).setup_networks_on_host(request.clone()).await
            })
            .await
    }),
    operation!("NetworkManager/FenceHost", |scene| {
        two_networks(scene).await?;
        scene.boot(1, "host-2").await?;
        let gone = &scene.simulation.hosts[1];
        scene.begin_without(gone).await;
        let end = v1::DeallocateForInstanceRequest {
            instance_id: instance(1),
            request_id: "end".to_owned(),
            ..v1::DeallocateForInstanceRequest::default()
        };
        scene
            .ask(async |wire| NetworkManagerClient::new(wire).deallocate_for_instance(end.clone()).await)
            .await?;
        let request =
            v1::FenceHostRequest { host: "host-2".to_owned(), request_id: id(), ..Default::default() };
        scene.ask(async |wire| NetworkManagerClient::new(wire).fence_host(request.clone()).await).await?;
        gone.start();
        Ok(())
    }),
    operation!("a host reboots", |scene| {
        two_networks(scene).await?;
        scene.boot(1, "host-1").await?;
        scene.boot(2, "host-1").await?;
        scene.begin().await;
        let host = &scene.simulation.hosts[0];
        host.reboot();
        host.start();
        Ok(())
    }),
    operation!("an address that has rested is given out again", |scene| {
        scene.network("blue", "10.1.0.0/30").await?;
        scene.boot(1, "host-1").await?;
        scene.begin().await;
        let end = v1::DeallocateForInstanceRequest {
            instance_id: instance(1),
            request_id: "end".to_owned(),
            ..v1::DeallocateForInstanceRequest::default()
        };
        scene
            .ask(async |wire| NetworkManagerClient::new(wire).deallocate_for_instance(end.clone()).await)
            .await?;
        // The network has no other address.
        scene.boot_at_last(&allocation(2, "host-2")).await
    }),
];

async fn two_networks(scene: &Scene) -> Result<(), Status> {
    scene.network("blue", "10.1.0.0/24").await?;
    scene.network("green", "10.2.0.0/24").await.map(drop)
}

/// An instance whose ports are on their way to another host.
async fn begins_to_move(scene: &Scene) -> Result<(), Status> {
    two_networks(scene).await?;
    scene.boot(1, "host-1").await?;
    let request = start("start".to_owned());
    scene
        .ask(async |wire| NetworkManagerClient::new(wire).migrate_instance_start(request.clone()).await)
        .await
        .map(drop)
}

fn start(request_id: String) -> v1::MigrateInstanceStartRequest {
    v1::MigrateInstanceStartRequest {
        instance_id: instance(1),
        source: "host-1".to_owned(),
        dest: "host-2".to_owned(),
        request_id,
        ..v1::MigrateInstanceStartRequest::default()
    }
}
