//! `CarveNetworks`: many networks of one size from one range (specification §1.18).

use lepton_ipam::{SubnetSpec, carve};
use lepton_types::{Cidr, Name, ProjectId, Resource};

use super::{NetworkSpec, NetworkWithSubnets, new, with_subnets};
use crate::{Command, Key, Refusal, Selection, Stop, View};

/// Makes networks whose prefixes are consecutive blocks of a range. Blocks that the owner's networks occupy already are
/// skipped; when too few are left, nothing is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarveNetworks {
    /// How many networks, at least one.
    pub count: usize,
    /// Where their IPv4 prefixes come from.
    pub ipv4: Option<Carving>,
    /// Where their IPv6 prefixes come from.
    pub ipv6: Option<Carving>,
    /// What all of them have in common. With several networks, `_0` and so on is added to the label.
    pub like: NetworkSpec,
}

/// A range and the size of the blocks that it is carved into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carving {
    /// The range.
    pub range: Cidr,
    /// The blocks' prefix length.
    pub prefix_len: u8,
    /// What all the blocks have in common; its own prefix counts for nothing.
    pub like: SubnetSpec,
}

impl Command for CarveNetworks {
    type Answer = Vec<NetworkWithSubnets>;

    const NAME: &'static str = "CarveNetworks";

    fn keys(&self) -> Vec<Key> {
        let quota = self.like.project.clone().map(Key::Quota);
        let needed = [Key::NewestNetwork, key_of_neighbours(self.like.project.as_ref())];
        needed.into_iter().chain(quota).collect()
    }

    fn decide(&self, ledger: &mut View) -> Result<Self::Answer, Stop> {
        let occupied = occupied(ledger, self.like.project.as_ref())?;
        let blocks = |carving: &Option<Carving>, field: &str| match carving {
            None => Ok(Vec::new()),
            Some(Carving { range, prefix_len, like }) => carve(*range, *prefix_len, self.count, &occupied)
                .map(|blocks| blocks.into_iter().map(|cidr| SubnetSpec { cidr, ..like.clone() }).collect())
                .map_err(|error| Refusal::invalid_field(field, error.to_string())),
        };
        let mut ipv4 = blocks(&self.ipv4, "range_v4")?.into_iter();
        let mut ipv6 = blocks(&self.ipv6, "range_v6")?.into_iter();
        if let Some(project) = &self.like.project {
            ledger.with_room_for(project, Resource::Networks, self.count)?;
        }
        let mut made = Vec::with_capacity(self.count);
        for index in 0..self.count {
            let subnets: Vec<_> = ipv4.next().into_iter().chain(ipv6.next()).collect();
            let network =
                new(ledger, &NetworkSpec { label: self.label(index)?, ..self.like.clone() }, "network")?;
            let name = |subnet: usize, part: &str| name_in_request(subnets[subnet].cidr, part);
            made.push(with_subnets(ledger, network, &subnets, name)?);
        }
        Ok(made)
    }
}

impl CarveNetworks {
    fn label(&self, index: usize) -> Result<Name, Refusal> {
        if self.count == 1 {
            return Ok(self.like.label.clone());
        }
        let label = format!("{}_{index}", self.like.label).parse();
        label.map_err(|error| Refusal::invalid_field("network.label", format!("{error}")))
    }
}

/// Where the request tells a part of the subnets that have blocks like this one.
fn name_in_request(block: Cidr, part: &str) -> String {
    let version = block.family().version();
    if part == "cidr" { format!("range_v{version}") } else { format!("subnet_v{version}.{part}") }
}

fn key_of_neighbours(project: Option<&ProjectId>) -> Key {
    project.cloned().map_or(Key::Select(Selection::GlobalNetworks), Key::NetworksOf)
}

/// The prefixes that a network of this owner meets on the same instances: its own and the global networks'.
fn occupied(ledger: &mut View, project: Option<&ProjectId>) -> Result<Vec<Cidr>, Stop> {
    let networks = match project {
        Some(project) => ledger.networks_of(project)?,
        None => ledger.global_networks()?,
    };
    let subnets = networks.iter().flat_map(|network| ledger.subnets_of(network.id));
    Ok(subnets.map(|subnet| subnet.cidr).collect())
}

#[cfg(test)]
mod tests;
