//! Changes of one row come together; what ends is remembered.

use lepton_types::Timestamp;

use super::*;
use crate::{
    Holder,
    example::{NOW, allocation, deallocation, decided, instance, with_network},
};

fn life(incarnation: u64) -> Instance {
    Instance {
        id: instance(1),
        incarnation,
        project: "p1".parse().unwrap(),
        host: "host-1".parse().unwrap(),
        hostname: None,
        availability_zone: None,
        has_names: false,
        has_named_networks: false,
        created_at: Timestamp::from(NOW),
        migration: None,
        arrivals: Vec::new(),
    }
}

impl RowChange<&Instance> {
    fn cloned(self) -> RowChange<Instance> {
        RowChange { before: self.before.cloned(), after: self.after.cloned() }
    }
}

fn change(before: Option<u64>, after: Option<u64>) -> RowChange<Instance> {
    RowChange { before: before.map(life), after: after.map(life) }
}

#[test]
fn many_changes_of_a_row_are_one() {
    let net = |changes: &[(Option<u64>, Option<u64>)]| {
        let changes: Vec<_> = changes.iter().map(|(before, after)| change(*before, *after)).collect();
        coalesce(&changes).into_iter().map(RowChange::cloned).collect::<Vec<_>>()
    };
    assert_eq!(net(&[(None, Some(1)), (Some(1), Some(2))]), [change(None, Some(2))]);
    assert_eq!(net(&[(Some(1), Some(2)), (Some(2), Some(3))]), [change(Some(1), Some(3))]);
    assert_eq!(net(&[(Some(1), None), (None, Some(2))]), [change(Some(1), Some(2))]);
    assert_eq!(net(&[(Some(1), Some(2)), (Some(2), None)]), [change(Some(1), None)]);
    assert_eq!(net(&[(None, Some(1)), (Some(1), None)]), [], "it came to nothing");
    assert_eq!(net(&[(Some(1), Some(2)), (Some(2), Some(1))]), [], "it is as it was");
}

#[test]
fn rows_are_told_apart_by_their_keys_and_come_in_their_order() {
    let other = |number| Instance { id: instance(number), ..life(1) };
    let insert = |number| RowChange { before: None, after: Some(other(number)) };
    let changes = [insert(3), insert(2), insert(5)];
    let net: Vec<_> = coalesce(&changes).into_iter().map(RowChange::cloned).collect();
    assert_eq!(net, [insert(2), insert(3), insert(5)]);
}

#[test]
fn what_ends_is_remembered_and_nothing_else() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    assert_eq!(ledger.ended(), [], "nothing has ended yet");
    decided(&mut ledger, &deallocation(1)).unwrap();
    let ended = ledger.ended();
    assert!(matches!(ended[..], [(Ended::Instance(_), _)]), "{ended:?}");
}

#[test]
fn what_a_network_and_its_subnets_were_is_remembered_when_they_say_something_else() {
    let (_, made) = with_network(&["10.1.0.0/24"]);
    let (network, subnet) = (made.network, made.subnets[0].clone());
    let changed = |after: &Network| {
        Change::Network(RowChange { before: Some(network.clone()), after: Some(after.clone()) })
            .ended(|_| None)
    };
    let renamed = Network { label: "renamed".parse().unwrap(), version: 1, ..network.clone() };
    assert_eq!(changed(&renamed), Some(Ended::Network(network.clone())));
    assert_eq!(changed(&Network { version: 1, ..network.clone() }), None, "a subnet was added, say");
    let changed = |after: &Subnet| {
        Change::Subnet(RowChange { before: Some(subnet.clone()), after: Some(after.clone()) }).ended(|_| None)
    };
    assert_eq!(
        changed(&Subnet { gateway: None, version: 1, ..subnet.clone() }),
        Some(Ended::Subnet(subnet.clone()))
    );
    assert_eq!(changed(&Subnet { version: 1, ..subnet.clone() }), None);
}

#[test]
fn an_address_has_ended_when_it_leaves_its_port() {
    let row = |holder| FixedIp {
        subnet: uuid::Uuid::from_u128(1).into(),
        address: "10.1.0.2".parse().unwrap(),
        holder,
        since: Timestamp::from(NOW),
        lease: None,
        is_asked_for: false,
    };
    let port = |number| row(Holder::Port(uuid::Uuid::from_u128(number).into()));
    let resting = row(Holder::Quarantine(Timestamp::from(NOW)));
    let ended = |before: &FixedIp, after: Option<&FixedIp>| {
        Change::FixedIp(RowChange { before: Some(before.clone()), after: after.cloned() })
            .ended(|port| Some(port.as_uuid().into()))
    };
    assert_eq!(ended(&port(1), None), Some(Ended::FixedIp(port(1), Some(uuid::Uuid::from_u128(1).into()))));
    assert_eq!(
        ended(&port(1), Some(&resting)),
        Some(Ended::FixedIp(port(1), Some(uuid::Uuid::from_u128(1).into())))
    );
    assert_eq!(
        ended(&port(1), Some(&port(2))),
        Some(Ended::FixedIp(port(1), Some(uuid::Uuid::from_u128(1).into())))
    );
    assert_eq!(ended(&port(1), Some(&port(1))), None);
    assert_eq!(ended(&resting, None), None, "resting is nobody's time");
    assert_eq!(ended(&resting, Some(&port(1))), None);
}
