//! Addresses that were asked for.

use lepton_ipam::SubnetSpec;
use lepton_ledger::AllocateForInstance;
use lepton_types::AddressPool;

use super::{
    each_store,
    harness::{allocation, fixed_ips, network, reason, requested, subnet},
};

#[tokio::test]
async fn b03_a_wish_is_honoured_or_refused_by_name() {
    each_store(async |subject| {
        let id = subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await.network.id;
        let info =
            subject.submit(allocation(1, vec![requested(id, &["fd00:1::5", "10.1.0.9"])])).await.unwrap();
        assert_eq!(fixed_ips(&info), ["10.1.0.9", "fd00:1::5"]);

        let before = subject.dump().await;
        for (wishes, expected) in [
            (&["10.1.0.9"] as &[&str], "FIXED_IP_ALREADY_IN_USE"),
            (&["fd00:1::5"], "FIXED_IP_ALREADY_IN_USE"),
            (&["10.1.0.0"], "FIXED_IP_INVALID"),
            (&["10.1.0.1"], "FIXED_IP_INVALID"),
            (&["10.1.0.255"], "FIXED_IP_INVALID"),
            (&["fd00:1::"], "FIXED_IP_INVALID"),
            (&["10.2.0.9"], "FIXED_IP_INVALID"),
            (&["10.1.0.10", "10.1.0.11"], "FIXED_IP_INVALID"),
            (&["10.1.0.10", "10.1.0.10"], "FIXED_IP_INVALID"),
        ] {
            let outcome = subject.submit(allocation(2, vec![requested(id, wishes)])).await;
            assert_eq!(reason(outcome), expected, "{wishes:?}");
        }
        assert_eq!(subject.dump().await, before);
        subject.end(1).await;
        subject.allocate_at(2, id, "10.1.0.9").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_wish_beyond_the_frontier_leaves_the_order_as_it_was() {
    each_store(async |subject| {
        let id = subject.network("private", &["10.1.0.0/16"]).await.network.id;
        subject.allocate_at(1, id, "10.1.3.0").await.unwrap();
        subject.allocate_at(2, id, "10.1.1.255").await.unwrap();
        assert_eq!(fixed_ips(&subject.allocate(3).await.unwrap()), ["10.1.0.2"]);
        let all = futures_util::future::join_all((4..1024).map(|number| subject.allocate(number))).await;
        let mut given: Vec<std::net::Ipv4Addr> =
            all.into_iter().map(|info| fixed_ips(&info.unwrap())[0].parse().unwrap()).collect();
        given.sort_unstable();
        let [wished, other] = [0x0a01_0300, 0x0a01_01ff];
        let expected = (0x0a01_0003_u32..).filter(|bits| *bits != wished && *bits != other);
        assert!(given.iter().map(|address| address.to_bits()).eq(expected.take(1020)));
    })
    .await;
}

#[tokio::test]
async fn a_wish_outside_the_pools_never_enters_them() {
    each_store(async |subject| {
        let pools =
            vec![AddressPool { first: "10.1.0.10".parse().unwrap(), last: "10.1.0.11".parse().unwrap() }];
        let spec = SubnetSpec { pools, ..subnet("10.1.0.0/24") };
        let id = subject.create(network("private", vec![spec])).await.network.id;
        subject.allocate_at(1, id, "10.1.0.200").await.unwrap();
        assert_eq!(reason(subject.allocate_at(2, id, "10.1.0.200").await), "FIXED_IP_ALREADY_IN_USE");
        subject.end(1).await;
        assert_eq!(fixed_ips(&subject.allocate(3).await.unwrap()), ["10.1.0.10"]);
        assert_eq!(fixed_ips(&subject.allocate(4).await.unwrap()), ["10.1.0.11"]);
        assert_eq!(reason(subject.allocate(5).await), "NO_MORE_FIXED_IPS");
    })
    .await;
}

/// The vNIC without a wish comes first, and would take the lowest address, which the other wishes.
#[tokio::test]
async fn wishes_are_served_before_choices() {
    each_store(async |subject| {
        let id = subject.network("private", &["10.1.0.0/24"]).await.network.id;
        let networks = vec![requested(id, &[]), requested(id, &["10.1.0.2"]), requested(id, &[])];
        let info = subject
            .submit(AllocateForInstance { allow_duplicate_networks: true, ..allocation(1, networks) })
            .await
            .unwrap();
        assert_eq!(fixed_ips(&info), ["10.1.0.3", "10.1.0.2", "10.1.0.4"]);
    })
    .await;
}
