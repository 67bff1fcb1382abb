//! Audits of a ledger in memory, and what is judged of one whose rows do not agree.

use std::net::IpAddr;

use lepton_ipam::{Block, SubnetSpec};
use lepton_types::{Event, HostReport};

use super::{judge::judge, *};
use crate::{
    FixedIp, Holder, JournalEntry, NetworkSpec, ReportHost,
    example::{allocation, deallocation, decided, empty, host, made, network, with_network},
};

fn at(address: &str) -> IpAddr {
    address.parse().unwrap()
}

/// What a subnet with a few addresses taken looks like.
fn look(cidr: &str) -> (PoolLook, PoolSpan) {
    let (mut ledger, made) = with_network(&[cidr]);
    for number in 1..=3 {
        decided(&mut ledger, &allocation(number, vec![])).unwrap();
    }
    let span = PoolSpan::of(made.subnets[0].id, MANY_BLOCKS);
    (ledger.pool_look(&span).unwrap().unwrap(), span)
}

fn classes(look: &PoolLook, span: &PoolSpan) -> Vec<(FindingClass, String)> {
    let told = |finding: Finding| match finding.thing {
        AuditedThing::Address(_, address) => (finding.class, address.to_string()),
        AuditedThing::Range(_) | AuditedThing::Quota(..) => panic!("{finding:?}"),
    };
    judge(look, span).findings.into_iter().map(told).collect()
}

#[test]
fn what_agrees_has_no_findings_and_adds_up() {
    for (cidr, size, kept) in [("10.1.0.0/24", 254, 1), ("10.1.0.0/16", 65_534, 1), ("10.1.0.0/28", 14, 1)] {
        let (look, span) = look(cidr);
        let judged = judge(&look, &span);
        assert_eq!(judged.findings, [], "{cidr}");
        let SubnetFigures { size: found, free, held, kept: own, outside, .. } = judged.figures;
        assert_eq!((held, own, outside), (3, kept, 0), "{cidr}: {look:?}");
        assert_eq!((found, free + 3 + u128::from(own)), (size, found), "{cidr}");
    }
}

#[test]
fn a_subnet_whose_addresses_follow_from_macs_has_no_size() {
    let (look, span) = look("fd00:1::/64");
    let figures = judge(&look, &span).figures;
    assert_eq!((figures.is_pooled, figures.size, figures.free), (false, 0, 0));
    assert_eq!((figures.held, figures.outside), (3, 3));
}

#[test]
fn each_fault_of_a_subnet_is_of_its_class() {
    let (sound, span) = look("10.1.0.0/24");
    let first = sound.fixed_ips[0].address;
    let mut lost = sound.clone();
    lost.fixed_ips.remove(0);
    assert_eq!(classes(&lost, &span), [(FindingClass::LeakedAddress, first.to_string())]);

    let mut free = sound.clone();
    let subnet = free.subnet.clone();
    assert!(free.blocks[0].block.release(&subnet, first));
    free.blocks[0].free += 1;
    assert_eq!(classes(&free, &span), [(FindingClass::UnmarkedAddress, first.to_string())]);

    let mut counted = sound.clone();
    counted.blocks[0].free = 7;
    assert_eq!(classes(&counted, &span), [(FindingClass::MiscountedBlock, "10.1.0.0".to_owned())]);

    let mut missing = sound.clone();
    missing.blocks.clear();
    assert_eq!(classes(&missing, &span), [(FindingClass::MissingBlock, "10.1.0.0".to_owned())]);

    let mut unopened = missing;
    unopened.frontier.as_mut().unwrap().next = Some(at("10.1.0.0"));
    let unmarked = sound.fixed_ips.iter().map(|row| (FindingClass::UnmarkedAddress, row.address.to_string()));
    assert_eq!(classes(&unopened, &span), unmarked.collect::<Vec<_>>());
}

