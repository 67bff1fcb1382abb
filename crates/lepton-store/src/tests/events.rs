//! The journal: what those who follow the ledger are told, and what they are not.

use std::time::Duration;

use futures_util::future::{join, join_all};
use lepton_ipam::SubnetSpec;
use lepton_ledger::{
    Associate, AssociateNetwork, Change, DeleteNetwork, Envelope, EventFilter, EventPage, EventStart,
    JournalEntry, NetworkSpec, ReadEvents, RegisterHost, Scope,
};
use lepton_types::{Event, RecordedEvent};

use super::{
    fixed_ips::{self, lease},
    floating_ips::{associate, pool, release, wish},
    harness::{Kind, Subject, allocation, each_database, each_store, envelope, network, reason, subnet},
    locks::until_somebody_waits,
    sound::assert_sound,
};
use crate::{Store, SubmitError, tables::journal::Entries};

const DAY: Duration = Duration::from_hours(24);

async fn page(store: &Store, after: u64) -> Result<EventPage, SubmitError> {
    store
        .ask(ReadEvents { start: EventStart::After(after), limit: 100, filter: EventFilter::default() })
        .await
}

/// Every event behind a revision, page by page.
async fn all(store: &Store, mut after: u64) -> Vec<RecordedEvent> {
    let mut events = Vec::new();
    loop {
        let page = page(store, after).await.unwrap();
        events.extend(page.events);
        after = page.through;
        if !page.has_more {
            return events;
        }
    }
}

fn kinds(events: &[RecordedEvent]) -> Vec<&str> {
    events.iter().map(|event| &*event.event.kind).collect()
}

#[tokio::test]
async fn each_event_has_the_revision_behind_the_last_across_pages_and_batches() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/16"]).await;
        let made = join_all((0..400).map(|number| subject.allocate(number))).await;
        assert!(made.iter().all(Result::is_ok));
        let events = all(subject.store(), 0).await;
        assert!(events.iter().map(|event| event.revision).eq(1..=802));
        assert_eq!(kinds(&events)[..2], ["network.created", "subnet.created"]);
        let told = events[2..].chunks(2).map(|pair| kinds(pair));
        assert!(told.into_iter().all(|pair| pair == ["instance.allocated", "port.created"]));
        for after in [1, 2, 300, 513, 801, 802] {
            let rest = all(subject.store(), after).await;
            assert_eq!(rest, events[usize::try_from(after).unwrap()..], "behind {after}");
        }
    })
    .await;
}

/// Whatever else its batch had loaded.
#[tokio::test]
async fn events_about_floating_ips_name_the_pool() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.submit(pool("nova", &["172.24.4.1-172.24.4.4"])).await.unwrap();
        subject.allocate(1).await.unwrap();
        let address = subject.submit(wish()).await.unwrap().floating_ip.address;
        subject.submit(associate(address, 1)).await.unwrap();
        subject.deallocate(1).await;
        subject.submit(release(address)).await.unwrap();
        let mut events = all(subject.store(), 0).await;
        events.retain(|event| event.event.kind.starts_with("floating_ip."));
        let expected = ["allocated", "associated", "disassociated", "released"];
        assert_eq!(kinds(&events), expected.map(|kind| format!("floating_ip.{kind}")));
        for event in events {
            assert_eq!(event.event.about.get("pool").map(String::as_str), Some("nova"), "{event:?}");
        }
    })
    .await;
}

/// Of an address that no port has any more its network's owner hears.
#[tokio::test]
async fn an_address_that_a_guest_gives_back_is_told_to_its_networks_project() {
    each_store(async |subject| {
        let spec = network("private", vec![subnet("10.1.0.0/24")]);
        subject.create(NetworkSpec { project: "p1".parse().ok(), ..spec }).await;
        let mac = subject.allocate(1).await.unwrap().vifs[0].mac;
        subject.submit(lease("10.1.0.2", mac)).await.unwrap();
        subject.end(1).await;
        subject.submit(fixed_ips::release("10.1.0.2", mac)).await.unwrap();
        let freed = all(subject.store(), 0).await.pop().unwrap().event;
        assert_eq!((&*freed.kind, freed.project), ("fixed_ip.freed", "p1".parse().ok()));
    })
    .await;
}

