//! Instances that have an address, as they are shown.

use lepton_proto::v1 as pb;
use serde::Serialize;

use super::{View, network::present, table::Table};

/// `lepton.v1.FindInstancesResponse`, but for its pages, which are one list here.
#[derive(Debug, Serialize)]
pub(crate) struct FoundInstancesView {
    found: Vec<FoundInstanceView>,
    has_more: bool,
}

/// `lepton.v1.FoundInstance`.
#[derive(Debug, Serialize)]
struct FoundInstanceView {
    instance_id: String,
    address: String,
    project_id: String,
    port_id: String,
    floating_ip: Option<String>,
}

impl FoundInstancesView {
    /// What was found, and whether the server has more.
    pub(crate) fn new(found: Vec<pb::FoundInstance>, has_more: bool) -> Self {
        Self { found: found.into_iter().map(FoundInstanceView::from).collect(), has_more }
    }
}

impl From<pb::FoundInstance> for FoundInstanceView {
    fn from(found: pb::FoundInstance) -> Self {
        let pb::FoundInstance { instance_id, address, project_id, port_id, floating_ip } = found;
        Self { instance_id, address, project_id, port_id, floating_ip: present(floating_ip) }
    }
}

impl View for FoundInstancesView {
    fn to_text(&self) -> String {
        let mut table = Table::with_header(["INSTANCE", "ADDRESS", "FLOATING IP", "PROJECT", "PORT"]);
        for found in &self.found {
            table.row([
                found.instance_id.clone(),
                found.address.clone(),
                found.floating_ip.clone().unwrap_or_default(),
                found.project_id.clone(),
                found.port_id.clone(),
            ]);
        }
        table.to_string()
    }
}
