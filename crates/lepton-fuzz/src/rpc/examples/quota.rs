//! Calls about the quotas.

use lepton_proto::v1;

use super::{Example, PROJECT, call, call_by};
use crate::callers::MEMBER;

/// A limit for each resource, one of each kind.
pub(super) fn quota() -> v1::SetQuotaRequest {
    use v1::quota_limit::Limit;
    let limit = |limit| Some(v1::QuotaLimit { limit: Some(limit) });
    v1::SetQuotaRequest {
        project_id: PROJECT.into(),
        networks: limit(Limit::AtMost(20)),
        ports: limit(Limit::Unlimited(())),
        fixed_ips: limit(Limit::Configured(())),
        ..Default::default()
    }
}

pub(super) fn calls() -> Vec<Example> {
    vec![
        call_by(MEMBER, "/lepton.v1.Quotas/GetQuota", &v1::GetQuotaRequest::default()),
        call("/lepton.v1.Quotas/SetQuota", &quota()),
        call("/lepton.v1.Quotas/ListQuotas", &v1::ListQuotasRequest { page_size: 1, ..Default::default() }),
    ]
}
