//! [`Call`]: what surrounds a mutating call, read from its request.

use lepton_ledger::{Command, Envelope, PlannedRequest, Refusal, Scope};
use lepton_proto::Mutation;
use lepton_types::RequestId;
use tonic::{Request, Status};

use super::plans::{Planning, request_id_of};
use crate::{Caller, manager::Wanted, parse, parse::Fields, status::refused};

/// What surrounds a mutating call: who calls, under which request id, and what a repetition is known by.
pub(super) struct Call {
    pub(super) caller: Caller,
    request_id: Option<RequestId>,
    body: Vec<u8>,
    pub(super) validate_only: bool,
    pub(super) planning: Option<Planning>,
}

impl Call {
    /// Whether its caller waits for what comes of it, if it wants to.
    pub(super) fn may_wait(&self) -> bool {
        !self.validate_only && !matches!(self.planning, Some(Planning::Of(_)))
    }

    /// The command, to be carried out as it was planned if it was.
    pub(super) fn wanted<C: Command>(&self, command: C) -> Wanted<C> {
        let plan = match &self.planning {
            Some(Planning::By(plan)) => Some((self.planned_request::<C>(), *plan)),
            Some(Planning::Of(_)) | None => None,
        };
        Wanted { command, plan }
    }

    pub(super) fn planned_request<C: Command>(&self) -> PlannedRequest {
        PlannedRequest::of::<C>(self.caller.name(), &self.body)
    }

    pub(super) fn envelope<C: Command>(&self) -> Envelope {
        Envelope::new::<C>(self.caller.name(), self.request_id.clone(), &self.body)
    }
}

/// Parses a mutating request: its id, and its command by `parse`.
pub(super) fn parse<R: Mutation, C>(
    request: &Request<R>,
    parse: impl FnOnce(Fields, &R) -> Result<C, Refusal>,
) -> Result<(Call, C), Status> {
    let caller = Caller::of(request)?.clone();
    let planning = request.extensions().get::<Planning>().cloned();
    let request = request.get_ref();
    let mut fields = Fields::default();
    let mut request_id = parse::request_id(&mut fields, request.request_id());
    if let Some(Planning::By(plan)) = &planning {
        request_id = Some(request_id_of(*plan));
    }
    let command = parse(fields, request).map_err(|refusal| refused(&refusal))?;
    let (body, validate_only) = (request.body(), request.validate_only());
    Ok((Call { caller, request_id, body, validate_only, planning }, command))
}

/// The same, of a request that tenants may make too: `parse` is told what the caller may see and change.
pub(super) fn parse_within<R: Mutation, C>(
    request: &Request<R>,
    parse_for: impl FnOnce(Fields, &R, Scope) -> Result<C, Refusal>,
) -> Result<(Call, C), Status> {
    let scope = Caller::of(request)?.scope().clone();
    parse(request, |fields, request| parse_for(fields, request, scope))
}
