//! Domains and their entries: kept, found, and gone with what they are bound to.

use futures_util::future::join;
use std::time::Duration;

use lepton_ledger::{
    AddDnsEntry, AllocateForInstance, Change, CreateDnsDomain, DeleteDnsDomain, DeleteDnsEntry, DnsPlace,
    Envelope, EventFilter, EventStart, ListDnsDomains, ListDnsEntries, ModifyDnsEntry, Naming, ReadEvents,
    RowChange, Scope,
};
use lepton_types::{DnsEntry, DnsScope};

use super::{
    each_store,
    floating_ips::{associate, disassociate, pool, release, wish},
    harness::{Kind, Subject, allocation, each_database, instance, reason},
    locks::until_somebody_waits,
    sound::assert_sound,
};
use crate::write::write;

/// A public domain of `p1`'s.
pub(super) fn domain(name: &str) -> CreateDnsDomain {
    CreateDnsDomain { name: name.parse().unwrap(), scope: DnsScope::Public { project: "p1".parse().ok() } }
}

pub(super) fn private(name: &str) -> CreateDnsDomain {
    let availability_zone = "nova".parse().ok();
    CreateDnsDomain { name: name.parse().unwrap(), scope: DnsScope::Private { availability_zone } }
}

/// A name in `example.org`.
pub(super) fn addition(name: &str, address: &str) -> AddDnsEntry {
    AddDnsEntry {
        scope: Scope::Everything,
        domain: "example.org".parse().unwrap(),
        name: name.parse().unwrap(),
        address: address.parse().unwrap(),
        instance: None,
    }
}

/// A name of an address of an instance's.
pub(super) fn bound(name: &str, address: &str, number: u128) -> AddDnsEntry {
    AddDnsEntry { instance: Some(instance(number)), ..addition(name, address) }
}

pub(super) fn modification(name: &str, address: &str) -> ModifyDnsEntry {
    let AddDnsEntry { scope, domain, name, address, instance } = addition(name, address);
    ModifyDnsEntry { scope, domain, name, address, instance }
}

pub(super) fn deletion(name: &str) -> DeleteDnsEntry {
    let AddDnsEntry { scope, domain, name, .. } = addition(name, "10.1.0.2");
    DeleteDnsEntry { scope, domain, name, record_type: None }
}

pub(super) fn list(place: DnsPlace) -> ListDnsEntries {
    ListDnsEntries { scope: Scope::Everything, place, after: None, limit: 100 }
}

fn whole_domain() -> DnsPlace {
    DnsPlace::Domain { domain: "example.org".parse().unwrap(), name: None, address: None }
}

/// `name address` of each entry that is found, page by page.
async fn found(subject: &Subject, place: DnsPlace) -> Vec<String> {
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let question = ListDnsEntries { after, limit: 2, ..list(place.clone()) };
        let page = subject.store().ask(question).await.unwrap();
        names
            .extend(page.entries.iter().map(|named| format!("{} {}", named.entry.name, named.entry.address)));
        after = page.next;
        if after.is_none() {
            return names;
        }
    }
}

#[tokio::test]
async fn an_entry_that_goes_and_comes_in_one_batch_is_as_young_as_it_says() {
    each_store(async |subject| {
        subject.submit(domain("example.org")).await.unwrap();
        subject.submit(addition("www", "10.1.0.2")).await.unwrap();
        subject.advance(Duration::from_secs(60));
        // Both are in the queue before the store looks at it: they are one batch.
        let (deleted, added) =
            tokio::join!(subject.submit(deletion("www")), subject.submit(addition("www", "10.1.0.3")));
        deleted.unwrap();
        let added = added.unwrap();
        let page = subject.store().ask(list(whole_domain())).await.unwrap();
        assert_eq!(page.entries[0].entry.created_at, added.entry.created_at);
    })
    .await;
}

