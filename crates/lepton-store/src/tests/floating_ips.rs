//! Floating IPs on every store: pools, who has which address, where it leads, and who had it.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use futures_util::future::{join, join_all};
use lepton_ledger::{
    AllocateFloatingIp, AssociateFloatingIp, AssociatedFloatingIp, CreateFloatingPool, DeallocateForInstance,
    DeleteFloatingPool, DeleteFloatingRanges, DisassociateFloatingIp, FloatingPool, FloatingSelection,
    GetFloatingIp, GetInstanceNwInfo, ListFloatingIps, ListFloatingPools, ReleaseFloatingIp, Scope,
    TargetRequest,
};
use lepton_types::{InstanceId, NetworkId};

use super::{
    each_store,
    harness::{Kind, Subject, each_database, host, instance, reason, submit},
    sound::assert_sound,
};

/// Makes a pool, or adds to it.
pub(super) fn pool(name: &str, ranges: &[&str]) -> CreateFloatingPool {
    CreateFloatingPool {
        name: name.parse().unwrap(),
        ranges: ranges.iter().map(|text| text.parse().unwrap()).collect(),
        interface: None,
    }
}

/// An address of the pool `nova` for project `p1`.
pub(super) fn wish() -> AllocateFloatingIp {
    AllocateFloatingIp {
        project: Some("p1".parse().unwrap()),
        pool: "nova".parse().unwrap(),
        address: None,
        scope: Scope::Everything,
    }
}

/// Makes a floating IP lead to the first address of an instance.
pub(super) fn associate(address: IpAddr, number: u128) -> AssociateFloatingIp {
    let target = TargetRequest::Instance { instance: instance(number), fixed_ip: None, network: None };
    AssociateFloatingIp { address, target, affects_auto_assigned: false, scope: Scope::Everything }
}

pub(super) fn to_address(address: IpAddr, network: Option<NetworkId>, fixed_ip: &str) -> AssociateFloatingIp {
    let fixed_ip = fixed_ip.parse().unwrap();
    let target = match network {
        Some(network) => TargetRequest::Network { network, fixed_ip },
        None => TargetRequest::Anywhere { fixed_ip },
    };
    AssociateFloatingIp { target, ..associate(address, 0) }
}

pub(super) fn disassociate(address: IpAddr) -> DisassociateFloatingIp {
    DisassociateFloatingIp { address, affects_auto_assigned: false, scope: Scope::Everything }
}

pub(super) fn release(address: IpAddr) -> ReleaseFloatingIp {
    let (disassociates, affects_auto_assigned) = (false, false);
    ReleaseFloatingIp { address, disassociates, affects_auto_assigned, scope: Scope::Everything }
}

pub(super) fn list(selection: FloatingSelection) -> ListFloatingIps {
    ListFloatingIps {
        project: None,
        selection,
        shows_auto_assigned: false,
        after: None,
        limit: 100,
        scope: Scope::Everything,
    }
}

async fn allocated(subject: &Subject) -> IpAddr {
    subject.submit(wish()).await.unwrap().floating_ip.address
}

async fn listed(subject: &Subject, list: ListFloatingIps) -> Vec<IpAddr> {
    let page = subject.store().ask(list).await.unwrap();
    page.floating_ips.into_iter().map(|info| info.floating_ip.address).collect()
}

fn ranges(pool: &FloatingPool) -> Vec<(String, u64)> {
    let ranges = pool.ranges.iter().flatten();
    ranges.map(|range| (range.addresses.to_string(), range.allocated)).collect()
}

#[tokio::test]
async fn a_pool_is_made_once_grows_and_goes_when_nobody_uses_it() {
    each_store(async |subject| {
        let first = subject.submit(pool("nova", &["172.24.4.0/29"])).await.unwrap();
        assert_eq!(subject.submit(pool("nova", &["172.24.4.0/29"])).await.unwrap(), first);
        let more = subject.submit(pool("nova", &["172.24.4.0/29", "10.9.0.1"])).await.unwrap();
        assert_eq!(ranges(&more), [("10.9.0.1".to_owned(), 0), ("172.24.4.0/29".to_owned(), 0)]);
        let other = subject.submit(pool("blue", &["172.24.4.6-172.24.4.9"])).await;
        assert_eq!(reason(other), "FLOATING_RANGE_OVERLAPS");
        let address = allocated(subject).await;

        let list = ListFloatingPools { after: 0, limit: 10, scope: Scope::Everything };
        let pools = subject.store().ask(list).await.unwrap().pools;
        let counted: Vec<_> = pools.iter().map(ranges).collect();
        assert_eq!(counted, [[("10.9.0.1".to_owned(), 1), ("172.24.4.0/29".to_owned(), 0)]]);

        let name = || "nova".parse().unwrap();
        let delete = || DeleteFloatingPool { name: name() };
        assert_eq!(reason(subject.submit(delete()).await), "FLOATING_POOL_IN_USE");
        let unused = DeleteFloatingRanges { pool: name(), ranges: vec!["172.24.4.0/29".parse().unwrap()] };
        subject.submit(unused).await.unwrap();
        subject.submit(pool("blue", &["172.24.4.6-172.24.4.9"])).await.unwrap();
        subject.submit(release(address)).await.unwrap();
        subject.submit(delete()).await.unwrap();
        assert_eq!(reason(subject.submit(wish()).await), "FLOATING_POOL_NOT_FOUND");
    })
    .await;
}