#[test]
fn what_a_subnet_keeps_for_itself_is_not_leaked() {
    let (mut look, span) = look("10.1.0.0/24");
    look.subnet.gateway = Some(at("10.1.0.77"));
    // Its bit was not turned, and the old one's was not turned back.
    let found = classes(&look, &span);
    let expected = [
        (FindingClass::LeakedAddress, "10.1.0.1".to_owned()),
        (FindingClass::UnmarkedAddress, "10.1.0.77".to_owned()),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_look_is_cut_where_more_was_found_than_it_may_have() {
    let (whole, _) = look("10.1.0.0/16");
    let span = PoolSpan::of(whole.subnet.id, 1);
    let mut several = whole.clone();
    for third in 1..=3 {
        let block = Block::fresh(&whole.subnet, at(&format!("10.1.{third}.0")));
        several.blocks.push(CountedBlock { free: block.free().into(), block });
    }
    let mut row = whole.fixed_ips[0].clone();
    row.address = at("10.1.1.5");
    several.fixed_ips.push(row);
    several.cut_to(&span);
    assert_eq!((several.end, several.blocks.len()), (Some(at("10.1.1.0")), 1));
    assert_eq!(several.fixed_ips, whole.fixed_ips);
}

#[test]
fn a_step_goes_on_where_it_ended_and_ends_behind_the_quotas() {
    let (mut ledger, _) = with_network(&["10.1.0.0/16", "fd00:1::/64"]);
    for number in 1..=700 {
        decided(&mut ledger, &allocation(number, vec![])).unwrap();
    }
    let (mut after, mut looked_at, mut findings) = (None, LookedAt::default(), Vec::new());
    let mut places = Vec::new();
    loop {
        let step = decided(&mut ledger, &AuditLedger { after }).unwrap();
        looked_at.add(&step.looked_at);
        findings.extend(step.findings);
        after = step.next;
        match &after {
            None => break,
            Some(place) => places.push(place.clone()),
        }
    }
    assert_eq!(findings, []);
    assert_eq!((looked_at.subnets, looked_at.blocks, looked_at.addresses, looked_at.quotas), (2, 3, 1400, 1));
    assert_eq!(places.last(), Some(&AuditPlace::Quota(None)));
    let holders = ledger.rows::<FixedIp>().filter(|row| matches!(row.holder, Holder::Port(_)));
    assert_eq!(holders.count(), 1400);
}

/// A ledger in memory of which the row of an address that rests is lost.
#[test]
fn of_a_journal_that_was_forgotten_as_a_whole_nothing_is_known_before_the_present() {
    let second = std::time::Duration::from_secs(1);
    let mut ledger = empty();
    let resting = SubnetSpec { quarantine: second, ..SubnetSpec::new("10.1.0.0/24".parse().unwrap()) };
    let spec = NetworkSpec { subnets: vec![resting], ..network("private", &[]) };
    let subnet = made(&mut ledger, spec).subnets[0].id;
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let ports = decided(&mut ledger, &deallocation(1)).unwrap().ports;
    let report = HostReport { unplugged: ports, ..HostReport::default() };
    decided(&mut ledger, &ReportHost { host: host(), report }).unwrap();
    ledger.append(JournalEntry {
        at: ledger.now(),
        actor: "nova".to_owned(),
        request_id: None,
        call: "DeallocateForInstance".into(),
        events: vec![Event::new("instance.deallocated")],
    });
    let address = at("10.1.0.2");
    ledger.end::<FixedIp>(&(subnet, address));
    ledger.keep();
    ledger.restart(ledger.now().after(second), [8; 32]);

    let repair =
        RepairFinding { class: FindingClass::LeakedAddress, thing: AuditedThing::Address(subnet, address) };
    let rehearsed = ledger.rehearse(0, |ledger| repair.decide(ledger)).unwrap();
    assert_eq!(rehearsed.finding.map(|finding| finding.repair), Some(Repair::GiveBack));
    assert!(ledger.forget_events(ledger.now()) > 0);
    let refusal = decided(&mut ledger, &repair).unwrap_err();
    assert!(refusal.to_string().contains("does not reach back"), "{refusal}");
}

#[test]
fn a_class_is_read_by_its_name() {
    for class in FindingClass::ALL {
        assert_eq!(class.to_string().parse(), Ok(*class));
    }
    let error = "LOST".parse::<FindingClass>().unwrap_err().to_string();
    assert!(error.contains("LOST") && error.contains("LEAKED_ADDRESS, UNMARKED_ADDRESS"), "{error}");
}
