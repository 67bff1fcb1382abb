//! Floating IPs and their pools as they are shown.

use lepton_proto::v1 as pb;
use serde::Serialize;

use super::{View, network::present, table::Table};

/// `lepton.v1.FloatingPool`.
#[derive(Debug, Serialize)]
pub(crate) struct FloatingPoolView {
    id: String,
    name: String,
    ranges: Vec<FloatingRangeView>,
    total_addresses: Option<u64>,
    allocated_addresses: Option<u64>,
    created_at: Option<String>,
}

/// `lepton.v1.FloatingRange`.
#[derive(Debug, Serialize)]
struct FloatingRangeView {
    addresses: String,
    total_addresses: u64,
    allocated_addresses: u64,
    interface: Option<String>,
    subnet_id: String,
    withdrawn: Vec<String>,
}

/// `lepton.v1.ListFloatingPoolsResponse`, but for its pages, which are one list here.
#[derive(Debug, Serialize)]
pub(crate) struct FloatingPoolsView {
    pools: Vec<FloatingPoolView>,
    has_more: bool,
}

/// `lepton.v1.FloatingIp`.
#[derive(Debug, Serialize)]
pub(crate) struct FloatingIpView {
    address: String,
    pool: String,
    project_id: String,
    fixed_ip: Option<String>,
    instance_id: Option<String>,
    port_id: Option<String>,
    network_id: Option<String>,
    host: Option<String>,
    interface: Option<String>,
    auto_assigned: bool,
    status: String,
    status_reason: Option<String>,
    allocated_at: Option<String>,
    associated_at: Option<String>,
}

/// `lepton.v1.ListFloatingIpsResponse`, but for its pages, which are one list here.
#[derive(Debug, Serialize)]
pub(crate) struct FloatingIpsView {
    floating_ips: Vec<FloatingIpView>,
    has_more: bool,
}

/// `lepton.v1.AssociateFloatingIpResponse`, and `DisassociateFloatingIpResponse`, which is the same.
#[derive(Debug, Serialize)]
pub(crate) struct AssociationView {
    floating_ip: FloatingIpView,
    previous_instance_id: Option<String>,
}

impl FloatingPoolsView {
    /// A list, and whether the server has more.
    pub(crate) fn new(pools: Vec<pb::FloatingPool>, has_more: bool) -> Self {
        Self { pools: pools.into_iter().map(FloatingPoolView::from).collect(), has_more }
    }
}

impl FloatingIpsView {
    /// A list, and whether the server has more.
    pub(crate) fn new(floating_ips: Vec<pb::FloatingIp>, has_more: bool) -> Self {
        Self { floating_ips: floating_ips.into_iter().map(FloatingIpView::from).collect(), has_more }
    }
}

impl AssociationView {
    /// A floating IP after its change, and the instance that it led to.
    pub(crate) fn new(floating_ip: Option<pb::FloatingIp>, previous_instance_id: String) -> Self {
        let floating_ip = floating_ip.unwrap_or_default().into();
        Self { floating_ip, previous_instance_id: present(previous_instance_id) }
    }
}

impl From<pb::FloatingPool> for FloatingPoolView {
    fn from(pool: pb::FloatingPool) -> Self {
        Self {
            id: pool.id,
            name: pool.name,
            ranges: pool.ranges.into_iter().map(FloatingRangeView::from).collect(),
            total_addresses: pool.total_addresses,
            allocated_addresses: pool.allocated_addresses,
            created_at: pool.created_at.map(|time| time.to_string()),
        }
    }
}

impl From<pb::FloatingRange> for FloatingRangeView {
    fn from(range: pb::FloatingRange) -> Self {
        Self {
            addresses: range.addresses,
            total_addresses: range.total_addresses,
            allocated_addresses: range.allocated_addresses,
            interface: present(range.interface),
            subnet_id: range.subnet_id,
            withdrawn: range.withdrawn,
        }
    }
}

impl From<pb::FloatingIp> for FloatingIpView {
    fn from(floating_ip: pb::FloatingIp) -> Self {
        Self {
            status: status_word(floating_ip.status),
            address: floating_ip.address,
            pool: floating_ip.pool,
            project_id: floating_ip.project_id,
            fixed_ip: present(floating_ip.fixed_ip),
            instance_id: present(floating_ip.instance_id),
            port_id: present(floating_ip.port_id),
            network_id: present(floating_ip.network_id),
            host: present(floating_ip.host),
            interface: present(floating_ip.interface),
            auto_assigned: floating_ip.auto_assigned,
            status_reason: present(floating_ip.status_reason),
            allocated_at: floating_ip.allocated_at.map(|time| time.to_string()),
            associated_at: floating_ip.associated_at.map(|time| time.to_string()),
        }
    }
}

