//! `network.proto`: networks and subnets to the wire.

use std::net::IpAddr;

use lepton_types::{AddressMode, AddressPool, Network, Route, Subnet};

use crate::{timestamp, v1};

/// A network and its subnets, in their order, as one message.
pub fn network(network: Network, subnets: Vec<Subnet>) -> v1::Network {
    v1::Network {
        id: network.id.to_string(),
        bridge: network.bridge().to_string(),
        project_id: network.project.map(String::from).unwrap_or_default(),
        label: network.label.to_string(),
        priority: network.priority,
        mtu: network.mtu.into(),
        subnets: subnets.into_iter().map(Into::into).collect(),
        created_at: Some(timestamp(network.created_at)),
        host: network.host.map(String::from).unwrap_or_default(),
        injected: network.is_injected,
    }
}

impl From<Subnet> for v1::Subnet {
    fn from(subnet: Subnet) -> Self {
        Self {
            id: subnet.id.to_string(),
            cidr: subnet.cidr.to_string(),
            gateway: text(subnet.gateway),
            dns: subnet.dns.iter().map(ToString::to_string).collect(),
            address_mode: v1::AddressMode::from(subnet.mode).into(),
            allocation_pools: subnet.pools.into_iter().map(Into::into).collect(),
            quarantine: subnet.quarantine.try_into().ok(),
            network_id: subnet.network.to_string(),
            routes: subnet.routes.into_iter().map(Into::into).collect(),
            dhcp_server: text(subnet.dhcp_server),
        }
    }
}

/// An address, or nothing.
pub(crate) fn text(address: Option<IpAddr>) -> String {
    address.map(|address| address.to_string()).unwrap_or_default()
}

impl From<Route> for v1::Route {
    fn from(route: Route) -> Self {
        Self { destination: route.destination.to_string(), gateway: route.gateway.to_string() }
    }
}

impl From<AddressMode> for v1::AddressMode {
    fn from(mode: AddressMode) -> Self {
        match mode {
            AddressMode::Pool => Self::Pool,
            AddressMode::Eui64 => Self::Eui64,
            AddressMode::AccountIdentifier => Self::AccountIdentifier,
        }
    }
}

impl From<AddressPool> for v1::AllocationPool {
    fn from(pool: AddressPool) -> Self {
        Self { first: pool.first.to_string(), last: pool.last.to_string() }
    }
}
