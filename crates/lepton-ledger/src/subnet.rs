//! Subnets of networks that exist: added, changed, taken away.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use lepton_ipam::{Block, SubnetServer, SubnetSpec, first_block};
use lepton_types::{AddressFamily, AddressMode, Mtu, Network, NetworkId, Subnet, SubnetId};

use crate::{Command, FixedIp, Frontier, Holder, Key, Refusal, Scope, Selection, Stop, View, pool};

mod routes;

pub use routes::{AddRoute, RemoveRoute};

/// Most subnets of a network: a bound, so that a page of networks stays small.
const MOST_SUBNETS: usize = 64;

/// Adds a subnet to a network; vNICs that are there already get no address in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddSubnet {
    /// To which network.
    pub network: NetworkId,
    /// What it is to be.
    pub spec: SubnetSpec,
    /// What the caller may see and change.
    pub scope: Scope,
}

impl Command for AddSubnet {
    type Answer = Subnet;

    const NAME: &'static str = "AddSubnet";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Network(self.network)]
    }

    fn decide(&self, ledger: &mut View) -> Result<Subnet, Stop> {
        let mut network = ledger.tenant_network(self.network, &self.scope)?;
        let neighbours = ledger.subnets_of(network.id);
        if neighbours.len() >= MOST_SUBNETS {
            let problem = format!(
                "the network has {MOST_SUBNETS} subnets, which is the most that it can have; use another one"
            );
            return Err(Refusal::invalid_field("subnet", problem).into());
        }
        if let Some(other) = neighbours.iter().find(|other| other.cidr.overlaps(self.spec.cidr)) {
            let problem = format!("{} overlaps subnet {} ({})", self.spec.cidr, other.id, other.cidr);
            return Err(Refusal::invalid_field("subnet.cidr", problem).into());
        }
        // Two managers that add overlapping subnets at once both change the network, so one of them decides again.
        network.version += 1;
        ledger.replace(network.clone());
        ledger.insert_subnet(&self.spec, &network, |part| format!("subnet.{part}"))
    }
}

/// Changes what is given of a subnet and leaves the rest as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModifySubnet {
    /// Which one.
    pub subnet: SubnetId,
    /// The router that guests shall use, on an address that is free; `Some(None)`: none.
    pub gateway: Option<Option<IpAddr>>,
    /// Name servers for guests.
    pub dns: Option<Vec<IpAddr>>,
    /// Who shall answer the guests' DHCP requests; `Some(None)`: nobody.
    pub dhcp_server: Option<Option<IpAddr>>,
    /// What the caller may see and change.
    pub scope: Scope,
}

impl Command for ModifySubnet {
    type Answer = Subnet;

    const NAME: &'static str = "ModifySubnet";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Subnet(self.subnet)]
    }

    fn decide(&self, ledger: &mut View) -> Result<Subnet, Stop> {
        let old = ledger.own_subnet(self.subnet, &self.scope)?;
        let mut subnet = old.clone();
        if let Some(gateway) = self.gateway {
            gateway.map_or(Ok(()), |gateway| check_server(SubnetServer::Gateway, gateway, &subnet))?;
            subnet.gateway = gateway;
        }
        if let Some(dns) = &self.dns {
            subnet.dns = dns.clone();
        }
        if let Some(server) = self.dhcp_server {
            subnet.dhcp_server = server;
        }
        if let Some(server) = subnet.dhcp_server {
            check_dhcp_server(ledger, &subnet, server)?;
        }
        if subnet.gateway != old.gateway {
            move_gateway(ledger, &old, &subnet)?;
        }
        let_rest(ledger, &old, &subnet)?;
        Ok(ledger.changed_subnet(subnet))
    }
}

/// Takes a subnet from its network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteSubnet {
    /// Which one.
    pub subnet: SubnetId,
    /// What the caller may see and change.
    pub scope: Scope,
}

impl Command for DeleteSubnet {
    type Answer = ();

