//! Ports as they are shown.

use lepton_proto::v1 as pb;
use serde::Serialize;

use super::{
    View,
    instance::{BindingView, VifDestinationView, status_word},
    network::present,
    table::{Table, clean, listed},
};

/// `lepton.v1.Port`.
#[derive(Debug, Serialize)]
pub(crate) struct PortView {
    id: String,
    instance_id: String,
    incarnation: u64,
    position: u32,
    project_id: String,
    network_id: String,
    network_label: String,
    host: String,
    mac_address: String,
    device: String,
    binding: BindingView,
    status: String,
    error: Option<String>,
    is_released: bool,
    fixed_ips: Vec<PortFixedIpView>,
    destination_host: Option<String>,
    destination: Option<VifDestinationView>,
    created_at: Option<String>,
}

/// `lepton.v1.PortFixedIp`.
#[derive(Debug, Serialize)]
struct PortFixedIpView {
    subnet_id: String,
    address: String,
    is_leaving: bool,
}

/// `lepton.v1.ListPortsResponse`, but for its pages, which are one list here.
#[derive(Debug, Serialize)]
pub(crate) struct PortsView {
    ports: Vec<PortView>,
    has_more: bool,
}

impl PortsView {
    /// A list, and whether the server has more.
    pub(crate) fn new(ports: Vec<pb::Port>, has_more: bool) -> Self {
        Self { ports: ports.into_iter().map(PortView::from).collect(), has_more }
    }
}

impl From<pb::Port> for PortView {
    fn from(port: pb::Port) -> Self {
        Self {
            status: status_word(port.status),
            id: port.id,
            instance_id: port.instance_id,
            incarnation: port.incarnation,
            position: port.position,
            project_id: port.project_id,
            network_id: port.network_id,
            network_label: port.network_label,
            host: port.host,
            mac_address: port.mac_address,
            device: port.device,
            binding: port.binding.unwrap_or_default().into(),
            error: present(port.error),
            is_released: port.is_released,
            fixed_ips: port.fixed_ips.into_iter().map(PortFixedIpView::from).collect(),
            destination_host: present(port.destination_host),
            destination: port.destination.map(VifDestinationView::from),
            created_at: port.created_at.map(|time| time.to_string()),
        }
    }
}

impl From<pb::PortFixedIp> for PortFixedIpView {
    fn from(fixed_ip: pb::PortFixedIp) -> Self {
        let pb::PortFixedIp { subnet_id, address, is_leaving } = fixed_ip;
        Self { subnet_id, address, is_leaving }
    }
}

impl PortView {
    fn addresses(&self) -> String {
        let addresses = self.fixed_ips.iter().map(|fixed_ip| {
            let leaving = if fixed_ip.is_leaving { " (leaving)" } else { "" };
            format!("{}{leaving}", fixed_ip.address)
        });
        listed(&addresses.collect::<Vec<_>>())
    }

    /// The status, and whether nobody wants it any more.
    fn state(&self) -> String {
        if self.is_released { format!("{} (released)", self.status) } else { self.status.clone() }
    }
}

impl View for PortView {
    fn to_text(&self) -> String {
        let mut fields = Table::default();
        fields.field("Port", &self.id);
        fields.field("Instance", &self.instance_id);
        fields.field("Incarnation", &self.incarnation);
        fields.field("Position", &self.position);
        fields.field("Project", &self.project_id);
        fields.field("Network", &format!("{} {}", self.network_id, self.network_label));
        fields.field("MAC", &self.mac_address);
        fields.field("Fixed IPs", &self.addresses());
        fields.field("Host", &self.host);
        fields.field("Device", &self.device);
        fields.field("Binding", &self.binding.in_short());
        fields.field("Status", &self.state());
        if let Some(error) = &self.error {
            fields.field("Error", &clean(error));
        }
        if let (Some(host), Some(there)) = (&self.destination_host, &self.destination) {
            fields.field("Destination", host);
            fields.field("There", &there.in_short());
        }
        fields.field("Created", self.created_at.as_deref().unwrap_or_default());
        fields.to_string()
    }
}

impl View for PortsView {
    fn to_text(&self) -> String {
        let mut table =
            Table::with_header(["PORT", "MAC", "FIXED IPS", "NETWORK", "INSTANCE", "VNIC", "HOST", "STATUS"]);
        for port in &self.ports {
            table.row([
                port.id.clone(),
                port.mac_address.clone(),
                port.addresses(),
                port.network_label.clone(),
                port.instance_id.clone(),
                port.position.to_string(),
                port.host.clone(),
                port.state(),
            ]);
        }
        table.to_string()
    }
}
