//! What DHCP servers are told: found on every store, at one revision, and of one network alone.

use std::{collections::BTreeSet, net::Ipv4Addr};

use futures_util::{future::join_all, join};
use lepton_ledger::{
    Envelope,
    dhcp::{DhcpGuests, GetDhcpGuests},
};
use lepton_types::NetworkId;

use super::{
    each_store,
    harness::{Subject, allocation, requested},
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
