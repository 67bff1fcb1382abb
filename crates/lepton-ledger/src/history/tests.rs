use std::time::Duration;

use super::*;
use crate::{
    AllocateFloatingIp, AllocateForInstance, AssociateFloatingIp, CreateFloatingPool, DisassociateFloatingIp,
    FixedIp, NetworkSpec, ReportHost, TargetRequest,
    example::{
        NOW, allocation, deallocation, decided, empty, host, instance, made, missing, network, unloaded,
    },
};
use lepton_types::HostReport;
use uuid::Uuid;

/// The `minutes`th minute of the examples.
fn at(minutes: u64) -> Timestamp {
    Timestamp::from(NOW).after(Duration::from_secs(60 * minutes))
}

/// Keeps what was decided, and goes on at another time.
fn go_on(ledger: &mut View, minutes: u64) {
    ledger.keep();
    ledger.restart(at(minutes), [u8::try_from(minutes % 251).unwrap(); 32]);
}

fn allocate(ledger: &mut View, number: u128, project: &str) -> PortId {
    let project = project.parse().unwrap();
    let info = decided(ledger, &AllocateForInstance { project, ..allocation(number, vec![]) }).unwrap();
    info.vifs[0].id
}

fn end(ledger: &mut View, number: u128) {
    let unplugged = decided(ledger, &deallocation(number)).unwrap().ports;
    let report = HostReport { unplugged, revision: u64::MAX.into(), ..HostReport::default() };
    decided(ledger, &ReportHost { host: host(), report }).unwrap();
}

/// The address of a small network: instance 1 of `p1` had it from minute 1 to 2, 2 of `p2` from 2 to 3, and 3 of `p1` has it since 4.
fn three() -> View {
    let mut ledger = empty();
    made(&mut ledger, network("tiny", &["10.1.0.0/30"]));
    go_on(&mut ledger, 1);
    allocate(&mut ledger, 1, "p1");
    go_on(&mut ledger, 2);
    end(&mut ledger, 1);
    allocate(&mut ledger, 2, "p2");
    go_on(&mut ledger, 3);
    end(&mut ledger, 2);
    go_on(&mut ledger, 4);
    allocate(&mut ledger, 3, "p1");
    go_on(&mut ledger, 5);
    ledger
}

fn always() -> When {
    When::Within { since: None, until: None }
}

fn of(address: &str) -> ListHolders {
    ListHolders {
        of: Held::Address(address.parse().unwrap()),
        when: always(),
        project: None,
        after: None,
        limit: 100,
        scope: Scope::Everything,
    }
}

/// The instances that held it.
fn holders(ledger: &mut View, question: &ListHolders) -> Vec<u128> {
    let page = decided(ledger, question).unwrap();
    let ports = page.holdings.iter().map(|holding| holding.port.as_ref().unwrap());
    ports.map(|port| port.instance.as_uuid().as_u128()).collect()
}

#[test]
fn holders_come_in_the_order_of_their_ends_and_who_holds_it_still_comes_last() {
    let mut ledger = three();
    let page = decided(&mut ledger, &of("10.1.0.2")).unwrap();
    let spans: Vec<_> = page.holdings.iter().map(|holding| (holding.since, holding.until)).collect();
    assert_eq!(spans, [(at(1), End::At(at(2))), (at(2), End::At(at(3))), (at(4), End::NotYet)]);
    assert_eq!((page.next, page.remembered_since), (None, None));
    assert_eq!(holders(&mut ledger, &of("10.1.0.2")), [1, 2, 3]);
    let Holding { what: Holdable::FixedIp { address, .. }, project, port: Some(port), .. } =
        &page.holdings[0]
    else {
        panic!("{page:?}")
    };
    assert_eq!((address.to_string(), project.as_str()), ("10.1.0.2".to_owned(), "p1"));
    assert_eq!((port.instance, port.incarnation, &port.host), (instance(1), 1, &host()));
    assert_eq!(holders(&mut ledger, &of("10.1.0.9")), [0; 0]);
}

