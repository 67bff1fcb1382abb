//! From Lepton's words to the model's.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{FixedIp, Ip, Meta, Network, NetworkInfo, Route, Subnet, Vif};
use crate::{Cidr, SubnetInfo, VifNetwork};

/// Who owns a global network, as the model has it: `quantum_default_tenant_id`'s default (specification §6).
const DEFAULT_TENANT: &str = "default";

impl From<&crate::NetworkInfo> for NetworkInfo {
    fn from(info: &crate::NetworkInfo) -> Self {
        Self { vifs: info.vifs.iter().map(Into::into).collect() }
    }
}

impl From<&crate::Vif> for Vif {
    fn from(vif: &crate::Vif) -> Self {
        Self {
            id: Some(vif.id.to_string()),
            address: Some(vif.mac.to_string()),
            network: Some((&vif.network).into()),
            meta: Meta::new(),
        }
    }
}

impl From<&VifNetwork> for Network {
    fn from(network: &VifNetwork) -> Self {
        let tenant = network.project.as_ref().map_or(DEFAULT_TENANT, |project| project.as_str());
        let mut meta = meta("tenant_id", json!(tenant));
        if network.is_injected {
            meta.insert("injected".into(), Value::Bool(true));
        }
        Self {
            id: Some(network.id.to_string()),
            bridge: Some(network.bridge.to_string()),
            label: Some(network.label.to_string()),
            subnets: network.subnets.iter().map(Into::into).collect(),
            meta,
        }
    }
}

impl From<&SubnetInfo> for Subnet {
    fn from(subnet: &SubnetInfo) -> Self {
        let fixed_ips = subnet.fixed_ips.iter().map(|&address| {
            let leading = subnet.floating_ips.iter().filter(|link| link.fixed == address);
            let floating_ips = leading.map(|link| ip(link.floating, "floating")).collect();
            FixedIp { floating_ips, ip: ip(address, "fixed") }
        });
        let server = subnet.dhcp_server.map(|server| meta("dhcp_server", json!(server.to_string())));
        Self {
            cidr: Some(prefix(subnet.cidr)),
            gateway: subnet.gateway.map(|gateway| ip(gateway, "gateway")),
            dns: subnet.dns.iter().map(|&server| ip(server, "dns")).collect(),
            ips: fixed_ips.collect(),
            routes: subnet.routes.iter().map(Into::into).collect(),
            meta: server.unwrap_or_default(),
        }
    }
}

impl From<&crate::Route> for Route {
    fn from(route: &crate::Route) -> Self {
        Self {
            cidr: Some(prefix(route.destination)),
            gateway: Some(ip(route.gateway, "gateway")),
            interface: None,
            meta: Meta::new(),
        }
    }
}

fn ip(address: IpAddr, kind: &str) -> Ip {
    Ip { address: Some(address.into()), kind: Some(kind.to_owned()), meta: Meta::new() }
}

fn prefix(cidr: Cidr) -> super::Prefix {
    cidr.net().into()
}

fn meta(name: &str, value: Value) -> Meta {
    Meta::from_iter([(name.to_owned(), value)])
}