    const NAME: &'static str = "DeleteSubnet";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Subnet(self.subnet), Key::Select(Selection::HeldIn(self.subnet))]
    }

    fn decide(&self, ledger: &mut View) -> Result<(), Stop> {
        let subnet = ledger.own_subnet(self.subnet, &self.scope)?;
        if let Some(address) = ledger.held_in(subnet.id)? {
            return Err(Refusal::SubnetInUse { subnet: subnet.id, address }.into());
        }
        if let Some(mut network) = ledger.network(subnet.network)?.cloned() {
            network.version += 1;
            ledger.replace(network);
        }
        ledger.end::<Subnet>(&subnet.id);
        Ok(())
    }
}

/// Shows one subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetSubnet {
    /// Which one.
    pub subnet: SubnetId,
    /// What the caller may see and change.
    pub scope: Scope,
}

impl Command for GetSubnet {
    type Answer = Subnet;

    const NAME: &'static str = "GetSubnet";

    fn decide(&self, ledger: &mut View) -> Result<Subnet, Stop> {
        ledger.seen_subnet(self.subnet, &self.scope)
    }
}

fn check_server(server: SubnetServer, address: IpAddr, subnet: &Subnet) -> Result<(), Refusal> {
    let checked = SubnetSpec::check_server(server, address, subnet.cidr);
    checked.map_err(|error| Refusal::invalid_field(error.field().to_string(), error.to_string()))
}

/// A DHCP server has the gateway's address, or one that no guest has and that is in no pool.
fn check_dhcp_server(ledger: &mut View, subnet: &Subnet, server: IpAddr) -> Result<(), Stop> {
    let wrong = |problem| Err(Refusal::invalid_field("dhcp_server", problem).into());
    if subnet.gateway == Some(server) {
        return Ok(());
    }
    check_server(SubnetServer::Dhcp, server, subnet)?;
    if subnet.pools.iter().any(|pool| pool.contains(server)) {
        return wrong(format!(
            "{server} is in an allocation pool of subnet {}; use the gateway's address or one outside the pools",
            subnet.cidr
        ));
    }
    if !ledger.vacate(subnet, server)? {
        return wrong(format!(
            "{server} is a guest's address, or reserved; use the gateway's or another one"
        ));
    }
    Ok(())
}

/// How long at least an address rests that was a router's or a DHCP server's: guests go on sending to it until they have
/// asked anew, and nobody tells them.
const REST: Duration = Duration::from_hours(24);

/// Takes the new gateway's address out of the pools. Its block gets a row in any case, so that another manager that opens it
/// at the same time decides again.
fn move_gateway(ledger: &mut View, old: &Subnet, new: &Subnet) -> Result<(), Stop> {
    ledger.need([old.gateway, new.gateway].into_iter().flatten().flat_map(|at| pool::keys_of(new, at)))?;
    if let Some(address) = new.gateway {
        if !ledger.vacate(new, address)? {
            let (network, field) = (old.network, Some("gateway".to_owned()));
            return Err(Refusal::FixedIpAlreadyInUse { address, network, field }.into());
        }
        ledger.change_block(new, address, |block| block.take(address))?;
    }
    Ok(())
}

/// The addresses that guests were told to send to and are no more. One that was their gateway and is only another route's next hop
/// from now on is among them: they send it all that they send.
fn no_longer_told(old: &Subnet, new: &Subnet) -> BTreeSet<IpAddr> {
    let own = |subnet: &Subnet| -> BTreeSet<IpAddr> {
        [subnet.gateway, subnet.dhcp_server].into_iter().flatten().collect()
    };
    let next_hops =
        |subnet: &Subnet| -> BTreeSet<IpAddr> { subnet.routes.iter().map(|route| route.gateway).collect() };
    let dropped = &next_hops(old) - &next_hops(new);
    &(&own(old) | &dropped) - &own(new)
}

/// Lets the addresses rest that guests were told to send to and are no more. A next hop that is a guest's stays that one's; one that
/// rests already rests as long as the others at least, and without its lease, lest it be free once that is given back; and one that
/// is reserved rests when it is that no more.
fn let_rest(ledger: &mut View, old: &Subnet, new: &Subnet) -> Result<(), Stop> {
    for address in no_longer_told(old, new) {
        ledger.need(pool::keys_of(new, address))?;
        let since = ledger.now();
        let until = since.after(new.quarantine.max(REST));
        let row = match ledger.fixed_ip(new.id, address)?.cloned() {
            None => {
                ledger.change_block(new, address, |block| block.take(address))?;
                let holder = Holder::Quarantine(until);
                FixedIp { subnet: new.id, address, holder, since, lease: None, is_asked_for: false }
            }
            Some(row) => match row.holder {
                Holder::Port(_) | Holder::Leaving { .. } => continue,
                Holder::Quarantine(resting) => {
                    FixedIp { holder: Holder::Quarantine(resting.max(until)), lease: None, ..row }
                }
                Holder::Reserved { ref reason, resting_until } => {
                    let (reason, resting_until) = (reason.clone(), resting_until.max(Some(until)));
                    FixedIp { holder: Holder::Reserved { reason, resting_until }, ..row }
                }
            },
        };
        ledger.replace(row);
    }
    Ok(())
}