#[test]
fn at_the_moment_of_the_hand_over_the_newcomer_holds_it() {
    let mut ledger = three();
    let second = Timestamp::from(at(2).micros() - 1);
    for (moment, expected) in [
        (at(0), vec![]),
        (at(1), vec![1]),
        (second, vec![1]),
        (at(2), vec![2]),
        (at(3), vec![]),
        (at(5), vec![3]),
    ] {
        let question = ListHolders { when: When::At(moment), ..of("10.1.0.2") };
        assert_eq!(holders(&mut ledger, &question), expected, "{moment:?}");
    }
}

#[test]
fn a_span_has_its_first_moment_and_not_its_last() {
    let mut ledger = three();
    for (since, until, expected) in [
        (None, Some(at(2)), vec![1]),
        (Some(at(2)), Some(at(4)), vec![2]),
        (Some(at(3)), Some(at(4)), vec![]),
        (Some(at(3)), None, vec![3]),
        (Some(at(1)), Some(at(99)), vec![1, 2, 3]),
    ] {
        let question = ListHolders { when: When::Within { since, until }, ..of("10.1.0.2") };
        assert_eq!(holders(&mut ledger, &question), expected, "{since:?} {until:?}");
    }
}

#[test]
fn a_project_is_shown_what_it_held_and_no_more() {
    let mut ledger = three();
    let project = |name: &str| -> ProjectId { name.parse().unwrap() };
    let own = Scope::Project(project("p2"));
    for (asked, scope, expected) in [
        (Some("p1"), Scope::Everything, vec![1, 3]),
        (None, own.clone(), vec![2]),
        (Some("p2"), own.clone(), vec![2]),
        (Some("p1"), own, vec![]),
    ] {
        let question = ListHolders { project: asked.map(project), scope, ..of("10.1.0.2") };
        assert_eq!(holders(&mut ledger, &question), expected, "{asked:?}");
    }
}

#[test]
fn a_mac_is_a_ports_until_it_is_unplugged() {
    let mut ledger = empty();
    made(&mut ledger, network("private", &["10.1.0.0/24"]));
    let port = allocate(&mut ledger, 1, "p1");
    let mac = ledger.row::<Port>(&port).unwrap().mac;
    go_on(&mut ledger, 1);
    decided(&mut ledger, &deallocation(1)).unwrap();
    let question = ListHolders { of: Held::Mac(mac), ..of("10.1.0.2") };
    let until = |ledger: &mut View| decided(ledger, &question).unwrap().holdings.remove(0).until;
    assert_eq!(until(&mut ledger), End::NotYet, "its host has not said so yet");
    go_on(&mut ledger, 2);
    let report = HostReport { unplugged: vec![port], revision: u64::MAX.into(), ..HostReport::default() };
    decided(&mut ledger, &ReportHost { host: host(), report }).unwrap();
    go_on(&mut ledger, 3);
    assert_eq!(until(&mut ledger), End::At(at(2)));
}

/// The floating IP of a pool, for `p1`.
fn floating_ip(ledger: &mut View) -> IpAddr {
    let (name, ranges) = ("nova".parse().unwrap(), vec!["172.24.4.1".parse().unwrap()]);
    decided(ledger, &CreateFloatingPool { name, ranges, interface: None }).unwrap();
    let project = "p1".parse().ok();
    let pool = "nova".parse().unwrap();
    let wish = AllocateFloatingIp { project, pool, address: None, scope: Scope::Everything };
    decided(ledger, &wish).unwrap().floating_ip.address
}

fn associate(ledger: &mut View, address: IpAddr, number: u128, fixed_ip: &str) {
    let fixed_ip = fixed_ip.parse().ok();
    let target = TargetRequest::Instance { instance: instance(number), fixed_ip, network: None };
    let scope = Scope::Everything;
    decided(ledger, &AssociateFloatingIp { address, target, affects_auto_assigned: false, scope }).unwrap();
}

