//! Changes of a network: what it is called, whose it is, where its router is.

use lepton_types::{Name, Network, NetworkId, ProjectId};

use super::NetworkWithSubnets;
use crate::{Command, Key, NamedHost, Scope, Stop, View};

/// Changes what is given of a network and leaves the rest as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModifyNetwork {
    /// Which one.
    pub network: NetworkId,
    /// What people shall call it.
    pub label: Option<Name>,
    /// Where its vNIC shall stand among an instance's vNICs. Ports keep the position that they were given.
    pub priority: Option<i32>,
    /// Whose it shall be; `Some(None)` makes it global.
    pub project: Option<Option<ProjectId>>,
    /// The host whose router its traffic shall go through; `Some(None)`: each instance's own host.
    pub host: Option<Option<NamedHost>>,
    /// Whether compute agents shall write the guest's network configuration into its disk.
    pub is_injected: Option<bool>,
    /// What the caller may see and change.
    pub scope: Scope,
}

impl Command for ModifyNetwork {
    type Answer = NetworkWithSubnets;

    const NAME: &'static str = "ModifyNetwork";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Network(self.network)]
    }

    fn decide(&self, ledger: &mut View) -> Result<NetworkWithSubnets, Stop> {
        let mut network = ledger.tenant_network(self.network, &self.scope)?;
        self.scope.may_set("host", self.host.is_some())?;
        self.scope.may_set("injected", self.is_injected.is_some())?;
        if let Some(label) = &self.label {
            network.label = label.clone();
        }
        network.priority = self.priority.unwrap_or(network.priority);
        if let Some(project) = &self.project {
            self.scope.may_change(project.as_ref())?;
            network.project = project.clone();
        }
        if let Some(host) = &self.host {
            network.host = host.as_ref().map(|host| host.found(ledger, "host")).transpose()?;
        }
        network.is_injected = self.is_injected.unwrap_or(network.is_injected);
        ledger.changed(network)
    }
}

/// With whom a network is associated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Associate {
    /// With the project that owns it.
    Project(ProjectId),
    /// With the host whose router its traffic goes through.
    Host(NamedHost),
}

/// Associates a network that is not associated yet with a project or a host. Of several callers the first one wins; the
/// answer tells who.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssociateNetwork {
    /// Which one.
    pub network: NetworkId,
    /// With whom.
    pub with: Associate,
}

impl Command for AssociateNetwork {
    type Answer = NetworkWithSubnets;

    const NAME: &'static str = "AssociateNetwork";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Network(self.network)]
    }

    fn decide(&self, ledger: &mut View) -> Result<NetworkWithSubnets, Stop> {
        let mut network = ledger.tenant_network(self.network, &Scope::Everything)?;
        match &self.with {
            Associate::Project(project) => {
                network.project.get_or_insert_with(|| project.clone());
            }
            Associate::Host(host) => {
                let host = host.found(ledger, "host")?;
                network.host.get_or_insert(host);
            }
        }
        ledger.changed(network)
    }
}

/// Ends a network's association with its project, its host, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisassociateNetwork {
    /// Which one.
    pub network: NetworkId,
    /// Whether it becomes global.
    pub project: bool,
    /// Whether its traffic goes through each instance's own host.
    pub host: bool,
}

impl Command for DisassociateNetwork {
    type Answer = NetworkWithSubnets;

    const NAME: &'static str = "DisassociateNetwork";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Network(self.network)]
    }

    fn decide(&self, ledger: &mut View) -> Result<NetworkWithSubnets, Stop> {
        let mut network = ledger.tenant_network(self.network, &Scope::Everything)?;
        if self.project {
            network.project = None;
        }
        if self.host {
            network.host = None;
        }
        ledger.changed(network)
    }
}

impl View {
    /// A network that instances are plugged into, and that the caller may change; a pool of floating IPs is none.
    pub(crate) fn tenant_network(&mut self, network: NetworkId, scope: &Scope) -> Result<Network, Stop> {
        let found = self.seen_network(network, scope)?;
        scope.may_change(found.project.as_ref())?;
        Ok(found)
    }

    /// Records what became of a network, if anything did; answers it with its subnets.
    fn changed(&mut self, mut network: Network) -> Result<NetworkWithSubnets, Stop> {
        let before = self.row::<Network>(&network.id).cloned();
        if before.as_ref() != Some(&network) {
            let owner = before.and_then(|before| before.project);
            self.move_network_unit(owner.as_ref(), network.project.as_ref())?;
            network.version += 1;
            self.replace(network.clone());
        }
        Ok(NetworkWithSubnets { subnets: self.subnets_of(network.id), network })
    }
}

#[cfg(test)]
mod tests;
