//! The handlers of `lepton.v1.Plans`: each makes the call that it is given within this process, as its own caller, and tells the
//! call's handler by a [`Planning`] in the request's extensions what is wanted of it.

use std::sync::{Arc, OnceLock};

use bytes::{Buf, BufMut, Bytes};
use lepton_ledger::{Plan, PlanHash, PlannedField, PlannedHost, PlannedRow, PlannedValue, Refusal};
use lepton_plan::{HostState, plan as actions_between};
use lepton_proto::{
    MutatingCall, any, timestamp, type_of,
    v1::{self, planned_value, plans_server::Plans},
};
use lepton_types::RequestId;
use prost_types::Any;
use tonic::{
    Code, Request, Response, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    service::RoutesBuilder,
};

use super::Api;
use crate::{
    Caller,
    authorise::authorise_within,
    parse::Fields,
    status::{refused, status},
};

/// What the methods of `lepton.v1.Dns` begin with: names in domains that whoever calls them sees.
const OF_DNS: &str = "/lepton.v1.Dns/";

/// What is wanted of a call that is made within another one.
#[derive(Clone, Debug)]
pub(super) enum Planning {
    /// To say what it would do.
    Of(PlanSlot),
    /// To do what the plan says.
    By(PlanHash),
}

/// Where the plan of a call is told.
#[derive(Clone, Debug, Default)]
pub(super) struct PlanSlot(Arc<OnceLock<Plan>>);

impl PlanSlot {
    pub(super) fn put(&self, plan: Plan) {
        // A call is one command, and so has one plan.
        let _ = self.0.set(plan);
    }
}

/// The id of the request that carries a plan out.
pub(super) fn request_id_of(plan: PlanHash) -> RequestId {
    format!("plan:{plan}").parse().expect("a word and digits are a request id")
}

#[tonic::async_trait]
impl Plans for Api {
    async fn plan_call(
        &self,
        request: Request<v1::PlanCallRequest>,
    ) -> Result<Response<v1::PlanCallResponse>, Status> {
        let caller = Caller::of(&request)?.clone();
        let ((call, body), ()) = call_of(Fields::default(), request.into_inner().call, Some(()))?;
        let slot = PlanSlot::default();
        let is_tenants = caller.scope().project().is_some();
        let answer = self.make(call, body, caller, Planning::Of(slot.clone())).await?;
        let plan = slot.0.get().cloned();
        let plan = plan.map(|plan| message(if is_tenants { for_tenant(plan, call) } else { plan }));
        Ok(Response::new(v1::PlanCallResponse { answer: Some(answer), plan }))
    }

    async fn apply_plan(
        &self,
        request: Request<v1::ApplyPlanRequest>,
    ) -> Result<Response<v1::ApplyPlanResponse>, Status> {
        let caller = Caller::of(&request)?.clone();
        let v1::ApplyPlanRequest { call, plan_hash } = request.into_inner();
        let mut fields = Fields::default();
        let hash = fields.required::<PlanHash>("plan_hash", &plan_hash);
        let ((call, body), hash) = call_of(fields, call, hash)?;
        let answer = self.make(call, body, caller, Planning::By(hash)).await?;
        Ok(Response::new(v1::ApplyPlanResponse { answer: Some(answer) }))
    }
}

type Called = (&'static MutatingCall, Vec<u8>);

/// The call that is named, its request as it was sent, and what else of the fields was parsed.
fn call_of<T>(mut fields: Fields, call: Option<Any>, other: Option<T>) -> Result<(Called, T), Status> {
    let called = call.and_then(|call| Some((MutatingCall::taking(type_of(&call))?, call.value)));
    if called.is_none() {
        let problem = "must be the request of a call that changes something, such as one of type \
            type.googleapis.com/lepton.v1.CreateNetworksRequest";
        fields.wrong("call", problem);
    }
    fields.finish(called.zip(other)).map_err(|refusal: Refusal| refused(&refusal))
}

impl Api {
    /// Makes a call within this process; answers with what its handler does.
    async fn make(
        &self,
        call: &MutatingCall,
        body: Vec<u8>,
        caller: Caller,
        planning: Planning,
    ) -> Result<Any, Status> {
        authorise_within(&caller, &call.method)?;
        let mut routes = RoutesBuilder::default();
        self.clone().serve(&mut routes);
        let mut request = Request::new(Bytes::from(body));
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(planning);
        let path = PathAndQuery::try_from(call.method.as_str()).expect("a method has a path");
        // What was done must be answered, however much it is.
        let mut server = Grpc::new(routes.routes()).max_decoding_message_size(usize::MAX);
        let unready =
            |error| status(Code::Internal, "INTERNAL", format!("{} is not served: {error}", call.method), []);
        server.ready().await.map_err(unready)?;
        let answer = server.unary(request, path, Verbatim).await?;
        Ok(any(&call.answer, answer.into_inner().into()))
    }
}

/// Messages as they are encoded.
#[derive(Clone, Copy, Debug, Default)]
struct Verbatim;

impl Codec for Verbatim {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Verbatim {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(message);
        Ok(())
    }
}

impl Decoder for Verbatim {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// The plan without what does not exist for tenants: private domains, which have the names of all guests, and the ids of pools.
fn for_tenant(mut plan: Plan, call: &MutatingCall) -> Plan {
    if !call.method.starts_with(OF_DNS) {
        plan.rows.retain(|row| row.kind != "dns_entry");
    }
    for row in &mut plan.rows {
        row.fields.retain(|field| field.name != "pool_id");
    }
    plan
}

fn message(plan: Plan) -> v1::Plan {
    v1::Plan {
        hash: plan.hash.to_string(),
        expires_at: Some(timestamp(plan.expires_at)),
        rows: plan.rows.into_iter().map(row).collect(),
        hosts: plan.hosts.into_iter().map(host).collect(),
    }
}

fn row(row: PlannedRow) -> v1::PlannedRow {
    let fate = match (row.is_before, row.is_after) {
        (false, _) => v1::RowFate::Inserted,
        (true, true) => v1::RowFate::Updated,
        (true, false) => v1::RowFate::Deleted,
    };
    let fields = row.fields.into_iter().map(field).collect();
    v1::PlannedRow { kind: row.kind, key: row.key, fate: fate.into(), fields }
}

fn field(PlannedField { name, before, after }: PlannedField) -> v1::PlannedField {
    v1::PlannedField { name, before: before.map(value), after: after.map(value) }
}

fn value(value: PlannedValue) -> v1::PlannedValue {
    use planned_value::Value;

    let value = match value {
        PlannedValue::Text(text) => Value::Text(text),
        PlannedValue::At(moment) => Value::At(timestamp(moment)),
        // No quarantine and no lease is longer than a message can tell.
        PlannedValue::Later(span) => Value::Later(span.try_into().unwrap_or_default()),
    };
    v1::PlannedValue { value: Some(value) }
}

/// What the host does, as its agent plans it, if it is as the ledger says it must be.
fn host(planned: PlannedHost) -> v1::PlannedHost {
    let (before, after) = (HostState::desired(&planned.before), HostState::desired(&planned.after));
    let released = planned.released.iter().map(|port| port.device()).collect();
    let actions = actions_between(&after, &released, &before);
    let actions = actions.iter().filter(|_| planned.is_registered).map(|action| action.in_full().to_string());
    v1::PlannedHost {
        actions: actions.collect(),
        host: planned.host.into(),
        has_agent: planned.is_registered,
    }
}