#[test]
fn what_an_instance_held_is_told_of_all_its_lives_and_of_a_port_its_own() {
    let mut ledger = empty();
    made(&mut ledger, network("private", &["10.1.0.0/24"]));
    let address = floating_ip(&mut ledger);
    let first = allocate(&mut ledger, 1, "p1");
    allocate(&mut ledger, 2, "p1");
    go_on(&mut ledger, 1);
    associate(&mut ledger, address, 1, "10.1.0.2");
    go_on(&mut ledger, 2);
    associate(&mut ledger, address, 2, "10.1.0.3");
    go_on(&mut ledger, 3);
    end(&mut ledger, 1);
    go_on(&mut ledger, 4);
    let second = allocate(&mut ledger, 1, "p1");
    go_on(&mut ledger, 5);

    let told = |ledger: &mut View, of_it| {
        let question = ListHolders { of: of_it, ..of("10.1.0.2") };
        let page = decided(ledger, &question).unwrap();
        assert_eq!(page.next, None);
        let told = |row: Holding| (row.place().shelf, row.port.unwrap().id, row.since, row.until);
        page.holdings.into_iter().map(told).collect::<Vec<_>>()
    };
    let subnet = ledger.rows::<FixedIp>().next().unwrap().subnet;
    let fixed = Shelf::FixedIp(subnet, "10.1.0.2".parse().unwrap());
    let mac = |ledger: &View, port| Shelf::Mac(ledger.port_that_was(port).unwrap().0.mac);
    let expected = [
        (Shelf::FloatingIp(address), first, at(1), End::At(at(2))),
        (fixed, first, at(0), End::At(at(3))),
        (mac(&ledger, first), first, at(0), End::At(at(3))),
        (fixed, second, at(4), End::NotYet),
        (mac(&ledger, second), second, at(4), End::NotYet),
    ];
    assert_eq!(told(&mut ledger, Held::Instance(instance(1))), expected);
    assert_eq!(told(&mut ledger, Held::Port(first)), expected[..3]);
    assert_eq!(told(&mut ledger, Held::Port(second)), expected[3..]);
    assert_eq!(told(&mut ledger, Held::Instance(instance(3))), []);
    assert_eq!(told(&mut ledger, Held::Port(Uuid::from_u128(3).into())), []);
}

#[test]
fn a_port_is_looked_for_among_a_bounded_number_of_what_its_instance_held() {
    let mut ledger = empty();
    for label in ["a", "b"] {
        made(&mut ledger, network(label, &["10.1.0.0/24"]));
    }
    let address = floating_ip(&mut ledger);
    let vifs = decided(&mut ledger, &allocation(1, vec![])).unwrap().vifs;
    let network = Some(vifs[0].network.id);
    for minute in 1..=u64::from(page::LOOKS) + 1 {
        go_on(&mut ledger, 2 * minute);
        let target = TargetRequest::Instance { instance: instance(1), fixed_ip: None, network };
        let (affects_auto_assigned, scope) = (false, Scope::Everything);
        let lead = AssociateFloatingIp { address, target, affects_auto_assigned, scope: scope.clone() };
        decided(&mut ledger, &lead).unwrap();
        go_on(&mut ledger, 2 * minute + 1);
        decided(&mut ledger, &DisassociateFloatingIp { address, affects_auto_assigned, scope }).unwrap();
    }
    ledger.keep();
    let question = |port, after| ListHolders { of: Held::Port(port), after, ..of("10.1.0.2") };
    let page = decided(&mut ledger, &question(vifs[1].id, None)).unwrap();
    assert_eq!(page.holdings, [], "all it looked at are its neighbour's");
    let rest = decided(&mut ledger, &question(vifs[1].id, page.next)).unwrap();
    assert!(rest.holdings.iter().all(|row| row.port.as_ref().unwrap().id == vifs[1].id));
    assert_eq!((rest.holdings.len(), rest.next), (2, None));
    assert_eq!(decided(&mut ledger, &question(vifs[0].id, None)).unwrap().holdings.len(), 100);
}

