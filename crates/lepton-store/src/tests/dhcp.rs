//! What DHCP servers are told: found on every store, at one revision, and of one network alone.

use std::{collections::BTreeSet, net::Ipv4Addr, time::Duration};

use futures_util::{future::join_all, join};
use lepton_ledger::{
    Envelope, GetInstanceNwInfo, GetNetwork, Scope,
    dhcp::{DhcpGuests, GetDhcpGuests},
};
use lepton_types::NetworkId;

use super::{
    each_store,
    harness::{Kind, Subject, allocation, fixed_ips, instance, requested},
    locks::until_somebody_waits,
};

async fn guests(subject: &Subject, network: NetworkId) -> DhcpGuests {
    subject.store().ask(GetDhcpGuests { network }).await.unwrap()
}

fn addresses(guests: &DhcpGuests) -> BTreeSet<Ipv4Addr> {
    guests.guests.iter().map(|guest| guest.address).collect()
}

#[tokio::test]
async fn guests_are_the_networks_own_live_ipv4_addresses() {
    each_store(async |subject| {
        let one = subject.network("one", &["10.1.0.0/24", "fd00:1::/64"]).await.network.id;
        let two = subject.network("two", &["10.2.0.0/24"]).await.network.id;
        let mut named = allocation(1, vec![requested(two, &[]), requested(one, &[])]);
        named.naming.hostname = "web".parse().ok();
        subject.submit(named).await.unwrap();
        subject.submit(allocation(2, vec![requested(one, &[])])).await.unwrap();
        subject.submit(allocation(3, vec![requested(one, &[])])).await.unwrap();
        subject.deallocate(3).await;
        if subject.kind.is_durable() {
            subject.reopen().await;
        }
        let told = guests(subject, one).await;
        assert_eq!(addresses(&told), ["10.1.0.2", "10.1.0.3"].map(|at| at.parse().unwrap()).into());
        let web = told.guests.iter().find(|guest| guest.hostname.is_some()).unwrap();
        assert_eq!((web.address.to_string(), web.is_first), ("10.1.0.2".to_owned(), false));
        assert_eq!(told.at, subject.now());
        assert_eq!(guests(subject, two).await.guests.len(), 1);
    })
    .await;
}

/// Some pages of ports; a released one is among them.
#[tokio::test]
async fn all_guests_of_a_network_are_told_however_many_there_are() {
    each_store(async |subject| {
        let network = subject.network("private", &["10.1.0.0/16", "fd00:1::/64"]).await.network.id;
        let other = subject.network("other", &["10.2.0.0/16"]).await.network.id;
        let mut wanted = BTreeSet::new();
        for numbers in [1..700_u128, 700..1400, 1400..2100] {
            let on_both = |number| allocation(number, vec![requested(network, &[]), requested(other, &[])]);
            for info in join_all(numbers.map(|number| subject.submit(on_both(number)))).await {
                wanted.insert(fixed_ips(&info.unwrap())[0].parse().unwrap());
            }
        }
        let gone = fixed_ips(&subject.store().ask(told_of(1000)).await.unwrap())[0].parse().unwrap();
        subject.deallocate(1000).await;
        wanted.remove::<Ipv4Addr>(&gone);
        let told = guests(subject, network).await;
        assert_eq!((told.guests.len(), wanted.len()), (2098, 2098));
        assert_eq!(addresses(&told), wanted);
    })
    .await;
}

fn told_of(number: u128) -> GetInstanceNwInfo {
    GetInstanceNwInfo { instance: instance(number), scope: Scope::Everything }
}

/// A question about very many rows takes long; here it waits for somebody who keeps the table to himself.
#[tokio::test]
async fn a_long_question_holds_up_no_other_one() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let network = subject.network("private", &["10.1.0.0/24"]).await.network.id;
    subject.allocate(1).await.unwrap();
    let mut holder = subject.engine().write().await.unwrap();
    holder.execute("lock table ports in access exclusive mode", Vec::new()).await.unwrap();
    let others = async {
        until_somebody_waits(subject.engine()).await;
        for _ in 0..4 {
            let question = GetNetwork { network, scope: Scope::Everything };
            let asked = tokio::time::timeout(Duration::from_secs(30), subject.store().ask(question)).await;
            asked.expect("another question waits as well").unwrap();
        }
        holder.rollback().await.unwrap();
    };
    let (told, ()) = join!(guests(&subject, network), others);
    assert_eq!(told.guests.len(), 1);
}

/// Questions that wait together are answered together; none of them takes the guests from the others.
#[tokio::test]
async fn many_who_ask_at_once_are_told_the_same() {
    each_store(async |subject| {
        let network = subject.network("private", &["10.1.0.0/24"]).await.network.id;
        subject.allocate(1).await.unwrap();
        // Nobody reads before all have asked, since there is one thread.
        let subject = &*subject;
        let told = join_all((0..64).map(|_| guests(subject, network))).await;
        assert!(told.iter().all(|told| told.guests.len() == 1), "{told:?}");
    })
    .await;
}

/// Guests only come in this test. So of two answers the one with the higher revision must have all that the other one has, or
/// an older file could win.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b26_of_two_texts_the_one_with_the_higher_revision_is_the_newer_one() {
    each_store(async |subject| {
        let network = subject.network("private", &["10.1.0.0/24"]).await.network.id;
        let subject = &*subject;
        let grow = async {
            for number in 1..=100 {
                subject.store().submit(allocation(number, vec![]), Envelope::anonymous()).await.unwrap();
            }
        };
        let look = || async {
            let mut told = Vec::new();
            for _ in 0..40 {
                told.push(guests(subject, network).await);
            }
            told
        };
        let ((), one, two, three) = join!(grow, look(), look(), look());
        let mut told: Vec<DhcpGuests> = [one, two, three].into_iter().flatten().collect();
        told.sort_by_key(|guests| guests.revision);
        for pair in told.windows(2) {
            let (older, newer) = (addresses(&pair[0]), addresses(&pair[1]));
            assert!(older.is_subset(&newer), "{} and {}", pair[0].revision, pair[1].revision);
            assert!(pair[0].revision < pair[1].revision || older == newer, "one revision has one text");
        }
        let last = guests(subject, network).await;
        assert!(told.last().is_some_and(|guests| guests.revision <= last.revision));
        assert_eq!(last.guests.len(), 100);
    })
    .await;
}
