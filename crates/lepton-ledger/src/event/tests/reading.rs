//! Events read page by page, by whoever may.

use super::*;

/// A ledger whose journal has the events of so many allocations, two each, behind those of its network.
fn with_journal(allocations: u128) -> View {
    let mut ledger = empty();
    let create =
        crate::CreateNetworks { scope: Scope::Everything, networks: vec![network("n", &["10.1.0.0/16"])] };
    carried_out(&mut ledger, &create).unwrap();
    for number in 0..allocations {
        carried_out(&mut ledger, &allocation(number, vec![])).unwrap();
    }
    ledger.keep();
    ledger.restart(ledger.now(), [8; 32]);
    ledger
}

fn read(ledger: &mut View, start: EventStart, limit: u16, filter: EventFilter) -> Result<EventPage, Refusal> {
    crate::example::decided(ledger, &ReadEvents { start, limit, filter })
}

fn revisions(events: &[RecordedEvent]) -> Vec<u64> {
    events.iter().map(|event| event.revision).collect()
}

#[test]
fn pages_follow_one_another_without_gap_or_repetition() {
    for limit in [1, 7, 1000] {
        let mut ledger = with_journal(400);
        let (mut after, mut seen) = (0, Vec::new());
        loop {
            let page = read(&mut ledger, EventStart::After(after), limit, EventFilter::default()).unwrap();
            assert!(page.events.len() <= limit.into() && (page.through > after || !page.has_more));
            seen.extend(revisions(&page.events));
            after = page.through;
            if !page.has_more {
                break;
            }
        }
        assert_eq!(seen, (1..=802).collect::<Vec<_>>(), "{limit}");
    }
}

#[test]
fn a_page_goes_on_behind_what_the_filter_drops() {
    let mut ledger = with_journal(400);
    let of_others = EventFilter { project: "p9".parse().ok(), ..EventFilter::default() };
    let page = read(&mut ledger, EventStart::After(0), 10, of_others.clone()).unwrap();
    assert_eq!((page.events.len(), page.has_more), (0, true));
    let page = read(&mut ledger, EventStart::After(page.through), 10, of_others).unwrap();
    assert_eq!(page, EventPage { events: vec![], through: 802, has_more: false });
}

#[test]
fn a_reader_gets_the_kinds_and_the_project_that_it_asks_for() {
    let mut ledger = with_journal(2);
    let mut kinds = |filter: EventFilter| -> Vec<String> {
        let page = read(&mut ledger, EventStart::After(0), 100, filter).unwrap();
        page.events.iter().map(|event| event.event.kind.to_string()).collect()
    };
    let of_kinds = |kinds: &[&str]| EventFilter {
        kinds: kinds.iter().map(|&kind| kind.to_owned()).collect(),
        ..EventFilter::default()
    };
    assert_eq!(kinds(of_kinds(&["network", "subnet.created"])), ["network.created", "subnet.created"]);
    assert_eq!(kinds(of_kinds(&["port."])), ["port.created"; 2]);
    let of_project = EventFilter { project: "p1".parse().ok(), ..of_kinds(&["network", "instance"]) };
    assert_eq!(kinds(of_project), ["instance.allocated"; 2]);
}

#[test]
fn a_tenant_hears_of_its_own_things_and_of_everybodys() {
    let mut ledger = with_journal(1);
    let mut seen = |project: &str| {
        let scope = Scope::Project(project.parse().unwrap());
        let page =
            read(&mut ledger, EventStart::After(0), 100, EventFilter { scope, ..EventFilter::default() })
                .unwrap();
        assert_eq!(page.through, 4);
        revisions(&page.events)
    };
    assert_eq!(seen("p1"), [1, 2, 3, 4]);
    assert_eq!(seen("p2"), [1, 2]);
    let operators = Event::new("fixed_ip.freed");
    let tenants = EventFilter { scope: Scope::Project("p1".parse().unwrap()), ..EventFilter::default() };
    assert!(!tenants.lets_pass(&operators) && EventFilter::default().lets_pass(&operators));
}

#[test]
fn who_starts_now_is_told_where_the_journal_ends() {
    let mut ledger = with_journal(1);
    let mut newest =
        |count| read(&mut ledger, EventStart::Newest(count), 100, EventFilter::default()).unwrap();
    assert_eq!(newest(0), EventPage { events: vec![], through: 4, has_more: false });
    assert_eq!(revisions(&newest(3).events), [2, 3, 4]);
    assert_eq!(revisions(&newest(9).events), [1, 2, 3, 4]);
}

#[test]
fn what_is_forgotten_or_still_to_come_cannot_be_read_after() {
    let mut ledger = with_journal(1);
    let later = ledger.now().after(SECOND);
    ledger.restart(later, [9; 32]);
    carried_out(&mut ledger, &allocation(7, vec![])).unwrap();
    ledger.keep();
    let through = |ledger: &mut View, after| {
        read(ledger, EventStart::After(after), 100, EventFilter::default()).map(|page| page.through)
    };
    assert_eq!(through(&mut ledger, 0), Ok(6));
    for after in [7, u64::MAX] {
        assert_eq!(through(&mut ledger, after), Err(Refusal::RevisionAhead { after, newest: 6 }));
    }
    assert_eq!(ledger.forget_events(later), 2, "two entries of two events");
    assert_eq!(through(&mut ledger, 3), Err(Refusal::EventsForgotten { after: 3, oldest: 5 }));
    assert_eq!(through(&mut ledger, 4), Ok(6));
    assert_eq!(ledger.forget_events(later.after(SECOND)), 1);
    assert_eq!(through(&mut ledger, 5), Err(Refusal::EventsForgotten { after: 5, oldest: 7 }));
    assert_eq!(through(&mut ledger, 6), Ok(6));
}

#[test]
fn reading_takes_one_round() {
    let read = ReadEvents { start: EventStart::After(5), limit: 10, filter: EventFilter::default() };
    let mut ledger = unloaded();
    assert_eq!(
        missing(&mut ledger, &read),
        [Key::Select(Selection::JournalBounds), Key::Select(Selection::Journal(5))]
    );
}