fn without(range: &str) -> DeleteFloatingRanges {
    DeleteFloatingRanges { pool: "nova".parse().unwrap(), ranges: vec![range.parse().unwrap()] }
}

#[tokio::test]
async fn a_part_of_a_range_is_withdrawn_and_stays_so() {
    each_store(async |subject| {
        subject.submit(pool("nova", &["172.24.4.0/29", "172.24.5.0-172.24.7.255"])).await.unwrap();
        assert_eq!(allocated(subject).await, "172.24.4.1".parse::<IpAddr>().unwrap());
        assert_eq!(reason(subject.submit(without("172.24.4.1")).await), "FLOATING_POOL_IN_USE");
        for part in ["172.24.4.3-172.24.4.4", "172.24.4.6", "172.24.6.0-172.24.6.255"] {
            subject.submit(without(part)).await.unwrap();
        }
        subject.submit(pool("blue", &["172.24.4.3", "172.24.4.6", "172.24.6.7"])).await.unwrap();
        assert_sound(&subject.dump().await);
        for left in ["172.24.4.2", "172.24.4.5", "172.24.5.0"] {
            assert_eq!(allocated(subject).await, left.parse::<IpAddr>().unwrap());
        }
        assert_eq!(
            reason(subject.submit(pool("nova", &["172.24.4.2-172.24.4.5"])).await),
            "FLOATING_RANGE_OVERLAPS"
        );
        let back = subject.submit(pool("nova", &["172.24.4.4"])).await.unwrap();
        let counted = [("172.24.4.1-172.24.4.5", 3), ("172.24.4.4", 0), ("172.24.5.0-172.24.7.255", 1)];
        assert_eq!(ranges(&back), counted.map(|(range, allocated)| (range.to_owned(), allocated)));
        assert_sound(&subject.dump().await);
    })
    .await;
}

/// Whatever comes first, nobody has what was withdrawn, and every block says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_managers_withdraw_and_allocate_at_once() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |config| config.batch_limit = 2).await;
        let other = subject.another().await.unwrap();
        for round in 0..8 {
            subject.submit(pool("nova", &[&format!("172.24.{round}.0/28")])).await.unwrap();
            let wishes = join_all((0..8).map(|_| submit(subject.store(), wish())));
            let part = (5..11).map(|octet| submit(&other, without(&format!("172.24.{round}.{octet}"))));
            let (allocated, withdrawn) = join(wishes, join_all(part)).await;
            let allocated = allocated.into_iter().map(|info| info.unwrap().floating_ip.address);
            let allocated: BTreeSet<_> = allocated.collect();
            assert_eq!(allocated.len(), 8, "{kind:?}");
            for (octet, outcome) in (5_u8..11).zip(withdrawn) {
                let is_somebodys = allocated.contains(&IpAddr::from([172, 24, round, octet]));
                match outcome {
                    Ok(_) => assert!(!is_somebodys, "{kind:?}"),
                    refused => assert_eq!((reason(refused), is_somebodys), ("FLOATING_POOL_IN_USE", true)),
                }
            }
        }
        assert_sound(&subject.dump().await);
    }
}

