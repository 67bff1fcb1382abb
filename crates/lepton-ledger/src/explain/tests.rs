//! Explanations of a ledger in memory.

use lepton_types::{FloatingIp as Row, FloatingTarget, NetworkId, Port, PortStatus, Route, Timestamp};
use lepton_vnic::RequestedNetwork;

use super::*;
use crate::{
    NetworkSpec, PortRef, Refusal,
    example::{NOW, allocation, decided, instance, made, network, with_network},
};

fn of_instance(ledger: &mut View, number: u128) -> Explanation {
    let question = ExplainInstance { instance: instance(number), scope: Scope::Everything };
    decided(ledger, &question).unwrap()
}

fn of_address(ledger: &mut View, place: Option<crate::Place>, address: &str, scope: Scope) -> Vec<Cause> {
    let question = ExplainAddress { place, address: address.parse().unwrap(), scope };
    decided(ledger, &question).unwrap().causes
}

/// The causes without what they are about.
fn names(causes: &[Cause]) -> Vec<String> {
    let name = |cause: &Cause| format!("{cause:?}").split([' ', '{']).next().unwrap().to_owned();
    causes.iter().map(name).collect()
}

fn requested(network: NetworkId, address: Option<&str>) -> RequestedNetwork {
    RequestedNetwork { network, fixed_ips: address.map(|text| text.parse().unwrap()).into_iter().collect() }
}

#[test]
fn vnics_on_networks_that_nobody_named_are_there_by_owner_and_priority() {
    let (mut ledger, global) = with_network(&["10.1.0.0/24", "fd00:1::/64"]);
    let own = NetworkSpec { project: "p1".parse().ok(), priority: -5, ..network("own", &["10.2.0.0/24"]) };
    let own = made(&mut ledger, own);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let explanation = of_instance(&mut ledger, 1);
    assert_eq!(explanation.of, Explained::Instance(instance(1)));
    assert_eq!(names(&explanation.causes), ["Allocated"]);
    let [first, second] = &explanation.parts[..] else { panic!("{explanation:?}") };
    assert_eq!(
        names(&first.causes),
        ["NetworkOwn", "OrderByPriority", "MacFromBase", "AddressLowestFree", "NotReported"]
    );
    assert_eq!(
        names(&second.causes),
        [
            "NetworkGlobal",
            "OrderByPriority",
            "MacFromBase",
            "AddressLowestFree",
            "AddressFromMac",
            "NotReported"
        ]
    );
    assert_eq!(first.causes[1], Cause::OrderByPriority { position: 0, vnics: 2, priority: -5 });
    let (own, global) = (own.network, global.network);
    let into = |network: &lepton_types::Network| PluggedInto { id: network.id, label: network.label.clone() };
    assert_eq!(first.causes[0], Cause::NetworkOwn { network: into(&own) });
    assert_eq!(second.causes[0], Cause::NetworkGlobal { network: into(&global) });
}

#[test]
fn what_was_asked_for_is_told_so() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let id = made.network.id;
    decided(&mut ledger, &allocation(1, vec![requested(id, Some("10.1.0.77"))])).unwrap();
    decided(&mut ledger, &allocation(2, vec![requested(id, None)])).unwrap();
    let [first, second] = [1, 2].map(|number| of_instance(&mut ledger, number).parts.remove(0).causes);
    assert_eq!(
        names(&first),
        ["NetworkNamed", "OrderRequested", "MacFromBase", "AddressAskedFor", "NotReported"]
    );
    let cidr = "10.1.0.0/24".parse().unwrap();
    let since = Timestamp::from(NOW);
    let given = |address: &str| Given { address: address.parse().unwrap(), cidr, since };
    assert_eq!(first[3], Cause::AddressAskedFor { address: given("10.1.0.77") });
    assert_eq!(second[3], Cause::AddressLowestFree { address: given("10.1.0.2") });
}

