//! Where floating IPs lead: associated with a fixed IP, moved to another one, disassociated.

use std::{collections::BTreeSet, net::IpAddr};

use lepton_types::{FloatingIp, FloatingTarget, InstanceId, NetworkId, Port, ProjectId, Subnet, SubnetId};
use serde::{Deserialize, Serialize};

use super::{FloatingIpInfo, unless_auto_assigned};
use crate::{Command, FixedIp, Instance, Key, Refusal, Scope, Stop, View};

/// Makes a floating IP lead to a fixed IP of its project, wherever it led before: in one step, so that there is no moment in
/// which it leads nowhere (B52).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssociateFloatingIp {
    /// Which one.
    pub address: IpAddr,
    /// Where it is to lead.
    pub target: TargetRequest,
    /// Whether one that an allocation assigned by itself is meant as well; else it is refused.
    pub affects_auto_assigned: bool,
    /// What the caller may see and change.
    pub scope: Scope,
}

/// A fixed IP, as somebody asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetRequest {
    /// One of an instance's.
    Instance {
        /// Which instance.
        instance: InstanceId,
        /// Which address; none: the first IPv4 address of the first vNIC that has one.
        fixed_ip: Option<IpAddr>,
        /// On which network; none: on any.
        network: Option<NetworkId>,
    },
    /// One of a network.
    Network {
        /// Which network.
        network: NetworkId,
        /// Which address.
        fixed_ip: IpAddr,
    },
    /// One on any of the networks that the floating IP's project may use, or the one that it leads to already.
    Anywhere {
        /// Which address.
        fixed_ip: IpAddr,
    },
}

/// Whose a floating IP is and the fixed IP that it leads to, as it was when somebody looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloatingOwner {
    /// Whose it is.
    pub project: ProjectId,
    /// The fixed IP; none: it leads nowhere.
    pub leads_to: Option<(SubnetId, IpAddr)>,
}

/// What an association answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssociatedFloatingIp {
    /// The floating IP as it is now.
    pub floating_ip: FloatingIpInfo,
    /// The instance that it led to before; none when it led nowhere, or to this very fixed IP already.
    pub previous_instance: Option<InstanceId>,
}

impl Command for AssociateFloatingIp {
    type Answer = AssociatedFloatingIp;

    const NAME: &'static str = "AssociateFloatingIp";

    /// The floating IP is locked behind what it is to lead to, as by who deallocates that.
    fn keys(&self) -> Vec<Key> {
        match (&self.target, self.scope.project()) {
            (TargetRequest::Instance { instance, .. }, _) => {
                vec![Key::Instance(*instance), Key::FloatingIp(self.address)]
            }
            (TargetRequest::Network { network, .. }, _) => vec![Key::Network(*network)],
            (TargetRequest::Anywhere { .. }, Some(project)) => {
                vec![Key::NetworksOf(project.clone()), Key::FloatingOwner(self.address)]
            }
            (TargetRequest::Anywhere { .. }, None) => vec![Key::FloatingOwner(self.address)],
        }
    }

    fn decide(&self, ledger: &mut View) -> Result<AssociatedFloatingIp, Stop> {
        let (target, owner) = self.find_target(ledger)?;
        let row = ledger.own_floating_ip(self.address, &self.scope)?;
        if row.project != owner {
            // Only who may touch both projects' things gets here.
            return Err(of_other_project(&row, &target, owner).into());
        }
        let previous = row.target.filter(|previous| *previous != target);
        let is_there = row.target == Some(target);
        if !is_there {
            unless_auto_assigned(&row, self.affects_auto_assigned)?;
        }
        let stays = is_there && !(row.is_auto_assigned && self.affects_auto_assigned);
        let row = if stays { row } else { ledger.lead(&row, Some(target)) };
        let floating_ip = ledger.floating_ip_info(row)?;
        Ok(AssociatedFloatingIp { floating_ip, previous_instance: previous.map(|target| target.instance) })
    }
}

impl AssociateFloatingIp {
    /// The one fixed IP that is meant, and whose it is: an IPv4 address that a live port has (B50).
    fn find_target(&self, ledger: &mut View) -> Result<(FloatingTarget, ProjectId), Stop> {
        let found = match &self.target {
            TargetRequest::Instance { instance, fixed_ip, network } => {
                self.in_instance(ledger, *instance, *fixed_ip, *network)?
            }
            TargetRequest::Network { network, fixed_ip } => {
                ledger.need([Key::Network(*network)])?;
                let around = around(ledger.subnets_of(*network), *fixed_ip).collect();
                self.in_subnets(ledger, around, *fixed_ip)?
            }
            TargetRequest::Anywhere { fixed_ip } => {
                let owner = self.owner(ledger)?;
                self.on_networks_of(ledger, &owner, *fixed_ip)?
            }
        };
        match &found[..] {
            [] => Err(self.not_found(ledger)?.into()),
            [found] => Ok(found.clone()),
            [(first, _), ..] => Err(Refusal::FixedIpAmbiguous { address: first.address }.into()),
        }
    }

    /// Whose it is, and where it leads, if the caller may know of it.
    fn owner(&self, ledger: &mut View) -> Result<FloatingOwner, Stop> {
        let found = ledger.floating_owner(self.address)?;
        let found = found.filter(|owner| self.scope.owns(Some(&owner.project)));
        found.ok_or_else(|| Refusal::FloatingIpNotFound { address: self.address, pool: None }.into())
    }

