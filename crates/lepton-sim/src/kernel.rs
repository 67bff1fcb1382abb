//! [`KernelInstance`]: an instance in the kernel, from its allocation to its end.

use std::path::Path;

use lepton_proto::v1::{
    self,
    port_binding::{Kind, Veth},
};
use lepton_types::InstanceId;

use crate::{Boot, Guest, GuestError, Hypervisor, SimError, with_causes};

/// An instance whose vNICs are the interfaces of a [`Guest`].
#[derive(Debug)]
pub struct KernelInstance {
    /// Its identity.
    pub id: InstanceId,
    /// What the API said of its vNICs.
    pub info: v1::NetworkInfo,
    /// Its process.
    pub guest: Guest,
}

/// An instance that is on its way to another host.
#[derive(Debug)]
pub struct Moving {
    /// What the API says of its vNICs, which are plugged on both hosts.
    pub info: v1::NetworkInfo,
    /// The process that stands ready at the target.
    pub guest: Guest,
}

/// Why an instance could not run in the kernel.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The API refused.
    #[error(transparent)]
    Api(#[from] SimError),
    /// The guest failed.
    #[error(transparent)]
    Guest(#[from] GuestError),
}

impl KernelError {
    /// The API's reason, such as `NO_MORE_FIXED_IPS`; none for a failure of another kind.
    pub fn reason(&self) -> Option<String> {
        if let Self::Api(error) = self { error.reason() } else { None }
    }
}

impl KernelInstance {
    /// Starts a guest with `program guest`, has its ports plugged into its namespace, and configures them.
    ///
    /// `boot.binding` is not asked for; `boot.wait_for_active` should be given, as the interfaces must be there. An instance that
    /// cannot be configured is killed, as compute agents do.
    pub async fn boot(hypervisor: &Hypervisor, program: &Path, boot: Boot) -> Result<Self, KernelError> {
        let mut guest = Guest::start(program).await?;
        let info = hypervisor.boot(Boot { binding: Some(ports_of(&guest)), ..boot }).await?;
        let id = info.instance_id.parse().expect("the API answers with the id that it was asked for");
        let configured = guest.configure(&info).await;
        let booted = Self { id, info, guest };
        match configured {
            Ok(()) => Ok(booted),
            Err(error) => Err(booted.give_up(hypervisor, error.into()).await),
        }
    }

    /// Kills what could not be booted; answers with why it could not. That is what its caller needs to know, so a failure to
    /// kill it is only logged.
    async fn give_up(self, hypervisor: &Hypervisor, why: KernelError) -> KernelError {
        let id = self.id;
        if let Err(error) = self.kill(hypervisor).await {
            tracing::warn!(instance = %id, error = with_causes(&error), "cannot be killed after its boot failed");
        }
        why
    }

    /// Reboots it: the same ports in the same namespace, whose interfaces are configured from nothing by what the API
    /// says of them now, which must be what it said before.
    pub async fn reboot(&mut self, hypervisor: &Hypervisor) -> Result<(), KernelError> {
        self.info = hypervisor.reboot(self.id).await?;
        Ok(self.guest.configure(&self.info).await?)
    }

    /// Moves it to another host: kills it here, and begins its next life there, in a new namespace.
    ///
    /// The target's agent must reach this machine's processes, as the same host's does. The instance is away meanwhile:
    /// a guest has one namespace, and nobody moves its memory.
    pub async fn migrate(
        self,
        from: &Hypervisor,
        target: &Hypervisor,
        program: &Path,
    ) -> Result<Self, KernelError> {
        let (id, before) = (self.id, self.info.incarnation);
        let boot = from.boot_of(id)?;
        self.kill(from).await?;
        let moved = Self::boot(target, program, Boot { instance: Some(id), ..boot }).await?;
        let now = moved.info.incarnation;
        if now <= before {
            let error = SimError::SameLife { instance: id, before, now };
            return Err(moved.give_up(target, error.into()).await);
        }
        Ok(moved)
    }

    /// Begins to move it to another host without ending its life: a guest stands ready there, with the same ports in a namespace
    /// of its own.
    ///
    /// The target's agent must reach this machine's processes.
    pub async fn begin_move(
        &self,
        from: &Hypervisor,
        target: &Hypervisor,
        program: &Path,
    ) -> Result<Moving, KernelError> {
        let guest = Guest::start(program).await?;
        let info = from.begin_move(self.id, target, Some(ports_of(&guest))).await?;
        Ok(Moving { info, guest })
    }

    /// Ends the move: it runs in the guest that stands ready at the target. Answers with the guest that it was, which the host that
    /// it has left still has to unplug.
    pub async fn end_move(
        &mut self,
        moving: Moving,
        from: &Hypervisor,
        target: &Hypervisor,
    ) -> Result<Guest, KernelError> {
        let Moving { info, mut guest } = moving;
        self.info = from.end_move(self.id, info, target).await?;
        guest.configure(&self.info).await?;
        Ok(std::mem::replace(&mut self.guest, guest))
    }

    /// Gives its ports back, then ends its process; answers with the ports that were released.
    pub async fn kill(self, hypervisor: &Hypervisor) -> Result<Vec<String>, KernelError> {
        let released = hypervisor.kill(self.id).await?;
        self.guest.quit().await?;
        Ok(released)
    }
}

/// Ports in the guest's namespace.
fn ports_of(guest: &Guest) -> v1::PortBinding {
    let veth = Veth { netns_path: guest.netns_path(), guest_device: String::new() };
    v1::PortBinding { kind: Some(Kind::Veth(veth)) }
}
