//! Questions about floating IPs.

use std::net::IpAddr;

use lepton_types::{FloatingIp, HostId, InstanceId, Name, NetworkId, ProjectId};
use serde::{Deserialize, Serialize};

use super::FloatingIpInfo;
use crate::{Command, HostPortPlace, Key, Scope, Stop, View, page};

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

/// Shows a page of floating IPs in the order of their addresses; those of a host as `on_host.rs` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListFloatingIps {
    /// Only this project's.
    pub project: Option<ProjectId>,
    /// Which of them.
    pub selection: FloatingSelection,
    /// Whether those are shown that an allocation assigned by itself. Whoever asks what leads somewhere is told of them in any
    /// case.
    pub shows_auto_assigned: bool,
    /// Only floating IPs behind this place, which an earlier page of the same list has told.
    pub after: Option<FloatingPlace>,
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
    /// Those that this host's router is to carry: the network's own host's, else the port's unless the port is being moved.
    Host(HostId),
}

/// Where a list of floating IPs goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FloatingPlace {
    /// Behind this address.
    Behind(IpAddr),
    /// Among those on the networks of a host: behind this address of a network, or behind all of the network's.
    OnNetwork(NetworkId, Option<IpAddr>),
    /// Among those that lead to ports on a host: behind this address of a port, or behind all of the port's.
    OnPort(HostPortPlace, Option<IpAddr>),
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
}

/// A page of floating IPs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloatingIpPage {
    /// The floating IPs.
    pub floating_ips: Vec<FloatingIpInfo>,
    /// From where to go on; none when all was looked at.
    pub next: Option<FloatingPlace>,
}

impl Command for ListFloatingIps {
    type Answer = FloatingIpPage;

    const NAME: &'static str = "ListFloatingIps";

    fn decide(&self, ledger: &mut View) -> Result<FloatingIpPage, Stop> {
        let Some(project) = self.scope.narrowed(self.project.as_ref()) else {
            return Ok(FloatingIpPage::default());
        };
        let project = project.cloned();
        let (rows, next) = match (&self.selection, project) {
            (FloatingSelection::All, project) => self.by_address(ledger, project, FloatingBy::Any)?,
            (FloatingSelection::Pool(name), project) => {
                let pool = ledger.found_pool(name)?.id;
                self.by_address(ledger, project, FloatingBy::Pool(pool))?
            }
            (FloatingSelection::FixedIp(address), project) => {
                self.by_address(ledger, project, FloatingBy::FixedIp(*address))?
            }
            (FloatingSelection::Instance(instance), project) => {
                self.by_address(ledger, project, FloatingBy::Instance(*instance))?
            }
            (FloatingSelection::Host(host), Some(project)) => self.of_project_on(ledger, project, host)?,
            (FloatingSelection::Host(host), None) => self.on_host(ledger, host)?,
        };
        ledger.need(rows.iter().flat_map(keys_of_info))?;
        let floating_ips =
            rows.into_iter().map(|row| ledger.floating_ip_info(row)).collect::<Result<_, _>>()?;
        Ok(FloatingIpPage { floating_ips, next })
    }
}

/// Floating IPs of a page, and from where the list goes on.
pub(super) type Found = (Vec<FloatingIp>, Option<FloatingPlace>);

impl ListFloatingIps {
    fn by_address(
        &self,
        ledger: &mut View,
        project: Option<ProjectId>,
        by: FloatingBy,
    ) -> Result<Found, Stop> {
        let asks_where = matches!(by, FloatingBy::FixedIp(_) | FloatingBy::Instance(_));
        let shows_auto_assigned = self.shows_auto_assigned || asks_where;
        let filter = FloatingFilter { project, by, shows_auto_assigned };
        let mut rows = ledger.floating_ip_page(&filter, self.behind(), page::looks(self.limit))?;
        let next = page::cut(&mut rows, self.limit, |row| FloatingPlace::Behind(row.address));
        Ok((rows, next))
    }

    /// Behind which address the page begins that goes by addresses.
    pub(super) fn behind(&self) -> Option<IpAddr> {
        match self.after {
            Some(FloatingPlace::Behind(address)) => Some(address),
            Some(FloatingPlace::OnNetwork(..) | FloatingPlace::OnPort(..)) | None => None,
        }
    }
}

impl FloatingFilter {
    /// Whether the floating IP is among them.
    pub(crate) fn lets_pass(&self, row: &FloatingIp) -> bool {
        let is_of_project = self.project.as_ref().is_none_or(|project| *project == row.project);
        let target = row.target.as_ref();
        let is_wanted = match &self.by {
            FloatingBy::Pool(pool) => row.pool == *pool,
            FloatingBy::FixedIp(address) => target.is_some_and(|target| target.address == *address),
            FloatingBy::Instance(instance) => target.is_some_and(|target| target.instance == *instance),
            FloatingBy::Any => true,
        };
        is_of_project && is_wanted && (self.shows_auto_assigned || !row.is_auto_assigned)
    }
}

/// What telling of a floating IP needs, so that one round loads it for the whole page.
pub(super) fn keys_of_info(row: &FloatingIp) -> Vec<Key> {
    let target = row.target.iter().flat_map(|target| [Key::Network(target.network), Key::Port(target.port)]);
    target.chain([Key::Network(row.pool)]).collect()
}
