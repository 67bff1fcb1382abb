//! Questions about floating IPs.

use std::net::IpAddr;

use lepton_types::{FloatingIp, HostId, InstanceId, Name, NetworkId, ProjectId};
use serde::{Deserialize, Serialize};

use super::FloatingIpInfo;
use crate::{Command, Key, Scope, Stop, View, page};

/// Shows one floating IP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetFloatingIp {
    /// Which one.
    pub address: IpAddr,
    /// What the caller may see.
    pub scope: Scope,
}

impl Command for GetFloatingIp {
    type Answer = FloatingIpInfo;

    const NAME: &'static str = "GetFloatingIp";

    fn keys(&self) -> Vec<Key> {
        vec![Key::FloatingIp(self.address)]
    }

    fn decide(&self, ledger: &mut View) -> Result<FloatingIpInfo, Stop> {
        let row = ledger.own_floating_ip(self.address, &self.scope)?;
        ledger.floating_ip_info(row)
    }
}

/// Shows a page of floating IPs in the order of their addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListFloatingIps {
    /// Only this project's.
    pub project: Option<ProjectId>,
    /// Which of them.
    pub selection: FloatingSelection,
    /// Whether those are shown that an allocation assigned by itself. Whoever asks what leads somewhere is told of them in any
    /// case.
    pub shows_auto_assigned: bool,
    /// Only floating IPs behind this address.
    pub after: Option<IpAddr>,
    /// Most floating IPs to show; not zero.
    pub limit: u16,
    /// What the caller may see.
    pub scope: Scope,
}

/// What a list of floating IPs asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FloatingSelection {
    /// All of them.
    All,
    /// Those of a pool.
    Pool(Name),
    /// Those that lead to this address, on whatever network it is.
    FixedIp(IpAddr),
    /// Those that lead to this instance.
    Instance(InstanceId),
    /// Those that this host's router is to carry.
    Host(HostId),
}

/// Which floating IPs a page is about, as the ledger is asked for them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FloatingFilter {
    /// Only this project's.
    pub project: Option<ProjectId>,
    /// Which of them.
    pub by: FloatingBy,
    /// Whether those are among them that an allocation assigned by itself.
    pub shows_auto_assigned: bool,
}

/// By what floating IPs are looked up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FloatingBy {
    /// By nothing but their addresses.
    Any,
    /// By their pool.
    Pool(NetworkId),
    /// By the address that they lead to.
    FixedIp(IpAddr),
    /// By the instance that they lead to.
    Instance(InstanceId),
    /// By the host whose router is to carry them: the network's own, else the port's unless the port is being moved.
    Host(HostId),
}

/// A page of floating IPs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloatingIpPage {
    /// The floating IPs.
    pub floating_ips: Vec<FloatingIpInfo>,
    /// The address behind which the next page starts; none on the last page.
    pub next: Option<IpAddr>,
}

impl Command for ListFloatingIps {
    type Answer = FloatingIpPage;

    const NAME: &'static str = "ListFloatingIps";

    fn decide(&self, ledger: &mut View) -> Result<FloatingIpPage, Stop> {
        let project = match (&self.project, self.scope.project()) {
            (Some(asked), Some(own)) if asked != own => return Ok(FloatingIpPage::default()),
            (asked, own) => asked.as_ref().or(own),
        };
        let filter = self.filter(ledger, project)?;
        let mut rows = ledger.floating_ip_page(&filter, self.after, page::looks(self.limit))?;
        let next = page::cut(&mut rows, self.limit, |row| row.address);
        ledger.need(rows.iter().flat_map(keys_of_info))?;
        let floating_ips =
            rows.into_iter().map(|row| ledger.floating_ip_info(row)).collect::<Result<_, _>>()?;
        Ok(FloatingIpPage { floating_ips, next })
    }
}

impl ListFloatingIps {
    fn filter(&self, ledger: &mut View, project: Option<&ProjectId>) -> Result<FloatingFilter, Stop> {
        let by = match &self.selection {
            FloatingSelection::All => FloatingBy::Any,
            FloatingSelection::Pool(name) => FloatingBy::Pool(ledger.found_pool(name)?.id),
            FloatingSelection::FixedIp(address) => FloatingBy::FixedIp(*address),
            FloatingSelection::Instance(instance) => FloatingBy::Instance(*instance),
            FloatingSelection::Host(host) => FloatingBy::Host(host.clone()),
        };
        let asks_where = matches!(by, FloatingBy::FixedIp(_) | FloatingBy::Instance(_) | FloatingBy::Host(_));
        Ok(FloatingFilter {
            project: project.cloned(),
            by,
            shows_auto_assigned: self.shows_auto_assigned || asks_where,
        })
    }
}

/// What telling of a floating IP needs, so that one round loads it for the whole page.
fn keys_of_info(row: &FloatingIp) -> Vec<Key> {
    let target = row.target.iter().flat_map(|target| [Key::Network(target.network), Key::Port(target.port)]);
    target.chain([Key::Network(row.pool)]).collect()
}
