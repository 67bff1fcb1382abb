//! `HostFeed`: what a host is told to have. `HostRevision`: whether there is news for it.

use lepton_types::{HostChanges, HostId, HostPort, Port, PortBinding, PortId, Revision};

use crate::{Command, Host, Key, Refusal, Stop, View};

/// Tells a host's revision, and nothing of its ports: what those ask who wait for news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRevision {
    /// Which host.
    pub host: HostId,
}

impl Command for HostRevision {
    type Answer = Revision;

    const NAME: &'static str = "HostRevision";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Host(self.host.clone())]
    }

    fn decide(&self, ledger: &mut View) -> Result<Revision, Stop> {
        Ok(ledger.host(&self.host)?.revision)
    }
}

/// Tells a host what it must have, if it is registered: whoever is not has plugged nothing, and that must stay true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFeed {
    /// Which host.
    pub host: HostId,
    /// The revision that it holds; none: it wants everything.
    pub after: Option<Revision>,
}

impl Command for HostFeed {
    type Answer = HostChanges;

    const NAME: &'static str = "HostFeed";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Host(self.host.clone())]
    }

    fn decide(&self, ledger: &mut View) -> Result<HostChanges, Stop> {
        let Host { id: host, revision, is_registered } = ledger.host(&self.host)?;
        if !is_registered {
            return Err(Refusal::HostNotFound { host, field: None }.into());
        }
        // A host that holds more than there is has outlived a restored ledger: it gets everything.
        let after = self.after.filter(|after| *after <= revision);
        let (ports, released) = told(ledger, &self.host, after.unwrap_or_default())?;
        Ok(HostChanges { revision, is_complete: after.is_none(), ports, released })
    }
}

/// The ports that a host must have, and those that must go from it, of what changed after a revision.
pub(crate) fn told(
    ledger: &mut View,
    host: &HostId,
    after: Revision,
) -> Result<(Vec<HostPort>, Vec<PortId>), Stop> {
    let (mut told, mut released) = (Vec::new(), Vec::new());
    let ports = ledger.host_ports(host, after)?;
    ledger.need(ports.iter().map(|port| Key::Network(port.network)))?;
    for port in ports {
        match port.target.clone().filter(|target| target.host == *host) {
            Some(target) => told.extend(host_port(ledger, &port, target.revision, target.binding)?),
            None if port.is_released => released.push(port.id),
            None => {
                let binding = port.binding.clone();
                told.extend(host_port(ledger, &port, port.revision, binding)?);
            }
        }
    }
    released.extend(ledger.unplugs_of_host(host, after)?);
    Ok((told, released))
}

/// The port as the host must have it; none if its network is gone, which the store's constraints forbid.
fn host_port(
    ledger: &mut View,
    port: &Port,
    revision: Revision,
    binding: PortBinding,
) -> Result<Option<HostPort>, Stop> {
    let addresses = ledger.usable_by(port.id).into_iter().map(|row| row.address).collect();
    let device = port.device();
    Ok(ledger.network(port.network)?.map(|network| HostPort {
        id: port.id,
        revision,
        device,
        network: network.id,
        bridge: network.bridge(),
        mtu: network.mtu,
        mac: port.mac,
        addresses,
        binding,
    }))
}
