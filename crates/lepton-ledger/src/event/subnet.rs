//! What happens to subnets.

use std::fmt::Display;

use lepton_types::{Event, Route, Subnet};

use super::Facts;
use crate::RowChange;

/// What became of a subnet. Who sees its network sees it, too; but the ranges of a pool of floating IPs are the operators' alone.
pub(super) fn event(change: &RowChange<&Subnet>, facts: &Facts<'_>) -> Option<Event> {
    match (change.before, change.after) {
        (None, Some(after)) => {
            Some(about("subnet.created", after, facts).with_some("gateway", after.gateway))
        }
        (Some(before), None) => Some(about("subnet.deleted", before, facts)),
        (Some(before), Some(after)) => modified(before, after, facts),
        (None, None) => None,
    }
}

fn modified(before: &Subnet, after: &Subnet, facts: &Facts<'_>) -> Option<Event> {
    let route = |route: &Route| format!("{} via {}", route.destination, route.gateway);
    let routes = |subnet: &Subnet| listed(subnet.routes.iter().map(route));
    let pools =
        |subnet: &Subnet| listed(subnet.pools.iter().map(|pool| format!("{}-{}", pool.first, pool.last)));
    let as_it_was = Subnet { version: before.version, ..after.clone() };
    (as_it_was != *before).then(|| {
        about("subnet.modified", after, facts)
            .changed("gateway", before.gateway.as_ref(), after.gateway.as_ref())
            .changed("dns", listed(&before.dns).as_ref(), listed(&after.dns).as_ref())
            .changed("dhcp_server", before.dhcp_server.as_ref(), after.dhcp_server.as_ref())
            .changed("routes", routes(before).as_ref(), routes(after).as_ref())
            .changed("pools", pools(before).as_ref(), pools(after).as_ref())
    })
}

/// The things with commas between them; none when there are none.
pub(super) fn listed<T: Display>(things: impl IntoIterator<Item = T>) -> Option<String> {
    let texts: Vec<_> = things.into_iter().map(|thing| thing.to_string()).collect();
    (!texts.is_empty()).then(|| texts.join(","))
}

fn about(kind: &'static str, subnet: &Subnet, facts: &Facts<'_>) -> Event {
    let event = Event::new(kind);
    let event = match facts.network(subnet.network) {
        Some(network) if !network.is_external => event.of_owner(network.project.as_ref()),
        Some(_) | None => event,
    };
    event.with("subnet_id", subnet.id).with("network_id", subnet.network).with("cidr", subnet.cidr)
}