#[tokio::test]
async fn an_event_says_who_when_and_under_which_request_id() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.advance(DAY);
        subject.submit_as("nova", "boot-1", allocation(1, vec![])).await.unwrap();
        let event = all(subject.store(), 2).await.remove(1);
        assert_eq!((&*event.actor, &*event.call, event.at), ("nova", "AllocateForInstance", subject.now()));
        assert_eq!(event.request_id, "boot-1".parse().ok());
        assert_eq!((event.event.project, &*event.event.about["fixed_ips"]), ("p1".parse().ok(), "10.1.0.2"));
        let by_itself = Envelope::of("host:node1");
        subject.store().submit(RegisterHost { host: "node1".parse().unwrap() }, by_itself).await.unwrap();
        assert_eq!(all(subject.store(), 4).await, [], "how the books are kept is nobody's business");
    })
    .await;
}

#[tokio::test]
async fn what_outlives_the_process_is_followed_on() {
    each_database(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.allocate(1).await.unwrap();
        let before = all(subject.store(), 0).await;
        subject.reopen().await;
        assert_eq!(all(subject.store(), 0).await, before);
        subject.allocate(2).await.unwrap();
        let then = all(subject.store(), 4).await;
        assert_eq!(then.iter().map(|event| event.revision).collect::<Vec<_>>(), [5, 6]);
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_rehearsed_or_repeated_is_not_told() {
    each_store(async |subject| {
        let made = subject.network("private", &["10.1.0.0/24"]).await;
        let command = allocation(1, vec![]);
        for _ in 0..2 {
            subject.submit_as("nova", "boot-1", command.clone()).await.unwrap();
        }
        assert_eq!(all(subject.store(), 0).await.len(), 4);
        let next = allocation(2, vec![]);
        subject.store().rehearse(next.clone(), envelope("nova", "boot-2", &next)).await.unwrap();
        let delete = DeleteNetwork { network: made.network.id, scope: Scope::Everything };
        assert_eq!(reason(subject.submit(delete).await), "NETWORK_IN_USE");
        // Refused in one batch with one that is carried out.
        let (again, other) = join(subject.submit(command), subject.allocate(3)).await;
        assert_eq!(reason(again), "INSTANCE_ALREADY_ALLOCATED");
        let id = other.unwrap().instance.to_string();
        let told = all(subject.store(), 4).await;
        assert!(told.iter().all(|event| event.event.about["instance_id"] == id));
        assert_eq!(kinds(&told), ["instance.allocated", "port.created"]);
    })
    .await;
}

#[tokio::test]
async fn a_tenant_reads_of_its_own_things_and_of_everybodys() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.allocate(1).await.unwrap();
        for (project, count) in [("p1", 4), ("p2", 2)] {
            let scope = Scope::Project(project.parse().unwrap());
            let filter = EventFilter { scope, ..EventFilter::default() };
            let read = ReadEvents { start: EventStart::After(0), limit: 100, filter };
            assert_eq!(subject.store().ask(read).await.unwrap().events.len(), count, "{project}");
        }
    })
    .await;
}

#[tokio::test]
async fn old_events_are_forgotten_in_steps_and_whoever_held_them_is_told() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/16"]).await;
        let made = join_all((0..300).map(|number| subject.allocate(number))).await;
        assert!(made.iter().all(Result::is_ok));
        subject.advance(DAY);
        subject.allocate(1000).await.unwrap();
        assert_eq!(subject.store().forget_events(DAY).await.unwrap(), 0, "they are not older than a day");
        subject.advance(Duration::from_secs(1));
        let mut steps = Vec::new();
        while steps.last() != Some(&0) {
            steps.push(subject.store().forget_events(DAY).await.unwrap());
        }
        assert_eq!(steps, [256, 45, 0]);
        assert_eq!(reason(page(subject.store(), 601).await), "EVENTS_FORGOTTEN");
        assert_eq!(kinds(&all(subject.store(), 602).await), ["instance.allocated", "port.created"]);

        subject.advance(DAY);
        assert_eq!(subject.store().forget_events(DAY).await.unwrap(), 1);
        assert_eq!(reason(page(subject.store(), 603).await), "EVENTS_FORGOTTEN");
        assert_eq!(page(subject.store(), 604).await.unwrap().through, 604, "no revision is given twice");
        assert_eq!(reason(page(subject.store(), 605).await), "REVISION_AHEAD");
    })
    .await;
}

