//! Addresses from pools: the lowest free one, once, and not one more than there are.

use std::{collections::BTreeSet, net::IpAddr};

use futures_util::future::join_all;
use lepton_ipam::{Gateway, SubnetSpec};
use lepton_ledger::AllocateForInstance;
use lepton_types::{AddressMode, AddressPool};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    each_store,
    harness::{Kind, Subject, allocation, fixed_ips, network, reason, requested, subnet},
    mac_ranges,
    sound::assert_sound,
};

/// Allocates for one instance after the other until one is refused; answers each one's only address.
async fn drain(subject: &Subject, most: u128) -> Vec<String> {
    let mut given = Vec::new();
    for number in 1..=most {
        match subject.allocate(number).await {
            Ok(info) => given.extend(fixed_ips(&info)),
            refused => {
                assert_eq!(reason(refused), "NO_MORE_FIXED_IPS");
                break;
            }
        }
    }
    given
}

fn pool(first: &str, last: &str) -> AddressPool {
    AddressPool { first: first.parse().unwrap(), last: last.parse().unwrap() }
}

/// Guards the queue's single file on one store, whatever a batch holds.
#[tokio::test]
async fn the_last_addresses_go_to_exactly_as_many_instances() {
    for batch_limit in [1, 7, 256] {
        for kind in [Kind::Memory, Kind::Sqlite, Kind::Postgres] {
            let subject = Subject::open(kind, |config| config.batch_limit = batch_limit).await;
            subject.network("roomy", &["10.2.0.0/16", "fd00:2::/64"]).await;
            // Network, gateway and broadcast address leave 13 of 16.
            subject.network("tight", &["10.1.0.0/28"]).await;
            subject.network("roomy too", &["10.3.0.0/16"]).await;

            let outcomes = join_all((1..=64).map(|number| subject.allocate(number))).await;
            let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
            assert_eq!((won.len(), lost.len()), (13, 51), "{kind:?} in batches of {batch_limit}");
            assert!(lost.into_iter().all(|lost| reason(lost) == "NO_MORE_FIXED_IPS"));

            let dump = subject.dump().await;
            assert_sound(&dump);
            let counts = [dump.instances.len(), dump.ports.len(), dump.fixed_ips.len()];
            assert_eq!(counts, [13, 3 * 13, 4 * 13], "nothing of the losers is left");
            let given: BTreeSet<_> = won.iter().flat_map(|info| fixed_ips(info.as_ref().unwrap())).collect();
            assert_eq!(given.len(), 4 * 13, "no address twice");
        }
    }
}

#[tokio::test]
async fn a_pool_that_runs_dry_half_way_leaves_no_trace() {
    each_store(async |subject| {
        subject.network("first", &["10.1.0.0/24", "fd00:1::/64"]).await;
        subject.network("second", &["10.2.0.0/24", "fd00:2::/120"]).await;
        subject.network("third", &["10.3.0.0/30"]).await;
        subject.network("fourth", &["10.4.0.0/24"]).await;
        subject.allocate(1).await.unwrap();

        let before = subject.dump().await;
        subject.take_told();
        assert_eq!(reason(subject.allocate(2).await), "NO_MORE_FIXED_IPS");
        assert_eq!(subject.dump().await, before);
        assert_eq!(subject.take_told(), [], "nobody hears of what did not happen");
    })
    .await;
}

#[tokio::test]
async fn small_and_large_prefixes_give_what_they_have() {
    let none = |cidr: &str| SubnetSpec { gateway: Gateway::None, ..subnet(cidr) };
    let pooled = |cidr: &str| SubnetSpec { mode: Some(AddressMode::Pool), ..subnet(cidr) };
    let cases: [(SubnetSpec, &[&str]); 8] = [
        (none("10.0.0.0/31"), &["10.0.0.0", "10.0.0.1"]),
        (subnet("10.0.0.0/31"), &["10.0.0.1"]),
        (none("10.0.0.7/32"), &["10.0.0.7"]),
        (subnet("10.0.0.0/30"), &["10.0.0.2"]),
        (none("fd00::/127"), &["fd00::", "fd00::1"]),
        (none("fd00::1/128"), &["fd00::1"]),
        (pooled("fd00::/126"), &["fd00::2", "fd00::3"]),
        (none("10.255.255.252/30"), &["10.255.255.253", "10.255.255.254"]),
    ];
    for (spec, expected) in cases {
        each_store(async |subject| {
            subject.create(network("small", vec![spec.clone()])).await;
            assert_eq!(drain(subject, 5).await, expected, "of {}", spec.cidr);
        })
        .await;
    }
    for (spec, first) in [
        (subnet("32.0.0.0/3"), "32.0.0.2"),
        (subnet("fd00:1::/48"), "fd00:1::2"),
        (pooled("2000::/3"), "2000::2"),
    ] {
        each_store(async |subject| {
            subject.create(network("large", vec![spec.clone()])).await;
            assert_eq!(drain(subject, 1).await, [first], "of {}", spec.cidr);
        })
        .await;
    }
}

