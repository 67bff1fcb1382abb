//! `fixed_ip.proto`: what addresses are, to the wire.

use lepton_types::{FixedIpInfo, FixedIpState, Lease};

use crate::{timestamp, v1};

impl From<FixedIpInfo> for v1::FixedIp {
    fn from(info: FixedIpInfo) -> Self {
        let text = |pick: fn(&lepton_types::FixedIpOwner) -> String| {
            info.owner.as_ref().map(pick).unwrap_or_default()
        };
        Self {
            port_id: text(|owner| owner.port.to_string()),
            mac_address: text(|owner| owner.mac.to_string()),
            instance_id: text(|owner| owner.instance.to_string()),
            project_id: text(|owner| owner.project.to_string()),
            host: text(|owner| owner.host.to_string()),
            address: info.address.to_string(),
            network_id: info.network.to_string(),
            subnet_id: info.subnet.to_string(),
            state: v1::FixedIpState::from(info.state).into(),
            reason: info.reason.unwrap_or_default(),
            since: info.since.map(timestamp),
            lease: info.lease.map(Into::into),
            resting_until: info.resting_until.map(timestamp),
        }
    }
}

impl From<FixedIpState> for v1::FixedIpState {
    fn from(state: FixedIpState) -> Self {
        match state {
            FixedIpState::Free => Self::Free,
            FixedIpState::Reserved => Self::Reserved,
            FixedIpState::Allocated => Self::Allocated,
            FixedIpState::Leased => Self::Leased,
            FixedIpState::Leaving => Self::Leaving,
            FixedIpState::Resting => Self::Resting,
        }
    }
}

impl From<Lease> for v1::FixedIpLease {
    fn from(lease: Lease) -> Self {
        Self {
            mac_address: lease.mac.to_string(),
            leased_at: Some(timestamp(lease.at)),
            lease_time: prost_types::Duration::try_from(lease.time).ok(),
        }
    }
}
