//! Requests about what DHCP servers are told.

use lepton_ledger::{
    Refusal,
    dhcp::{GetDhcpGuests, Style},
};
use lepton_proto::v1;

use super::Fields;

/// Parses a network and the form of a text about it.
pub(crate) fn guests(network_id: &str, style: i32) -> Result<(GetDhcpGuests, Style), Refusal> {
    let mut fields = Fields::default();
    let network = fields.required("network_id", network_id);
    let style = match v1::DhcpStyle::try_from(style) {
        Ok(v1::DhcpStyle::Unspecified | v1::DhcpStyle::Quantum) => Some(Style::Quantum),
        Ok(v1::DhcpStyle::LinuxNet) => Some(Style::LinuxNet),
        Err(_) => {
            let known = "expected DHCP_STYLE_QUANTUM or DHCP_STYLE_LINUX_NET";
            fields.wrong("style", format!("{style} is no style that this server knows ({known})"));
            None
        }
    };
    fields.finish(network.zip(style).map(|(network, style)| (GetDhcpGuests { network }, style)))
}