#[tokio::test]
async fn a_tenant_is_not_shown_what_of_other_projects_an_entry_ends_with() {
    each_store(async |subject| {
        let of_nobody = DnsScope::Public { project: None };
        subject.submit(CreateDnsDomain { scope: of_nobody, ..domain("example.org") }).await.unwrap();
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.allocate(1).await.unwrap();
        subject.submit(pool("nova", &["172.24.4.1"])).await.unwrap();
        subject.submit(wish()).await.unwrap();
        subject.submit(bound("fixed", "10.1.0.2", 1)).await.unwrap();
        subject.submit(addition("floating", "172.24.4.1")).await.unwrap();
        for (project, shown) in [(None, 2), (Some("p1"), 2), (Some("p2"), 0)] {
            let scope = project.map_or(Scope::Everything, |name| Scope::Project(name.parse().unwrap()));
            let question = ListDnsEntries { scope, ..list(whole_domain()) };
            let page = subject.store().ask(question).await.unwrap();
            let is_shown = page.entries.iter().filter(|named| named.entry.bound.is_some());
            assert_eq!((page.entries.len(), is_shown.count()), (2, shown), "{project:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn entries_are_kept_and_found_by_domain_name_and_address() {
    each_store(async |subject| {
        subject.submit(domain("example.org")).await.unwrap();
        for (name, address) in
            [("www", "172.24.4.10"), ("www", "fd00::10"), ("mail", "172.24.4.10"), ("w-w", "172.24.4.11")]
        {
            subject.submit(addition(name, address)).await.unwrap();
        }
        subject.submit(modification("w-w", "172.24.4.12")).await.unwrap();
        let before = subject.dump().await;
        assert_eq!(reason(subject.submit(addition("www", "172.24.4.13")).await), "FLOATING_IP_DNS_EXISTS");
        assert_eq!(reason(subject.submit(modification("ftp", "172.24.4.13")).await), "DNS_ENTRY_NOT_FOUND");
        assert_eq!(subject.dump().await, before);
        if subject.kind.is_durable() {
            subject.reopen().await;
        }
        // A hyphen is before the letters, as its byte is.
        let all = ["mail 172.24.4.10", "w-w 172.24.4.12", "www 172.24.4.10", "www fd00::10"];
        assert_eq!(found(subject, whole_domain()).await, all);
        let of_address = ["mail 172.24.4.10", "www 172.24.4.10"];
        let (name, address) = (None, "172.24.4.10".parse().ok());
        let in_domain = DnsPlace::Domain { domain: "example.org".parse().unwrap(), name, address };
        assert_eq!(found(subject, in_domain).await, of_address);
        assert_eq!(found(subject, DnsPlace::Address("172.24.4.10".parse().unwrap())).await, of_address);
        subject.submit(deletion("www")).await.unwrap();
        assert_eq!(found(subject, whole_domain()).await, all[..2]);
    })
    .await;
}

#[tokio::test]
async fn domains_are_listed_by_name_and_to_a_project_its_own() {
    each_store(async |subject| {
        for name in ["b.org", "a.org", "c.org"] {
            subject.submit(domain(name)).await.unwrap();
        }
        subject.submit(private("guests.org")).await.unwrap();
        let open = DnsScope::Public { project: None };
        subject.submit(CreateDnsDomain { scope: open, ..domain("open.org") }).await.unwrap();
        let changed = subject.submit(private("c.org")).await.unwrap();
        assert_eq!(changed.version, 1);
        if subject.kind.is_durable() {
            subject.reopen().await;
        }
        let listed = async |scope: Scope| {
            let (mut names, mut after) = (Vec::new(), None);
            loop {
                let question = ListDnsDomains { scope: scope.clone(), after, limit: 2 };
                let page = subject.store().ask(question).await.unwrap();
                names.extend(page.domains.iter().map(|domain| domain.name.to_string()));
                after = page.next;
                if after.is_none() {
                    return names;
                }
            }
        };
        assert_eq!(listed(Scope::Everything).await, ["a.org", "b.org", "c.org", "guests.org", "open.org"]);
        assert_eq!(listed(Scope::Project("p1".parse().unwrap())).await, ["a.org", "b.org", "open.org"]);
        assert_eq!(listed(Scope::Project("p2".parse().unwrap())).await, ["open.org"]);
    })
    .await;
}

#[tokio::test]
async fn names_end_in_the_transaction_that_ends_what_they_are_bound_to() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await;
        subject.submit(domain("example.org")).await.unwrap();
        for number in [1, 2] {
            subject.allocate(number).await.unwrap();
        }
        subject.submit(bound("web", "10.1.0.2", 1)).await.unwrap();
        subject.submit(bound("db", "10.1.0.3", 2)).await.unwrap();
        subject.submit(addition("by-hand", "10.1.0.2")).await.unwrap();
        subject.take_told();
        subject.deallocate(1).await;
        assert_eq!(subject.batches_told(), 1);
        assert_eq!(found(subject, whole_domain()).await, ["by-hand 10.1.0.2", "db 10.1.0.3"]);
        let read = ReadEvents { start: EventStart::After(0), limit: 100, filter: EventFilter::default() };
        let events = subject.store().ask(read).await.unwrap().events;
        let ended: Vec<_> = events.iter().filter(|event| event.event.kind == "dns_entry.deleted").collect();
        assert_eq!((ended.len(), &*ended[0].event.about["domain"]), (1, "example.org"));
    })
    .await;
}

#[tokio::test]
async fn names_of_a_floating_ip_end_when_it_is_released_and_not_before() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.allocate(1).await.unwrap();
        subject.submit(domain("example.org")).await.unwrap();
        subject.submit(pool("nova", &["172.24.4.0/24"])).await.unwrap();
        let address = subject.submit(wish()).await.unwrap().floating_ip.address;
        let text = address.to_string();
        subject.submit(addition("www", &text)).await.unwrap();
        // What leads elsewhere first ends with it as well once it leads there.
        subject.submit(addition("mail", "192.0.2.1")).await.unwrap();
        subject.submit(modification("mail", &text)).await.unwrap();
        // Of one that nobody has yet.
        subject.submit(addition("later", "172.24.4.77")).await.unwrap();
        subject.submit(associate(address, 1)).await.unwrap();
        subject.submit(disassociate(address)).await.unwrap();
        let all = || async { found(subject, DnsPlace::Address(address)).await };
        assert_eq!(all().await, [format!("mail {text}"), format!("www {text}")]);
        subject.submit(release(address)).await.unwrap();
        assert_eq!(all().await, [""; 0]);
        let left = found(subject, DnsPlace::Address("172.24.4.77".parse().unwrap())).await;
        assert_eq!(left, ["later 172.24.4.77"]);
    })
    .await;
}

