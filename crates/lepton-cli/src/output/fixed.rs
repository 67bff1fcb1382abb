//! Fixed IPs as they are shown.

use lepton_proto::v1 as pb;
use serde::Serialize;

use super::{
    View,
    network::present,
    table::{Table, clean},
};

/// `lepton.v1.FixedIp`.
#[derive(Debug, Serialize)]
pub(crate) struct FixedIpView {
    address: String,
    network_id: String,
    subnet_id: String,
    state: String,
    reason: Option<String>,
    port_id: Option<String>,
    mac_address: Option<String>,
    instance_id: Option<String>,
    project_id: Option<String>,
    host: Option<String>,
    since: Option<String>,
    lease: Option<FixedIpLeaseView>,
    resting_until: Option<String>,
}

/// `lepton.v1.FixedIpLease`.
#[derive(Debug, Serialize)]
struct FixedIpLeaseView {
    mac_address: String,
    leased_at: Option<String>,
    lease_time: Option<String>,
}

/// `lepton.v1.LeaseFixedIpResponse`.
#[derive(Debug, Serialize)]
pub(crate) struct LeaseView {
    fixed_ip: Option<FixedIpView>,
    warning: Option<String>,
}

/// `lepton.v1.ListFixedIpsResponse`, but for its pages, which are one list here.
#[derive(Debug, Serialize)]
pub(crate) struct FixedIpsView {
    fixed_ips: Vec<FixedIpView>,
    has_more: bool,
}

impl FixedIpsView {
    /// A list, and whether the server has more.
    pub(crate) fn new(fixed_ips: Vec<pb::FixedIp>, has_more: bool) -> Self {
        Self { fixed_ips: fixed_ips.into_iter().map(FixedIpView::from).collect(), has_more }
    }
}

impl From<pb::FixedIp> for FixedIpView {
    fn from(fixed_ip: pb::FixedIp) -> Self {
        Self {
            state: state_word(fixed_ip.state),
            address: fixed_ip.address,
            network_id: fixed_ip.network_id,
            subnet_id: fixed_ip.subnet_id,
            reason: present(fixed_ip.reason),
            port_id: present(fixed_ip.port_id),
            mac_address: present(fixed_ip.mac_address),
            instance_id: present(fixed_ip.instance_id),
            project_id: present(fixed_ip.project_id),
            host: present(fixed_ip.host),
            since: fixed_ip.since.map(|time| time.to_string()),
            lease: fixed_ip.lease.map(FixedIpLeaseView::from),
            resting_until: fixed_ip.resting_until.map(|time| time.to_string()),
        }
    }
}

impl From<pb::FixedIpLease> for FixedIpLeaseView {
    fn from(lease: pb::FixedIpLease) -> Self {
        Self {
            mac_address: lease.mac_address,
            leased_at: lease.leased_at.map(|time| time.to_string()),
            lease_time: lease.lease_time.map(|time| time.to_string()),
        }
    }
}

impl From<pb::LeaseFixedIpResponse> for LeaseView {
    fn from(answer: pb::LeaseFixedIpResponse) -> Self {
        Self { fixed_ip: answer.fixed_ip.map(FixedIpView::from), warning: present(answer.warning) }
    }
}

impl FixedIpLeaseView {
    fn in_short(&self) -> String {
        let (time, at) = (self.lease_time.as_deref(), self.leased_at.as_deref());
        format!("{} from {}", time.unwrap_or_default(), at.unwrap_or_default())
    }
}

impl FixedIpView {
    fn fields(&self) -> Table {
        let mut fields = Table::default();
        fields.field("Address", &self.address);
        fields.field("State", &self.state);
        fields.field("Reason", self.reason.as_deref().unwrap_or_default());
        fields.field("Network", &self.network_id);
        fields.field("Subnet", &self.subnet_id);
        fields.field("Instance", self.instance_id.as_deref().unwrap_or_default());
        fields.field("Project", self.project_id.as_deref().unwrap_or_default());
        fields.field("Port", self.port_id.as_deref().unwrap_or_default());
        fields.field("MAC", self.mac_address.as_deref().unwrap_or_default());
        fields.field("Host", self.host.as_deref().unwrap_or_default());
        fields.field("Lease", &self.lease.as_ref().map(FixedIpLeaseView::in_short).unwrap_or_default());
        fields.field("Since", self.since.as_deref().unwrap_or_default());
        fields.field("Rests until", self.resting_until.as_deref().unwrap_or_default());
        fields
    }
}

impl View for FixedIpView {
    fn to_text(&self) -> String {
        self.fields().to_string()
    }
}

impl View for LeaseView {
    fn to_text(&self) -> String {
        let warning = self.warning.as_deref();
        let Some(fixed_ip) = &self.fixed_ip else {
            return format!("Ignored: {}\n", clean(warning.unwrap_or_default()));
        };
        let mut fields = fixed_ip.fields();
        fields.field("Warning", warning.unwrap_or_default());
        fields.to_string()
    }
}

impl View for FixedIpsView {
    fn to_text(&self) -> String {
        let header = ["ADDRESS", "STATE", "INSTANCE", "PROJECT", "MAC", "HOST", "REASON"];
        let mut table = Table::with_header(header);
        for fixed_ip in &self.fixed_ips {
            table.row([
                fixed_ip.address.clone(),
                fixed_ip.state.clone(),
                fixed_ip.instance_id.clone().unwrap_or_default(),
                fixed_ip.project_id.clone().unwrap_or_default(),
                fixed_ip.mac_address.clone().unwrap_or_default(),
                fixed_ip.host.clone().unwrap_or_default(),
                fixed_ip.reason.clone().unwrap_or_default(),
            ]);
        }
        table.to_string()
    }
}

/// The state in one word; the number of one that a newer server knows.
fn state_word(state: i32) -> String {
    match pb::FixedIpState::try_from(state) {
        Ok(state) => state.as_str_name().trim_start_matches("FIXED_IP_STATE_").to_owned(),
        Err(_) => state.to_string(),
    }
}
