//! Subnets that were deleted are gone at once, and what they have left behind is dropped later.

use std::time::Duration;

use futures_util::future::{join, join_all};
use lepton_ipam::SubnetSpec;
use lepton_ledger::{AddSubnet, DeleteNetwork, DeleteSubnet, GetFixedIp, Scope, SweepQuarantine};
use lepton_types::{NetworkId, SubnetId};

use super::{
    each_store, find, fixed_ips,
    harness::{
        Kind, Subject, allocation, each_database, fixed_ips as addresses_of, instance, network, reason,
        requested, subnet,
    },
    locks::until_somebody_waits,
};
use crate::failure::Failure;

const REST: Duration = Duration::from_secs(60);

/// More addresses than one transaction drops, and than one page of a search looks at.
const MANY: u128 = 1100;

/// A network whose addresses rest a minute.
async fn resting(subject: &Subject, cidr: &str) -> (NetworkId, SubnetId) {
    let spec = SubnetSpec { quarantine: REST, ..subnet(cidr) };
    let made = subject.create(network("resting", vec![spec])).await;
    (made.network.id, made.subnets[0].id)
}

/// Lets the network's first addresses rest.
async fn rest(subject: &Subject, network: NetworkId) {
    let come = |number| subject.submit(allocation(number, vec![requested(network, &[])]));
    assert!(join_all((0..MANY).map(come)).await.iter().all(Result::is_ok));
    let all = join_all((0..MANY).map(|number| subject.deallocate(number))).await;
    subject.unplug(all.into_iter().flat_map(|released| released.ports).collect()).await;
}

/// How many rows are in the tables of addresses, of blocks, of frontiers and of what is left.
async fn rows(subject: &Subject) -> [i64; 4] {
    const SQL: &str = "select (select count(*) from fixed_ips), (select count(*) from blocks),
         (select count(*) from frontiers), (select count(*) from ended_subnets)";
    let mut tx = subject.engine().read().await.unwrap();
    let found = tx.fetch(SQL, Vec::new()).await.unwrap();
    tx.rollback().await.unwrap();
    let mut columns = found[0].columns();
    std::array::from_fn(|_| columns.get().unwrap())
}

#[tokio::test]
async fn what_is_left_of_a_subnet_is_dropped_bit_by_bit_and_by_whoever_comes() {
    each_database(async |subject| {
        let (id, _) = resting(subject, "10.1.0.0/20").await;
        rest(subject, id).await;
        subject.submit(DeleteNetwork { network: id, scope: Scope::Everything }).await.unwrap();
        assert_eq!(rows(subject).await, [1100, 5, 1, 1], "deleting it costs no more than this");
        assert_eq!(subject.store().drop_ended_subnets().await.unwrap(), 1024);
        assert_eq!(rows(subject).await, [76, 5, 1, 1]);

        subject.reopen().await;
        let other = subject.another().await.unwrap();
        assert_eq!(other.drop_ended_subnets().await.unwrap(), 76 + 5 + 1);
        assert_eq!(rows(subject).await, [0; 4]);
        assert_eq!(subject.store().drop_ended_subnets().await.unwrap(), 0);
    })
    .await;
}

