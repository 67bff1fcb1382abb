//! What may go wrong between a hypervisor and the API.

use std::{error::Error, iter};

use lepton_proto::v1;
use lepton_types::InstanceId;
use tonic::Status;
use tonic_types::StatusExt;

use crate::Call;

/// Why an operation on an instance failed.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The API refused the call, or was out of reach for longer than the retries lasted.
    #[error("{call} of instance {instance} failed after {attempts} attempts: {} {}", reason(status), status.message())]
    Refused {
        /// Which call.
        call: Call,
        /// For which instance.
        instance: InstanceId,
        /// How often it was tried.
        attempts: u32,
        /// The last answer.
        status: Box<Status>,
    },
    /// The instance's vNICs are not what they were when it booted.
    #[error(
        "instance {instance} came back from its reboot with other vNICs: {after:?} instead of {before:?}"
    )]
    Changed {
        /// Which instance.
        instance: InstanceId,
        /// What the allocation answered.
        before: Box<v1::NetworkInfo>,
        /// What GetInstanceNwInfo answers now.
        after: Box<v1::NetworkInfo>,
    },
    /// The instance does not run on this hypervisor.
    #[error("instance {0} does not run here")]
    NotHere(InstanceId),
    /// A second life of the instance does not count further than its first.
    #[error("instance {instance} was allocated anew with incarnation {now} after {before}")]
    SameLife {
        /// Which instance.
        instance: InstanceId,
        /// The incarnation that ended.
        before: u64,
        /// The incarnation that began.
        now: u64,
    },
}

impl SimError {
    /// The API's reason, such as `NO_MORE_FIXED_IPS`; none for a failure of another kind.
    pub fn reason(&self) -> Option<String> {
        if let Self::Refused { status, .. } = self { Some(reason(status)) } else { None }
    }
}

/// The reason in a status' `google.rpc.ErrorInfo`, else the name of its code.
pub fn reason(status: &Status) -> String {
    match status.get_details_error_info() {
        Some(info) => info.reason,
        None => format!("{:?}", status.code()),
    }
}

/// An error with its causes, in one line.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let chain = iter::successors(Some(error), |&error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