#[tokio::test]
async fn a_floating_ip_lives_from_its_pool_to_its_pool() {
    each_store(async |subject| {
        let network = subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await.network.id;
        subject.submit(pool("nova", &["172.24.4.0/24"])).await.unwrap();
        for number in [1, 2] {
            subject.allocate(number).await.unwrap();
        }
        let address = allocated(subject).await;
        let chosen = AllocateFloatingIp { address: Some("172.24.4.200".parse().unwrap()), ..wish() };
        let chosen = subject.submit(chosen).await.unwrap().floating_ip.address;
        for (command, previous) in [
            (associate(address, 1), None),
            (associate(address, 1), None),
            (to_address(address, Some(network), "10.1.0.3"), Some(1)),
            (to_address(address, None, "10.1.0.2"), Some(2)),
        ] {
            let done = subject.submit(command).await.unwrap();
            assert_eq!(done.previous_instance, previous.map(instance));
            assert_eq!((done.floating_ip.pool_name.as_str(), done.floating_ip.host), ("nova", Some(host())));
        }
        let asked = GetInstanceNwInfo { instance: instance(1), scope: Scope::Everything };
        let info = subject.store().ask(asked).await.unwrap();
        let link = info.vifs[0].network.subnets[0].floating_ips[0];
        assert_eq!((link.floating, link.fixed.to_string().as_str()), (address, "10.1.0.2"));

        for selection in [
            FloatingSelection::FixedIp("10.1.0.2".parse().unwrap()),
            FloatingSelection::Instance(instance(1)),
            FloatingSelection::Host(host()),
        ] {
            assert_eq!(listed(subject, list(selection)).await, [address]);
        }
        let of_pool = || list(FloatingSelection::Pool("nova".parse().unwrap()));
        assert_eq!(listed(subject, of_pool()).await, [address, chosen]);
        let of_p1 = ListFloatingIps { project: Some("p1".parse().unwrap()), ..of_pool() };
        assert_eq!(listed(subject, of_p1).await, [address, chosen]);
        let of_p2 = ListFloatingIps { project: Some("p2".parse().unwrap()), ..of_pool() };
        assert_eq!(listed(subject, of_p2).await, Vec::<IpAddr>::new());

        assert_eq!(reason(subject.submit(release(address)).await), "FLOATING_IP_ASSOCIATED");
        subject.submit(disassociate(address)).await.unwrap();
        subject.submit(release(address)).await.unwrap();
        let get = GetFloatingIp { address, scope: Scope::Everything };
        assert_eq!(reason(subject.store().ask(get).await), "FLOATING_IP_NOT_FOUND");
        assert_eq!(allocated(subject).await, address);
    })
    .await;
}

#[tokio::test]
async fn a_deallocation_takes_floating_ips_off_and_the_address_is_free_for_another_port() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.submit(pool("nova", &["172.24.4.0/24"])).await.unwrap();
        subject.allocate(1).await.unwrap();
        let address = allocated(subject).await;
        subject.submit(associate(address, 1)).await.unwrap();
        subject.end(1).await;
        assert_eq!(subject.dump().await.floating_ips[0].target, None);
        subject.allocate(2).await.unwrap();
        let done = subject.submit(associate(address, 2)).await.unwrap();
        assert_eq!((done.previous_instance, done.floating_ip.host), (None, Some(host())));
    })
    .await;
}

#[tokio::test]
async fn who_had_a_floating_ip_when_is_told_by_its_intervals() {
    each_database(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.submit(pool("nova", &["172.24.4.0/30"])).await.unwrap();
        for number in [1, 2] {
            subject.allocate(number).await.unwrap();
        }
        let hour = Duration::from_secs(3600);
        let start = subject.now();
        let address = allocated(subject).await;
        subject.advance(hour);
        subject.submit(associate(address, 1)).await.unwrap();
        subject.advance(hour);
        subject.submit(associate(address, 2)).await.unwrap();
        subject.advance(hour);
        subject.deallocate(2).await;
        subject.advance(hour);
        subject.submit(release(address)).await.unwrap();
        let history = subject.dump().await.history.floating_ips;
        let told: Vec<_> = history
            .iter()
            .map(|(row, ended)| (row.target.map(|target| target.instance), row.since, *ended))
            .collect();
        let at = |hours: u32| start.after(hour * hours);
        let expected = [
            (None, at(0), at(1)),
            (Some(instance(1)), at(1), at(2)),
            (Some(instance(2)), at(2), at(3)),
            (None, at(3), at(4)),
        ];
        assert_eq!(told, expected);
        assert!(history.iter().all(|(row, _)| (row.address, row.allocated_at) == (address, start)));
    })
    .await;
}

