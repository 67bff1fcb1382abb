//! Subnets and their routes as they are shown.

use lepton_proto::v1 as pb;
use serde::Serialize;

use super::{
    View,
    network::present,
    table::{Table, listed},
};

/// `lepton.v1.Subnet`.
#[derive(Debug, Serialize)]
pub(crate) struct SubnetView {
    id: String,
    cidr: String,
    gateway: Option<String>,
    dns: Vec<String>,
    address_mode: String,
    allocation_pools: Vec<PoolView>,
    quarantine: String,
    network_id: String,
    routes: Vec<RouteView>,
    dhcp_server: Option<String>,
}

/// `lepton.v1.AllocationPool`.
#[derive(Debug, Serialize)]
struct PoolView {
    first: String,
    last: String,
}

/// `lepton.v1.Route`.
#[derive(Debug, Serialize)]
pub(super) struct RouteView {
    pub(super) destination: String,
    pub(super) gateway: String,
}

/// The routes of a `lepton.v1.Subnet`.
#[derive(Debug, Serialize)]
pub(crate) struct RoutesView {
    subnet_id: String,
    routes: Vec<RouteView>,
}

impl SubnetView {
    /// The prefix.
    pub(super) fn cidr(&self) -> &str {
        &self.cidr
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
            network_id: subnet.network_id,
            routes: subnet.routes.into_iter().map(RouteView::from).collect(),
            dhcp_server: present(subnet.dhcp_server),
        }
    }
}

impl From<pb::AllocationPool> for PoolView {
    fn from(pool: pb::AllocationPool) -> Self {
        Self { first: pool.first, last: pool.last }
    }
}

impl From<pb::Route> for RouteView {
    fn from(route: pb::Route) -> Self {
        Self { destination: route.destination, gateway: route.gateway }
    }
}

impl From<pb::Subnet> for RoutesView {
    fn from(subnet: pb::Subnet) -> Self {
        Self { subnet_id: subnet.id, routes: subnet.routes.into_iter().map(RouteView::from).collect() }
    }
}

impl View for SubnetView {
    fn to_text(&self) -> String {
        let mut fields = Table::default();
        fields.field("Subnet", &self.id);
        fields.field("Network", &self.network_id);
        fields.field("CIDR", &self.cidr);
        fields.field("Gateway", self.gateway.as_deref().unwrap_or_default());
        fields.field("Addresses", &self.address_mode);
        fields.field("Pools", &self.pools());
        fields.field("Quarantine", &self.quarantine);
        fields.field("Name servers", &listed(&self.dns));
        fields.field("DHCP server", self.dhcp_server.as_deref().unwrap_or_default());
        format!("{fields}{}", route_table(std::slice::from_ref(self)))
    }
}

impl View for RoutesView {
    fn to_text(&self) -> String {
        let mut table = Table::with_header(["DESTINATION", "GATEWAY"]);
        for RouteView { destination, gateway } in &self.routes {
            table.row([destination.clone(), gateway.clone()]);
        }
        table.to_string()
    }
}

impl SubnetView {
    /// Its ranges, as `--pool` takes them.
    fn pools(&self) -> String {
        let ranges = self.allocation_pools.iter().map(|pool| format!("{}-{}", pool.first, pool.last));
        listed(&ranges.collect::<Vec<_>>())
    }
}

/// Subnets, a line each.
pub(super) fn subnet_table(subnets: &[SubnetView]) -> Table {
    let mut table = Table::with_header([
        "SUBNET",
        "CIDR",
        "GATEWAY",
        "ADDRESSES",
        "POOLS",
        "QUARANTINE",
        "NAME SERVERS",
        "DHCP SERVER",
    ]);
    for subnet in subnets {
        table.row([
            subnet.id.clone(),
            subnet.cidr.clone(),
            subnet.gateway.clone().unwrap_or_default(),
            subnet.address_mode.clone(),
            subnet.pools(),
            subnet.quarantine.clone(),
            listed(&subnet.dns),
            subnet.dhcp_server.clone().unwrap_or_default(),
        ]);
    }
    table
}

/// The static routes of subnets, a line each below an empty one; nothing when there are none.
pub(super) fn route_table(subnets: &[SubnetView]) -> String {
    routes(subnets.iter().flat_map(|subnet| subnet.routes.iter().map(|route| (&*subnet.cidr, route))))
}

/// Static routes, each with the subnet that it is of, as [`route_table`] shows them.
pub(super) fn routes<'a>(routes: impl Iterator<Item = (&'a str, &'a RouteView)>) -> String {
    let mut table = Table::with_header(["SUBNET", "ROUTE TO", "GATEWAY"]);
    let mut routes = routes.peekable();
    if routes.peek().is_none() {
        return String::new();
    }
    for (cidr, route) in routes {
        table.row([cidr.to_owned(), route.destination.clone(), route.gateway.clone()]);
    }
    format!("\n{table}")
}

/// The mode in one word; the number of one that a newer server knows.
fn mode_word(mode: i32) -> String {
    match pb::AddressMode::try_from(mode) {
        Ok(pb::AddressMode::Pool) => "pool".to_owned(),
        Ok(pb::AddressMode::Eui64) => "eui64".to_owned(),
        Ok(pb::AddressMode::AccountIdentifier) => "account_identifier".to_owned(),
        Ok(pb::AddressMode::Unspecified) => "unspecified".to_owned(),
        Err(_) => mode.to_string(),
    }
}