#[test]
fn what_a_host_says_is_told_and_what_differs_comes_last() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let port = ledger.rows::<Port>().next().unwrap().clone();
    let mut with = |status: PortStatus, is_released: bool| {
        ledger.replace(Port { status, is_released, ..port.clone() });
        let question = ExplainPort { port: PortRef::Mac(port.mac), scope: Scope::Everything };
        decided(&mut ledger, &question).unwrap().causes.pop().unwrap()
    };
    let plug = Plug {
        host: port.host.clone(),
        device: port.device().to_string(),
        bridge: format!("brq{}", &port.network.to_string()[..11]),
        revision: port.revision,
    };
    assert_eq!(with(PortStatus::Active, false), Cause::Plugged { plug: plug.clone() });
    let error = "EBUSY".to_owned();
    let failed = with(PortStatus::Error(error.clone()), false);
    assert_eq!(failed, Cause::PlugFailed { plug: plug.clone(), error });
    assert_eq!(with(PortStatus::Active, true), Cause::NotUnplugged { plug });
}

#[test]
fn a_host_without_an_agent_is_told_from_one_that_is_slow() {
    let mut ledger = crate::example::without_agents();
    made(&mut ledger, network("private", &["10.1.0.0/24"]));
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let causes = of_instance(&mut ledger, 1).parts.remove(0).causes;
    assert!(matches!(causes.last(), Some(Cause::NoAgent { .. })), "{causes:?}");
}

#[test]
fn an_address_is_explained_in_every_state() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let network = crate::Place::Network(made.network.id);
    let place = Some(network);
    let mut of = |address: &str| names(&of_address(&mut ledger, place, address, Scope::Everything));
    assert_eq!(of("10.1.0.2"), ["HeldByPort"]);
    assert_eq!(of("10.1.0.1"), ["KeptBySubnet"]);
    assert_eq!(of("10.1.0.9"), ["Free"]);
    let mut subnet = ledger.row::<lepton_types::Subnet>(&made.subnets[0].id).unwrap().clone();
    let (destination, gateway) = ("10.9.0.0/24".parse().unwrap(), "10.1.0.10".parse().unwrap());
    subnet.routes.push(Route { destination, gateway });
    ledger.replace(subnet);
    let mut of = |address: &str| names(&of_address(&mut ledger, place, address, Scope::Everything));
    assert_eq!(of("10.1.0.10"), ["FreeNextHop"]);
    let reserve = crate::ReserveFixedIp {
        place: network,
        address: "10.1.0.9".parse().unwrap(),
        reason: "a printer".parse().unwrap(),
    };
    decided(&mut ledger, &reserve).unwrap();
    let causes = of_address(&mut ledger, place, "10.1.0.9", Scope::Everything);
    let (reason, since) = (Some("a printer".to_owned()), Some(Timestamp::from(NOW)));
    assert_eq!(causes, [Cause::Reserved { reason, since }]);
    // A tenant learns of a global network that somebody has it.
    let tenant = Scope::Project("p2".parse().unwrap());
    assert_eq!(of_address(&mut ledger, place, "10.1.0.2", tenant.clone()), [Cause::HeldByAnother]);
    assert_eq!(
        of_address(&mut ledger, place, "10.1.0.9", tenant),
        [Cause::Reserved { reason: None, since: None }]
    );
}

#[test]
fn a_floating_ip_says_where_it_leads_and_that_nothing_carries_its_packets() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let port = ledger.rows::<Port>().next().unwrap().clone();
    let held = ledger.fixed_ips_of(port.id).remove(0);
    let since = Timestamp::from(NOW);
    let target = FloatingTarget {
        port: port.id,
        instance: port.instance,
        network: port.network,
        subnet: held.subnet,
        address: held.address,
    };
    let row = Row {
        address: "203.0.113.5".parse().unwrap(),
        subnet: held.subnet,
        pool: port.network,
        project: port.project.clone(),
        target: Some(target),
        is_auto_assigned: true,
        allocated_at: since,
        since,
    };
    let mut of = |target| {
        ledger.replace(Row { target, ..row.clone() });
        names(&of_address(&mut ledger, None, "203.0.113.5", Scope::Everything))
    };
    assert_eq!(of(Some(target)), ["FloatingOf", "FloatingWithoutRouter"]);
    assert_eq!(of(None), ["FloatingOf", "FloatingLeadsNowhere"]);
    let question =
        ExplainAddress { place: None, address: row.address, scope: Scope::Project("p2".parse().unwrap()) };
    let refusal = decided(&mut ledger, &question).unwrap_err();
    assert_eq!(refusal, Refusal::FixedIpNotFoundForAddress { address: row.address });
}
