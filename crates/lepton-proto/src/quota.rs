//! `quota.proto`: quotas to the wire.

use lepton_types::{Amounts, Limit, Quota, Resource};

use crate::v1;

/// What a project has and may have as a message; `limits` are those that hold, the defaults included.
pub fn quota(quota: Quota, limits: &Amounts<Limit>) -> v1::Quota {
    let usage = |resource: Resource| {
        Some(v1::QuotaUsage {
            used: *quota.used.of(resource),
            limit: match limits.of(resource) {
                Limit::Unlimited => None,
                Limit::AtMost(most) => Some(*most),
            },
            is_default: quota.limits.of(resource).is_none(),
        })
    };
    v1::Quota {
        networks: usage(Resource::Networks),
        ports: usage(Resource::Ports),
        fixed_ips: usage(Resource::FixedIps),
        floating_ips: usage(Resource::FloatingIps),
        project_id: quota.project.into(),
    }
}