#[tokio::test]
async fn an_ipv6_64_gives_addresses_that_follow_from_macs() {
    each_store(async |subject| {
        subject.network("private", &["fd00:1::/64"]).await;
        let info = subject.allocate(1).await.unwrap();
        let identifier = info.vifs[0].mac.eui64();
        let expected = std::net::Ipv6Addr::from_bits(0xfd00_0001 << 96 | u128::from(identifier));
        assert_eq!(fixed_ips(&info), [expected.to_string()]);
        assert_eq!(subject.dump().await.held().len(), 1, "such an address is a row like any other");
        let taken = subject
            .submit(allocation(2, vec![requested(info.vifs[0].network.id, &[&expected.to_string()])]))
            .await;
        assert_eq!(reason(taken), "FIXED_IP_ALREADY_IN_USE");
    })
    .await;
}

/// As nova-network's `account_identifier` makes them, for project `p1` (the NetworkManager's specification §3.3).
#[tokio::test]
async fn addresses_may_follow_from_the_project_too() {
    each_store(async |subject| {
        let mode = Some(AddressMode::AccountIdentifier);
        let spec = SubnetSpec { mode, ..subnet("fd00:1::/64") };
        let id = subject.create(network("private", vec![spec])).await.network.id;
        if subject.kind.is_durable() {
            subject.reopen().await;
        }
        let info = subject.allocate(1).await.unwrap();
        let [_, _, _, d, e, f] = info.vifs[0].mac.octets();
        let expected = format!("fd00:1::b78f:5766:ff{d:02x}:{e:02x}{f:02x}").parse::<IpAddr>().unwrap();
        assert_eq!(fixed_ips(&info), [expected.to_string()]);
        let taken = allocation(2, vec![requested(id, &[&expected.to_string()])]);
        assert_eq!(reason(subject.submit(taken).await), "FIXED_IP_ALREADY_IN_USE");
    })
    .await;
}

/// The first half of a MAC does not count, so MACs of two ranges may lead to one address.
#[tokio::test]
async fn vnics_whose_addresses_would_be_the_same_get_other_macs() {
    each_store(async |subject| {
        let mode = Some(AddressMode::AccountIdentifier);
        let spec = SubnetSpec { mode, ..subnet("fd00:1::/64") };
        let id = subject.create(network("private", vec![spec])).await.network.id;
        for prefix in ["02:16:3e:00:00:10/47", "02:16:3f:00:00:10/46"] {
            subject.submit(mac_ranges::range(prefix)).await.unwrap();
        }
        let thrice = vec![requested(id, &[]); 3];
        let command = AllocateForInstance { allow_duplicate_networks: true, ..allocation(1, thrice) };
        let info = subject.submit(command).await.unwrap();
        let macs: Vec<_> = info.vifs.iter().map(|vif| vif.mac.to_string()).collect();
        assert_eq!(macs, ["02:16:3e:00:00:10", "02:16:3e:00:00:11", "02:16:3f:00:00:12"]);
        let addresses = ["10", "11", "12"].map(|last| format!("fd00:1::b78f:5766:ff00:{last}"));
        assert_eq!(fixed_ips(&info), addresses);
    })
    .await;
}

#[tokio::test]
async fn one_batch_may_take_more_than_a_block_has() {
    for kind in [Kind::Memory, Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |config| config.batch_limit = 1000).await;
        subject.network("private", &["10.1.0.0/22"]).await;
        let infos = join_all((1..=700).map(|number| subject.allocate(number))).await;
        let given: BTreeSet<std::net::Ipv4Addr> =
            infos.into_iter().map(|info| fixed_ips(&info.unwrap())[0].parse().unwrap()).collect();
        let lowest = 0x0a01_0002_u32;
        assert!(given.into_iter().map(u32::from).eq(lowest..lowest + 700), "{kind:?}");
        assert_sound(&subject.dump().await);
    }
}

