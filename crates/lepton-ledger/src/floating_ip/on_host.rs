//! The floating IPs that a host's router is to carry, page by page: those on networks whose own host it is, and then those that
//! lead to its ports, unless a port is being moved or its network has a host of its own.
//!
//! Nothing has them in one order, so they are found by what they lead to: network after network by id, and then port after
//! port, the one first that changed first. A call looks at a bounded number of each and tells from where to go on, even if it
//! has found nothing. Where only one project's are wanted, the project's are gone through by their addresses instead, so that a
//! tenant learns nothing of what others have there.

use lepton_types::{FloatingIp, HostId, NetworkId, Port, ProjectId};
use uuid::Uuid;

use super::list::{FloatingBy, FloatingFilter, FloatingPlace, Found, ListFloatingIps, keys_of_info};
use crate::{Key, Stop, View, page};

/// Most networks that a call looks at, each of which is asked for what leads to it.
const NETWORKS: u16 = 64;

/// What a call has looked at.
#[derive(Default)]
struct Looked {
    found: Vec<(FloatingPlace, FloatingIp)>,
    /// Where to go on behind all of it; none when nothing is there.
    behind: Option<FloatingPlace>,
}

impl ListFloatingIps {
    /// Those that the host is to carry among the next ones of a project.
    pub(super) fn of_project_on(
        &self,
        ledger: &mut View,
        project: ProjectId,
        host: &HostId,
    ) -> Result<Found, Stop> {
        let filter =
            FloatingFilter { project: Some(project), by: FloatingBy::Any, shows_auto_assigned: true };
        let looks = page::looks(self.limit).max(page::LOOKS);
        let rows = ledger.floating_ip_page(&filter, self.behind(), looks)?;
        let last = page::last(&rows, looks).map(|row| FloatingPlace::Behind(row.address));
        ledger.need(rows.iter().flat_map(keys_of_info))?;
        let mut placed = Vec::with_capacity(rows.len());
        for row in rows {
            let carrier = match &row.target {
                Some(target) => ledger.floating_host(target)?,
                None => None,
            };
            placed.push((FloatingPlace::Behind(row.address), (row, carrier)));
        }
        let (page, next) =
            page::pick(placed, last, self.limit, |(_, carrier)| carrier.as_ref() == Some(host));
        Ok((page.into_iter().map(|(row, _)| row).collect(), next))
    }

    /// The next ones that the host is to carry.
    pub(super) fn on_host(&self, ledger: &mut View, host: &HostId) -> Result<Found, Stop> {
        let mut looked = match self.after {
            Some(FloatingPlace::OnPort(..)) => Looked::default(),
            Some(FloatingPlace::OnNetwork(..) | FloatingPlace::Behind(_)) | None => {
                self.on_networks(ledger, host)?
            }
        };
        if looked.behind.is_none() && looked.found.len() <= self.limit.into() {
            let Looked { found, behind } = self.on_ports(ledger, host)?;
            looked.found.extend(found);
            looked.behind = behind;
        }
        Ok(page::pick(looked.found, looked.behind, self.limit, |_| true))
    }

    /// The next ones on the next networks whose own host it is, and before them the rest of the network that was shown in part.
    fn on_networks(&self, ledger: &mut View, host: &HostId) -> Result<Looked, Stop> {
        let (from, shown) = match self.after {
            Some(FloatingPlace::OnNetwork(network, address)) => (network, Some(address)),
            Some(FloatingPlace::OnPort(..) | FloatingPlace::Behind(_)) | None => (Uuid::nil().into(), None),
        };
        let mut networks = ledger.networks_on_host(host, from, NETWORKS)?;
        let last = page::last(&networks, NETWORKS).copied();
        if shown == Some(None) {
            networks.retain(|network| *network != from);
        }
        let after = shown.flatten().filter(|_| networks.first() == Some(&from));
        let looks = page::looks(self.limit);
        let rows = ledger.floating_ips_on(&networks, after, looks)?;
        let on = |network: NetworkId| FloatingPlace::OnNetwork(network, None);
        let placed = rows.into_iter().filter_map(|row| {
            let network = row.target?.network;
            Some((FloatingPlace::OnNetwork(network, Some(row.address)), row))
        });
        Ok(Looked { found: placed.collect(), behind: last.map(on) })
    }

    /// Those that lead to the next ports, and before them the rest of the port that was shown in part.
    fn on_ports(&self, ledger: &mut View, host: &HostId) -> Result<Looked, Stop> {
        let after = match self.after {
            Some(FloatingPlace::OnPort(port, address)) => Some((port, address)),
            Some(FloatingPlace::OnNetwork(..) | FloatingPlace::Behind(_)) | None => None,
        };
        let looks = page::looks(self.limit).max(page::LOOKS);
        ledger.want(after.iter().filter(|(_, address)| address.is_some()).map(|((_, id), _)| Key::Port(*id)));
        let next = ledger.host_port_page(host, after.map(|(port, _)| port), looks)?;
        let last = page::last(&next, looks);
        let behind = last.map(|port| FloatingPlace::OnPort((port.revision, port.id), None));
        let mut ports = Vec::with_capacity(next.len() + 1);
        if let Some(((revision, id), Some(_))) = after {
            // A port that has changed or moved since comes again, or is not there any more.
            let shown = ledger.port(id)?.filter(|port| port.host == *host && port.revision == revision);
            ports.extend(shown.cloned());
        }
        ports.extend(next);
        let mut found = leading_to(ledger, &ports)?;
        if let Some((port, Some(shown))) = after {
            let is_of_it =
                |place: &FloatingPlace| matches!(place, FloatingPlace::OnPort(at, _) if *at == port);
            found.retain(|(place, row)| !is_of_it(place) || row.address > shown);
        }
        Ok(Looked { found, behind })
    }
}

/// The floating IPs that lead to those of the ports which are their host's to carry, with their places.
fn leading_to(ledger: &mut View, ports: &[Port]) -> Result<Vec<(FloatingPlace, FloatingIp)>, Stop> {
    let keys = ports.iter().filter(|port| port.target.is_none());
    ledger.need(keys.flat_map(|port| [Key::FloatingIpsOf(port.id), Key::Network(port.network)]))?;
    let mut found = Vec::new();
    for port in ports.iter().filter(|port| port.target.is_none()) {
        let has_own_host = ledger.network(port.network)?.is_some_and(|network| network.host.is_some());
        if !has_own_host {
            let place = |row: &FloatingIp| FloatingPlace::OnPort((port.revision, port.id), Some(row.address));
            found.extend(ledger.floating_ips_of(port.id).into_iter().map(|row| (place(&row), row)));
        }
    }
    Ok(found)
}
