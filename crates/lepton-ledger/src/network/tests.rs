//! Networks, decided over views in memory.

use super::*;
use crate::example::{
    allocation, changes, deallocation, decided, empty, instance, loaded, made, missing, network, unloaded,
    with_network,
};

#[test]
fn networks_are_numbered_in_the_requests_order() {
    let mut ledger = empty();
    let networks = vec![network("a", &["10.0.0.0/24", "fd00::/64"]), network("b", &[])];
    let made = decided(&mut ledger, &CreateNetworks { networks, scope: Scope::Everything }).unwrap();
    assert_eq!(made.iter().map(|made| made.network.sequence).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(made[0].subnets.len(), 2);
    assert_eq!(
        changes(&ledger, 0),
        ["+network", "+frontier", "+subnet", "+subnet", "+network"],
        "only a subnet with pools has a frontier"
    );
}

#[test]
fn a_bad_subnet_is_refused_by_its_field() {
    let mut ledger = empty();
    let networks = vec![network("good", &["10.0.0.0/24"]), network("bad", &["fd00::/64", "10.0.0.0/32"])];
    let Err(Refusal::InvalidFields { violations, .. }) =
        decided(&mut ledger, &CreateNetworks { networks, scope: Scope::Everything })
    else {
        panic!("a /32 has no room for a gateway and a guest");
    };
    assert_eq!(violations[0].field, "networks[1].subnets[1].cidr");
    assert_eq!(ledger.changes(), []);
}

#[test]
fn a_network_is_deleted_with_its_subnets_unless_a_port_is_on_it() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24", "fd00:1::/64"]);
    let delete = DeleteNetwork { network: made.network.id, scope: Scope::Everything };
    decided(&mut ledger, &allocation(7, vec![])).unwrap();
    let in_use = Refusal::NetworkInUse { network: made.network.id, instance: Some(instance(7)) };
    assert_eq!(decided(&mut ledger, &delete), Err(in_use.clone()));
    let port = decided(&mut ledger, &deallocation(7)).unwrap().ports[0];
    assert_eq!(decided(&mut ledger, &delete), Err(in_use), "it may still be plugged");
    ledger.end::<lepton_types::Port>(&port);
    let before = ledger.changes().len();
    decided(&mut ledger, &delete).unwrap();
    assert_eq!(changes(&ledger, before), ["-subnet", "-subnet", "-network"]);
    let network = made.network.id;
    assert_eq!(decided(&mut ledger, &delete), Err(Refusal::NetworkNotFound { network, field: None }));
    assert_eq!(
        decided(&mut ledger, &GetNetwork { network, scope: Scope::Everything }),
        Err(Refusal::NetworkNotFound { network, field: None })
    );
}

#[test]
fn a_page_tells_whether_another_follows() {
    let mut ledger = empty();
    for label in ["a", "b", "c"] {
        made(&mut ledger, network(label, &[]));
    }
    let page = |after, limit| ListNetworks { project: None, after, limit, scope: Scope::Everything };
    let labels = |page: &NetworkPage| {
        page.networks.iter().map(|made| made.network.label.to_string()).collect::<Vec<_>>()
    };
    let first = decided(&mut ledger, &page(0, 2)).unwrap();
    assert_eq!((labels(&first), first.next), (vec!["a".to_owned(), "b".to_owned()], Some(2)));
    let last = decided(&mut ledger, &page(2, 2)).unwrap();
    assert_eq!((labels(&last), last.next), (vec!["c".to_owned()], None));
    let whole = decided(&mut ledger, &page(0, 3)).unwrap();
    assert_eq!((labels(&whole).len(), whole.next), (3, None), "an exactly full page is the last one");
}

#[test]
fn each_command_misses_what_it_names() {
    let id: NetworkId = uuid::Uuid::from_u128(1).into();
    let mut ledger = unloaded();
    let create = CreateNetworks { networks: vec![network("a", &[])], scope: Scope::Everything };
    assert_eq!(missing(&mut ledger, &create), [Key::NewestNetwork]);
    assert_eq!(
        missing(&mut ledger, &GetNetwork { network: id, scope: Scope::Everything }),
        [Key::Network(id)]
    );
    let keys = missing(&mut ledger, &DeleteNetwork { network: id, scope: Scope::Everything });
    assert_eq!(keys, [Key::Network(id), Key::Select(Selection::PortOn(id))]);
    loaded(&mut ledger, keys);
    let delete = DeleteNetwork { network: id, scope: Scope::Everything };
    assert_eq!(decided(&mut ledger, &delete), Err(Refusal::NetworkNotFound { network: id, field: None }));
    let list = ListNetworks { project: None, after: 3, limit: 10, scope: Scope::Everything };
    assert_eq!(
        missing(&mut ledger, &list),
        [Key::Select(Selection::NetworkPage { project: None, after: 3, limit: 11 })]
    );
}

#[test]
fn b38_a_network_made_beforehand_gets_its_subnets_once() {
    let (mut ledger, before) = with_network(&[]);
    let id = before.network.id;
    let settle = CreateNetworks {
        scope: Scope::Everything,
        networks: vec![NetworkSpec {
            made_before: Some(id),
            priority: 4,
            ..network("settled", &["10.1.0.0/24"])
        }],
    };
    let now = decided(&mut ledger, &settle).unwrap().remove(0);
    assert_eq!((now.network.id, now.network.sequence), (id, before.network.sequence));
    assert_eq!((now.network.label.as_str(), now.network.priority), ("settled", 4));
    assert_eq!(now.subnets.len(), 1);
    assert_eq!(decided(&mut ledger, &settle), Err(Refusal::NetworkNotEmpty { network: id }));
}

#[test]
fn a_network_made_beforehand_is_the_same_owners() {
    let (mut ledger, before) = with_network(&[]);
    let id = before.network.id;
    let spec =
        NetworkSpec { made_before: Some(id), project: Some("p1".parse().unwrap()), ..network("x", &[]) };
    let refusal = Refusal::NetworkNotFound { network: id, field: Some("networks[0].id".to_owned()) };
    assert_eq!(
        decided(&mut ledger, &CreateNetworks { networks: vec![spec], scope: Scope::Everything }),
        Err(refusal)
    );
}

#[test]
fn a_network_made_beforehand_keeps_what_its_ports_carry() {
    let (mut ledger, before) = with_network(&[]);
    decided(&mut ledger, &allocation(7, vec![])).unwrap();
    let id = before.network.id;
    let settle = |mtu: u32| CreateNetworks {
        scope: Scope::Everything,
        networks: vec![NetworkSpec {
            made_before: Some(id),
            mtu: mtu.try_into().unwrap(),
            ..network("settled", &["10.1.0.0/24"])
        }],
    };
    let refusal = Refusal::NetworkInUse { network: id, instance: Some(instance(7)) };
    assert_eq!(decided(&mut ledger, &settle(9000)), Err(refusal));
    decided(&mut ledger, &settle(1500)).unwrap();
}
