//! [`LegacyNetworkInfo`]: the pairs of dictionaries that hypervisor drivers knew before the model (specification §4.3).

use serde::Serialize;
use serde_json::Value;

use crate::model::{Address, FixedIp, Ip, Meta, NetworkInfo, Prefix, Route, Subnet, Vif};

/// An instance's vNICs in order, a `[network, mapping]` pair each; vNICs without a network or subnets are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct LegacyNetworkInfo {
    /// The pairs.
    pub pairs: Vec<(LegacyNetwork, Mapping)>,
}

/// A vNIC that the legacy form has no words for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("network {network} has no IPv4 subnet, and the legacy form cannot do without; use the model's form")]
pub struct NoIpv4Error {
    /// The network, by its id or its label.
    pub network: String,
}

/// What is true of the network. Its first IPv4 and its first IPv6 subnet speak for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegacyNetwork {
    /// Its id.
    pub id: Option<String>,
    /// Its bridge.
    pub bridge: Option<String>,
    /// The IPv4 prefix.
    pub cidr: Prefix,
    /// The IPv6 prefix.
    pub cidr_v6: Option<Prefix>,
    /// Whether the guest's files are to be written.
    pub injected: Value,
    /// Whether each host is a router.
    pub multi_host: Value,
    /// The VLAN's tag.
    pub vlan: Value,
    /// What the bridge is connected to.
    pub bridge_interface: Value,
}

/// What is true of the vNIC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mapping {
    /// The network's label.
    pub label: Option<String>,
    /// The MAC.
    pub mac: Option<String>,
    /// The port's id.
    pub vif_uuid: Option<String>,
    /// The rate limit, 0 for none.
    pub rxtx_cap: Value,
    /// The IPv4 broadcast address.
    pub broadcast: String,
    /// The IPv4 router.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Address>,
    /// The IPv6 router.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_v6: Option<Option<Address>>,
    /// Who answers DHCP; the router unless it is known better.
    pub dhcp_server: Value,
    /// The IPv4 name servers.
    pub dns: Vec<Address>,
    /// The addresses in all IPv4 subnets.
    pub ips: Vec<LegacyIp>,
    /// The addresses in the first IPv6 subnet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip6s: Option<Vec<LegacyIp>>,
    /// Static IPv4 routes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<LegacyRoute>,
    /// Whether the host must make the bridge.
    pub should_create_bridge: Value,
    /// Whether the host must make the VLAN.
    pub should_create_vlan: Value,
}

/// An address of the vNIC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegacyIp {
    /// The address.
    pub ip: Address,
    /// Dotted for IPv4, the length of the prefix for IPv6.
    pub netmask: Value,
    /// Always `1`.
    pub enabled: &'static str,
    /// The router of the address's own subnet.
    pub gateway: Option<Address>,
}

/// A static route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegacyRoute {
    /// The destination's first address.
    pub route: String,
    /// The destination's netmask.
    pub netmask: String,
    /// The next hop.
    pub gateway: Option<Address>,
}

impl TryFrom<&NetworkInfo> for LegacyNetworkInfo {
    type Error = NoIpv4Error;

    fn try_from(info: &NetworkInfo) -> Result<Self, NoIpv4Error> {
        let pairs = info.vifs.iter().filter_map(|vif| pair(vif).transpose()).collect::<Result<_, _>>()?;
        Ok(Self { pairs })
    }
}

fn pair(vif: &Vif) -> Result<Option<(LegacyNetwork, Mapping)>, NoIpv4Error> {
    let Some(network) = vif.network.as_ref().filter(|network| !network.subnets.is_empty()) else {
        return Ok(None);
    };
    let mut with_ipv4 = network.subnets.iter().filter_map(|subnet| of_version(subnet, 4)).peekable();
    let Some(&(v4, v4_prefix)) = with_ipv4.peek() else {
        let name = network.id.as_ref().or(network.label.as_ref());
        return Err(NoIpv4Error { network: name.cloned().unwrap_or_default() });
    };
    let v6 = network.subnets.iter().find_map(|subnet| of_version(subnet, 6));
    let flag = |name| known(&network.meta, name, Value::Bool(false));
    let legacy = LegacyNetwork {
        id: network.id.clone(),
        bridge: network.bridge.clone(),
        cidr: v4_prefix.clone(),
        cidr_v6: v6.map(|(_, prefix)| prefix.clone()),
        injected: flag("injected"),
        multi_host: flag("multi_host"),
        vlan: known(&network.meta, "vlan", Value::Null),
        bridge_interface: known(&network.meta, "bridge_interface", Value::Null),
    };
    let gateway = address_of(v4.gateway.as_ref());
    let router = gateway.as_ref().map_or(Value::Null, |gateway| gateway.to_string().into());
    let mapping = Mapping {
        label: network.label.clone(),
        mac: vif.address.clone(),
        vif_uuid: vif.id.clone(),
        rxtx_cap: known(&vif.meta, "rxtx_cap", 0.into()),
        broadcast: v4_prefix.net().broadcast().to_string(),
        dhcp_server: known(&v4.meta, "dhcp_server", router),
        gateway,
        gateway_v6: v6.map(|(subnet, _)| address_of(subnet.gateway.as_ref())),
        dns: v4.dns.iter().filter_map(|server| server.address.clone()).collect(),
        ips: with_ipv4.flat_map(|(subnet, prefix)| ips(subnet, prefix)).collect(),
        ip6s: v6.map(|(subnet, prefix)| ips(subnet, prefix).collect()),
        routes: v4.routes.iter().filter_map(route).collect(),
        should_create_bridge: flag("should_create_bridge"),
        should_create_vlan: flag("should_create_vlan"),
    };
    Ok(Some((legacy, mapping)))
}

/// The subnet and its prefix, if it is of this version.
fn of_version(subnet: &Subnet, version: u8) -> Option<(&Subnet, &Prefix)> {
    subnet.cidr.as_ref().filter(|cidr| cidr.family().version() == version).map(|cidr| (subnet, cidr))
}

fn known(meta: &Meta, name: &str, otherwise: Value) -> Value {
    meta.get(name).cloned().unwrap_or(otherwise)
}

fn address_of(ip: Option<&Ip>) -> Option<Address> {
    ip.and_then(|ip| ip.address.clone())
}

fn ips<'a>(subnet: &'a Subnet, prefix: &'a Prefix) -> impl Iterator<Item = LegacyIp> + 'a {
    let netmask: Value = match prefix.family().version() {
        4 => prefix.net().netmask().to_string().into(),
        _ => prefix.net().prefix_len().into(),
    };
    subnet.ips.iter().filter_map(move |FixedIp { ip, .. }| {
        Some(LegacyIp {
            ip: ip.address.clone()?,
            netmask: netmask.clone(),
            enabled: "1",
            gateway: address_of(subnet.gateway.as_ref()),
        })
    })
}

fn route(route: &Route) -> Option<LegacyRoute> {
    let destination = route.cidr.as_ref()?.net();
    Some(LegacyRoute {
        route: destination.network().to_string(),
        netmask: destination.netmask().to_string(),
        gateway: address_of(route.gateway.as_ref()),
    })
}

#[cfg(test)]
mod tests;
