//! `ExplainPort`: why a vNIC is on its network, at its place, with its MAC and its addresses, and what its hosts say.

use lepton_types::{AddressMode, HostId, Network, Port, PortStatus, Revision};

use super::{Cause, Explained, Explanation, Given, Plug, PluggedInto};
use crate::{Command, FixedIp, Holder, Instance, Key, PortRef, Refusal, Scope, Stop, View};

/// Explains one port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainPort {
    /// Which one.
    pub port: PortRef,
    /// What the caller may see.
    pub scope: Scope,
}

impl Command for ExplainPort {
    type Answer = Explanation;

    const NAME: &'static str = "ExplainPort";

    fn decide(&self, ledger: &mut View) -> Result<Explanation, Stop> {
        let port = ledger.seen_port(self.port, &self.scope)?;
        ledger.explain_port(&port)
    }
}

/// What the explanation of a port needs, for the round before it.
pub(super) fn keys(port: &Port) -> impl Iterator<Item = Key> {
    let target = port.target.as_ref().map(|target| Key::Host(target.host.clone()));
    let keys = [
        Key::Port(port.id),
        Key::Instance(port.instance),
        Key::Network(port.network),
        Key::PendingUnplugs(port.id),
        Key::Host(port.host.clone()),
    ];
    keys.into_iter().chain(target)
}

impl View {
    pub(super) fn explain_port(&mut self, port: &Port) -> Result<Explanation, Stop> {
        self.need(keys(port))?;
        let network = self.network(port.network)?.cloned();
        let network = network.ok_or(Refusal::NetworkNotFound { network: port.network, field: None })?;
        let mut causes = self.why_network(port, &network)?;
        causes.push(match port.mac_range {
            Some(range) => Cause::MacFromRange { mac: port.mac, range },
            None => Cause::MacFromBase { mac: port.mac },
        });
        self.why_addresses(port, &mut causes)?;
        self.plugs(port, &network, &mut causes)?;
        // What is as it should be first.
        causes.sort_by_key(Cause::is_difference);
        Ok(Explanation { of: Explained::Port(port.id), causes, parts: Vec::new() })
    }

    /// Why this network, and why at this place. Of a life that has ended only the port is left, which does not tell.
    fn why_network(&mut self, port: &Port, network: &Network) -> Result<Vec<Cause>, Stop> {
        let life = self.instance(port.instance)?.filter(|life| life.incarnation == port.incarnation).cloned();
        let Some(life) = life else { return Ok(Vec::new()) };
        let (position, vnics) = (port.position, self.ports_of(&life)?.len());
        let into = PluggedInto { id: network.id, label: network.label.clone() };
        let place = if life.has_named_networks {
            Cause::OrderRequested { position, vnics }
        } else {
            Cause::OrderByPriority { position, vnics, priority: network.priority }
        };
        Ok(vec![on_network(&life, network, into), place])
    }

    fn why_addresses(&mut self, port: &Port, causes: &mut Vec<Cause>) -> Result<(), Stop> {
        let mut rows = self.fixed_ips_of(port.id);
        // IPv4 first, as NetworkInfo has them.
        rows.sort_by_key(|row| row.address);
        self.need(rows.iter().map(|row| Key::Subnet(row.subnet)))?;
        if rows.is_empty() {
            causes.push(Cause::NoAddress);
        }
        for row in rows {
            causes.extend(self.why_address(&row)?);
        }
        Ok(())
    }

    fn why_address(&mut self, row: &FixedIp) -> Result<Option<Cause>, Stop> {
        let Some(subnet) = self.subnet(row.subnet)? else { return Ok(None) };
        let address = Given { address: row.address, cidr: subnet.cidr, since: row.since };
        Ok(Some(match (&row.holder, subnet.mode) {
            (Holder::Leaving { .. }, _) => Cause::AddressLeaving { address },
            (_, _) if row.is_asked_for => Cause::AddressAskedFor { address },
            (_, AddressMode::Pool) => Cause::AddressLowestFree { address },
            (_, AddressMode::Eui64) => Cause::AddressFromMac { address },
            (_, AddressMode::AccountIdentifier) => Cause::AddressFromAccount { address },
        }))
    }

    /// Where the port should be and is, should be and is not, and should not be and may be.
    fn plugs(&mut self, port: &Port, network: &Network, causes: &mut Vec<Cause>) -> Result<(), Stop> {
        let plug = |host: &HostId, revision: Revision| Plug {
            host: host.clone(),
            device: port.device().to_string(),
            bridge: network.bridge().to_string(),
            revision,
        };
        if port.is_released {
            causes.push(Cause::NotUnplugged { plug: plug(&port.host, port.revision) });
        } else {
            causes.push(self.reported(plug(&port.host, port.revision), &port.status)?);
        }
        if let Some(target) = &port.target {
            causes.push(self.reported(plug(&target.host, target.revision), &target.status)?);
        }
        for unplug in self.unplugs_of_port(port.id)? {
            causes.push(Cause::NotUnplugged { plug: plug(&unplug.host, unplug.revision) });
        }
        Ok(())
    }

    /// What a host that should plug a port says of it.
    fn reported(&mut self, plug: Plug, status: &PortStatus) -> Result<Cause, Stop> {
        Ok(match status {
            PortStatus::Active => Cause::Plugged { plug },
            PortStatus::Error(error) => Cause::PlugFailed { plug, error: error.clone() },
            PortStatus::Pending if self.is_registered(&plug.host)? => Cause::NotReported { plug },
            PortStatus::Pending => Cause::NoAgent { plug },
        })
    }
}

/// Why a life has a vNIC on this network.
fn on_network(life: &Instance, network: &Network, into: PluggedInto) -> Cause {
    match &network.project {
        _ if life.has_named_networks => Cause::NetworkNamed { network: into },
        None => Cause::NetworkGlobal { network: into },
        Some(owner) if *owner == life.project => Cause::NetworkOwn { network: into },
        Some(_) => Cause::NetworkFormerlyUsable { network: into },
    }
}
