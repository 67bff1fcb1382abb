//! Static routes of subnets.

use lepton_ipam::{Special, SubnetServer};
use lepton_types::{Cidr, Route, Subnet, SubnetId};

use super::{check_server, let_rest};
use crate::{Command, Key, Refusal, Scope, Stop, View, pool};

/// Gives the guests of a subnet a static route; the same route again changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddRoute {
    /// Whose guests.
    pub subnet: SubnetId,
    /// The route.
    pub route: Route,
    /// What the caller may see and change.
    pub scope: Scope,
}

/// Most static routes of a subnet: a bound, so that a page of subnets and a DHCP answer (RFC 3442) stay small.
const MOST_ROUTES: usize = 64;

impl Command for AddRoute {
    type Answer = Subnet;

    const NAME: &'static str = "AddRoute";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Subnet(self.subnet)]
    }

    fn decide(&self, ledger: &mut View) -> Result<Subnet, Stop> {
        let mut subnet = ledger.own_subnet(self.subnet, &self.scope)?;
        check_route(&subnet, self.route)?;
        let next_hop = self.route.gateway;
        let place = subnet.routes.binary_search_by_key(&self.route.destination, |route| route.destination);
        match place {
            Ok(place) if subnet.routes[place] == self.route => {}
            Ok(place) => return Err(Refusal::RouteExists { route: subnet.routes[place] }.into()),
            Err(_) if subnet.routes.len() == MOST_ROUTES => {
                let problem =
                    format!("the subnet has {MOST_ROUTES} routes, which is the most that it can have");
                return Err(Refusal::invalid_field("route", problem).into());
            }
            Err(place) => subnet.routes.insert(place, self.route),
        }
        ledger.need(pool::keys_of(&subnet, next_hop))?;
        ledger.change_block(&subnet, next_hop, |block| block.take(next_hop))?;
        Ok(ledger.changed_subnet(subnet))
    }
}

/// Takes a static route away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveRoute {
    /// Whose guests'.
    pub subnet: SubnetId,
    /// Where it leads.
    pub destination: Cidr,
    /// What the caller may see and change.
    pub scope: Scope,
}

impl Command for RemoveRoute {
    type Answer = Subnet;

    const NAME: &'static str = "RemoveRoute";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Subnet(self.subnet)]
    }

    fn decide(&self, ledger: &mut View) -> Result<Subnet, Stop> {
        let old = ledger.own_subnet(self.subnet, &self.scope)?;
        let mut subnet = old.clone();
        subnet.routes.retain(|route| route.destination != self.destination);
        if subnet.routes == old.routes {
            let (subnet, destination) = (subnet.id, self.destination);
            return Err(Refusal::RouteNotFound { subnet, destination }.into());
        }
        let_rest(ledger, &old, &subnet)?;
        Ok(ledger.changed_subnet(subnet))
    }
}

/// Refuses a route that guests of the subnet could not use.
fn check_route(subnet: &Subnet, route: Route) -> Result<(), Refusal> {
    let destination = route.destination;
    if let Some(problem) = problem_of(subnet, destination) {
        return Err(Refusal::invalid_field("destination", format!("{destination} {problem}")));
    }
    check_server(SubnetServer::Gateway, route.gateway, subnet)
}

/// Why no route leads there.
fn problem_of(subnet: &Subnet, destination: Cidr) -> Option<String> {
    if destination.family() != subnet.family() {
        return Some(format!("is no {} prefix, as subnet {} needs", subnet.family(), subnet.cidr));
    }
    if destination.prefix_len() == 0 {
        return Some("is the default route, which is the subnet's gateway; modify the subnet".to_owned());
    }
    if destination == subnet.cidr {
        return Some("is the subnet itself, which its guests reach without a router".to_owned());
    }
    Special::around(destination)
        .map(|Special { range, kind }| format!("is in {range} ({kind}), to which no router leads"))
}

#[cfg(test)]
mod tests;
