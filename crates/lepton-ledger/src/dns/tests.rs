//! Domains and entries, decided over views in memory.

use lepton_types::{AvailabilityZone, DnsEntry, DnsScope, DomainName, Hostname, NameBond, RecordType};

use super::*;
use crate::{
    AllocateFloatingIp, CreateFloatingPool, Instance, Key, Refusal, Scope, View,
    example::{
        allocation, changes, deallocation, decided, empty, instance, loaded, missing, unloaded, with_network,
    },
};

fn domain(text: &str) -> DomainName {
    text.parse().unwrap()
}

fn name(text: &str) -> Hostname {
    text.parse().unwrap()
}

/// A public domain of `p1`'s.
fn of_p1(text: &str) -> CreateDnsDomain {
    public(text, Some("p1"))
}

fn public(text: &str, project: Option<&str>) -> CreateDnsDomain {
    let project = project.map(|project| project.parse().unwrap());
    CreateDnsDomain { name: domain(text), scope: DnsScope::Public { project } }
}

fn private(text: &str) -> CreateDnsDomain {
    let zone: AvailabilityZone = "nova".parse().unwrap();
    CreateDnsDomain { name: domain(text), scope: DnsScope::Private { availability_zone: Some(zone) } }
}

fn addition(host: &str, address: &str) -> AddDnsEntry {
    AddDnsEntry {
        scope: Scope::Everything,
        domain: domain("example.org"),
        name: name(host),
        address: address.parse().unwrap(),
        instance: None,
    }
}

fn modification(host: &str, address: &str) -> ModifyDnsEntry {
    let AddDnsEntry { scope, domain, name, address, instance } = addition(host, address);
    ModifyDnsEntry { scope, domain, name, address, instance }
}

fn deletion(host: &str, record_type: Option<RecordType>) -> DeleteDnsEntry {
    DeleteDnsEntry { scope: Scope::Everything, domain: domain("example.org"), name: name(host), record_type }
}

fn in_domain(name: Option<&str>, address: Option<&str>) -> DnsPlace {
    DnsPlace::Domain {
        domain: domain("example.org"),
        name: name.map(|name| name.parse().unwrap()),
        address: address.map(|address| address.parse().unwrap()),
    }
}

fn list(place: DnsPlace) -> ListDnsEntries {
    ListDnsEntries { scope: Scope::Everything, place, after: None, limit: 100 }
}

/// `name address` of each entry that is found.
fn found(ledger: &mut View, place: DnsPlace) -> Vec<String> {
    let page = decided(ledger, &list(place)).unwrap();
    page.entries.iter().map(|named| format!("{} {}", named.entry.name, named.entry.address)).collect()
}

fn with_domain() -> View {
    let mut ledger = empty();
    decided(&mut ledger, &of_p1("example.org")).unwrap();
    ledger
}

fn member(project: &str) -> Scope {
    Scope::Project(project.parse().unwrap())
}

#[test]
fn a_domain_made_again_is_changed_and_keeps_its_entries() {
    let mut ledger = with_domain();
    decided(&mut ledger, &addition("www", "172.24.4.10")).unwrap();
    let before = ledger.changes().len();
    let same = decided(&mut ledger, &of_p1("Example.Org.")).unwrap();
    assert_eq!(changes(&ledger, before), [""; 0], "it is so already");
    let changed = decided(&mut ledger, &private("example.org")).unwrap();
    assert_eq!((changed.id, changed.version, changed.created_at), (same.id, 1, same.created_at));
    assert_eq!(found(&mut ledger, in_domain(None, None)), ["www 172.24.4.10"]);
}

#[test]
fn a_name_has_one_entry_of_each_type_and_an_address_many_names() {
    let mut ledger = with_domain();
    for (host, address) in [("www", "172.24.4.10"), ("www", "fd00::10"), ("mail", "172.24.4.10")] {
        let made = decided(&mut ledger, &addition(host, address)).unwrap();
        assert_eq!((made.domain, made.entry.bound), (domain("example.org"), None));
    }
    let taken = Refusal::FloatingIpDnsExists {
        domain: domain("example.org"),
        name: name("www"),
        address: "172.24.4.10".parse().unwrap(),
        field: None,
    };
    assert_eq!(decided(&mut ledger, &addition("WWW", "172.24.4.11")), Err(taken));
    assert_eq!(found(&mut ledger, in_domain(Some("www"), None)), ["www 172.24.4.10", "www fd00::10"]);
    let all = ["mail 172.24.4.10", "www 172.24.4.10"];
    assert_eq!(found(&mut ledger, in_domain(None, Some("172.24.4.10"))), all);
    assert_eq!(found(&mut ledger, DnsPlace::Address("172.24.4.10".parse().unwrap())), all);
    assert_eq!(found(&mut ledger, in_domain(Some("www"), Some("fd00::10"))), ["www fd00::10"]);
}

