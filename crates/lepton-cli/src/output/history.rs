//! Who held what, as it is shown.

use lepton_proto::v1 as pb;
use prost_types::Timestamp;
use serde::Serialize;

use super::{
    View,
    network::{present, yes_or_no},
    table::Table,
};

/// `lepton.v1.ListHoldersResponse`, but for its pages, which are one list here.
#[derive(Debug, Serialize)]
pub(crate) struct HoldingsView {
    holdings: Vec<HoldingView>,
    has_more: bool,
    remembered_since: Option<String>,
    /// Whether they are what one instance or port held, and not who held one thing.
    #[serde(skip)]
    is_of_holder: bool,
}

/// `lepton.v1.Holding`.
#[derive(Debug, Serialize)]
struct HoldingView {
    kind: String,
    address: Option<String>,
    mac: Option<String>,
    project_id: String,
    port_id: Option<String>,
    instance_id: Option<String>,
    incarnation: Option<u64>,
    network_id: Option<String>,
    host_id: Option<String>,
    has_moved: bool,
    fixed_ip: Option<String>,
    subnet_id: Option<String>,
    pool_id: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

impl HoldingsView {
    /// A list, whether the server has more, from when on nothing is missing, and whether it is what one instance or port held.
    pub(crate) fn new(
        holdings: Vec<pb::Holding>,
        has_more: bool,
        remembered_since: Option<Timestamp>,
        is_of_holder: bool,
    ) -> Self {
        let holdings = holdings.into_iter().map(HoldingView::from).collect();
        let remembered_since = remembered_since.map(|time| time.to_string());
        Self { holdings, has_more, remembered_since, is_of_holder }
    }

    /// Who held one thing.
    fn holders(&self) -> Table {
        let header = ["SINCE", "UNTIL", "AS", "INSTANCE", "PROJECT", "HOST", "PORT", "LEADS TO"];
        let mut table = Table::with_header(header);
        for holding in &self.holdings {
            table.row([
                cell(&holding.since),
                cell(&holding.until),
                holding.kind.clone(),
                cell(&holding.instance_id),
                holding.project_id.clone(),
                cell(&holding.host_id),
                cell(&holding.port_id),
                cell(&holding.fixed_ip),
            ]);
        }
        table
    }

    /// What one held.
    fn held(&self) -> Table {
        let header = ["SINCE", "UNTIL", "AS", "HELD", "LEADS TO", "PORT", "LIFE", "HOST", "MOVED", "PROJECT"];
        let mut table = Table::with_header(header);
        for holding in &self.holdings {
            table.row([
                cell(&holding.since),
                cell(&holding.until),
                holding.kind.clone(),
                cell(if holding.address.is_some() { &holding.address } else { &holding.mac }),
                cell(&holding.fixed_ip),
                cell(&holding.port_id),
                holding.incarnation.map(|number| number.to_string()).unwrap_or_default(),
                cell(&holding.host_id),
                yes_or_no(holding.has_moved).to_owned(),
                holding.project_id.clone(),
            ]);
        }
        table
    }
}

impl From<pb::Holding> for HoldingView {
    fn from(holding: pb::Holding) -> Self {
        Self {
            kind: kind_word(holding.kind),
            address: present(holding.address),
            mac: present(holding.mac),
            project_id: holding.project_id,
            port_id: present(holding.port_id),
            instance_id: present(holding.instance_id),
            incarnation: Some(holding.incarnation).filter(|number| *number > 0),
            network_id: present(holding.network_id),
            host_id: present(holding.host_id),
            has_moved: holding.has_moved,
            fixed_ip: present(holding.fixed_ip),
            subnet_id: present(holding.subnet_id),
            pool_id: present(holding.pool_id),
            since: holding.since.map(|time| time.to_string()),
            until: holding.until.map(|time| time.to_string()),
        }
    }
}

fn cell(text: &Option<String>) -> String {
    text.clone().unwrap_or_default()
}

fn kind_word(kind: i32) -> String {
    match pb::HoldingKind::try_from(kind) {
        Ok(kind) => kind.as_str_name().trim_start_matches("HOLDING_KIND_").to_owned(),
        Err(_) => kind.to_string(),
    }
}

impl View for HoldingsView {
    fn to_text(&self) -> String {
        if self.is_of_holder { self.held() } else { self.holders() }.to_string()
    }
}