#[tokio::test]
async fn a_domain_goes_with_all_that_is_in_it() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.allocate(1).await.unwrap();
        subject.submit(domain("example.org")).await.unwrap();
        subject.submit(bound("web", "10.1.0.2", 1)).await.unwrap();
        subject.submit(addition("www", "172.24.4.10")).await.unwrap();
        let name = || "example.org".parse().unwrap();
        subject.submit(DeleteDnsDomain { name: name() }).await.unwrap();
        subject.submit(domain("example.org")).await.unwrap();
        assert_eq!(found(subject, whole_domain()).await, [""; 0], "one of the same name is another one");
        subject.submit(addition("late", "172.24.4.10")).await.unwrap();
        subject.deallocate(1).await;
        subject.submit(DeleteDnsDomain { name: name() }).await.unwrap();
        let dump = subject.dump().await;
        assert_eq!((dump.dns_domains, dump.dns_entries), (vec![], vec![]));
    })
    .await;
}

/// What a batch has put into a domain that it ends then, it puts nowhere.
#[tokio::test]
async fn an_entry_ends_with_its_domain_in_one_batch() {
    each_database(async |subject| {
        let engine = subject.engine();
        let ended = subject.submit(domain("example.org")).await.unwrap();
        let old = subject.submit(addition("old", "172.24.4.10")).await.unwrap().entry;
        let new = DnsEntry { name: "new".parse().unwrap(), ..old.clone() };
        let changed = DnsEntry { address: "172.24.4.11".parse().unwrap(), ..old.clone() };
        let changes = [
            Change::DnsEntry(RowChange { before: None, after: Some(new) }),
            Change::DnsEntry(RowChange { before: Some(old), after: Some(changed) }),
            Change::DnsDomain(RowChange { before: Some(ended), after: None }),
        ];
        let mut tx = engine.write().await.unwrap();
        write(&mut tx, &changes, &[]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(subject.dump().await.dns_entries, []);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_managers_that_add_one_name_one_is_refused() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |config| config.batch_limit = 4).await;
        let other = subject.another().await.unwrap();
        subject.submit(domain("example.org")).await.unwrap();
        for round in 0..20 {
            let name = format!("n{round}");
            let (one, two) = join(
                subject.store().submit(addition(&name, "10.1.0.2"), Envelope::anonymous()),
                other.submit(addition(&name, "10.1.0.3"), Envelope::anonymous()),
            )
            .await;
            let (won, lost): (Vec<_>, Vec<_>) = [one, two].into_iter().partition(Result::is_ok);
            assert_eq!((won.len(), lost.len()), (1, 1), "{kind:?}");
            assert!(lost.into_iter().all(|lost| reason(lost) == "FLOATING_IP_DNS_EXISTS"));
        }
        assert_sound(&subject.dump().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_managers_leave_no_name_of_an_instance_that_ends() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |_| {}).await;
        let other = subject.another().await.unwrap();
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.submit(domain("example.org")).await.unwrap();
        for number in 1..=20_u128 {
            let info = subject.allocate(number).await.unwrap();
            let address = super::harness::fixed_ips(&info).remove(0);
            let name = format!("n{number}");
            let (_, named) = join(
                subject.deallocate(number),
                other.submit(bound(&name, &address, number), Envelope::anonymous()),
            )
            .await;
            assert!(named.is_ok() || reason(named) == "INSTANCE_NOT_FOUND", "{kind:?}");
            let dump = subject.dump().await;
            assert_sound(&dump);
            assert_eq!(dump.dns_entries, []);
        }
    }
}

/// A name that comes while its floating IP goes ends with it, or is of an address that nobody has any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_managers_leave_no_bond_with_a_floating_ip_that_is_released() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |_| {}).await;
        let other = subject.another().await.unwrap();
        subject.submit(domain("example.org")).await.unwrap();
        subject.submit(pool("nova", &["172.24.4.0/24"])).await.unwrap();
        for number in 0..20 {
            let address = subject.submit(wish()).await.unwrap().floating_ip.address;
            let name = addition(&format!("n{number}"), &address.to_string());
            let (released, named) = join(
                subject.store().submit(release(address), Envelope::anonymous()),
                other.submit(name, Envelope::anonymous()),
            )
            .await;
            released.unwrap();
            named.unwrap();
            let dump = subject.dump().await;
            assert_sound(&dump);
            assert!(dump.dns_entries.iter().all(|entry| entry.bound.is_none()), "{kind:?}");
        }
    }
}