#[test]
fn what_was_held_for_no_time_was_held_by_nobody() {
    let mut ledger = empty();
    made(&mut ledger, network("private", &["10.1.0.0/24"]));
    allocate(&mut ledger, 1, "p1");
    end(&mut ledger, 1);
    go_on(&mut ledger, 1);
    assert_eq!(holders(&mut ledger, &of("10.1.0.2")), [0; 0]);
}

#[test]
fn pages_go_through_all_also_where_many_end_at_one_moment() {
    let mut ledger = empty();
    for label in ["a", "b", "c"] {
        made(&mut ledger, NetworkSpec { project: label.parse().ok(), ..network(label, &["10.1.0.0/30"]) });
    }
    // All end at one moment, each on a subnet of its own, and the last ones last.
    for (round, project) in ["a", "b", "c"].into_iter().enumerate() {
        allocate(&mut ledger, round as u128, project);
    }
    go_on(&mut ledger, 1);
    for number in 0..3 {
        end(&mut ledger, number);
    }
    for (number, project) in [(10, "a"), (11, "b")] {
        allocate(&mut ledger, number, project);
    }
    go_on(&mut ledger, 2);
    let all = holders(&mut ledger, &of("10.1.0.2"));
    assert_eq!(all.len(), 5);
    for limit in 1..=5 {
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let question = ListHolders { after, limit, ..of("10.1.0.2") };
            seen.extend(holders(&mut ledger, &question));
            after = decided(&mut ledger, &question).unwrap().next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, all, "{limit} a page");
    }
}

#[test]
fn a_call_looks_at_a_bounded_number_and_tells_where_to_go_on() {
    let mut ledger = empty();
    made(&mut ledger, network("tiny", &["10.1.0.0/30"]));
    for number in 0..u64::from(page::LOOKS) + 1 {
        ledger.keep();
        ledger.restart(at(number), [u8::try_from(number % 251).unwrap(); 32]);
        allocate(&mut ledger, number.into(), "p1");
        ledger.keep();
        ledger.restart(at(number + 1), [0; 32]);
        end(&mut ledger, number.into());
    }
    allocate(&mut ledger, 1000, "p2");
    ledger.keep();
    let question = ListHolders { project: "p2".parse().ok(), ..of("10.1.0.2") };
    let page = decided(&mut ledger, &question).unwrap();
    assert_eq!(page.holdings, [], "all it looked at are another project's");
    let rest = ListHolders { after: Some(page.next.unwrap()), ..question };
    assert_eq!(holders(&mut ledger, &rest), [1000]);
}

#[test]
fn what_is_forgotten_is_told_from_what_never_was() {
    let mut ledger = three();
    assert_eq!(ledger.forget_history(at(2)), 0, "what ended at that moment is kept");
    assert_eq!(decided(&mut ledger, &of("10.1.0.2")).unwrap().remembered_since, None);
    assert_eq!(ledger.forget_history(at(3)), 2, "an address and its port");
    let page = decided(&mut ledger, &of("10.1.0.2")).unwrap();
    assert_eq!((page.holdings.len(), page.remembered_since), (2, Some(at(3))));
}

#[test]
fn nothing_is_known_of_a_time_that_has_not_come() {
    let mut ledger = three();
    for (when, expected) in
        [(When::At(at(6)), "at"), (When::Within { since: Some(at(6)), until: None }, "since")]
    {
        let refusal = decided(&mut ledger, &ListHolders { when, ..of("10.1.0.2") }).unwrap_err();
        let Refusal::InvalidFields { violations, more: 0 } = refusal else { panic!("{refusal:?}") };
        assert_eq!(violations[0].field, expected);
        assert!(violations[0].problem.contains("by 60.000000 s"), "{violations:?}");
    }
}

#[test]
fn a_question_asks_for_one_page_alone() {
    let keys = missing(&mut unloaded(), &of("10.1.0.2"));
    assert_eq!(keys.len(), 1, "{keys:?}");
}
