//! Questions about ports: who has a vNIC, where it is plugged, and which addresses it has.

use std::{fmt, net::IpAddr};

use lepton_types::{HostId, InstanceId, MacAddr, Name, NetworkId, Port, PortId, ProjectId, SubnetId};
use serde::{Deserialize, Serialize};

use crate::{Command, Holder, HostPortPlace, Key, Refusal, Scope, Stop, View, page};

/// Shows one port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetPort {
    /// Which one.
    pub port: PortRef,
    /// What the caller may see.
    pub scope: Scope,
}

/// By what a single port is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortRef {
    /// Its id.
    Id(PortId),
    /// The MAC of its vNIC.
    Mac(MacAddr),
}

impl fmt::Display for PortRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Mac(mac) => write!(f, "with the MAC {mac}"),
        }
    }
}

/// A port with what it is plugged into and its addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortInfo {
    /// The port.
    pub port: Port,
    /// The label of its network.
    pub network_label: Name,
    /// Its addresses, by subnet; of one that was released, those that it keeps until its host has unplugged it.
    pub fixed_ips: Vec<PortAddress>,
}

/// An address of a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortAddress {
    /// Its subnet.
    pub subnet: SubnetId,
    /// The address.
    pub address: IpAddr,
    /// Whether it was taken from the port, which has it until its host lets no packet with it pass.
    pub is_leaving: bool,
}

/// Shows a page of ports, by network and within it in the order of their ids; a host's in the order in which they changed.
///
/// Only by the latter a host's have an index. Of a host and a project the project's are gone through by network and id, and a
/// bounded number is looked at: the page may have fewer than the limit, or none, and yet a next one. So a tenant learns nothing
/// of what others have there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPorts {
    /// Only this project's.
    pub project: Option<ProjectId>,
    /// Which of them.
    pub selection: PortSelection,
    /// Only ports behind this place, which an earlier page of the same list has told.
    pub after: Option<PortListPlace>,
    /// Most ports to show; not zero.
    pub limit: u16,
    /// What the caller may see.
    pub scope: Scope,
}

/// What a list of ports asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortSelection {
    /// What is looked up so.
    By(PortsBy),
    /// Those that are active on this host.
    OnHost(HostId),
}

/// Where a list of ports goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PortListPlace {
    /// Behind this port, by network and id.
    Behind(PortPlace),
    /// Behind this port of a host, in the order in which they changed.
    OnHost(HostPortPlace),
}

/// Where a port is by network and id.
pub type PortPlace = (NetworkId, PortId);

/// Which ports a page is about that go by network and id.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortFilter {
    /// Only this project's.
    pub project: Option<ProjectId>,
    /// Which of them.
    pub by: PortsBy,
}

/// By what ports are looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortsBy {
    /// By nothing.
    #[default]
    Any,
    /// By their network.
    Network(NetworkId),
    /// By their instance.
    Instance(InstanceId),
}

/// A page of ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortPage {
    /// The ports.
    pub ports: Vec<PortInfo>,
    /// From where to go on; none when all was looked at.
    pub next: Option<PortListPlace>,
}

impl Command for GetPort {
    type Answer = PortInfo;

    const NAME: &'static str = "GetPort";

    fn keys(&self) -> Vec<Key> {
        match self.port {
            PortRef::Id(id) => vec![Key::Port(id)],
            PortRef::Mac(mac) => vec![Key::Mac(mac)],
        }
    }

    fn decide(&self, ledger: &mut View) -> Result<PortInfo, Stop> {
        let port = ledger.seen_port(self.port, &self.scope)?;
        ledger.port_info(port)
    }
}

impl Command for ListPorts {
    type Answer = PortPage;

    const NAME: &'static str = "ListPorts";

