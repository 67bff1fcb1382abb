//! Errors on the wire: a gRPC code, `google.rpc.ErrorInfo`, and what else helps a client.

use std::collections::HashMap;

use lepton_ledger::{Refusal, RefusalKind, Violation};
use lepton_store::{StoreError, SubmitError};
use tonic::{Code, Status, metadata::MetadataMap};
use tonic_types::{ErrorDetails, StatusExt};

use crate::manager::ManagerError;

/// Domain of every `google.rpc.ErrorInfo` that Lepton sends.
pub(crate) const ERROR_DOMAIN: &str = "lepton";

/// A status with its reason and what it is about.
pub(crate) fn status<'a>(
    code: Code,
    reason: &str,
    message: impl Into<String>,
    metadata: impl IntoIterator<Item = (&'a str, String)>,
) -> Status {
    Status::with_error_details(code, message, details(reason, metadata))
}

/// The same, with what gRPC itself has to tell.
pub(crate) fn status_with<'a>(
    code: Code,
    reason: &str,
    message: impl Into<String>,
    metadata: impl IntoIterator<Item = (&'a str, String)>,
    of_grpc: MetadataMap,
) -> Status {
    Status::with_error_details_and_metadata(code, message, details(reason, metadata), of_grpc)
}

fn details<'a>(reason: &str, metadata: impl IntoIterator<Item = (&'a str, String)>) -> ErrorDetails {
    let metadata: HashMap<String, String> =
        metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    ErrorDetails::with_error_info(reason, ERROR_DOMAIN, metadata)
}

/// The refusal of a caller's error.
pub(crate) fn refused(refusal: &Refusal) -> Status {
    let mut details = details(refusal.reason(), refusal.metadata());
    for Violation { field, problem } in violations(refusal) {
        details.add_bad_request_violation(field, problem);
    }
    Status::with_error_details(code(refusal), refusal.to_string(), details)
}

fn code(refusal: &Refusal) -> Code {
    match refusal.kind() {
        RefusalKind::Invalid => Code::InvalidArgument,
        RefusalKind::NotFound => Code::NotFound,
        RefusalKind::Exists => Code::AlreadyExists,
        RefusalKind::Unfit => Code::FailedPrecondition,
        RefusalKind::Exhausted => Code::ResourceExhausted,
        RefusalKind::Denied => Code::PermissionDenied,
        RefusalKind::OutOfRange => Code::OutOfRange,
    }
}

/// The fields at fault, for every refusal that is `INVALID_ARGUMENT` and for hosts that are not known.
fn violations(refusal: &Refusal) -> Vec<Violation> {
    if let Refusal::InvalidFields { violations, .. } = refusal {
        return violations.clone();
    }
    let field = refusal.field_at_fault().map(str::to_owned);
    field.into_iter().map(|field| Violation { field, problem: refusal.to_string() }).collect()
}

impl From<ManagerError> for Status {
    fn from(error: ManagerError) -> Self {
        let message = error.to_string();
        match error {
            ManagerError::Submit(SubmitError::Refused(refusal)) => refused(&refusal),
            ManagerError::Submit(SubmitError::Store(error)) => store_failed(&error, message),
            ManagerError::PlugFailed { instance, port, problem, is_undone, .. } => {
                let metadata = [
                    ("instance_id", instance.to_string()),
                    ("port_id", port.to_string()),
                    ("problem", problem),
                    ("undone", is_undone.to_string()),
                ];
                status(Code::Aborted, "PORT_PLUG_FAILED", message, metadata)
            }
            ManagerError::PlugTimeout { instance, host, is_undone, .. } => {
                let metadata = [
                    ("instance_id", instance.to_string()),
                    ("host", host.to_string()),
                    ("undone", is_undone.to_string()),
                ];
                status(Code::DeadlineExceeded, "PORT_PLUG_TIMEOUT", message, metadata)
            }
            ManagerError::MigrationAborted { instance, destination, is_undone } => {
                let metadata = [
                    ("instance_id", instance.to_string()),
                    ("destination", destination.to_string()),
                    ("undone", is_undone.to_string()),
                ];
                status(Code::Aborted, "MIGRATION_ABORTED", message, metadata)
            }
            ManagerError::Deallocated { instance, .. } | ManagerError::DeallocatedSince { instance } => {
                let metadata = [("instance_id", instance.to_string()), ("undone", true.to_string())];
                status(Code::Aborted, "INSTANCE_DEALLOCATED", message, metadata)
            }
            ManagerError::Stopping { instance, is_undone, .. } => {
                let metadata = [("instance_id", instance.to_string()), ("undone", is_undone.to_string())];
                status(Code::Unavailable, "SHUTTING_DOWN", message, metadata)
            }
        }
    }
}

fn store_failed(error: &StoreError, message: String) -> Status {
    match error {
        StoreError::QueueFull { limit, retry_after } => {
            let mut details = details("QUEUE_FULL", [("limit", limit.to_string())]);
            details.set_retry_info(Some(*retry_after));
            Status::with_error_details(Code::ResourceExhausted, message, details)
        }
        StoreError::Closed => status(Code::Unavailable, "SHUTTING_DOWN", message, []),
        StoreError::Unavailable(_) => status(Code::Unavailable, "LEDGER_UNAVAILABLE", message, []),
        StoreError::UnreadableAnswer(_) => {
            tracing::error!(%error, "a repeated request cannot be answered");
            status(Code::Internal, "INTERNAL", message, [])
        }
        StoreError::Internal(_) | StoreError::NewerSchema { .. } | StoreError::Open { .. } => {
            tracing::error!(%error, "a call failed by a fault of the server's");
            status(Code::Internal, "INTERNAL", "a fault of the server's, which its log describes", [])
        }
    }
}
