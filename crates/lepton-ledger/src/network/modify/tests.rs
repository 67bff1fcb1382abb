use super::*;
use crate::example::{allocation, changes, decided, fixed_ips, made, network, with_network};
use crate::{DeallocateForInstance, GetInstanceNwInfo, Refusal};

fn named(host: &str) -> NamedHost {
    NamedHost { id: host.parse().unwrap(), must_be_known: false }
}

fn untouched(network: NetworkId) -> ModifyNetwork {
    ModifyNetwork {
        network,
        label: None,
        priority: None,
        project: None,
        host: None,
        is_injected: None,
        scope: Scope::Everything,
    }
}

#[test]
fn what_is_given_changes_and_the_rest_stays() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let id = made.network.id;
    let project = Some(Some("p1".parse().unwrap()));
    let modify = ModifyNetwork { priority: Some(-3), project, ..untouched(id) };
    let now = decided(&mut ledger, &modify).unwrap();

    let expected = Network {
        priority: -3,
        project: Some("p1".parse().unwrap()),
        version: made.network.version + 1,
        ..made.network
    };
    assert_eq!(now, NetworkWithSubnets { network: expected, subnets: made.subnets });
}

#[test]
fn a_change_to_what_is_so_already_changes_nothing() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let before = ledger.changes().len();
    let modify = ModifyNetwork { priority: Some(made.network.priority), ..untouched(made.network.id) };
    assert_eq!(decided(&mut ledger, &modify).unwrap(), made);
    assert_eq!(changes(&ledger, before), [""; 0]);
}

#[test]
fn an_unknown_network_is_not_found() {
    let (mut ledger, _) = with_network(&[]);
    let network = uuid::Uuid::nil().into();
    let refusal = Refusal::NetworkNotFound { network, field: None };
    assert_eq!(decided(&mut ledger, &untouched(network)), Err(refusal));
}

#[test]
fn the_first_host_wins_and_the_others_learn_who_it_was() {
    let (mut ledger, made) = with_network(&[]);
    let associate =
        |host: &str| AssociateNetwork { network: made.network.id, with: Associate::Host(named(host)) };
    for host in ["host-1", "host-2"] {
        let now = decided(&mut ledger, &associate(host)).unwrap();
        assert_eq!(now.network.host, Some("host-1".parse().unwrap()));
    }
}

#[test]
fn b43_disassociating_the_project_leaves_the_host() {
    let (mut ledger, made) = with_network(&[]);
    let network = made.network.id;
    for with in [Associate::Project("p1".parse().unwrap()), Associate::Host(named("host-1"))] {
        decided(&mut ledger, &AssociateNetwork { network, with }).unwrap();
    }
    let disassociate = DisassociateNetwork { network, project: true, host: false };
    let now = decided(&mut ledger, &disassociate).unwrap().network;
    assert_eq!((now.project, now.host), (None, Some("host-1".parse().unwrap())));
}

#[test]
fn b14_a_network_that_leaves_the_project_stays_on_the_instances_it_has() {
    let mut ledger = crate::example::empty();
    let own = crate::NetworkSpec { project: Some("p1".parse().unwrap()), ..network("own", &["10.1.0.0/24"]) };
    let own = made(&mut ledger, own).network.id;
    let allocated = decided(&mut ledger, &allocation(1, vec![])).unwrap();

    let project = Some(Some("p2".parse().unwrap()));
    decided(&mut ledger, &ModifyNetwork { project, ..untouched(own) }).unwrap();

    let instance = allocated.instance;
    let info = decided(&mut ledger, &GetInstanceNwInfo { instance, scope: Scope::Everything }).unwrap();
    assert_eq!(fixed_ips(&info), fixed_ips(&allocated));
    let released =
        decided(&mut ledger, &DeallocateForInstance { instance, incarnation: None, only_on: None }).unwrap();
    assert_eq!(released.ports.len(), 1);
}
