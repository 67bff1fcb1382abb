//! Requests about quotas.

use lepton_ledger::{GetQuota, ListQuotas, Refusal, Scope, SetQuota};
use lepton_proto::v1::{self, quota_limit};
use lepton_types::{Amounts, Limit, Resource};

use super::{Fields, page};

/// Parses `GetQuota`.
pub(crate) fn get_quota(request: &v1::GetQuotaRequest, scope: Scope) -> Result<GetQuota, Refusal> {
    let mut fields = Fields::default();
    let project = match scope.project() {
        Some(_) => fields.optional("project_id", &request.project_id),
        None => fields.required("project_id", &request.project_id),
    };
    fields.finish(Some(GetQuota { project, scope }))
}

/// Parses `SetQuota`.
pub(crate) fn set_quota(mut fields: Fields, request: &v1::SetQuotaRequest) -> Result<SetQuota, Refusal> {
    let project = fields.required("project_id", &request.project_id);
    let given = Amounts {
        networks: request.networks.as_ref(),
        ports: request.ports.as_ref(),
        fixed_ips: request.fixed_ips.as_ref(),
        floating_ips: request.floating_ips.as_ref(),
    };
    if Resource::ALL.into_iter().all(|resource| given.of(resource).is_none()) {
        fields.wrong("networks", "is required, or the limit of another resource");
    }
    let mut limits = Amounts::default();
    for resource in Resource::ALL {
        *limits.of_mut(resource) = given.of(resource).and_then(|given| limit(&mut fields, resource, given));
    }
    fields.finish(project.map(|project| SetQuota { project, limits }))
}

/// The limit that the message says; none in it: the configuration's.
fn limit(fields: &mut Fields, resource: Resource, given: &v1::QuotaLimit) -> Option<Option<Limit>> {
    Some(match given.limit {
        Some(quota_limit::Limit::AtMost(most)) => Some(Limit::AtMost(most)),
        Some(quota_limit::Limit::Unlimited(())) => Some(Limit::Unlimited),
        Some(quota_limit::Limit::Configured(())) => None,
        None => {
            fields.wrong(resource.as_str(), "says no limit (expected at_most, unlimited or configured)");
            return None;
        }
    })
}

/// Parses `ListQuotas`; who may make the call sees all projects.
pub(crate) fn list_quotas(request: &v1::ListQuotasRequest, _: Scope) -> Result<ListQuotas, Refusal> {
    let mut fields = Fields::default();
    let limit = page::limit(&mut fields, request.page_size);
    let after = page::after(&mut fields, &request.page_token, |token| token.parse().ok());
    fields.finish(Some(ListQuotas { after, limit }))
}
