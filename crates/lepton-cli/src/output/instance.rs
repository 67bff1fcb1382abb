//! Instances' vNICs as they are shown.

use lepton_proto::v1::{self as pb, port_binding::Kind};
use serde::Serialize;
use serde_json::Value;

use super::{
    Format, View, encode,
    network::present,
    subnet::{RouteView, routes},
    table::{Table, clean, listed},
};
use crate::error::Error;

/// `lepton.v1.NetworkInfo`.
#[derive(Debug, Serialize)]
pub(crate) struct NetworkInfoView {
    instance_id: String,
    incarnation: u64,
    host: Option<String>,
    destination: Option<String>,
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
    destination: Option<VifDestinationView>,
    network: VifNetworkView,
}

/// `lepton.v1.VifDestination`.
#[derive(Debug, Serialize)]
pub(super) struct VifDestinationView {
    binding: BindingView,
    status: String,
    error: Option<String>,
}

/// `lepton.v1.PortBinding`; the last two are a veth's.
#[derive(Debug, Serialize)]
pub(super) struct BindingView {
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
    injected: bool,
}

/// `lepton.v1.VifSubnet`.
#[derive(Debug, Serialize)]
struct VifSubnetView {
    id: String,
    cidr: String,
    gateway: Option<String>,
    dns: Vec<String>,
    fixed_ips: Vec<String>,
    floating_ips: Vec<FloatingView>,
    routes: Vec<RouteView>,
    dhcp_server: Option<String>,
}

/// `lepton.v1.FloatingLink`.
#[derive(Debug, Serialize)]
struct FloatingView {
    floating_ip: String,
    fixed_ip: String,
}

/// NetworkInfo in a form that another program reads.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct DocumentView(Value);

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
            destination: present(info.destination),
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
            destination: vif.destination.map(VifDestinationView::from),
            network: vif.network.unwrap_or_default().into(),
        }
    }
}

impl From<pb::VifDestination> for VifDestinationView {
    fn from(there: pb::VifDestination) -> Self {
        Self {
            status: status_word(there.status),
            binding: there.binding.unwrap_or_default().into(),
            error: present(there.error),
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
            injected: network.injected,
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
            floating_ips: subnet.floating_ips.into_iter().map(FloatingView::from).collect(),
            routes: subnet.routes.into_iter().map(RouteView::from).collect(),
            dhcp_server: present(subnet.dhcp_server),
        }
    }
}

impl From<pb::FloatingLink> for FloatingView {
    fn from(link: pb::FloatingLink) -> Self {
        Self { floating_ip: link.floating_ip, fixed_ip: link.fixed_ip }
    }
}

impl TryFrom<pb::GetInstanceNwInfoJsonResponse> for DocumentView {
    type Error = Error;

    fn try_from(response: pb::GetInstanceNwInfoJsonResponse) -> Result<Self, Error> {
        let wrong = |cause| Error::failed(format!("the answer holds no JSON document: {cause}"));
        serde_json::from_str(&response.json).map(Self).map_err(wrong)
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
        if let Some(destination) = &self.destination {
            fields.field("Destination", destination);
        }
        let (vnics, there, addresses) = (self.vnics(), self.destinations(), self.addresses());
        let (floating, routes, errors) = (self.floating_ips(), self.routes(), self.errors());
        format!("{fields}\n{vnics}\n{there}{addresses}{floating}{routes}{errors}")
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

    /// The vNICs on the host that the instance is being moved to.
    fn destinations(&self) -> String {
        let mut table = Table::with_header(["VNIC", "BINDING THERE", "STATUS THERE"]);
        for (position, vif) in self.vifs.iter().enumerate() {
            if let Some(there) = &vif.destination {
                table.row([position.to_string(), there.binding.in_short(), there.status.clone()]);
            }
        }
        if self.vifs.iter().any(|vif| vif.destination.is_some()) {
            format!("{table}\n")
        } else {
            String::new()
        }
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

    /// The floating IPs that lead to it, below an empty line; nothing when none does.
    fn floating_ips(&self) -> String {
        let mut table = Table::with_header(["VNIC", "FLOATING IP", "LEADS TO"]);
        let mut count = 0;
        for (position, vif) in self.vifs.iter().enumerate() {
            for link in vif.network.subnets.iter().flat_map(|subnet| &subnet.floating_ips) {
                table.row([position.to_string(), link.floating_ip.clone(), link.fixed_ip.clone()]);
                count += 1;
            }
        }
        if count > 0 { format!("\n{table}") } else { String::new() }
    }

    fn routes(&self) -> String {
        let subnets = self.vifs.iter().flat_map(|vif| &vif.network.subnets);
        routes(subnets.flat_map(|subnet| subnet.routes.iter().map(|route| (&*subnet.cidr, route))))
    }

    /// Why ports could not be plugged, a line each below an empty one.
    fn errors(&self) -> String {
        let failed =
            self.vifs.iter().enumerate().filter_map(|(position, vif)| Some((position, vif.error.as_ref()?)));
        let lines: String =
            failed.map(|(position, error)| format!("vNIC {position}: {}\n", clean(error))).collect();
        let there = self.vifs.iter().enumerate();
        let there =
            there.filter_map(|(position, vif)| Some((position, vif.destination.as_ref()?.error.as_ref()?)));
        let there: String =
            there.map(|(position, error)| format!("vNIC {position} there: {}\n", clean(error))).collect();
        let lines = lines + &there;
        if lines.is_empty() { lines } else { format!("\n{lines}") }
    }
}

impl VifDestinationView {
    /// The device and its plug in a few words.
    pub(super) fn in_short(&self) -> String {
        let error = self.error.as_ref().map(|error| format!(": {}", clean(error))).unwrap_or_default();
        format!("{} {}{error}", self.binding.in_short(), self.status)
    }
}

impl BindingView {
    pub(super) fn in_short(&self) -> String {
        let parts = [Some(self.kind), self.guest_device.as_deref(), self.netns_path.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl View for DocumentView {
    fn to_text(&self) -> String {
        encode(Format::Json, self)
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
pub(super) fn status_word(status: i32) -> String {
    match pb::PortStatus::try_from(status) {
        Ok(pb::PortStatus::Pending) => "PENDING".to_owned(),
        Ok(pb::PortStatus::Active) => "ACTIVE".to_owned(),
        Ok(pb::PortStatus::Error) => "ERROR".to_owned(),
        Ok(pb::PortStatus::Unspecified) => "UNSPECIFIED".to_owned(),
        Err(_) => status.to_string(),
    }
}