    /// That nothing is where it is to lead.
    fn not_found(&self, ledger: &mut View) -> Result<Refusal, Stop> {
        let (address, instance, network, project) = match &self.target {
            TargetRequest::Instance { instance, fixed_ip, network } => {
                (*fixed_ip, Some(*instance), *network, None)
            }
            TargetRequest::Network { network, fixed_ip } => (Some(*fixed_ip), None, Some(*network), None),
            TargetRequest::Anywhere { fixed_ip } => {
                (Some(*fixed_ip), None, None, Some(self.owner(ledger)?.project))
            }
        };
        Ok(Refusal::FixedIpNotFound { address, instance, network, project })
    }

    fn in_instance(
        &self,
        ledger: &mut View,
        id: InstanceId,
        fixed_ip: Option<IpAddr>,
        network: Option<NetworkId>,
    ) -> Result<Vec<(FloatingTarget, ProjectId)>, Stop> {
        let found = ledger.instance(id)?.filter(|instance| self.scope.owns(Some(&instance.project))).cloned();
        let instance = found.ok_or(Refusal::InstanceNotFound { instance: id })?;
        let mut targets = ledger.targets_of(&instance)?;
        targets.retain(|target| {
            fixed_ip.is_none_or(|wanted| wanted == target.address)
                && network.is_none_or(|wanted| wanted == target.network)
        });
        if fixed_ip.is_none() {
            targets.truncate(1);
        }
        Ok(targets.into_iter().map(|target| (target, instance.project.clone())).collect())
    }

    /// Those that have the address on networks that the project may use, and where the floating IP leads already, whatever became
    /// of that network: the project's own; where only others have it, one of theirs, which will do to say so.
    fn on_networks_of(
        &self,
        ledger: &mut View,
        FloatingOwner { project, leads_to }: &FloatingOwner,
        address: IpAddr,
    ) -> Result<Vec<(FloatingTarget, ProjectId)>, Stop> {
        let networks = ledger.networks_of(project)?;
        let subnets: Vec<_> = networks.iter().flat_map(|network| ledger.subnets_of(network.id)).collect();
        let already = leads_to.filter(|(_, fixed_ip)| *fixed_ip == address).map(|(subnet, _)| subnet);
        let around: BTreeSet<SubnetId> = around(subnets, address).chain(already).collect();
        let found = self.in_subnets(ledger, around, address)?;
        let (own, mut others): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, owner)| owner == project);
        others.truncate(1);
        Ok(if own.is_empty() { others } else { own })
    }

    fn in_subnets(
        &self,
        ledger: &mut View,
        around: BTreeSet<SubnetId>,
        address: IpAddr,
    ) -> Result<Vec<(FloatingTarget, ProjectId)>, Stop> {
        // The floating IP is locked behind the port that it is to lead to, as by who deallocates the port; and so is the
        // fixed IP, as by who writes what became of the port.
        ledger.want([Key::FloatingIp(self.address)]);
        ledger.need(around.iter().map(|subnet| Key::PortWith(*subnet, address)))?;
        let mut targets = Vec::new();
        for subnet in around {
            let Some(row) = ledger.port_address(subnet, address)?.cloned() else { continue };
            let Some(port) = row.holder.user() else { continue };
            let port = ledger.port(port)?.filter(|port| !port.is_released);
            let port = port.filter(|port| self.scope.owns(Some(&port.project)));
            targets.extend(port.and_then(|port| Some((target(port, &row)?, port.project.clone()))));
        }
        Ok(targets)
    }
}

/// The subnets that contain the address.
fn around(subnets: Vec<Subnet>, address: IpAddr) -> impl Iterator<Item = SubnetId> {
    subnets.into_iter().filter(move |subnet| subnet.cidr.contains(address)).map(|subnet| subnet.id)
}

/// Lets a floating IP lead nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisassociateFloatingIp {
    /// Which one.
    pub address: IpAddr,
    /// Whether one that an allocation assigned by itself is meant as well; else it is refused.
    pub affects_auto_assigned: bool,
    /// What the caller may see and change.
    pub scope: Scope,
}

impl Command for DisassociateFloatingIp {
    type Answer = AssociatedFloatingIp;

    const NAME: &'static str = "DisassociateFloatingIp";

    fn keys(&self) -> Vec<Key> {
        vec![Key::FloatingIp(self.address)]
    }

    fn decide(&self, ledger: &mut View) -> Result<AssociatedFloatingIp, Stop> {
        let row = ledger.own_floating_ip(self.address, &self.scope)?;
        unless_auto_assigned(&row, self.affects_auto_assigned)?;
        let Some(target) = row.target else {
            return Err(Refusal::FloatingIpNotAssociated { address: row.address }.into());
        };
        let row = ledger.lead(&row, None);
        let floating_ip = ledger.floating_ip_info(row)?;
        Ok(AssociatedFloatingIp { floating_ip, previous_instance: Some(target.instance) })
    }
}

fn of_other_project(row: &FloatingIp, target: &FloatingTarget, owner: ProjectId) -> Refusal {
    Refusal::FloatingIpOfOtherProject {
        address: row.address,
        project: row.project.clone(),
        fixed_ip: target.address,
        instance: target.instance,
        owner,
    }
}

/// An address that a port may use as one that a floating IP may lead to.
fn target(port: &Port, row: &FixedIp) -> Option<FloatingTarget> {
    row.address.is_ipv4().then_some(FloatingTarget {
        port: port.id,
        instance: port.instance,
        network: port.network,
        subnet: row.subnet,
        address: row.address,
    })
}

impl View {
    /// Where floating IPs may lead of an instance that is loaded, by vNIC.
    pub(crate) fn targets_of(&mut self, instance: &Instance) -> Result<Vec<FloatingTarget>, Stop> {
        let mut targets = Vec::new();
        for port in self.ports_of(instance)? {
            targets.extend(self.usable_by(port.id).iter().filter_map(|row| target(&port, row)));
        }
        Ok(targets)
    }
}
