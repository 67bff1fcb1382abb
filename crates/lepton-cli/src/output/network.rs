//! Networks as they are shown.

use lepton_proto::v1 as pb;
use serde::Serialize;

use super::{
    View,
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
}

/// `lepton.v1.Subnet`.
#[derive(Debug, Serialize)]
struct SubnetView {
    id: String,
    cidr: String,
    gateway: Option<String>,
    dns: Vec<String>,
    address_mode: String,
    allocation_pools: Vec<PoolView>,
    quarantine: String,
}

/// `lepton.v1.AllocationPool`.
#[derive(Debug, Serialize)]
struct PoolView {
    first: String,
    last: String,
}

/// `lepton.v1.ListNetworksResponse`, but for its pages, which are one list here.
#[derive(Debug, Serialize)]
pub(crate) struct NetworksView {
    networks: Vec<NetworkView>,
    has_more: bool,
}

/// `lepton.v1.DeleteNetworkResponse`, which has no fields.
#[derive(Debug, Serialize)]
pub(crate) struct DeletedView {
    #[serde(skip)]
    network: String,
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
    /// The network that was deleted, or could be.
    pub(crate) fn new(network: String, dry_run: bool) -> Self {
        Self { network, dry_run }
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
        }
    }
}

impl From<pb::Subnet> for SubnetView {
    fn from(subnet: pb::Subnet) -> Self {
        Self {
            address_mode: mode_word(subnet.address_mode),
            id: subnet.id,
            cidr: subnet.cidr,
            gateway: present(subnet.gateway),
            dns: subnet.dns,
            allocation_pools: subnet.allocation_pools.into_iter().map(PoolView::from).collect(),
            quarantine: subnet.quarantine.unwrap_or_default().to_string(),
        }
    }
}

impl From<pb::AllocationPool> for PoolView {
    fn from(pool: pb::AllocationPool) -> Self {
        Self { first: pool.first, last: pool.last }
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
        fields.field("Created", self.created_at.as_deref().unwrap_or_default());
        let mut subnets = Table::with_header([
            "SUBNET",
            "CIDR",
            "GATEWAY",
            "ADDRESSES",
            "POOLS",
            "QUARANTINE",
            "NAME SERVERS",
        ]);
        for subnet in &self.subnets {
            let pools: Vec<_> = subnet.allocation_pools.iter().map(PoolView::range).collect();
            subnets.row([
                subnet.id.clone(),
                subnet.cidr.clone(),
                subnet.gateway.clone().unwrap_or_default(),
                subnet.address_mode.clone(),
                listed(&pools),
                subnet.quarantine.clone(),
                listed(&subnet.dns),
            ]);
        }
        format!("{fields}\n{subnets}")
    }
}

impl PoolView {
    /// As `--pool` takes it.
    fn range(&self) -> String {
        format!("{}-{}", self.first, self.last)
    }
}

impl View for NetworksView {
    fn to_text(&self) -> String {
        let mut table = Table::with_header(["ID", "LABEL", "PROJECT", "PRIORITY", "MTU", "SUBNETS"]);
        for network in &self.networks {
            let subnets: Vec<_> = network.subnets.iter().map(|subnet| subnet.cidr.clone()).collect();
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
        let what = if self.dry_run { "can be deleted" } else { "is deleted" };
        format!("Network {} {what}.\n", self.network)
    }
}

/// The text, unless it is the wire's way to say none.
pub(super) fn present(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// The mode in one word; the number of one that a newer server knows.
fn mode_word(mode: i32) -> String {
    match pb::AddressMode::try_from(mode) {
        Ok(pb::AddressMode::Pool) => "pool".to_owned(),
        Ok(pb::AddressMode::Eui64) => "eui64".to_owned(),
        Ok(pb::AddressMode::Unspecified) => "unspecified".to_owned(),
        Err(_) => mode.to_string(),
    }
}
