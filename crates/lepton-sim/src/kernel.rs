//! [`KernelInstance`]: an instance in the kernel, from its allocation to its end.

use std::path::Path;

use lepton_proto::v1::{
    self,
    port_binding::{Kind, Veth},
};
use lepton_types::InstanceId;

use crate::{Boot, Guest, GuestError, Hypervisor, SimError};

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

impl KernelInstance {
    /// Starts a guest with `program guest`, has its ports plugged into its namespace, and configures them.
    ///
    /// `boot.binding` is not asked for; `boot.wait_for_active` should be given, as the interfaces must be there.
    pub async fn boot(hypervisor: &Hypervisor, program: &Path, boot: Boot) -> Result<Self, KernelError> {
        let mut guest = Guest::start(program).await?;
        let veth = Veth { netns_path: guest.netns_path(), guest_device: String::new() };
        let binding = v1::PortBinding { kind: Some(Kind::Veth(veth)) };
        let info = hypervisor.boot(Boot { binding: Some(binding), ..boot }).await?;
        let id = info.instance_id.parse().expect("the API answers with the id that it was asked for");
        guest.configure(&info).await?;
        Ok(Self { id, info, guest })
    }

    /// Gives its ports back, then ends its process; answers with the ports that were released.
    pub async fn kill(self, hypervisor: &Hypervisor) -> Result<Vec<String>, KernelError> {
        let released = hypervisor.kill(self.id).await?;
        self.guest.quit().await?;
        Ok(released)
    }
}
