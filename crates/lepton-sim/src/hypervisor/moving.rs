//! Moves of live instances: their ports are plugged on two hosts for a while.

use lepton_proto::v1;
use lepton_types::InstanceId;

use super::{Hypervisor, Instance, name_of, to_wire};
use crate::{Call, SimError};

/// Both hypervisors of a move must stand for a host of their own, and the vNICs must be what they were all the way.
impl Hypervisor {
    /// Moves a live instance to another host: its ports are plugged there too, and then only there. With `abort` the guest
    /// stays after all.
    pub async fn move_live(
        &self,
        instance: InstanceId,
        target: &Self,
        abort: bool,
    ) -> Result<v1::NetworkInfo, SimError> {
        let moving = self.begin_move(instance, target, None).await?;
        if abort {
            return self.abort_move(instance, target).await;
        }
        self.end_move(instance, moving, target).await
    }

    /// Has the target plug a live instance's ports beside this host, as `binding` says or as they are here. Waits for them as
    /// the instance's boot waited.
    pub async fn begin_move(
        &self,
        instance: InstanceId,
        target: &Self,
        binding: Option<v1::PortBinding>,
    ) -> Result<v1::NetworkInfo, SimError> {
        let Instance { boot, info } = self.instance(instance)?;
        let request = v1::MigrateInstanceStartRequest {
            instance_id: instance.to_string(),
            incarnation: info.incarnation,
            source: name_of(self.host()),
            dest: name_of(target.host()),
            binding,
            wait_for_active: boot.wait_for_active.map(to_wire),
            request_id: self.request_id(),
            validate_only: false,
        };
        let moving = self
            .call(Call::MigrateStart, instance, || {
                let mut client = self.client.clone();
                let request = request.clone();
                async move { client.migrate_instance_start(request).await }
            })
            .await?;
        Self::check(instance, &info, &moving)?;
        Ok(moving)
    }

    /// Ends a move of which `moving` was told: from now on the instance runs at the target, and this host unplugs its ports.
    pub async fn end_move(
        &self,
        instance: InstanceId,
        moving: v1::NetworkInfo,
        target: &Self,
    ) -> Result<v1::NetworkInfo, SimError> {
        let Instance { boot, info } = self.instance(instance)?;
        let dest = name_of(target.host());
        let request = v1::MigrateInstanceFinishRequest {
            instance_id: instance.to_string(),
            incarnation: info.incarnation,
            source: name_of(self.host()),
            dest: dest.clone(),
            request_id: target.request_id(),
            validate_only: false,
        };
        let arrived = target
            .call(Call::MigrateFinish, instance, || {
                let mut client = target.client.clone();
                let request = request.clone();
                async move { client.migrate_instance_finish(request).await }
            })
            .await?;
        Self::check(instance, &at_destination(moving, dest), &arrived)?;
        self.state().instances.remove(&instance);
        target.state().instances.insert(instance, Instance { boot, info: arrived.clone() });
        Ok(arrived)
    }

    /// Ends a move at which nothing has moved: the instance stays here, and the target unplugs its ports.
    pub async fn abort_move(&self, instance: InstanceId, target: &Self) -> Result<v1::NetworkInfo, SimError> {
        let info = self.instance(instance)?.info;
        let request = v1::SetupNetworksOnHostRequest {
            instance_id: instance.to_string(),
            incarnation: info.incarnation,
            host: name_of(target.host()),
            teardown: true,
            binding: None,
            request_id: self.request_id(),
            validate_only: false,
        };
        let stays = self
            .call(Call::SetupNetworks, instance, || {
                let mut client = self.client.clone();
                let request = request.clone();
                async move { client.setup_networks_on_host(request).await }
            })
            .await?;
        Self::check(instance, &info, &stays)?;
        Ok(stays)
    }
}

/// What is to be told of an instance that moves when it has arrived: its devices are those of the destination.
fn at_destination(moving: v1::NetworkInfo, host: String) -> v1::NetworkInfo {
    let mut info = v1::NetworkInfo { host, ..moving };
    for vif in &mut info.vifs {
        if let Some(destination) = vif.destination.take() {
            vif.binding = destination.binding;
        }
    }
    info
}