#[test]
fn an_entry_is_changed_and_taken_away() {
    let mut ledger = with_domain();
    for address in ["172.24.4.10", "fd00::10"] {
        decided(&mut ledger, &addition("www", address)).unwrap();
    }
    decided(&mut ledger, &modification("www", "172.24.4.11")).unwrap();
    assert_eq!(found(&mut ledger, in_domain(None, None)), ["www 172.24.4.11", "www fd00::10"]);
    decided(&mut ledger, &deletion("www", Some(RecordType::A))).unwrap();
    let not_found = |record_type| Refusal::DnsEntryNotFound {
        domain: domain("example.org"),
        name: name("www"),
        record_type,
    };
    let refused = Err(not_found(Some(RecordType::A)));
    assert_eq!(decided(&mut ledger, &deletion("www", Some(RecordType::A))), refused);
    let refused = decided(&mut ledger, &modification("www", "172.24.4.11")).unwrap_err();
    assert_eq!(refused, not_found(Some(RecordType::A)));
    decided(&mut ledger, &addition("www", "172.24.4.12")).unwrap();
    decided(&mut ledger, &deletion("www", None)).unwrap();
    assert_eq!(found(&mut ledger, in_domain(None, None)), [""; 0]);
    assert_eq!(decided(&mut ledger, &deletion("www", None)), Err(not_found(None)));
}

#[test]
fn a_domain_takes_its_entries_along() {
    let mut ledger = with_domain();
    decided(&mut ledger, &addition("www", "172.24.4.10")).unwrap();
    let before = ledger.changes().len();
    let delete = DeleteDnsDomain { name: domain("example.org") };
    decided(&mut ledger, &delete).unwrap();
    assert_eq!(changes(&ledger, before), ["-domain"], "its entries go without changes of their own");
    let refused = Refusal::DnsDomainNotFound { domain: domain("example.org") };
    assert_eq!(decided(&mut ledger, &delete), Err(refused.clone()));
    assert_eq!(decided(&mut ledger, &addition("www", "172.24.4.10")).unwrap_err(), refused);
    assert_eq!(found(&mut ledger, DnsPlace::Address("172.24.4.10".parse().unwrap())), [""; 0]);

    decided(&mut ledger, &of_p1("example.org")).unwrap();
    assert_eq!(found(&mut ledger, in_domain(None, None)), [""; 0], "one of the same name is another one");
    ledger.keep();
    assert_eq!(ledger.rows::<DnsEntry>().count(), 0);
}

#[test]
fn a_member_changes_its_own_domains_and_sees_the_public_ones_of_no_project_too() {
    let mut ledger = with_domain();
    for make in [public("green.org", Some("p2")), public("open.org", None), private("guests.org")] {
        decided(&mut ledger, &make).unwrap();
    }
    let scope = member("p1");
    let seen = ListDnsDomains { scope: scope.clone(), after: None, limit: 10 };
    let seen = decided(&mut ledger, &seen).unwrap().domains;
    let seen: Vec<_> = seen.iter().map(|domain| domain.name.as_str()).collect();
    assert_eq!(seen, ["example.org", "open.org"]);

    decided(&mut ledger, &AddDnsEntry { scope: scope.clone(), ..addition("www", "172.24.4.10") }).unwrap();
    for (foreign, may_see) in [("green.org", false), ("open.org", true), ("guests.org", false)] {
        let (foreign, scope) = (domain(foreign), scope.clone());
        let hidden = Refusal::DnsDomainNotFound { domain: foreign.clone() };
        let denied = Refusal::ProjectNotAllowed { project: None, allowed: "p1".parse().unwrap() };
        let refused = if may_see { denied } else { hidden.clone() };
        let add = AddDnsEntry { scope: scope.clone(), domain: foreign.clone(), ..addition("a", "10.1.0.2") };
        assert_eq!(decided(&mut ledger, &add).unwrap_err(), refused);
        let (name, address, instance) = (name("a"), add.address, None);
        let modify =
            ModifyDnsEntry { scope: scope.clone(), domain: foreign.clone(), name, address, instance };
        assert_eq!(decided(&mut ledger, &modify).unwrap_err(), refused);
        let delete = DeleteDnsEntry { scope: scope.clone(), domain: foreign.clone(), ..deletion("a", None) };
        assert_eq!(decided(&mut ledger, &delete).unwrap_err(), refused);
        let place = DnsPlace::Domain { domain: foreign, name: None, address: None };
        let outcome = decided(&mut ledger, &ListDnsEntries { scope, ..list(place) });
        assert_eq!(outcome.map(|page| page.entries), if may_see { Ok(vec![]) } else { Err(hidden) });
    }
}

