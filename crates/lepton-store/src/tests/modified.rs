//! Networks that exist are changed, carved from a range, or settled.

use lepton_ipam::SubnetSpec;
use lepton_ledger::{
    Associate, AssociateNetwork, CarveNetworks, Carving, CreateNetworks, DisassociateNetwork, GetNetwork,
    ModifyNetwork, NamedHost, NetworkSpec, Scope,
};
use lepton_types::{Cidr, NetworkId};

use super::{
    each_store,
    harness::{Subject, fixed_ips, host, network, reason, subnet},
};

pub(super) fn untouched(network: NetworkId) -> ModifyNetwork {
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

pub(super) fn carving(count: usize, range: &str, prefix_len: u8) -> CarveNetworks {
    let range: Cidr = range.parse().unwrap();
    let ipv4 = Some(Carving { range, prefix_len, like: SubnetSpec::new(range) });
    CarveNetworks { count, ipv4, ipv6: None, like: network("net", vec![]) }
}

/// What the store says is what was answered, also after it was closed and opened again.
async fn stays(subject: &mut Subject, network: NetworkId, answered: lepton_ledger::NetworkWithSubnets) {
    if subject.kind.is_durable() {
        subject.reopen().await;
    }
    assert_eq!(
        subject.store().ask(GetNetwork { network, scope: Scope::Everything }).await.unwrap(),
        answered
    );
}

#[tokio::test]
async fn a_network_is_changed_in_what_was_given_and_in_nothing_else() {
    each_store(async |subject| {
        let made = subject.network("private", &["10.1.0.0/24"]).await;
        let id = made.network.id;
        let change = ModifyNetwork {
            label: Some("renamed".parse().unwrap()),
            project: Some(Some("p1".parse().unwrap())),
            host: Some(Some(NamedHost { id: host(), must_be_known: false })),
            is_injected: Some(true),
            ..untouched(id)
        };
        let now = subject.submit(change).await.unwrap();
        assert_eq!((now.network.label.as_str(), now.network.priority), ("renamed", made.network.priority));
        assert_eq!((now.subnets.clone(), now.network.version), (made.subnets, made.network.version + 1));
        stays(subject, id, now.clone()).await;

        let before = subject.dump().await;
        subject.submit(untouched(id)).await.unwrap();
        assert_eq!(subject.dump().await, before, "who changes nothing writes nothing");
    })
    .await;
}

#[tokio::test]
async fn of_two_associations_the_first_one_wins_until_it_is_ended() {
    each_store(async |subject| {
        let network = subject.network("private", &["10.1.0.0/24"]).await.network.id;
        let project = |name: &str| Associate::Project(name.parse().unwrap());
        for name in ["p1", "p2"] {
            let now = subject.submit(AssociateNetwork { network, with: project(name) }).await.unwrap();
            assert_eq!(now.network.project, Some("p1".parse().unwrap()));
        }
        subject
            .submit(AssociateNetwork {
                network,
                with: Associate::Host(NamedHost { id: host(), must_be_known: false }),
            })
            .await
            .unwrap();
        subject.allocate(1).await.unwrap();
        let end = DisassociateNetwork { network, project: true, host: false };
        let now = subject.submit(end).await.unwrap();
        assert_eq!((&now.network.project, &now.network.host), (&None, &Some(host())), "each by itself");
        stays(subject, network, now).await;
        assert_eq!(subject.deallocate(1).await.ports.len(), 1, "ports that are there stay");
    })
    .await;
}

#[tokio::test]
async fn a_range_is_carved_around_what_is_occupied_or_not_at_all() {
    each_store(async |subject| {
        subject.network("old", &["10.0.1.0/25"]).await;
        let made = subject.submit(carving(3, "10.0.0.0/22", 24)).await.unwrap();
        let shown: Vec<_> = made.iter().map(|one| one.subnets[0].cidr.to_string()).collect();
        assert_eq!(shown, ["10.0.0.0/24", "10.0.2.0/24", "10.0.3.0/24"]);

        let before = subject.dump().await;
        assert_eq!(reason(subject.submit(carving(1, "10.0.0.0/22", 24)).await), "INVALID_FIELD");
        assert_eq!(subject.dump().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_network_made_beforehand_is_settled_once() {
    each_store(async |subject| {
        let id = subject.network("empty", &[]).await.network.id;
        let spec = NetworkSpec {
            made_before: Some(id),
            priority: 7,
            ..network("settled", vec![subnet("10.1.0.0/24")])
        };
        let settle = CreateNetworks { networks: vec![spec], scope: Scope::Everything };
        let now = subject.submit(settle.clone()).await.unwrap().remove(0);
        assert_eq!((now.network.id, now.network.label.as_str(), now.network.priority), (id, "settled", 7));
        stays(subject, id, now).await;
        assert_eq!(fixed_ips(&subject.allocate(1).await.unwrap()), ["10.1.0.2"]);

        let before = subject.dump().await;
        assert_eq!(reason(subject.submit(settle).await), "NETWORK_NOT_EMPTY");
        assert_eq!(subject.dump().await, before);
    })
    .await;
}