/// One free address in each of 40 blocks: more blocks than one question loads.
#[tokio::test]
async fn a_pool_in_pieces_is_used_from_its_lowest_piece() {
    each_store(async |subject| {
        let pools = (0..40).map(|block| pool(&format!("10.1.{block}.7"), &format!("10.1.{block}.7")));
        let spec = SubnetSpec { pools: pools.collect(), ..subnet("10.1.0.0/16") };
        subject.create(network("pieces", vec![spec])).await;
        let all: Vec<String> = (0..40).map(|block| format!("10.1.{block}.7")).collect();
        assert_eq!(drain(subject, 41).await, all);

        // Instance n has 10.1.(n-1).7.
        for number in [40, 3, 17, 5, 39] {
            subject.end(number).await;
        }
        let again = join_all((101..=105).map(|number| subject.allocate(number))).await;
        let again: Vec<String> = again.into_iter().flat_map(|info| fixed_ips(&info.unwrap())).collect();
        assert_eq!(again, ["10.1.2.7", "10.1.4.7", "10.1.16.7", "10.1.38.7", "10.1.39.7"]);
        assert_eq!(reason(subject.allocate(106).await), "NO_MORE_FIXED_IPS");

        let everyone: Vec<u128> =
            (1..=40).filter(|n| ![40, 3, 17, 5, 39].contains(n)).chain(101..=105).collect();
        for number in everyone {
            subject.end(number).await;
        }
        let at_once = join_all((201..=241).map(|number| subject.allocate(number))).await;
        let (won, lost): (Vec<_>, Vec<_>) = at_once.into_iter().partition(Result::is_ok);
        let won: Vec<String> = won.into_iter().flat_map(|info| fixed_ips(&info.unwrap())).collect();
        assert_eq!((won, lost.len()), (all, 1));
    })
    .await;
}

/// The pool against a set of numbers: whatever comes and goes, the lowest free address is next.
#[tokio::test]
async fn the_lowest_free_address_is_next_after_any_churn() {
    each_store(async |subject| {
        let pools = vec![pool("10.1.0.250", "10.1.1.3"), pool("10.1.4.0", "10.1.4.9")];
        let made =
            subject.create(network("churned", vec![SubnetSpec { pools, ..subnet("10.1.0.0/16") }])).await;
        let lowest = |last: [u8; 2]| u32::from_be_bytes([10, 1, last[0], last[1]]);
        let mut free: BTreeSet<u32> = (lowest([0, 250])..=lowest([1, 3])).collect();
        free.extend(lowest([4, 0])..=lowest([4, 9]));
        let mut live: Vec<(u128, u32)> = Vec::new();
        let mut random = StdRng::seed_from_u64(7);
        for number in 1..=250 {
            if random.random_range(0..5) < 2 && !live.is_empty() {
                let (gone, address) = live.swap_remove(random.random_range(0..live.len()));
                subject.end(gone).await;
                free.insert(address);
            } else if random.random_range(0..4) == 0 {
                // A wish anywhere, in the pools or between them.
                let wish = lowest([random.random_range(0..6), random.random_range(1..=254)]);
                let address = std::net::Ipv4Addr::from(wish).to_string();
                let is_free = live.iter().all(|(_, address)| *address != wish);
                let outcome = subject.allocate_at(number, made.network.id, &address).await;
                if is_free && address != "10.1.0.1" {
                    outcome.unwrap();
                    live.push((number, wish));
                    free.remove(&wish);
                } else {
                    assert!(["FIXED_IP_ALREADY_IN_USE", "FIXED_IP_INVALID"].contains(&reason(outcome)));
                }
            } else {
                match free.pop_first() {
                    Some(expected) => {
                        let info = subject.allocate(number).await.unwrap();
                        assert_eq!(fixed_ips(&info), [std::net::Ipv4Addr::from(expected).to_string()]);
                        live.push((number, expected));
                    }
                    None => assert_eq!(reason(subject.allocate(number).await), "NO_MORE_FIXED_IPS"),
                }
            }
            let pooled = lowest([0, 250])..=lowest([1, 3]);
            free.retain(|address| {
                pooled.contains(address) || (lowest([4, 0])..=lowest([4, 9])).contains(address)
            });
        }
    })
    .await;
}
