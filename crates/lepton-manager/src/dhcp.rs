//! [`DhcpSettings`]: what an operator sets of the texts for DHCP servers.

use std::time::Duration;

use lepton_ledger::dhcp::{DhcpGuest, DhcpView, Style};
use lepton_types::DomainName;

/// What an operator sets of the texts for DHCP servers. The defaults are Nova's.
#[derive(Clone, Debug)]
pub struct DhcpSettings {
    /// What guests' names end with.
    pub domain: DomainName,
    /// How long a lease is good.
    pub lease_time: Duration,
    /// Whether only an instance's first vNIC gets a default route.
    pub has_single_gateway: bool,
}

impl Default for DhcpSettings {
    fn default() -> Self {
        Self {
            domain: "novalocal".parse().expect("a label is a domain's name"),
            lease_time: Duration::from_secs(120),
            has_single_gateway: false,
        }
    }
}

impl DhcpSettings {
    /// The view of these guests from which texts are made.
    pub(crate) fn view(&self, style: Style, guests: Vec<DhcpGuest>) -> DhcpView {
        let mut view = DhcpView::new(style, self.domain.clone(), self.lease_time, guests);
        view.has_single_gateway = self.has_single_gateway;
        view
    }
}
