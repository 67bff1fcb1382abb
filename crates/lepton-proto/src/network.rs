//! `network.proto`: networks and subnets to the wire.

use std::time::SystemTime;

use lepton_types::{AddressMode, AddressPool, Network, Subnet};

use crate::v1;

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
        created_at: Some(SystemTime::from(network.created_at).into()),
    }
}

impl From<Subnet> for v1::Subnet {
    fn from(subnet: Subnet) -> Self {
        Self {
            id: subnet.id.to_string(),
            cidr: subnet.cidr.to_string(),
            gateway: subnet.gateway.map(|gateway| gateway.to_string()).unwrap_or_default(),
            dns: subnet.dns.iter().map(ToString::to_string).collect(),
            address_mode: v1::AddressMode::from(subnet.mode).into(),
            allocation_pools: subnet.pools.into_iter().map(Into::into).collect(),
            quarantine: subnet.quarantine.try_into().ok(),
        }
    }
}

impl From<AddressMode> for v1::AddressMode {
    fn from(mode: AddressMode) -> Self {
        match mode {
            AddressMode::Pool => Self::Pool,
            AddressMode::Eui64 => Self::Eui64,
        }
    }
}

impl From<AddressPool> for v1::AllocationPool {
    fn from(pool: AddressPool) -> Self {
        Self { first: pool.first.to_string(), last: pool.last.to_string() }
    }
}
