//! Addresses that were asked for, reserved, leased and listed.

use std::{net::IpAddr, time::Duration};

use futures_util::future::join_all;
use lepton_ipam::SubnetSpec;
use lepton_ledger::{
    AllocateForInstance, FixedIpsBy, GetFixedIp, LeaseFixedIp, LeaseOutcome, ListFixedIps, Place,
    ReleaseFixedIp, RemoveFixedIp, ReserveFixedIp, Scope, SweepQuarantine, UnreserveFixedIp,
};
use lepton_types::{AddressPool, FixedIpInfo, FixedIpState, MacAddr, NetworkId, SubnetId};

use super::{
    each_store,
    harness::{
        Subject, allocation, each_database, fixed_ips, host, instance, network, reason, requested, subnet,
    },
};

pub(super) const LEASE_TIME: Duration = Duration::from_secs(120);

pub(super) fn reserve(network: NetworkId, address: &str) -> ReserveFixedIp {
    let (place, address) = (Place::Network(network), address.parse().unwrap());
    ReserveFixedIp { place, address, reason: "dns".parse().unwrap() }
}

pub(super) fn unreserve(network: NetworkId, address: &str) -> UnreserveFixedIp {
    UnreserveFixedIp { place: Place::Network(network), address: address.parse().unwrap() }
}

pub(super) fn get(network: NetworkId, address: &str) -> GetFixedIp {
    let (place, address) = (Some(Place::Network(network)), address.parse().unwrap());
    GetFixedIp { place, address, scope: Scope::Everything }
}

pub(super) fn lease(address: &str, mac: MacAddr) -> LeaseFixedIp {
    LeaseFixedIp { address: address.parse().unwrap(), mac, lease_time: LEASE_TIME, only_on: None }
}

pub(super) fn release(address: &str, mac: MacAddr) -> ReleaseFixedIp {
    ReleaseFixedIp { address: address.parse().unwrap(), mac, only_on: None }
}

pub(super) fn list_by(by: FixedIpsBy) -> ListFixedIps {
    ListFixedIps { by, project: None, state: None, after: None, limit: 100, scope: Scope::Everything }
}

fn state(outcome: &LeaseOutcome) -> Option<FixedIpState> {
    outcome.fixed_ip.as_ref().map(|info| info.state)
}

async fn state_of(subject: &Subject, network: NetworkId, address: &str) -> FixedIpState {
    subject.store().ask(get(network, address)).await.unwrap().state
}

/// What pages of a size tell, one after the other.
async fn pages(subject: &Subject, question: &ListFixedIps, limit: u16) -> Vec<FixedIpInfo> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = ListFixedIps { after, limit, ..question.clone() };
        let page = subject.store().ask(page).await.unwrap();
        assert!(page.fixed_ips.len() <= usize::from(limit));
        all.extend(page.fixed_ips);
        let Some(next) = page.next else { return all };
        after = Some(next);
    }
}