/// An allocation whose instance gets names in `guests.example`.
fn named(number: u128, hostname: &str) -> AllocateForInstance {
    let (hostname, domain) = (hostname.parse().ok(), "guests.example".parse().ok());
    AllocateForInstance {
        naming: Naming { hostname, domain, ..Naming::default() },
        ..allocation(number, vec![])
    }
}

#[tokio::test]
async fn instances_have_their_names_as_long_as_their_addresses() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await;
        subject.submit(named(1, "web")).await.unwrap();
        subject.submit(named(2, "db")).await.unwrap();
        let before = subject.dump().await;
        assert_eq!(reason(subject.submit(named(3, "db")).await), "FLOATING_IP_DNS_EXISTS");
        assert_eq!(subject.dump().await, before);
        if subject.kind.is_durable() {
            subject.reopen().await;
        }
        let (name, address) = ("web".parse().ok(), None);
        let web = DnsPlace::Domain { domain: "guests.example".parse().unwrap(), name, address };
        let listed = found(subject, web.clone()).await;
        assert_eq!((listed.len(), &*listed[0]), (2, "web 10.1.0.2"));
        subject.end(1).await;
        assert_eq!(found(subject, web).await, [""; 0]);
        assert_eq!(subject.dump().await.dns_entries.len(), 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_managers_whose_instances_have_one_name_one_is_refused() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |_| {}).await;
        let other = subject.another().await.unwrap();
        subject.network("private", &["10.1.0.0/24"]).await;
        for round in 0..10_u128 {
            let name = format!("n{round}");
            let (one, two) = join(
                subject.store().submit(named(round * 2 + 1, &name), Envelope::anonymous()),
                other.submit(named(round * 2 + 2, &name), Envelope::anonymous()),
            )
            .await;
            let (won, lost): (Vec<_>, Vec<_>) = [one, two].into_iter().partition(Result::is_ok);
            assert_eq!((won.len(), lost.len()), (1, 1), "{kind:?}");
            assert!(lost.into_iter().all(|lost| reason(lost) == "FLOATING_IP_DNS_EXISTS"));
        }
        let dump = subject.dump().await;
        assert_sound(&dump);
        assert_eq!((dump.dns_domains.len(), dump.dns_entries.len()), (1, 20));
    }
}

/// While one manager decides on an entry of a domain, another one deletes the domain.
#[tokio::test]
async fn an_entry_does_not_outlive_its_domain() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    subject.submit(domain("example.org")).await.unwrap();
    let engine = subject.engine();
    let mut theirs = engine.write().await.unwrap();
    theirs.execute("delete from dns_domains", Vec::new()).await.unwrap();
    let commit = async {
        until_somebody_waits(engine).await;
        theirs.commit().await.unwrap();
    };
    let (ours, ()) = join(subject.submit(addition("www", "172.24.4.10")), commit).await;
    assert_eq!(reason(ours), "DNS_DOMAIN_NOT_FOUND");
}
