//! Quotas as they are shown.

use lepton_proto::v1 as pb;
use serde::Serialize;

use super::{View, table::Table};

/// `lepton.v1.Quota`.
#[derive(Debug, Serialize)]
pub(crate) struct QuotaView {
    project_id: String,
    networks: QuotaUsageView,
    ports: QuotaUsageView,
    fixed_ips: QuotaUsageView,
    floating_ips: QuotaUsageView,
}

/// `lepton.v1.QuotaUsage`.
#[derive(Debug, Serialize)]
struct QuotaUsageView {
    used: u64,
    limit: Option<u32>,
    is_default: bool,
}

/// `lepton.v1.ListQuotasResponse`, but for its pages, which are one list here.
#[derive(Debug, Serialize)]
pub(crate) struct QuotasView {
    quotas: Vec<QuotaView>,
    has_more: bool,
}

impl QuotasView {
    /// A list, and whether the server has more.
    pub(crate) fn new(quotas: Vec<pb::Quota>, has_more: bool) -> Self {
        Self { quotas: quotas.into_iter().map(QuotaView::from).collect(), has_more }
    }
}

impl QuotaView {
    /// Each resource by its name, in the order of the API's fields.
    fn usages(&self) -> [(&'static str, &QuotaUsageView); 4] {
        [
            ("networks", &self.networks),
            ("ports", &self.ports),
            ("fixed IPs", &self.fixed_ips),
            ("floating IPs", &self.floating_ips),
        ]
    }
}

impl QuotaUsageView {
    fn limit(&self) -> String {
        self.limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string())
    }
}

impl From<pb::Quota> for QuotaView {
    fn from(quota: pb::Quota) -> Self {
        Self {
            project_id: quota.project_id,
            networks: quota.networks.unwrap_or_default().into(),
            ports: quota.ports.unwrap_or_default().into(),
            fixed_ips: quota.fixed_ips.unwrap_or_default().into(),
            floating_ips: quota.floating_ips.unwrap_or_default().into(),
        }
    }
}

impl From<pb::QuotaUsage> for QuotaUsageView {
    fn from(pb::QuotaUsage { used, limit, is_default }: pb::QuotaUsage) -> Self {
        Self { used, limit, is_default }
    }
}

impl View for QuotaView {
    fn to_text(&self) -> String {
        let mut fields = Table::default();
        fields.field("Project", &self.project_id);
        let mut usages = Table::with_header(["RESOURCE", "USED", "LIMIT", "SET BY"]);
        for (resource, usage) in self.usages() {
            let set_by = if usage.is_default { "configuration" } else { "admin" };
            usages.row([resource.to_owned(), usage.used.to_string(), usage.limit(), set_by.to_owned()]);
        }
        format!("{fields}\n{usages}")
    }
}

impl View for QuotasView {
    fn to_text(&self) -> String {
        let mut table = Table::with_header(["PROJECT", "NETWORKS", "PORTS", "FIXED IPS", "FLOATING IPS"]);
        for quota in &self.quotas {
            let [networks, ports, fixed_ips, floating_ips] =
                quota.usages().map(|(_, usage)| format!("{}/{}", usage.used, usage.limit()));
            table.row([quota.project_id.clone(), networks, ports, fixed_ips, floating_ips]);
        }
        table.to_string()
    }
}
