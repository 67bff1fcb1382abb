//! Which instances have an address.

use std::net::IpAddr;

use lepton_ledger::{
    AddressText, AllocateForInstance, FindInstances, FoundInstances, Scope, WantedAddresses,
};
use lepton_types::AddressFamily;

use super::{
    each_store,
    harness::{Kind, Subject, allocation, instance},
};

pub(super) fn within(range: &str) -> FindInstances {
    let wanted = WantedAddresses::In(range.parse().unwrap());
    FindInstances { project: None, wanted, after: None, limit: 100, scope: Scope::Everything }
}

pub(super) fn matching(pattern: &str) -> FindInstances {
    let text = AddressText::Pattern(pattern.parse().unwrap());
    FindInstances { wanted: WantedAddresses::Written { text, family: None }, ..within("::/0") }
}

pub(super) fn led_to(floating: IpAddr) -> FindInstances {
    FindInstances { wanted: WantedAddresses::LedToBy(floating), ..within("::/0") }
}

/// Instances of three projects with an address of each family; every third one is `p2`'s.
async fn allocate_some(subject: &Subject) {
    subject.network("private", &["10.1.0.0/24", "a01:5::/112"]).await;
    for number in 1..=9 {
        let project = if number % 3 == 0 { "p2" } else { "p1" }.parse().unwrap();
        subject.submit(AllocateForInstance { project, ..allocation(number, vec![]) }).await.unwrap();
    }
}

/// What pages of a size hold, one after the other.
pub(super) async fn pages(subject: &Subject, question: &FindInstances, limit: u16) -> FoundInstances {
    let mut all = FoundInstances::default();
    let mut question = FindInstances { limit, ..question.clone() };
    loop {
        let page = subject.store().ask(question.clone()).await.unwrap();
        assert!(page.found.len() <= usize::from(limit).max(2), "{page:?}");
        all.found.extend(page.found);
        if page.next.is_none() {
            return all;
        }
        question.after = page.next;
    }
}

#[tokio::test]
async fn pages_of_any_size_hold_what_one_page_holds_and_nothing_of_others() {
    each_store(async |subject| {
        allocate_some(subject).await;
        // The bytes of a01:5:: begin as those of 10.1.0.5.
        for (question, count) in [(within("10.1.0.0/24"), 9), (matching("10"), 9), (matching("."), 18)] {
            let whole = subject.store().ask(question.clone()).await.unwrap();
            assert_eq!((whole.found.len(), &whole.next), (count, &None));
            for limit in [1, 2, 3, 17] {
                assert_eq!(pages(subject, &question, limit).await, whole, "{limit}");
            }
            let own = FindInstances { project: "p2".parse().ok(), ..question.clone() };
            let own = pages(subject, &own, 2).await.found;
            assert_eq!(own.len(), count / 3);
            assert!(own.iter().all(|found| found.project.as_str() == "p2"));
        }
        let ipv6 = subject.store().ask(within("a01::/16")).await.unwrap().found;
        assert_eq!(ipv6.len(), 9);
        assert!(ipv6.iter().all(|found| AddressFamily::of(found.address) == AddressFamily::V6));
    })
    .await;
}

#[tokio::test]
async fn an_address_is_found_while_its_instance_lives() {
    each_store(async |subject| {
        let network = subject.network("private", &["10.1.0.0/24"]).await.network.id;
        subject.allocate_at(1, network, "10.1.0.77").await.unwrap();
        for question in [within("10.1.0.77/32"), matching(r"10\.1\.0\.77$")] {
            let found = subject.store().ask(question).await.unwrap().found;
            assert_eq!(found.iter().map(|found| found.instance).collect::<Vec<_>>(), [instance(1)]);
        }
        subject.deallocate(1).await;
        for question in [within("10.1.0.77/32"), matching("10")] {
            assert_eq!(subject.store().ask(question).await.unwrap(), FoundInstances::default());
        }
    })
    .await;
}

/// Floating IPs count only where addresses are looked for by their text.
#[tokio::test]
async fn a_search_of_a_range_looks_at_no_floating_ip() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |_| {}).await;
        allocate_some(&subject).await;
        for (question, looks) in [(within("10.0.0.0/8"), false), (matching("10"), true)] {
            subject.engine().take_sent();
            let own = FindInstances { project: "p2".parse().ok(), ..question };
            assert_eq!(subject.store().ask(own).await.unwrap().found.len(), 3);
            let sent = subject.engine().take_sent();
            let has_looked = sent.iter().any(|sent| sent.text.contains("from floating_ips"));
            assert_eq!(has_looked, looks, "{sent:#?}");
        }
    }
}
