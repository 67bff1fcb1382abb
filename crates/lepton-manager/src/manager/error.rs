//! [`ManagerError`]: why a call has no answer.

use lepton_store::SubmitError;
use lepton_types::{HostId, InstanceId, PortId};

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ManagerError {
    /// The ledger refused, or does not answer.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// A port that the caller waited for could not be plugged.
    #[error("host {host} could not plug port {port} of instance {instance}: {problem}; {}", awaited.left(host, *is_undone))]
    PlugFailed {
        /// Which instance.
        instance: InstanceId,
        /// The host.
        host: HostId,
        /// The first port that failed.
        port: PortId,
        /// Why, in the kernel's own words.
        problem: String,
        /// What the caller waited for.
        awaited: Awaited,
        /// Whether it could be taken back.
        is_undone: bool,
    },
    /// The ports that the caller waited for were not plugged in time, as far as the ledger could be asked.
    #[error("host {host} is not known to have plugged the ports of instance {instance} in time; {}", awaited.left(host, *is_undone))]
    PlugTimeout {
        /// Which instance.
        instance: InstanceId,
        /// The host.
        host: HostId,
        /// What the caller waited for.
        awaited: Awaited,
        /// Whether it could be taken back.
        is_undone: bool,
    },
    /// The move that the caller waited for was aborted meanwhile, or finished and followed by another one.
    #[error(
        "the move of instance {instance} to host {destination} is over, and it is not there: it was aborted before that host had plugged its ports, or has moved on"
    )]
    MigrationAborted {
        /// Which instance.
        instance: InstanceId,
        /// Where it was to go.
        destination: HostId,
        /// Whether the instance is where it was. On yet another host it may have come there by either way.
        is_undone: bool,
    },
    /// The instance was deallocated while the caller waited for its ports.
    #[error("instance {instance} was deallocated before host {host} had plugged its ports")]
    Deallocated {
        /// Which instance.
        instance: InstanceId,
        /// The host.
        host: HostId,
    },
    /// The request was carried out before, and what it allocated has ended since.
    #[error(
        "what this request id allocated for instance {instance} has been deallocated since; nothing is left of it"
    )]
    DeallocatedSince {
        /// Which instance.
        instance: InstanceId,
    },
    /// The server stopped before the ports that the caller waited for were plugged.
    #[error("the server is stopping, and host {host} has not plugged the ports of instance {instance} yet; {}", awaited.left(host, *is_undone))]
    Stopping {
        /// Which instance.
        instance: InstanceId,
        /// The host.
        host: HostId,
        /// What the caller waited for.
        awaited: Awaited,
        /// Whether it could be taken back.
        is_undone: bool,
    },
}

/// What a caller waits for, until its ports are plugged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// An instance's vNICs on its host.
    Allocation,
    /// The same on the host that it is being moved to.
    Migration,
}

impl Awaited {
    /// What is left of it: also of what was undone, until the host is known to have nothing of it.
    fn left(self, host: &HostId, is_undone: bool) -> String {
        match (self, is_undone) {
            (Self::Allocation, true) => format!(
                "the allocation was undone, and its addresses are free once host {host}, if an agent of it was ever here, says that it has nothing of it"
            ),
            (Self::Allocation, false) => {
                "the allocation stands: wait for it again under the same request id, or deallocate it"
                    .to_owned()
            }
            (Self::Migration, true) => {
                format!(
                    "the move was aborted, and is over once host {host}, if an agent of it was ever here, says that it has nothing of it"
                )
            }
            (Self::Migration, false) => {
                "the move stands: wait for it again under the same request id, or abort it".to_owned()
            }
        }
    }
}