impl View {
    /// A subnet of a network that the caller may see.
    pub(crate) fn seen_subnet(&mut self, subnet: SubnetId, scope: &Scope) -> Result<Subnet, Stop> {
        let not_found = Refusal::SubnetNotFound { subnet };
        let found = self.subnet(subnet)?.cloned().ok_or(not_found.clone())?;
        let is_seen = self.network(found.network)?.is_some_and(|network| scope.sees(network));
        if is_seen { Ok(found) } else { Err(not_found.into()) }
    }

    /// A subnet of a network that the caller may change.
    pub(crate) fn own_subnet(&mut self, subnet: SubnetId, scope: &Scope) -> Result<Subnet, Stop> {
        let found = self.seen_subnet(subnet, scope)?;
        let owner = self.network(found.network)?.and_then(|network| network.project.clone());
        scope.may_change(owner.as_ref())?;
        Ok(found)
    }

    /// Makes sure that an address is nobody's, so that the subnet can keep it for itself; answers whether it is. One that
    /// rests is nobody's: to put a router there is its operator's decision.
    fn vacate(&mut self, subnet: &Subnet, address: IpAddr) -> Result<bool, Stop> {
        let row = self.fixed_ip(subnet.id, address)?.cloned();
        match row.map(|row| row.holder) {
            None => Ok(true),
            Some(Holder::Port(_) | Holder::Leaving { .. } | Holder::Reserved { .. }) => Ok(false),
            Some(Holder::Quarantine(_)) => {
                self.end::<FixedIp>(&(subnet.id, address));
                Ok(true)
            }
        }
    }

    /// Makes a subnet of a network; `name` tells where the request asks for this part of it.
    pub(crate) fn insert_subnet(
        &mut self,
        spec: &SubnetSpec,
        network: &Network,
        name: impl Fn(&str) -> String,
    ) -> Result<Subnet, Stop> {
        if spec.cidr.family() == AddressFamily::V6 && network.mtu < Mtu::MIN_IPV6 {
            let (mtu, least) = (network.mtu, Mtu::MIN_IPV6);
            let problem = format!(
                "{} needs a network that carries at least {least} bytes (RFC 8200 section 5), and this one carries {mtu}",
                spec.cidr
            );
            return Err(Refusal::invalid_field(name("cidr"), problem).into());
        }
        let planned = spec.plan(self.draws().id(), network.id);
        let subnet = planned
            .map_err(|error| Refusal::invalid_field(name(&error.field().to_string()), error.to_string()))?;
        if subnet.mode == AddressMode::Pool {
            self.insert(Frontier { subnet: subnet.id, next: first_block(&subnet) });
        }
        self.insert(subnet.clone());
        Ok(subnet)
    }

    /// Records what became of a subnet, if anything did.
    fn changed_subnet(&mut self, mut subnet: Subnet) -> Subnet {
        if self.row(&subnet.id) != Some(&subnet) {
            subnet.version += 1;
            self.replace(subnet.clone());
        }
        subnet
    }

    /// Changes the block around an address of the pools; one that has no row yet gets it.
    fn change_block(
        &mut self,
        subnet: &Subnet,
        address: IpAddr,
        change: impl FnOnce(&mut Block) -> bool,
    ) -> Result<(), Stop> {
        if pool::key_of_block(subnet, address).is_none() {
            return Ok(());
        }
        let first = Block::start_of(address);
        match self.block(subnet.id, first)?.cloned() {
            Some(mut block) => {
                change(&mut block);
                self.replace(block);
            }
            None => {
                let mut block = Block::fresh(subnet, first);
                change(&mut block);
                self.insert(block);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