/// Whoever reads while both write has, with a revision, all that stand below it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_managers_do_is_told_in_the_order_in_which_it_became_durable() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |config| config.batch_limit = 4).await;
        subject.network("private", &["10.1.0.0/16"]).await;
        let other = subject.another().await.unwrap();
        let write = join_all((0..300_u128).map(|number| {
            let store = if number % 2 == 0 { subject.store() } else { &other };
            store.submit(allocation(number, vec![]), Envelope::anonymous())
        }));
        let follow = async {
            let mut after = 2;
            while after < 602 {
                let page = page(&other, after).await.unwrap();
                let revisions: Vec<_> = page.events.iter().map(|event| event.revision).collect();
                assert!(revisions.iter().copied().eq(after + 1..=page.through), "{after}: {revisions:?}");
                after = page.through;
            }
        };
        let (written, ()) = join(write, follow).await;
        assert!(written.iter().all(Result::is_ok));
        assert_sound(&subject.dump().await);
    }
}

fn entry() -> Change {
    Change::Journal(JournalEntry {
        at: 0.into(),
        actor: "test".into(),
        request_id: None,
        call: "Test".into(),
        events: vec![Event::new("port.active")],
    })
}

/// Else whoever has read the later one's would miss the earlier one's.
#[tokio::test]
async fn a_manager_gets_its_revisions_when_the_one_before_it_has_committed_or_given_up() {
    for is_committed in [true, false] {
        let subject = Subject::open(Kind::Postgres, |_| {}).await;
        subject.network("private", &["10.1.0.0/24"]).await;
        let mut first = subject.engine().write().await.unwrap();
        Entries::of(&[entry()]).append(&mut first).await.unwrap();
        let second = subject.allocate(1);
        let end = async {
            until_somebody_waits(subject.engine()).await;
            assert_eq!(page(subject.store(), 2).await.unwrap().events, [], "nothing is told yet");
            if is_committed { first.commit().await.unwrap() } else { first.rollback().await.unwrap() }
        };
        join(second, end).await.0.unwrap();
        let told = all(subject.store(), 2).await;
        let both = ["port.active", "instance.allocated", "port.created"];
        assert_eq!(kinds(&told), both[usize::from(!is_committed)..]);
        assert_eq!(told[0].revision, 3, "what was given up leaves no gap");
    }
}

/// The rows of everything else are locked before; so nobody waits for the counter who holds it.
#[tokio::test]
async fn the_journal_is_what_a_batch_writes_last_and_once() {
    for (kind, statements) in [(Kind::Sqlite, 2), (Kind::Postgres, 1)] {
        let subject = Subject::open(kind, |_| {}).await;
        subject.network("private", &["10.1.0.0/16"]).await;
        subject.engine().take_sent();
        let made = join_all((0..256).map(|number| subject.allocate(number))).await;
        assert!(made.iter().all(Result::is_ok));
        let sent: Vec<_> = subject.engine().take_sent().into_iter().flat_map(|sent| sent.literals).collect();
        let is_journals = |sql: &&&str| sql.contains("into counters") || sql.contains("into journal");
        assert_eq!(sent.iter().filter(is_journals).count(), statements, "{kind:?}");
        assert!(sent[sent.len() - statements..].iter().all(|sql| is_journals(&sql)), "{kind:?}: {sent:?}");
    }
}

#[tokio::test]
async fn the_owner_of_a_network_hears_where_another_projects_addresses_come_to_rest() {
    each_store(async |subject| {
        let spec = SubnetSpec { quarantine: Duration::from_secs(60), ..subnet("10.1.0.0/24") };
        let made = subject.create(network("shared", vec![spec])).await;
        subject.allocate(1).await.unwrap();
        let with = Associate::Project("p2".parse().unwrap());
        subject.submit(AssociateNetwork { network: made.network.id, with }).await.unwrap();
        let before = all(subject.store(), 0).await.last().unwrap().revision;
        // Nothing of the network is in memory any more.
        if subject.kind.is_durable() {
            subject.reopen().await;
        }
        subject.end(1).await;
        let events = all(subject.store(), before).await;
        let of_owner = events.iter().filter(|event| event.event.project == "p2".parse().ok());
        let told: Vec<_> =
            of_owner.map(|event| (&*event.event.kind, &event.event.about["fixed_ip"])).collect();
        assert_eq!(told, [("fixed_ip.resting", &"10.1.0.2".to_owned())]);
    })
    .await;
}
