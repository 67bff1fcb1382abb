//! Networks: made and deleted by operators, shown to everybody who may use them.

use std::collections::BTreeMap;

use lepton_ipam::SubnetSpec;
use lepton_types::{HostId, Mtu, Name, Network, NetworkId, ProjectId, Resource, Subnet};
use serde::{Deserialize, Serialize};

use crate::{Command, Key, NamedHost, Refusal, Scope, Selection, Stop, View, page};

mod carve;
mod modify;

pub use carve::{CarveNetworks, Carving};
pub use modify::{Associate, AssociateNetwork, DisassociateNetwork, ModifyNetwork};

/// Makes networks, all of them or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateNetworks {
    /// The networks to make.
    pub networks: Vec<NetworkSpec>,
    /// For whom the caller may make them.
    pub scope: Scope,
}

/// What a new network is to be. That its subnets fit together was checked when it was parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSpec {
    /// What people call it.
    pub label: Name,
    /// The owner; none makes it global.
    pub project: Option<ProjectId>,
    /// Where its vNIC stands among an instance's vNICs: smaller first.
    pub priority: i32,
    /// What it carries.
    pub mtu: Mtu,
    /// Its subnets.
    pub subnets: Vec<SubnetSpec>,
    /// The host whose router its traffic goes through; none: each instance's own host.
    pub host: Option<NamedHost>,
    /// Whether compute agents write the guest's network configuration into its disk.
    pub is_injected: bool,
    /// A network of the same owner, made beforehand and without subnets yet, that becomes this one; none: a new one.
    pub made_before: Option<NetworkId>,
}

/// A network and its subnets, IPv4 before IPv6.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkWithSubnets {
    /// The network.
    pub network: Network,
    /// Its subnets.
    pub subnets: Vec<Subnet>,
}

impl Command for CreateNetworks {
    type Answer = Vec<NetworkWithSubnets>;

    const NAME: &'static str = "CreateNetworks";

    fn keys(&self) -> Vec<Key> {
        let made_before = self.networks.iter().filter_map(|spec| spec.made_before.map(Key::Network));
        let owners = self.networks.iter().filter(|spec| spec.made_before.is_none());
        let quotas = owners.filter_map(|spec| spec.project.clone().map(Key::Quota));
        made_before.chain(quotas).chain([Key::NewestNetwork]).collect()
    }

    fn decide(&self, ledger: &mut View) -> Result<Self::Answer, Stop> {
        let specs = self.networks.iter().enumerate();
        let specs = specs.map(|(index, spec)| spec.within(&self.scope, &format!("networks[{index}]")));
        let specs: Vec<_> = specs.collect::<Result<_, _>>()?;
        let mut new_ones: BTreeMap<&ProjectId, usize> = BTreeMap::new();
        let owners = specs.iter().filter(|spec| spec.made_before.is_none());
        owners
            .filter_map(|spec| spec.project.as_ref())
            .for_each(|owner| *new_ones.entry(owner).or_default() += 1);
        for (project, count) in new_ones {
            ledger.with_room_for(project, Resource::Networks, count)?;
        }
        let mut made = Vec::with_capacity(specs.len());
        for (index, spec) in specs.iter().enumerate() {
            let network = match spec.made_before {
                None => new(ledger, spec, &format!("networks[{index}]"))?,
                Some(id) => settled(ledger, spec, id, index)?,
            };
            let name = |subnet, part: &str| format!("networks[{index}].subnets[{subnet}].{part}");
            made.push(with_subnets(ledger, network, &spec.subnets, name)?);
        }
        Ok(made)
    }
}

/// Makes a network's first subnets; `name` tells where the request asks for a part of which of them.
fn with_subnets(
    ledger: &mut View,
    network: Network,
    specs: &[SubnetSpec],
    name: impl Fn(usize, &str) -> String,
) -> Result<NetworkWithSubnets, Stop> {
    for (index, spec) in specs.iter().enumerate() {
        ledger.insert_subnet(spec, &network, |part| name(index, part))?;
    }
    Ok(NetworkWithSubnets { subnets: ledger.subnets_of(network.id), network })
}

impl NetworkSpec {
    /// What a tenant's network is to be: its own, and without what operators decide. `field` is where it is asked for.
    fn within(&self, scope: &Scope, field: &str) -> Result<Self, Refusal> {
        let project = scope.acting_for(self.project.as_ref())?;
        scope.may_set(format!("{field}.host"), self.host.is_some())?;
        scope.may_set(format!("{field}.injected"), self.is_injected)?;
        Ok(Self { project, ..self.clone() })
    }

    fn found_host(&self, ledger: &mut View, field: &str) -> Result<Option<HostId>, Stop> {
        self.host.as_ref().map(|host| host.found(ledger, &format!("{field}.host"))).transpose()
    }
}