/// All subnets of a network leave something, also one without pools; of other subnets nothing is dropped.
#[tokio::test]
async fn of_subnets_that_are_there_nothing_is_dropped() {
    each_database(async |subject| {
        let mut gone = Vec::new();
        for number in 0..3 {
            let cidrs = [&*format!("10.{number}.0.0/24"), "fd00:1::/64"];
            let made = subject.network("private", &cidrs).await;
            subject.submit(fixed_ips::reserve(made.network.id, "fd00:1::7")).await.unwrap();
            gone.push(made.network.id);
        }
        subject.allocate(1).await.unwrap();
        let kept = subject.network("kept", &["10.1.0.0/24"]).await;
        subject.submit(fixed_ips::reserve(kept.network.id, "10.1.0.7")).await.unwrap();
        subject.end(1).await;
        let made_and_gone = subject.network("short", &["10.9.0.0/24"]).await.network.id;
        for network in gone.into_iter().chain([made_and_gone]) {
            subject.submit(DeleteNetwork { network, scope: Scope::Everything }).await.unwrap();
        }
        let before = subject.dump().await;
        assert_eq!((before.fixed_ips.len(), before.blocks.len(), before.frontiers.len()), (1, 1, 1));
        while subject.store().drop_ended_subnets().await.unwrap() > 0 {}
        assert_eq!(rows(subject).await, [1, 1, 1, 0]);
        assert_eq!(subject.dump().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_subnet_that_was_deleted_is_gone_for_everybody_at_once() {
    each_store(async |subject| {
        let (network, id) = resting(subject, "10.1.0.0/24").await;
        let mac = subject.allocate(1).await.unwrap().vifs[0].mac;
        subject.submit(fixed_ips::lease("10.1.0.2", mac)).await.unwrap();
        subject.end(1).await;
        subject.submit(fixed_ips::reserve(network, "10.1.0.9")).await.unwrap();
        subject.submit(DeleteSubnet { subnet: id, scope: Scope::Everything }).await.unwrap();

        for address in ["10.1.0.2", "10.1.0.9"] {
            let anywhere = GetFixedIp { place: None, ..fixed_ips::get(network, address) };
            assert_eq!(reason(subject.store().ask(anywhere).await), "FIXED_IP_NOT_FOUND_FOR_ADDRESS");
            let there = subject.store().ask(fixed_ips::get(network, address)).await;
            assert_eq!(reason(there), "FIXED_IP_NOT_FOUND_FOR_NETWORK");
        }
        let released = subject.submit(fixed_ips::release("10.1.0.2", mac)).await.unwrap();
        let never = subject.submit(fixed_ips::release("10.1.0.99", mac)).await.unwrap();
        assert_eq!(released.warning.unwrap().replace("10.1.0.2", "10.1.0.99"), never.warning.unwrap());
        assert_eq!(released.fixed_ip, None);
        subject.advance(REST * 2000);
        assert_eq!(subject.submit(SweepQuarantine).await.unwrap(), 0);

        let spec = subnet("10.1.0.0/24");
        subject.submit(AddSubnet { network, spec, scope: Scope::Everything }).await.unwrap();
        assert_eq!(addresses_of(&subject.allocate(2).await.unwrap()), ["10.1.0.2"]);
        let anywhere = GetFixedIp { place: None, ..fixed_ips::get(network, "10.1.0.2") };
        let owner = subject.store().ask(anywhere).await.unwrap().owner.unwrap();
        assert_eq!(owner.instance, instance(2));
    })
    .await;
}

/// There is more of it than a page looks at, and than a sweep does: that one comes after it is dropped, as whoever keeps house
/// does.
#[tokio::test]
async fn what_is_left_of_a_subnet_is_in_nobodys_way() {
    each_store(async |subject| {
        let (gone, _) = resting(subject, "10.1.0.0/20").await;
        rest(subject, gone).await;
        subject.submit(DeleteNetwork { network: gone, scope: Scope::Everything }).await.unwrap();
        let (network, _) = resting(subject, "10.2.0.0/24").await;
        subject.allocate(1).await.unwrap();
        let page = subject.store().ask(find::within("10.0.0.0/8")).await.unwrap();
        if subject.kind.is_durable() {
            assert!(
                page.found.is_empty() && page.next.is_some(),
                "it looks at so many and no more: {page:?}"
            );
        }
        let found = find::pages(subject, &find::within("10.0.0.0/8"), 1).await.found;
        assert_eq!(found.iter().map(|found| found.instance).collect::<Vec<_>>(), [instance(1)]);

        // Its rest ends after theirs.
        subject.advance(Duration::from_secs(1));
        subject.end(1).await;
        subject.advance(REST);
        if subject.kind.is_durable() {
            assert_eq!(subject.submit(SweepQuarantine).await.unwrap(), 0, "it looks at so many and no more");
        }
        while subject.store().drop_ended_subnets().await.unwrap() > 0 {}
        assert_eq!(subject.submit(SweepQuarantine).await.unwrap(), 1);
        subject.submit(DeleteNetwork { network, scope: Scope::Everything }).await.unwrap();
    })
    .await;
}

/// No foreign key keeps the subnet of a reserved address.
#[tokio::test]
async fn an_address_is_not_reserved_in_a_subnet_that_another_manager_deletes() {
    for cidr in ["10.1.0.0/24", "fd00:1::/64"] {
        let subject = Subject::open(Kind::Postgres, |_| {}).await;
        let made = subject.network("private", &[cidr]).await;
        let address = cidr.replace("0/24", "7").replace("/64", "7");
        let mut theirs = subject.engine().write().await.unwrap();
        theirs.execute("delete from subnets", Vec::new()).await.unwrap();
        let commit = async {
            until_somebody_waits(subject.engine()).await;
            theirs.commit().await.unwrap();
        };
        let (reserved, ()) =
            join(subject.submit(fixed_ips::reserve(made.network.id, &address)), commit).await;
        assert_eq!(reason(reserved), "FIXED_IP_NOT_FOUND_FOR_NETWORK", "{cidr}");
        assert_eq!(rows(&subject).await[0], 0);
    }
}

#[tokio::test]
async fn no_port_has_an_address_of_a_subnet_that_is_gone() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |_| {}).await;
        let (network, _) = resting(&subject, "10.1.0.0/24").await;
        subject.allocate(1).await.unwrap();
        subject.end(1).await;
        subject.submit(DeleteNetwork { network, scope: Scope::Everything }).await.unwrap();
        subject.network("private", &["10.2.0.0/24"]).await;
        subject.allocate(2).await.unwrap();
        for sql in [
            "update fixed_ips set port_id = (select id from ports), quarantined_until = null
             where quarantined_until is not null",
            "insert into fixed_ips (subnet_id, address, port_id, since)
             select subnet_id, address, (select id from ports), 1 from
                 (select networks.id as subnet_id, address from fixed_ips, networks) as other",
        ] {
            let mut tx = subject.engine().write().await.unwrap();
            let outcome = tx.execute(sql, Vec::new()).await;
            assert!(matches!(outcome, Err(Failure::Violation(_))), "{kind:?}: {outcome:?}");
            tx.rollback().await.unwrap();
        }
    }
}
