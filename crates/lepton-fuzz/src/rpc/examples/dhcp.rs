//! Calls about the texts for DHCP servers.

use lepton_proto::v1;

use super::{Example, call, call_by};
use crate::{
    callers::{COMPUTE, READER},
    rpc::world::Named,
};

pub(super) fn calls(named: &Named) -> Vec<Example> {
    let network_id = || named.shared.clone();
    let style = v1::DhcpStyle::LinuxNet.into();
    vec![
        call(
            "/lepton.v1.Dhcp/GetDhcpHosts",
            &v1::GetDhcpHostsRequest { network_id: network_id(), style: v1::DhcpStyle::Quantum.into() },
        ),
        call_by(
            COMPUTE,
            "/lepton.v1.Dhcp/GetDhcpLeases",
            &v1::GetDhcpLeasesRequest { network_id: network_id(), style },
        ),
        call_by(
            READER,
            "/lepton.v1.Dhcp/GetDhcpOptions",
            &v1::GetDhcpOptionsRequest { network_id: network_id(), style },
        ),
    ]
}
