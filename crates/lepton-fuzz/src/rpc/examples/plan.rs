//! Calls about plans.

use lepton_proto::{Mutation, v1};

use super::{Example, call, quota};
use crate::rpc::world::Named;

/// What is planned.
pub(in crate::rpc) fn planned() -> v1::PlanCallRequest {
    v1::PlanCallRequest { call: Some(quota::quota().to_any()) }
}

pub(super) fn calls(named: &Named) -> Vec<Example> {
    let v1::PlanCallRequest { call: planned_call } = planned();
    vec![
        call("/lepton.v1.Plans/PlanCall", &planned()),
        call(
            "/lepton.v1.Plans/ApplyPlan",
            &v1::ApplyPlanRequest { call: planned_call, plan_hash: named.plan.clone() },
        ),
    ]
}