#[tokio::test]
async fn the_last_addresses_of_a_pool_go_to_exactly_as_many() {
    for batch_limit in [1, 7, 256] {
        for kind in [Kind::Memory, Kind::Sqlite, Kind::Postgres] {
            let subject = Subject::open(kind, |config| config.batch_limit = batch_limit).await;
            subject.submit(pool("nova", &["172.24.4.0/29", "172.24.5.1-172.24.5.7"])).await.unwrap();
            let outcomes = join_all((0..64).map(|_| subject.submit(wish()))).await;
            let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
            let won: BTreeSet<_> = won.into_iter().map(|info| info.unwrap().floating_ip.address).collect();
            assert_eq!((won.len(), lost.len()), (13, 51), "{kind:?} in batches of {batch_limit}");
            assert!(lost.into_iter().all(|lost| reason(lost) == "NO_MORE_FLOATING_IPS"));
            assert_sound(&subject.dump().await);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_managers_give_the_last_addresses_of_a_pool_to_exactly_as_many() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |config| config.batch_limit = 4).await;
        let other = subject.another().await.unwrap();
        subject.submit(pool("nova", &["172.24.4.0/29", "172.24.5.1-172.24.5.7"])).await.unwrap();
        let stores = [subject.store(), &other];
        let outcomes = join_all((0..64).map(|task| submit(stores[task % 2], wish()))).await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        let won: BTreeSet<_> = won.into_iter().map(|info| info.unwrap().floating_ip.address).collect();
        assert_eq!((won.len(), lost.len()), (13, 51), "{kind:?}");
        assert!(lost.into_iter().all(|lost| reason(lost) == "NO_MORE_FLOATING_IPS"));
        assert_sound(&subject.dump().await);
    }
}

/// Whoever moved it last has it, and each move is told where it led just before: the moves are a chain without a gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_managers_that_move_one_floating_ip_take_turns() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |config| config.batch_limit = 4).await;
        let other = subject.another().await.unwrap();
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.submit(pool("nova", &["172.24.4.0/30"])).await.unwrap();
        for number in 0..32 {
            subject.allocate(number).await.unwrap();
        }
        let address = allocated(&subject).await;
        let stores = [subject.store(), &other];
        let moves =
            (0..32_usize).map(|number| submit(stores[number % 2], associate(address, number as u128)));
        let done: Vec<AssociatedFloatingIp> = join_all(moves).await.into_iter().map(Result::unwrap).collect();
        let left: BTreeSet<InstanceId> = done.iter().filter_map(|done| done.previous_instance).collect();
        let last = subject.dump().await.floating_ips[0].target.unwrap().instance;
        assert_eq!(left.len(), 31, "{kind:?}: each instance but the last one was left once");
        assert!(!left.contains(&last));
        assert_sound(&subject.dump().await);
    }
}

/// An instance goes while floating IPs are being led to it: in the end none leads to a port that was released.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_floating_ip_leads_to_an_instance_that_goes_meanwhile() {
    for kind in [Kind::Memory, Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |config| config.batch_limit = 4).await;
        let other = if kind.is_durable() { Some(subject.another().await.unwrap()) } else { None };
        let other = other.as_ref().unwrap_or(subject.store());
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.submit(pool("nova", &["172.24.4.0/24"])).await.unwrap();
        let addresses: Vec<IpAddr> = join_all((0..16).map(|_| subject.submit(wish())))
            .await
            .into_iter()
            .map(|info| info.unwrap().floating_ip.address)
            .collect();
        for round in 0..10_u128 {
            subject.allocate(round).await.unwrap();
            let to = if round % 2 == 0 {
                |address, round| associate(address, round)
            } else {
                |address, _| to_address(address, None, "10.1.0.2")
            };
            let leading = join_all(addresses.iter().map(|address| submit(other, to(*address, round))));
            let end = DeallocateForInstance { instance: instance(round), incarnation: None, only_on: None };
            let (led, ended) = join(leading, submit(subject.store(), end)).await;
            for refused in led.into_iter().filter(Result::is_err) {
                let told = reason(refused);
                assert!(["INSTANCE_NOT_FOUND", "FIXED_IP_NOT_FOUND"].contains(&told), "{kind:?}: {told}");
            }
            let dump = subject.dump().await;
            assert_sound(&dump);
            assert!(dump.floating_ips.iter().all(|row| row.target.is_none()), "{kind:?}");
            subject.unplug(ended.unwrap().ports).await;
        }
    }
}

/// Both make the pool, or give it the same range: it has it once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_managers_give_no_address_to_two_pools() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |_| {}).await;
        let other = subject.another().await.unwrap();
        for round in 0..10 {
            let [wide, narrow] = [28, 29].map(|length| format!("10.{round}.0.0/{length}"));
            let (one, two) = join(
                submit(subject.store(), pool("nova", &[&wide])),
                submit(&other, pool("blue", &[&narrow])),
            )
            .await;
            let loser = if one.is_ok() { two.map(drop) } else { one.map(drop) };
            assert_eq!(reason(loser), "FLOATING_RANGE_OVERLAPS", "{kind:?}");
            let (one, two) = join(
                submit(subject.store(), pool("same", &[&format!("11.{round}.0.0/28")])),
                submit(&other, pool("same", &[&format!("11.{round}.0.0/28")])),
            )
            .await;
            assert_eq!(one.unwrap(), two.unwrap(), "{kind:?}");
        }
        assert_sound(&subject.dump().await);
    }
}
