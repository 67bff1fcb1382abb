//! Networks as they are shown.

use lepton_proto::v1 as pb;
use serde::Serialize;

use super::{
    View,
    subnet::{SubnetView, route_table, subnet_table},
    table::{Table, listed},
};

/// `lepton.v1.Network`.
#[derive(Debug, Serialize)]
pub(crate) struct NetworkView {
    id: String,
    project_id: Option<String>,
    label: String,
    priority: i32,
    mtu: u32,
    subnets: Vec<SubnetView>,
    created_at: Option<String>,
    bridge: String,
    host: Option<String>,
    injected: bool,
}

/// `lepton.v1.ListNetworksResponse`, but for its pages, which are one list here.
#[derive(Debug, Serialize)]
pub(crate) struct NetworksView {
    networks: Vec<NetworkView>,
    has_more: bool,
}

/// `lepton.v1.DeleteNetworkResponse` and its like, which have no fields.
#[derive(Debug, Serialize)]
pub(crate) struct DeletedView {
    #[serde(skip)]
    kind: &'static str,
    #[serde(skip)]
    id: String,
    #[serde(skip)]
    deed: &'static str,
    #[serde(skip)]
    dry_run: bool,
}

impl NetworksView {
    /// A list, and whether the server has more.
    pub(crate) fn new(networks: Vec<pb::Network>, has_more: bool) -> Self {
        Self { networks: networks.into_iter().map(NetworkView::from).collect(), has_more }
    }
}

impl DeletedView {
    /// What was deleted, or could be.
    pub(crate) fn new(kind: &'static str, id: String, dry_run: bool) -> Self {
        Self { kind, id, deed: "deleted", dry_run }
    }

    /// What was released, or could be.
    pub(crate) fn released(kind: &'static str, id: String, dry_run: bool) -> Self {
        Self { deed: "released", ..Self::new(kind, id, dry_run) }
    }
}

impl From<pb::Network> for NetworkView {
    fn from(network: pb::Network) -> Self {
        Self {
            id: network.id,
            project_id: present(network.project_id),
            label: network.label,
            priority: network.priority,
            mtu: network.mtu,
            subnets: network.subnets.into_iter().map(SubnetView::from).collect(),
            created_at: network.created_at.map(|time| time.to_string()),
            bridge: network.bridge,
            host: present(network.host),
            injected: network.injected,
        }
    }
}

impl View for NetworkView {
    fn to_text(&self) -> String {
        let mut fields = Table::default();
        fields.field("Network", &self.id);
        fields.field("Label", &self.label);
        fields.field("Project", self.project_id.as_deref().unwrap_or_default());
        fields.field("Priority", &self.priority);
        fields.field("MTU", &self.mtu);
        fields.field("Bridge", &self.bridge);
        fields.field("Host", self.host.as_deref().unwrap_or_default());
        fields.field("Injected", yes_or_no(self.injected));
        fields.field("Created", self.created_at.as_deref().unwrap_or_default());
        format!("{fields}\n{}{}", subnet_table(&self.subnets), route_table(&self.subnets))
    }
}

impl View for NetworksView {
    fn to_text(&self) -> String {
        let mut table = Table::with_header(["ID", "LABEL", "PROJECT", "PRIORITY", "MTU", "SUBNETS"]);
        for network in &self.networks {
            let subnets: Vec<_> = network.subnets.iter().map(|subnet| subnet.cidr().to_owned()).collect();
            table.row([
                network.id.clone(),
                network.label.clone(),
                network.project_id.clone().unwrap_or_default(),
                network.priority.to_string(),
                network.mtu.to_string(),
                listed(&subnets),
            ]);
        }
        table.to_string()
    }
}

impl View for DeletedView {
    fn to_text(&self) -> String {
        let may = if self.dry_run { "can be" } else { "is" };
        format!("{} {} {may} {}.\n", self.kind, self.id, self.deed)
    }
}

/// The text, unless it is the wire's way to say none.
pub(super) fn present(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

pub(super) fn yes_or_no(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}