    fn decide(&self, ledger: &mut View) -> Result<PortPage, Stop> {
        let Some(project) = self.scope.narrowed(self.project.as_ref()) else {
            return Ok(PortPage::default());
        };
        let project = project.cloned();
        let (rows, next) = match (&self.selection, project) {
            (PortSelection::By(by), project) => {
                self.by_network(ledger, &PortFilter { project, by: by.clone() })?
            }
            (PortSelection::OnHost(host), Some(project)) => self.of_project_on(ledger, project, host)?,
            (PortSelection::OnHost(host), None) => self.on_host(ledger, host)?,
        };
        ledger.need(rows.iter().flat_map(|port| [Key::Port(port.id), Key::Network(port.network)]))?;
        let ports = rows.into_iter().map(|port| ledger.port_info(port)).collect::<Result<_, _>>()?;
        Ok(PortPage { ports, next })
    }
}

impl ListPorts {
    fn by_network(
        &self,
        ledger: &mut View,
        filter: &PortFilter,
    ) -> Result<(Vec<Port>, Option<PortListPlace>), Stop> {
        let mut rows = ledger.port_page(filter, self.behind(), page::looks(self.limit))?;
        let next = page::cut(&mut rows, self.limit, by_network);
        Ok((rows, next))
    }

    /// Those on a host among the next ones of a project.
    fn of_project_on(
        &self,
        ledger: &mut View,
        project: ProjectId,
        host: &HostId,
    ) -> Result<(Vec<Port>, Option<PortListPlace>), Stop> {
        let filter = PortFilter { project: Some(project), by: PortsBy::Any };
        let looks = page::looks(self.limit).max(page::LOOKS);
        let rows = ledger.port_page(&filter, self.behind(), looks)?;
        let last = rows.last().filter(|_| rows.len() == usize::from(looks)).map(by_network);
        let placed = rows.into_iter().map(|port| (by_network(&port), port));
        Ok(page::pick(placed, last, self.limit, |port| port.host == *host))
    }

    /// The next ones of a host, in the order in which they changed.
    fn on_host(&self, ledger: &mut View, host: &HostId) -> Result<(Vec<Port>, Option<PortListPlace>), Stop> {
        let after = match self.after {
            Some(PortListPlace::OnHost(place)) => Some(place),
            Some(PortListPlace::Behind(_)) | None => None,
        };
        let mut rows = ledger.host_port_page(host, after, page::looks(self.limit))?;
        let next = page::cut(&mut rows, self.limit, |port| PortListPlace::OnHost((port.revision, port.id)));
        Ok((rows, next))
    }

    /// Behind which port the page begins that goes by network and id.
    fn behind(&self) -> Option<PortPlace> {
        match self.after {
            Some(PortListPlace::Behind(place)) => Some(place),
            Some(PortListPlace::OnHost(_)) | None => None,
        }
    }
}

fn by_network(port: &Port) -> PortListPlace {
    PortListPlace::Behind((port.network, port.id))
}

impl PortFilter {
    /// Whether the port is among them.
    pub(crate) fn lets_pass(&self, port: &Port) -> bool {
        self.project.as_ref().is_none_or(|project| *project == port.project)
            && match &self.by {
                PortsBy::Any => true,
                PortsBy::Network(network) => port.network == *network,
                PortsBy::Instance(instance) => port.instance == *instance,
            }
    }
}

impl View {
    /// The port, if it is the caller's to see.
    pub(crate) fn seen_port(&mut self, port: PortRef, scope: &Scope) -> Result<Port, Stop> {
        let not_found = || Refusal::PortNotFound { port };
        let id = match port {
            PortRef::Id(id) => id,
            PortRef::Mac(mac) => self.port_with(mac)?.ok_or_else(not_found)?,
        };
        let found = self.port(id)?.filter(|port| scope.owns(Some(&port.project))).cloned();
        Ok(found.ok_or_else(not_found)?)
    }

    fn port_info(&mut self, port: Port) -> Result<PortInfo, Stop> {
        let network = self.network(port.network)?.map(|network| network.label.clone());
        let network_label = network.ok_or(Refusal::NetworkNotFound { network: port.network, field: None })?;
        let fixed_ips = self.fixed_ips_of(port.id).into_iter().map(|row| PortAddress {
            subnet: row.subnet,
            address: row.address,
            is_leaving: matches!(row.holder, Holder::Leaving { .. }),
        });
        let fixed_ips = fixed_ips.collect();
        Ok(PortInfo { port, network_label, fixed_ips })
    }
}