/// Makes a network; `field` is where the request tells what it is to be.
fn new(ledger: &mut View, spec: &NetworkSpec, field: &str) -> Result<Network, Stop> {
    let host = spec.found_host(ledger, field)?;
    ledger.move_network_unit(None, spec.project.as_ref())?;
    let network = Network {
        id: ledger.draws().id(),
        project: spec.project.clone(),
        label: spec.label.clone(),
        priority: spec.priority,
        mtu: spec.mtu,
        sequence: ledger.next_network_sequence()?,
        created_at: ledger.now(),
        host,
        is_injected: spec.is_injected,
        is_external: false,
        version: 0,
    };
    ledger.insert(network.clone());
    Ok(network)
}

/// The network made beforehand, as the request wants it to be. A network becomes one with subnets once (B38).
fn settled(ledger: &mut View, spec: &NetworkSpec, id: NetworkId, index: usize) -> Result<Network, Stop> {
    let field = || Some(format!("networks[{index}].id"));
    let network = ledger.network(id)?.filter(|found| found.project == spec.project && !found.is_external);
    let Some(found) = network.cloned() else {
        return Err(Refusal::NetworkNotFound { network: id, field: field() }.into());
    };
    if !ledger.subnets_of(id).is_empty() {
        return Err(Refusal::NetworkNotEmpty { network: id }.into());
    }
    // Hosts hear of ports, not of networks: what is plugged already keeps what it carries.
    if found.mtu != spec.mtu
        && let Some(port) = ledger.port_on(id)?
    {
        return Err(Refusal::NetworkInUse { network: id, instance: Some(port.instance) }.into());
    }
    let host = spec.found_host(ledger, &format!("networks[{index}]"))?;
    let network = Network {
        label: spec.label.clone(),
        priority: spec.priority,
        mtu: spec.mtu,
        host,
        is_injected: spec.is_injected,
        version: found.version + 1,
        ..found
    };
    ledger.replace(network.clone());
    Ok(network)
}

/// Deletes a network with its subnets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteNetwork {
    /// Which one.
    pub network: NetworkId,
    /// What the caller may see and change.
    pub scope: Scope,
}

impl Command for DeleteNetwork {
    type Answer = ();

    const NAME: &'static str = "DeleteNetwork";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Network(self.network), Key::Select(Selection::PortOn(self.network))]
    }

    fn decide(&self, ledger: &mut View) -> Result<(), Stop> {
        let network = ledger.seen_network(self.network, &self.scope)?;
        self.scope.may_change(network.project.as_ref())?;
        if let Some(port) = ledger.port_on(network.id)? {
            let instance = self.scope.owns(Some(&port.project)).then_some(port.instance);
            return Err(Refusal::NetworkInUse { network: network.id, instance }.into());
        }
        ledger.move_network_unit(network.project.as_ref(), None)?;
        for subnet in ledger.subnets_of(network.id) {
            ledger.end::<Subnet>(&subnet.id);
        }
        ledger.note_newest_network(network.sequence);
        ledger.end::<Network>(&network.id);
        Ok(())
    }
}

/// Shows one network with its subnets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetNetwork {
    /// Which one.
    pub network: NetworkId,
    /// What the caller may see and change.
    pub scope: Scope,
}

impl Command for GetNetwork {
    type Answer = NetworkWithSubnets;

    const NAME: &'static str = "GetNetwork";

    fn decide(&self, ledger: &mut View) -> Result<NetworkWithSubnets, Stop> {
        let network = ledger.seen_network(self.network, &self.scope)?;
        Ok(NetworkWithSubnets { subnets: ledger.subnets_of(network.id), network })
    }
}

/// Shows a page of networks in the order of their creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListNetworks {
    /// Only the networks that this project may use.
    pub project: Option<ProjectId>,
    /// Only networks made after the one with this sequence number.
    pub after: u64,
    /// Most networks to show; not zero.
    pub limit: u16,
    /// What the caller may see.
    pub scope: Scope,
}

/// A page of networks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkPage {
    /// The networks.
    pub networks: Vec<NetworkWithSubnets>,
    /// The sequence number after which the next page starts; none on the last page.
    pub next: Option<u64>,
}

impl Command for ListNetworks {
    type Answer = NetworkPage;

    const NAME: &'static str = "ListNetworks";

    fn decide(&self, ledger: &mut View) -> Result<NetworkPage, Stop> {
        let Some(project) = self.scope.narrowed(self.project.as_ref()) else {
            return Ok(NetworkPage::default());
        };
        let mut networks = ledger.network_page(project, self.after, page::looks(self.limit))?;
        let next = page::cut(&mut networks, self.limit, |network| network.sequence);
        let networks = networks
            .into_iter()
            .map(|network| NetworkWithSubnets { subnets: ledger.subnets_of(network.id), network })
            .collect();
        Ok(NetworkPage { networks, next })
    }
}

impl View {
    /// A network that the caller may see.
    pub(crate) fn seen_network(&mut self, network: NetworkId, scope: &Scope) -> Result<Network, Stop> {
        let found = self.network(network)?.filter(|network| scope.sees(network)).cloned();
        found.ok_or_else(|| Refusal::NetworkNotFound { network, field: None }.into())
    }
}

#[cfg(test)]
mod tests;
