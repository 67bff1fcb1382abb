//! Commands that load in several rounds lock in the one order of `load` over all of them: while one waits for the rows of a
//! table, it holds none of those behind it. Else two managers would wait for each other until PostgreSQL ends one of them.

use futures_util::future::{join, join_all};
use lepton_ledger::{AllocateForInstance, Command, Key, Place, ReleaseFloatingIp, ReserveFixedIp, SetQuota};
use lepton_types::{Amounts, FixedIpState, HostReport, Limit, Quota};

use super::{
    fixed_ips::{get, lease, release, reserve},
    floating_ips::{release as floating_release, to_address},
    harness::{Kind, Subject, allocation, deallocation, host, reason, refusal, requested, submit},
    locks::{
        BLOCKS, FIXED_IPS, FLOATING_IPS, HOSTS, PORTS, RANGES, RESTING, holding, is_locked,
        until_somebody_waits, with_one_of_each,
    },
    sound::assert_sound,
};
use crate::Store;

/// Carries the command out, which has to wait for the rows that `held` locks, and looks meanwhile at what is behind them.
pub(super) async fn assert_waits_without<C: Command>(
    subject: &Subject,
    held: &'static str,
    command: C,
    behind: &[&'static str],
) {
    let engine = subject.engine();
    let mut holder = engine.write().await.unwrap();
    holder.fetch(held, Vec::new()).await.unwrap();
    let watching = async {
        until_somebody_waits(engine).await;
        for sql in behind {
            assert!(!is_locked(engine, sql).await, "{} waits for {held}, and holds {sql}", C::NAME);
        }
        holder.rollback().await.unwrap();
    };
    let (outcome, ()) = join(subject.submit(command), watching).await;
    assert!(outcome.is_ok(), "{}: {:?}", C::NAME, outcome.err());
}

#[tokio::test]
async fn an_address_is_locked_behind_its_block() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let (at, _) = with_one_of_each(&subject).await;
    let (place, reason) = (Place::Subnet(at), "dns".parse().unwrap());
    let reserved = ReserveFixedIp { place, address: "10.1.0.3".parse().unwrap(), reason };
    assert_waits_without(&subject, BLOCKS, reserved, &[RESTING]).await;
}

#[tokio::test]
async fn an_address_whose_lease_ends_is_locked_behind_its_block() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    subject.network("private", &["10.1.0.0/24"]).await;
    let mac = subject.allocate(1).await.unwrap().vifs[0].mac;
    subject.submit(lease("10.1.0.2", mac)).await.unwrap();
    subject.end(1).await;
    assert_waits_without(&subject, BLOCKS, release("10.1.0.2", mac), &[RESTING]).await;
    assert_eq!(subject.dump().await.fixed_ips, []);
}

#[tokio::test]
async fn an_address_whose_lease_ends_while_it_is_a_ports_is_locked_behind_the_port() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    subject.network("private", &["10.1.0.0/24"]).await;
    let mac = subject.allocate(1).await.unwrap().vifs[0].mac;
    subject.submit(lease("10.1.0.2", mac)).await.unwrap();
    assert_waits_without(&subject, PORTS, release("10.1.0.2", mac), &[FIXED_IPS]).await;
}

#[tokio::test]
async fn a_floating_ip_and_where_it_is_to_lead_are_locked_behind_the_port() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    with_one_of_each(&subject).await;
    let network = subject.dump().await.ports[0].network;
    let floating = "172.24.4.1".parse().unwrap();
    for network in [Some(network), None] {
        let associated = to_address(floating, network, "10.1.0.2");
        assert_waits_without(&subject, PORTS, associated, &[FIXED_IPS, FLOATING_IPS]).await;
    }
}

#[tokio::test]
async fn the_range_of_a_floating_ip_that_goes_is_locked_behind_it() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    with_one_of_each(&subject).await;
    let released =
        ReleaseFloatingIp { disassociates: true, ..floating_release("172.24.4.1".parse().unwrap()) };
    assert_waits_without(&subject, FLOATING_IPS, released, &[RANGES]).await;
}

/// Allocations that assign floating IPs by themselves, and deallocations that give these back.
#[tokio::test]
async fn a_range_is_locked_behind_the_hosts_of_instances_and_before_blocks() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    with_one_of_each(&subject).await;
    subject.submit(super::floating_ips::pool("wide", &["172.24.5.0/28"])).await.unwrap();
    let pool = "wide".parse().ok();
    let assigning =
        |number| AllocateForInstance { floating_pool: pool.clone(), ..allocation(number, vec![]) };
    assert_waits_without(&subject, HOSTS, assigning(7), &[RANGES, BLOCKS]).await;
    assert_waits_without(&subject, RANGES, assigning(8), &[BLOCKS]).await;
    assert_waits_without(&subject, HOSTS, deallocation(7), &[RANGES]).await;
    assert_waits_without(&subject, RANGES, deallocation(8), &[BLOCKS]).await;
}

/// The host that the one who gives it back has locked is the next that the one who draws waits for.
#[tokio::test]
async fn a_mac_comes_back_while_another_manager_draws() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    subject.network("private", &["10.1.0.0/24"]).await;
    subject.submit(super::mac_ranges::range("02:16:3e:00:00:00/40")).await.unwrap();
    subject.allocate(1).await.unwrap();
    let released = subject.deallocate(1).await;
    let drawing = holding(subject.engine(), Key::MacRanges, subject.now()).await;
    subject.unplug(released.ports).await;
    assert_eq!(subject.dump().await.free_macs.len(), 1);
    drawing.rollback().await.unwrap();
}

