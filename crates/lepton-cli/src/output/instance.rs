//! Instances' vNICs as they are shown.

use lepton_proto::v1::{self as pb, port_binding::Kind};
use serde::Serialize;

use super::{
    View,
    network::present,
    table::{Table, clean, listed},
};

/// `lepton.v1.NetworkInfo`.
#[derive(Debug, Serialize)]
pub(crate) struct NetworkInfoView {
    instance_id: String,
    incarnation: u64,
    host: Option<String>,
    vifs: Vec<VifView>,
}

/// `lepton.v1.Vif`.
#[derive(Debug, Serialize)]
struct VifView {
    id: String,
    mac_address: String,
    device: String,
    binding: BindingView,
    status: String,
    error: Option<String>,
    network: VifNetworkView,
}

/// `lepton.v1.PortBinding`; the last two are a veth's.
#[derive(Debug, Serialize)]
struct BindingView {
    kind: &'static str,
    netns_path: Option<String>,
    guest_device: Option<String>,
}

/// `lepton.v1.VifNetwork`.
#[derive(Debug, Serialize)]
struct VifNetworkView {
    id: String,
    label: String,
    project_id: Option<String>,
    bridge: String,
    mtu: u32,
    subnets: Vec<VifSubnetView>,
}

/// `lepton.v1.VifSubnet`.
#[derive(Debug, Serialize)]
struct VifSubnetView {
    id: String,
    cidr: String,
    gateway: Option<String>,
    dns: Vec<String>,
    fixed_ips: Vec<String>,
}

/// `lepton.v1.DeallocateForInstanceResponse`.
#[derive(Debug, Serialize)]
pub(crate) struct DeallocatedView {
    released_port_ids: Vec<String>,
}

/// `lepton.v1.ValidateNetworksResponse`, which has no fields.
#[derive(Debug, Serialize)]
pub(crate) struct ValidatedView {
    #[serde(skip)]
    project: String,
}

impl ValidatedView {
    /// The project whose instance could have the networks.
    pub(crate) fn new(project: String) -> Self {
        Self { project }
    }
}

impl From<pb::NetworkInfo> for NetworkInfoView {
    fn from(info: pb::NetworkInfo) -> Self {
        Self {
            instance_id: info.instance_id,
            incarnation: info.incarnation,
            host: present(info.host),
            vifs: info.vifs.into_iter().map(VifView::from).collect(),
        }
    }
}

impl From<pb::Vif> for VifView {
    fn from(vif: pb::Vif) -> Self {
        Self {
            status: status_word(vif.status),
            id: vif.id,
            mac_address: vif.mac_address,
            device: vif.device,
            binding: vif.binding.unwrap_or_default().into(),
            error: present(vif.error),
            network: vif.network.unwrap_or_default().into(),
        }
    }
}

impl From<pb::PortBinding> for BindingView {
    fn from(binding: pb::PortBinding) -> Self {
        match binding.kind {
            Some(Kind::Veth(veth)) => Self {
                kind: "veth",
                netns_path: present(veth.netns_path),
                guest_device: present(veth.guest_device),
            },
            Some(Kind::Tap(_)) | None => Self { kind: "tap", netns_path: None, guest_device: None },
        }
    }
}

impl From<pb::VifNetwork> for VifNetworkView {
    fn from(network: pb::VifNetwork) -> Self {
        Self {
            id: network.id,
            label: network.label,
            project_id: present(network.project_id),
            bridge: network.bridge,
            mtu: network.mtu,
            subnets: network.subnets.into_iter().map(VifSubnetView::from).collect(),
        }
    }
}

impl From<pb::VifSubnet> for VifSubnetView {
    fn from(subnet: pb::VifSubnet) -> Self {
        Self {
            id: subnet.id,
            cidr: subnet.cidr,
            gateway: present(subnet.gateway),
            dns: subnet.dns,
            fixed_ips: subnet.fixed_ips,
        }
    }
}

impl From<pb::DeallocateForInstanceResponse> for DeallocatedView {
    fn from(response: pb::DeallocateForInstanceResponse) -> Self {
        Self { released_port_ids: response.released_port_ids }
    }
}

impl View for NetworkInfoView {
    fn to_text(&self) -> String {
        let mut fields = Table::default();
        fields.field("Instance", &self.instance_id);
        fields.field("Incarnation", &self.incarnation);
        fields.field("Host", self.host.as_deref().unwrap_or_default());
        format!("{fields}\n{}\n{}{}", self.vnics(), self.addresses(), self.errors())
    }
}

impl NetworkInfoView {
    fn vnics(&self) -> Table {
        let mut table =
            Table::with_header(["VNIC", "PORT", "MAC", "DEVICE", "BINDING", "STATUS", "NETWORK", "MTU"]);
        for (position, vif) in self.vifs.iter().enumerate() {
            table.row([
                position.to_string(),
                vif.id.clone(),
                vif.mac_address.clone(),
                vif.device.clone(),
                vif.binding.in_short(),
                vif.status.clone(),
                vif.network.label.clone(),
                vif.network.mtu.to_string(),
            ]);
        }
        table
    }

    fn addresses(&self) -> Table {
        let mut table = Table::with_header(["VNIC", "FIXED IPS", "SUBNET", "GATEWAY", "NAME SERVERS"]);
        for (position, vif) in self.vifs.iter().enumerate() {
            for subnet in &vif.network.subnets {
                table.row([
                    position.to_string(),
                    listed(&subnet.fixed_ips),
                    subnet.cidr.clone(),
                    subnet.gateway.clone().unwrap_or_default(),
                    listed(&subnet.dns),
                ]);
            }
        }
        table
    }

    /// Why ports could not be plugged, a line each below an empty one.
    fn errors(&self) -> String {
        let failed =
            self.vifs.iter().enumerate().filter_map(|(position, vif)| Some((position, vif.error.as_ref()?)));
        let lines: String =
            failed.map(|(position, error)| format!("vNIC {position}: {}\n", clean(error))).collect();
        if lines.is_empty() { lines } else { format!("\n{lines}") }
    }
}

impl BindingView {
    fn in_short(&self) -> String {
        let parts = [Some(self.kind), self.guest_device.as_deref(), self.netns_path.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl View for DeallocatedView {
    fn to_text(&self) -> String {
        let mut table = Table::with_header(["RELEASED PORT"]);
        for id in &self.released_port_ids {
            table.row([id.clone()]);
        }
        table.to_string()
    }
}

impl DeallocatedView {
    /// Whether the instance had nothing to take back.
    pub(crate) fn is_empty(&self) -> bool {
        self.released_port_ids.is_empty()
    }
}

impl View for ValidatedView {
    fn to_text(&self) -> String {
        format!(
            "An instance of project {} can have these networks and addresses now.\n",
            clean(&self.project)
        )
    }
}

/// The status in one word; the number of one that a newer server knows.
fn status_word(status: i32) -> String {
    match pb::PortStatus::try_from(status) {
        Ok(pb::PortStatus::Pending) => "PENDING".to_owned(),
        Ok(pb::PortStatus::Active) => "ACTIVE".to_owned(),
        Ok(pb::PortStatus::Error) => "ERROR".to_owned(),
        Ok(pb::PortStatus::Unspecified) => "UNSPECIFIED".to_owned(),
        Err(_) => status.to_string(),
    }
}