impl FloatingRangeView {
    /// The range and what it is without, as in `172.24.4.0/24 without 172.24.4.7`.
    fn shown(&self) -> String {
        if self.withdrawn.is_empty() {
            return self.addresses.clone();
        }
        format!("{} without {}", self.addresses, self.withdrawn.join(", "))
    }
}

impl View for FloatingPoolView {
    fn to_text(&self) -> String {
        let mut fields = Table::default();
        fields.field("Pool", &self.name);
        fields.field("Id", &self.id);
        if let (Some(total), Some(allocated)) = (self.total_addresses, self.allocated_addresses) {
            fields.field("Allocated", &format!("{allocated} of {total}"));
        }
        fields.field("Created", self.created_at.as_deref().unwrap_or_default());
        let mut ranges = Table::with_header(["RANGE", "ALLOCATED", "ADDRESSES", "INTERFACE"]);
        for range in &self.ranges {
            ranges.row([
                range.shown(),
                range.allocated_addresses.to_string(),
                range.total_addresses.to_string(),
                range.interface.clone().unwrap_or_default(),
            ]);
        }
        if self.ranges.is_empty() { fields.to_string() } else { format!("{fields}\n{ranges}") }
    }
}

impl View for FloatingPoolsView {
    fn to_text(&self) -> String {
        let mut table = Table::with_header(["POOL", "RANGE", "ALLOCATED", "ADDRESSES", "INTERFACE"]);
        for pool in &self.pools {
            if pool.ranges.is_empty() {
                table.row([pool.name.clone(), String::new(), String::new(), String::new(), String::new()]);
            }
            for range in &pool.ranges {
                table.row([
                    pool.name.clone(),
                    range.shown(),
                    range.allocated_addresses.to_string(),
                    range.total_addresses.to_string(),
                    range.interface.clone().unwrap_or_default(),
                ]);
            }
        }
        table.to_string()
    }
}

impl View for FloatingIpView {
    fn to_text(&self) -> String {
        let mut fields = Table::default();
        fields.field("Address", &self.address);
        fields.field("Pool", &self.pool);
        fields.field("Project", &self.project_id);
        fields.field("Fixed IP", self.fixed_ip.as_deref().unwrap_or_default());
        fields.field("Instance", self.instance_id.as_deref().unwrap_or_default());
        fields.field("Port", self.port_id.as_deref().unwrap_or_default());
        fields.field("Network", self.network_id.as_deref().unwrap_or_default());
        fields.field("Host", self.host.as_deref().unwrap_or_default());
        fields.field("Interface", self.interface.as_deref().unwrap_or_default());
        fields.field("Auto-assigned", if self.auto_assigned { "yes" } else { "no" });
        fields.field("Status", &self.status);
        fields.field("Reason", self.status_reason.as_deref().unwrap_or_default());
        fields.field("Allocated", self.allocated_at.as_deref().unwrap_or_default());
        fields.field("Associated", self.associated_at.as_deref().unwrap_or_default());
        fields.to_string()
    }
}

impl View for FloatingIpsView {
    fn to_text(&self) -> String {
        let mut table = Table::with_header(["ADDRESS", "POOL", "PROJECT", "FIXED IP", "INSTANCE", "STATUS"]);
        for floating_ip in &self.floating_ips {
            table.row([
                floating_ip.address.clone(),
                floating_ip.pool.clone(),
                floating_ip.project_id.clone(),
                floating_ip.fixed_ip.clone().unwrap_or_default(),
                floating_ip.instance_id.clone().unwrap_or_default(),
                floating_ip.status.clone(),
            ]);
        }
        table.to_string()
    }
}

impl View for AssociationView {
    fn to_text(&self) -> String {
        let mut fields = Table::default();
        fields.field("Led to", self.previous_instance_id.as_deref().unwrap_or_default());
        format!("{}\n{fields}", self.floating_ip.to_text())
    }
}

/// The status in one word; the number of one that a newer server knows.
fn status_word(status: i32) -> String {
    match pb::FloatingIpStatus::try_from(status) {
        Ok(pb::FloatingIpStatus::Pending) => "PENDING".to_owned(),
        Ok(pb::FloatingIpStatus::Unspecified) => "UNSPECIFIED".to_owned(),
        Err(_) => status.to_string(),
    }
}