async fn two_managers(cidr: &str) -> (Subject, Store, lepton_types::NetworkId) {
    let subject = Subject::open(Kind::Postgres, |config| config.batch_limit = 4).await;
    let id = subject.network("private", &[cidr]).await.network.id;
    let other = subject.another().await.unwrap();
    (subject, other, id)
}

/// One manager hears of the leases, the other one ends the instances and hears that they are unplugged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_at_one_manager_and_ends_at_the_other_leave_each_address_at_rest_or_free() {
    let (subject, other, id) = two_managers("10.1.0.0/24").await;
    for round in 0..5_u128 {
        let numbers = (round * 20 + 1)..=(round * 20 + 20);
        let lives = numbers.map(|number| (&subject, &other, number)).map(async |(subject, other, number)| {
            let info = subject.allocate(number).await.unwrap();
            let (vif, address) = (&info.vifs[0], info.vifs[0].network.subnets[0].fixed_ips[0].to_string());
            let end = deallocation(number);
            let leased = subject.submit(lease(&address, vif.mac));
            let (leased, ended) = join(leased, submit(other, end)).await;
            assert!(leased.unwrap().fixed_ip.is_some(), "it is the port's until it is unplugged");
            let report = HostReport {
                unplugged: ended.unwrap().ports,
                revision: u64::MAX.into(),
                ..HostReport::default()
            };
            let unplugged = submit(other, lepton_ledger::ReportHost { host: host(), report });
            let (unplugged, released) = join(unplugged, subject.submit(release(&address, vif.mac))).await;
            unplugged.unwrap();
            assert!(released.unwrap().fixed_ip.is_some(), "it is the port's, or rests");
        });
        join_all(lives).await;
    }
    let dump = subject.dump().await;
    assert_sound(&dump);
    assert_eq!(
        (dump.ports.len(), dump.fixed_ips),
        (0, Vec::new()),
        "nobody waits for a lease that was given back"
    );
    assert_eq!(subject.store().ask(get(id, "10.1.0.2")).await.unwrap().state, FixedIpState::Free);
}

/// The operator keeps the address, or a guest gets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_reserved_at_one_manager_or_given_by_the_other() {
    let (subject, other, id) = two_managers("10.1.0.0/24").await;
    let at = subject.dump().await.subnets[0].id;
    for number in 10..40_u128 {
        let address = format!("10.1.0.{number}");
        let reserved = ReserveFixedIp { place: Place::Subnet(at), ..reserve(id, &address) };
        let given = allocation(number, vec![requested(id, &[&address])]);
        let (reserved, given) = join(subject.submit(reserved), submit(&other, given)).await;
        match (reserved, given) {
            (Ok(_), Err(refused)) => {
                let told = reason::<()>(Err(refused));
                assert!(["FIXED_IP_RESERVED", "FIXED_IP_ALREADY_IN_USE"].contains(&told), "{told}");
            }
            (refused @ Err(_), Ok(_)) => assert_eq!(reason(refused), "FIXED_IP_ALREADY_IN_USE"),
            both => panic!("{address}: {both:?}"),
        }
    }
    assert_sound(&subject.dump().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_reservations_of_one_address_one_holds() {
    let (subject, other, id) = two_managers("10.1.0.0/24").await;
    for number in 10..40 {
        let address = format!("10.1.0.{number}");
        let theirs = ReserveFixedIp { reason: "ntp".parse().unwrap(), ..reserve(id, &address) };
        let (ours, theirs) = join(subject.submit(reserve(id, &address)), submit(&other, theirs)).await;
        let (kept, refused) = if ours.is_ok() { (ours, theirs) } else { (theirs, ours) };
        let kept = kept.unwrap().reason.unwrap();
        let told = refusal(refused).to_string();
        assert!(told.contains(&kept), "{told}, {kept}");
    }
    assert_sound(&subject.dump().await);
}

/// What a limit is and what is used are columns of one row, and so are the limits of two resources.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_managers_lose_neither_a_limit_nor_what_is_used() {
    let (subject, other, _) = two_managers("10.1.0.0/24").await;
    let set = |limits| SetQuota { project: "p1".parse().unwrap(), limits };
    for round in 1..=30_u32 {
        let limit = Some(Some(Limit::AtMost(1000 + round)));
        let ours = set(Amounts { ports: limit, ..Amounts::default() });
        let theirs = set(Amounts { fixed_ips: limit, ..Amounts::default() });
        let used = subject.allocate(round.into());
        let (ours, (theirs, used)) = join(subject.submit(ours), join(submit(&other, theirs), used)).await;
        assert!(ours.is_ok() && theirs.is_ok() && used.is_ok());
        let now: Quota = subject.dump().await.quotas.remove(0);
        let wanted = Some(Limit::AtMost(1000 + round));
        assert_eq!((now.limits.ports, now.limits.fixed_ips), (wanted, wanted));
        assert_eq!((now.used.ports, now.used.fixed_ips), (round.into(), round.into()));
    }
}