#[test]
fn names_that_are_bound_to_an_address_go_when_its_instance_does() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24", "fd00:1::/64"]);
    decided(&mut ledger, &of_p1("example.org")).unwrap();
    let info = decided(&mut ledger, &allocation(1, vec![])).unwrap();
    decided(&mut ledger, &allocation(2, vec![])).unwrap();
    let bound_to = |number| AddDnsEntry { instance: Some(instance(number)), ..addition("web", "10.1.0.2") };
    let entry = decided(&mut ledger, &bound_to(1)).unwrap().entry;
    let bond = NameBond { subnet: made.subnets[0].id, port: Some(info.vifs[0].id) };
    assert_eq!(entry.bound, Some(bond));
    assert!(ledger.row::<Instance>(&instance(1)).unwrap().has_names);
    decided(&mut ledger, &addition("free", "10.1.0.2")).unwrap();

    decided(&mut ledger, &deallocation(2)).unwrap();
    assert_eq!(found(&mut ledger, in_domain(None, None)), ["free 10.1.0.2", "web 10.1.0.2"]);
    let before = ledger.changes().len();
    decided(&mut ledger, &deallocation(1)).unwrap();
    assert_eq!(changes(&ledger, before), ["-entry", "~host", "~port", "-instance"]);
    assert_eq!(found(&mut ledger, in_domain(None, None)), ["free 10.1.0.2"], "it is bound to nothing");
}

#[test]
fn a_member_is_not_shown_what_of_other_projects_an_entry_ends_with() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    decided(&mut ledger, &public("example.org", None)).unwrap();
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let (pool, ranges) = ("nova".parse().unwrap(), vec!["172.24.4.1".parse().unwrap()]);
    decided(&mut ledger, &CreateFloatingPool { name: pool, ranges, interface: None }).unwrap();
    let (project, pool) = ("p1".parse().ok(), "nova".parse().unwrap());
    let wish = AllocateFloatingIp { project, pool, address: None, scope: Scope::Everything };
    decided(&mut ledger, &wish).unwrap();
    decided(&mut ledger, &AddDnsEntry { instance: Some(instance(1)), ..addition("fixed", "10.1.0.2") })
        .unwrap();
    decided(&mut ledger, &addition("floating", "172.24.4.1")).unwrap();
    decided(&mut ledger, &addition("free", "192.0.2.1")).unwrap();
    let mut bound = |scope: Scope| {
        let question = ListDnsEntries { scope, ..list(in_domain(None, None)) };
        let entries = decided(&mut ledger, &question).unwrap().entries;
        let bound = entries.iter().filter(|named| named.entry.bound.is_some());
        (entries.len(), bound.map(|named| named.entry.name.to_string()).collect::<Vec<_>>())
    };
    let all = (3, vec!["fixed".to_owned(), "floating".to_owned()]);
    assert_eq!(bound(Scope::Everything), all);
    assert_eq!(bound(member("p1")), all);
    assert_eq!(bound(member("p2")), (3, vec![]));
}

#[test]
fn a_changed_entry_ends_with_what_it_leads_to_now() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    decided(&mut ledger, &of_p1("example.org")).unwrap();
    for number in [1, 2] {
        decided(&mut ledger, &allocation(number, vec![])).unwrap();
    }
    let at = |number| Some(instance(number));
    decided(&mut ledger, &AddDnsEntry { instance: at(1), ..addition("web", "10.1.0.2") }).unwrap();
    decided(&mut ledger, &ModifyDnsEntry { instance: at(2), ..modification("web", "10.1.0.3") }).unwrap();
    decided(&mut ledger, &deallocation(1)).unwrap();
    assert_eq!(found(&mut ledger, in_domain(None, None)), ["web 10.1.0.3"]);
    decided(&mut ledger, &modification("web", "10.1.0.9")).unwrap();
    decided(&mut ledger, &deallocation(2)).unwrap();
    assert_eq!(found(&mut ledger, in_domain(None, None)), ["web 10.1.0.9"]);
}