#[tokio::test]
async fn pages_of_addresses_have_each_address_once_in_order_and_nothing_of_others() {
    each_store(async |subject| {
        // The bytes of a01:5:: begin as those of 10.1.0.5.
        let cidrs = ["a01:5::/64", "192.168.0.0/24", "10.1.0.0/24"];
        let id = subject.network("private", &cidrs).await.network.id;
        subject.network("other", &["10.1.0.0/24"]).await;
        for number in 1..=5 {
            let project = if number == 3 { "p2" } else { "p1" }.parse().unwrap();
            let on_all = AllocateForInstance { project, ..allocation(number, vec![]) };
            subject.submit(on_all).await.unwrap();
        }
        subject.submit(reserve(id, "10.1.0.200")).await.unwrap();
        subject.submit(reserve(id, "a01:5::99")).await.unwrap();
        let whole = list_by(FixedIpsBy::Place(Place::Network(id)));
        let all = subject.store().ask(whole.clone()).await.unwrap();
        let places: Vec<(IpAddr, SubnetId)> =
            all.fixed_ips.iter().map(|info| (info.address, info.subnet)).collect();
        assert!(places.is_sorted() && all.fixed_ips.iter().all(|info| info.network == id), "{places:?}");
        assert_eq!((places.len(), all.next), (20, None), "two of each of five, two reserved, eight kept");
        let in_state = |state| ListFixedIps { state: Some(state), ..whole.clone() };
        let leased = all.fixed_ips.iter().filter(|info| info.owner.is_some()).step_by(3);
        let leased: Vec<_> = leased.map(|info| (info.address, info.owner.as_ref().unwrap().mac)).collect();
        for (address, mac) in leased {
            subject.submit(lease(&address.to_string(), mac)).await.unwrap();
        }
        let [reserved, leased, allocated, resting] =
            [FixedIpState::Reserved, FixedIpState::Leased, FixedIpState::Allocated, FixedIpState::Resting]
                .map(in_state);
        let foreign = ListFixedIps { project: "p2".parse().ok(), ..whole.clone() };
        let of_subnet = list_by(FixedIpsBy::Place(Place::Subnet(places[0].1)));
        let of_instance = list_by(FixedIpsBy::Instance(instance(3)));
        let on_host = list_by(FixedIpsBy::Host(host()));
        for (question, count) in [
            (whole, 20),
            (reserved, 10),
            (leased, 4),
            (allocated, 6),
            (resting, 0),
            (foreign, 2),
            (of_subnet, 9),
            (of_instance, 3),
            (on_host, 15),
        ] {
            let expected = subject.store().ask(question.clone()).await.unwrap().fixed_ips;
            assert_eq!(expected.len(), count, "{question:?}");
            for limit in [1, 2, 5, 1000] {
                assert_eq!(pages(subject, &question, limit).await, expected, "{question:?} by {limit}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_hosts_addresses_are_told_page_by_page_and_one_whose_port_changes_meanwhile_is_not_missed() {
    each_store(async |subject| {
        let id = subject.network("private", &["10.1.0.0/16"]).await.network.id;
        for made in join_all((1..=300).map(|number| subject.allocate(number))).await {
            made.unwrap();
        }
        let last = AllocateForInstance { project: "p2".parse().unwrap(), ..allocation(301, vec![]) };
        let last = subject.submit(last).await.unwrap();
        let elsewhere = AllocateForInstance { host: "host-2".parse().ok(), ..allocation(302, vec![]) };
        subject.submit(elsewhere).await.unwrap();

        let on_host = list_by(FixedIpsBy::Host(host()));
        let of_p2 = ListFixedIps { project: "p2".parse().ok(), ..on_host.clone() };
        // Not one of the others' 300 ports is gone through.
        let few = subject.store().ask(of_p2).await.unwrap();
        let told: Vec<_> = few.fixed_ips.iter().map(|info| info.address.to_string()).collect();
        assert_eq!((told, few.next), (fixed_ips(&last), None));

        let first = subject.store().ask(on_host.clone()).await.unwrap();
        assert_eq!(first.fixed_ips.len(), 100);
        let shown = &first.fixed_ips[0];
        assert_eq!(shown.owner.as_ref().map(|owner| owner.instance), Some(instance(1)));
        let taken = RemoveFixedIp {
            instance: instance(1),
            address: shown.address,
            network: Some(id),
            only_on: None,
            scope: Scope::Everything,
            domain: None,
        };
        subject.submit(taken).await.unwrap();
        let behind = ListFixedIps { after: first.next, limit: 150, ..on_host.clone() };
        let second = subject.store().ask(behind).await.unwrap();
        let behind = ListFixedIps { after: second.next, ..on_host };
        let third = subject.store().ask(behind).await.unwrap();
        assert_eq!((second.fixed_ips.len(), third.fixed_ips.len(), third.next), (150, 52, None));
        let all = [first.fixed_ips, second.fixed_ips, third.fixed_ips].concat();
        let mut addresses: Vec<IpAddr> = all.iter().map(|info| info.address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), 301, "the one that changed comes twice");
        subject.end(1).await;
    })
    .await;
}

#[tokio::test]
async fn a_reserved_address_stays_reserved_whatever_happens_to_the_store() {
    each_store(async |subject| {
        let quarantine = Duration::from_secs(60);
        let spec = SubnetSpec { quarantine, ..subnet("10.1.0.0/30") };
        let id = subject.create(network("private", vec![spec])).await.network.id;
        subject.allocate(1).await.unwrap();
        let before = subject.dump().await;
        assert_eq!(reason(subject.submit(reserve(id, "10.1.0.2")).await), "FIXED_IP_ALREADY_IN_USE");
        assert_eq!(reason(subject.submit(unreserve(id, "10.1.0.2")).await), "FIXED_IP_NOT_RESERVED");
        for kept in ["10.1.0.0", "10.1.0.1", "10.1.0.3"] {
            assert_eq!(reason(subject.submit(reserve(id, kept)).await), "FIXED_IP_INVALID");
        }
        assert_eq!(subject.dump().await, before);
        subject.end(1).await;
        let info = subject.submit(reserve(id, "10.1.0.2")).await.unwrap();
        assert_eq!((info.state, info.reason.as_deref()), (FixedIpState::Reserved, Some("dns")));
        if subject.kind.is_durable() {
            subject.reopen().await;
        }
        subject.advance(quarantine * 2);
        assert_eq!(subject.submit(SweepQuarantine).await.unwrap(), 0);
        assert_eq!(reason(subject.allocate(2).await), "NO_MORE_FIXED_IPS");
        assert_eq!(state_of(subject, id, "10.1.0.2").await, FixedIpState::Reserved);
        subject.submit(unreserve(id, "10.1.0.2")).await.unwrap();
        assert_eq!(state_of(subject, id, "10.1.0.2").await, FixedIpState::Resting);
        subject.advance(quarantine);
        assert_eq!(fixed_ips(&subject.allocate(2).await.unwrap()), ["10.1.0.2"]);
    })
    .await;
}

#[tokio::test]
async fn b24_a_leased_address_comes_back_with_its_release_or_its_leases_end_and_one_never_leased_at_once() {
    each_store(async |subject| {
        let id = subject.network("private", &["10.1.0.0/30"]).await.network.id;
        let mac = subject.allocate(1).await.unwrap().vifs[0].mac;
        let leased = subject.submit(lease("10.1.0.2", mac)).await.unwrap();
        assert_eq!((state(&leased), leased.warning), (Some(FixedIpState::Leased), None));
        subject.end(1).await;
        assert_eq!(reason(subject.allocate(2).await), "NO_MORE_FIXED_IPS");
        let stranger = subject.submit(release("10.1.0.2", MacAddr::from([2, 0, 0, 0, 0, 1]))).await.unwrap();
        assert!(stranger.fixed_ip.is_none() && stranger.warning.is_some(), "{stranger:?}");
        if subject.kind.is_durable() {
            subject.reopen().await;
        }
        assert_eq!(state_of(subject, id, "10.1.0.2").await, FixedIpState::Resting);
        let released = subject.submit(release("10.1.0.2", mac)).await.unwrap();
        assert_eq!((state(&released), released.warning), (Some(FixedIpState::Free), None));

        // Without a release: a whole lease after its unplugging, which its guest may have begun just before.
        let mac = subject.allocate(2).await.unwrap().vifs[0].mac;
        subject.submit(lease("10.1.0.2", mac)).await.unwrap();
        subject.advance(LEASE_TIME);
        assert_eq!(state_of(subject, id, "10.1.0.2").await, FixedIpState::Leased);
        subject.end(2).await;
        subject.advance(LEASE_TIME - Duration::from_micros(1));
        assert_eq!(subject.submit(SweepQuarantine).await.unwrap(), 0);
        subject.advance(Duration::from_micros(1));
        assert_eq!(subject.submit(SweepQuarantine).await.unwrap(), 1);

        // Never leased: when it is unplugged.
        subject.allocate(3).await.unwrap();
        subject.end(3).await;
        assert_eq!(fixed_ips(&subject.allocate(4).await.unwrap()), ["10.1.0.2"]);
    })
    .await;
}

/// What a server says of an old owner's lease finds the new owner's MAC, and lets the address alone.
#[tokio::test]
async fn b06_a_late_release_of_the_old_owner_frees_nothing_of_the_new_one() {
    each_store(async |subject| {
        let id = subject.network("private", &["10.1.0.0/30"]).await.network.id;
        let old = subject.allocate(1).await.unwrap().vifs[0].mac;
        subject.submit(lease("10.1.0.2", old)).await.unwrap();
        subject.end(1).await;
        subject.advance(LEASE_TIME);
        let new = subject.allocate(2).await.unwrap().vifs[0].mac;
        subject.submit(lease("10.1.0.2", new)).await.unwrap();
        let before = subject.dump().await;
        let late = subject.submit(release("10.1.0.2", old)).await.unwrap();
        assert!(late.fixed_ip.is_none() && late.warning.is_some(), "{late:?}");
        assert_eq!(subject.dump().await, before);
        assert_eq!(state_of(subject, id, "10.1.0.2").await, FixedIpState::Leased);
    })
    .await;
}

/// Two managers at once: one gives the address to an instance, the other reserves it.
#[tokio::test]
async fn an_address_is_given_or_reserved_and_never_both() {
    each_database(async |subject| {
        let id = subject.network("private", &["10.1.0.0/24"]).await.network.id;
        let other = subject.another().await.unwrap();
        for number in 2..12_u128 {
            let address = format!("10.1.0.{number}");
            let keep = other.submit(reserve(id, &address), lepton_ledger::Envelope::anonymous());
            let (given, kept) = tokio::join!(subject.allocate_at(number, id, &address), keep);
            assert!(given.is_ok() != kept.is_ok(), "{given:?} {kept:?}");
        }
        other.close().await;
    })
    .await;
}

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
        let all = join_all((4..1024).map(|number| subject.allocate(number))).await;
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