#[test]
fn only_an_address_that_the_callers_instance_has_can_be_bound() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    decided(&mut ledger, &of_p1("example.org")).unwrap();
    decided(&mut ledger, &public("green.org", Some("p2"))).unwrap();
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let bound =
        |number, address| AddDnsEntry { instance: Some(instance(number)), ..addition("web", address) };
    let unknown = Refusal::InstanceNotFound { instance: instance(404) };
    assert_eq!(decided(&mut ledger, &bound(404, "10.1.0.2")).unwrap_err(), unknown);
    let foreign = AddDnsEntry { scope: member("p2"), domain: domain("green.org"), ..bound(1, "10.1.0.2") };
    let hidden = Refusal::InstanceNotFound { instance: instance(1) };
    assert_eq!(decided(&mut ledger, &foreign).unwrap_err(), hidden);
    let Err(Refusal::InvalidFields { violations, .. }) = decided(&mut ledger, &bound(1, "10.1.0.9")) else {
        panic!("10.1.0.9 is nobody's");
    };
    assert_eq!((&*violations[0].field, violations.len()), ("address", 1));
    decided(&mut ledger, &bound(1, "10.1.0.2")).unwrap();
}

#[test]
fn a_page_tells_whether_another_follows() {
    let mut ledger = with_domain();
    decided(&mut ledger, &public("a.org", None)).unwrap();
    for (host, address) in [("a", "10.1.0.2"), ("a", "fd00::2"), ("b", "10.1.0.2"), ("c", "10.1.0.3")] {
        decided(&mut ledger, &addition(host, address)).unwrap();
    }
    let add = AddDnsEntry { domain: domain("a.org"), ..addition("z", "10.1.0.2") };
    decided(&mut ledger, &add).unwrap();
    let mut pages = |place: DnsPlace| {
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let question = ListDnsEntries { after, limit: 2, ..list(place.clone()) };
            let page = decided(&mut ledger, &question).unwrap();
            names.push(
                page.entries.iter().map(|named| named.entry.name.to_string()).collect::<Vec<_>>().join(" "),
            );
            after = page.next;
            if after.is_none() {
                return names;
            }
        }
    };
    assert_eq!(pages(in_domain(None, None)), ["a a", "b c"]);
    assert_eq!(pages(in_domain(None, Some("10.1.0.2"))), ["a b"]);
    let mut of_address = pages(DnsPlace::Address("10.1.0.2".parse().unwrap())).join(" ");
    of_address.retain(|letter| letter != ' ');
    assert!(["abz", "zab"].contains(&&*of_address), "{of_address}");

    let domains =
        |after: Option<&str>| ListDnsDomains { scope: Scope::Everything, after: after.map(domain), limit: 1 };
    let page = decided(&mut ledger, &domains(None)).unwrap();
    assert_eq!((&page.domains[0].name, page.next), (&domain("a.org"), Some(domain("a.org"))));
    let page = decided(&mut ledger, &domains(Some("a.org"))).unwrap();
    assert_eq!((&page.domains[0].name, page.next), (&domain("example.org"), None));
}

#[test]
fn an_instance_without_names_is_asked_for_none() {
    let (known, _) = with_network(&["10.1.0.0/24"]);
    let mut known = known;
    decided(&mut known, &allocation(1, vec![])).unwrap();
    let rounds = |has_names: bool| {
        let mut ledger = unloaded();
        let mut keys = missing(&mut ledger, &deallocation(1));
        ledger.load(Instance { has_names, ..known.row::<Instance>(&instance(1)).unwrap().clone() });
        for row in known.rows::<lepton_types::Port>() {
            ledger.load(row.clone());
            ledger.mark_loaded(Key::FloatingIpsOf(row.id));
        }
        known.rows::<crate::FixedIp>().for_each(|row| ledger.load(row.clone()));
        keys.push(Key::Host(crate::example::host()));
        known.rows::<crate::Host>().for_each(|row| ledger.load(row.clone()));
        loaded(&mut ledger, keys);
        let command = deallocation(1);
        let outcome = ledger.attempt(0, |ledger| crate::Command::decide(&command, ledger));
        (outcome.is_ok(), ledger.take_missing().len())
    };
    assert_eq!(rounds(false), (true, 0));
    assert_eq!(rounds(true), (false, 1));
}
