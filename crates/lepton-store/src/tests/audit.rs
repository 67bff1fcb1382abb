//! Audits on every store: a sound ledger has no findings, what is made wrong behind the store's back is found, and it is mended on
//! proof alone.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use futures_util::future::join_all;
use lepton_ipam::SubnetSpec;
use lepton_ledger::{
    AddressOwner, AllocateFloatingIp, AuditLedger, AuditedThing, Block, Envelope, Finding, FindingClass,
    Holder, LookedAt, Place, Proof, ReleaseFloatingIp, RemoveFixedIp, Repair, RepairFinding, Repaired,
    ReportHost, ReserveFixedIp, Scope, SubnetFigures, SweepQuarantine,
};
use lepton_types::{
    AddressMode, AddressPool, HostReport, PortReport, PortStatus, Resource, SubnetId, Timestamp,
};

use super::{
    fixed_ips::{lease, release},
    floating_ips::pool,
    harness::{
        Kind, Subject, allocation, each_database, each_store, fixed_ips, host, instance, network, reason,
        refusal, requested, subnet,
    },
    sound::{Dump, assert_sound},
};
use crate::{
    Store, SubmitError,
    sql::{Value, address_bytes},
};

/// As long as any DHCP server lets a guest have an address.
const LONGEST_LEASE: Duration = Duration::from_hours(30 * 24);

/// What all steps of an audit have found.
#[derive(Default)]
pub(super) struct Audited {
    pub(super) findings: Vec<Finding>,
    pub(super) figures: BTreeMap<SubnetId, SubnetFigures>,
    pub(super) looked_at: LookedAt,
    pub(super) steps: usize,
}

/// Audits the whole ledger.
pub(super) async fn audit(store: &Store) -> Audited {
    let (mut audited, mut after) = (Audited::default(), None);
    loop {
        let step = store.ask(AuditLedger { after }).await.unwrap();
        audited.steps += 1;
        audited.findings.extend(step.findings);
        audited.looked_at.add(&step.looked_at);
        for part in step.subnets {
            let id = part.subnet;
            audited.figures.entry(id).and_modify(|sum| sum.add(&part)).or_insert(part);
        }
        after = step.next;
        if after.is_none() {
            return audited;
        }
    }
}

/// Fails unless an audit finds nothing, and all that it counts is what a dump has.
pub(super) async fn assert_audited(store: &Store, dump: &Dump) {
    let audited = audit(store).await;
    assert_eq!(audited.findings, []);
    assert_eq!(audited.figures.len(), dump.subnets.len());
    assert_eq!(audited.looked_at.blocks, dump.blocks.len() as u64);
    assert_eq!(audited.looked_at.addresses, (dump.fixed_ips.len() + dump.floating_ips.len()) as u64);
    assert_eq!(audited.looked_at.quotas, dump.quotas.len() as u64);
    for figures in audited.figures.values() {
        let SubnetFigures { size, free, held, reserved, resting, floating, kept, outside, .. } = figures;
        let had = u128::from(held + reserved + resting + floating + kept - outside);
        if figures.is_pooled {
            assert_eq!(free + had, *size, "{figures:?}");
        }
        let rows = dump.fixed_ips.iter().filter(|row| row.subnet == figures.subnet);
        assert_eq!(rows.filter(|row| row.holder.port().is_some()).count() as u64, *held, "{figures:?}");
    }
}

async fn repair(store: &Store, class: FindingClass, thing: AuditedThing) -> Result<Repaired, SubmitError> {
    store.submit(RepairFinding { class, thing }, Envelope::of("operator")).await.map(|reply| reply.answer)
}

/// Does something behind the store's back.
pub(super) async fn behind(subject: &Subject, sql: &'static str, values: Vec<Value>) {
    let mut tx = subject.engine().write().await.unwrap();
    assert_eq!(tx.execute(sql, values).await.unwrap(), 1, "{sql}");
    tx.commit().await.unwrap();
}

fn at(address: &str) -> IpAddr {
    address.parse().unwrap()
}

/// The block of an address, with a bit turned over, and its count with it.
async fn turn(subject: &Subject, subnet: SubnetId, address: &str) {
    let dump = subject.dump().await;
    let (address, spec) = (at(address), dump.subnets.iter().find(|row| row.id == subnet).unwrap());
    let first = Block::start_of(address);
    let mut block =
        dump.blocks.into_iter().find(|row| (row.subnet(), row.first()) == (subnet, first)).unwrap();
    if !block.take(address) {
        assert!(block.release(spec, address));
    }
    behind(
        subject,
        "update blocks set taken = $1, free = $2 where subnet_id = $3 and first = $4",
        vec![
            block.to_bytes().to_vec().into(),
            i64::from(block.free()).into(),
            subnet.as_uuid().into(),
            address_bytes(first).into(),
        ],
    )
    .await;
}

/// Networks of every kind, instances that came and went, addresses that rest, are kept and were asked for, and floating IPs.
async fn busy(subject: &Subject) -> (SubnetId, SubnetId) {
    let resting = SubnetSpec { quarantine: Duration::from_secs(60), ..subnet("10.1.0.0/22") };
    let made = subject.create(network("private", vec![resting, subnet("fd00:1::/64")])).await;
    let pooled = SubnetSpec { mode: Some(AddressMode::Pool), ..subnet("fd00:2::/64") };
    subject.create(network("second", vec![subnet("10.2.0.0/28"), pooled])).await;
    subject.submit(pool("nova", &["172.24.4.1-172.24.4.40"])).await.unwrap();
    join_all((1..=13).map(|number| subject.allocate(number))).await;
    for number in [2, 5, 6] {
        subject.end(number).await;
    }
    subject.deallocate(7).await;
    subject.allocate_at(21, made.network.id, "10.1.3.9").await.unwrap();
    let reserve = ReserveFixedIp {
        place: Place::Network(made.network.id),
        address: at("10.1.2.77"),
        reason: "printer".parse().unwrap(),
    };
    subject.submit(reserve).await.unwrap();
    for _ in 0..3 {
        let wish = AllocateFloatingIp {
            project: Some("p1".parse().unwrap()),
            pool: "nova".parse().unwrap(),
            address: None,
            scope: Scope::Everything,
        };
        subject.submit(wish).await.unwrap();
    }
    let range = subject.dump().await.floating_ranges[0].subnet;
    (made.subnets.iter().find(|subnet| subnet.cidr.to_string().starts_with("10.")).unwrap().id, range)
}

#[tokio::test]
async fn a_sound_ledger_has_no_findings_and_its_figures_add_up() {
    each_store(async |subject| {
        let empty = audit(subject.store()).await;
        assert_eq!((empty.findings.len(), empty.figures.len()), (0, 0));
        busy(subject).await;
        assert_audited(subject.store(), &subject.dump().await).await;
        subject.advance(Duration::from_secs(3600));
        subject.submit(SweepQuarantine).await.unwrap();
        assert_audited(subject.store(), &subject.dump().await).await;
    })
    .await;
}

/// More subnets than a step looks at, and one with more blocks, and with more rows in none, than it does.
#[tokio::test]
async fn a_large_ledger_is_looked_at_step_by_step() {
    each_store(async |subject| {
        // Each lies in two blocks.
        let pieces = (0..60).map(|piece| AddressPool {
            first: at(&format!("10.1.{}.255", 4 * piece)),
            last: at(&format!("10.1.{}.0", 4 * piece + 1)),
        });
        let pieces = SubnetSpec { pools: pieces.collect(), ..subnet("10.1.0.0/16") };
        let pieces = subject.create(network("pieces", vec![pieces])).await.network.id;
        for number in 0..20 {
            subject.network(&format!("small-{number}"), &[&format!("10.2.{number}.0/28")]).await;
        }
        let wish = |number| allocation(number, vec![requested(pieces, &[])]);
        let given = join_all((1..=120).map(|number| subject.submit(wish(number)))).await;
        assert!(given.iter().all(Result::is_ok));
        let audited = audit(subject.store()).await;
        assert!(audited.steps >= 6, "{} steps", audited.steps);
        assert_audited(subject.store(), &subject.dump().await).await;
        assert_eq!(audited.looked_at.blocks, 120);
    })
    .await;
}

/// Finds one thing, as it should be, and mends it; then all is sound.
async fn found_and_mended(subject: &Subject, class: FindingClass, thing: AuditedThing, proof: &Proof) {
    let found = audit(subject.store()).await.findings;
    let [found] = &found[..] else { panic!("{found:?}") };
    assert_eq!((found.class, &found.thing, &found.proof), (class, &thing, proof));
    assert!(found.repair.is_known(), "{found:?}");

    let before = subject.dump().await;
    let command = RepairFinding { class, thing: thing.clone() };
    let foretold = subject.store().rehearse(command, Envelope::of("operator")).await.unwrap();
    assert_eq!((foretold.finding.as_ref(), subject.dump().await), (Some(found), before));
    let mended = repair(subject.store(), class, thing.clone()).await.unwrap();
    assert_eq!(mended.finding.as_ref(), Some(found));
    let dump = subject.dump().await;
    assert_sound(&dump);
    assert_audited(subject.store(), &dump).await;
    let again = repair(subject.store(), class, thing).await.unwrap();
    assert_eq!((again.finding, subject.dump().await), (None, dump), "what is not there is not mended");
}

#[tokio::test]
async fn counters_that_are_wrong_are_found_and_counted_again() {
    each_database(async |subject| {
        let (private, range) = busy(subject).await;
        behind(
            subject,
            "update blocks set free = 3 where subnet_id = $1 and first = $2",
            vec![private.as_uuid().into(), address_bytes(at("10.1.0.0")).into()],
        )
        .await;
        let dump = subject.dump().await;
        let block = dump.blocks.iter().find(|row| row.first() == at("10.1.0.0")).unwrap();
        let proof = Proof::Counts { kept: 3, counted: block.free().into() };
        let thing = AuditedThing::Address(private, at("10.1.0.0"));
        found_and_mended(subject, FindingClass::MiscountedBlock, thing, &proof).await;

        behind(
            subject,
            "update floating_ranges set allocated = 9 where subnet_id = $1",
            vec![range.as_uuid().into()],
        )
        .await;
        let proof = Proof::Counts { kept: 9, counted: 3 };
        found_and_mended(subject, FindingClass::MiscountedRange, AuditedThing::Range(range), &proof).await;

        let had = *dump.quotas[0].used.of(Resource::FixedIps);
        behind(
            subject,
            "update quotas set fixed_ips_used = fixed_ips_used + 2 where project_id = $1",
            vec!["p1".into()],
        )
        .await;
        let proof = Proof::Counts { kept: had + 2, counted: had };
        let thing = AuditedThing::Quota("p1".parse().unwrap(), Resource::FixedIps);
        found_and_mended(subject, FindingClass::MiscountedQuota, thing.clone(), &proof).await;
        // What was not counted may be more than the project may have.
        behind(
            subject,
            "update quotas set fixed_ips_used = 1, fixed_ips_limit = 1 where project_id = $1",
            vec!["p1".into()],
        )
        .await;
        let proof = Proof::Counts { kept: 1, counted: had };
        found_and_mended(subject, FindingClass::MiscountedQuota, thing, &proof).await;
    })
    .await;
}

#[tokio::test]
async fn an_address_that_somebody_has_and_that_is_not_marked_is_found_and_marked() {
    each_database(async |subject| {
        let (private, range) = busy(subject).await;
        let dump = subject.dump().await;
        for (subnet, address) in [(private, "10.1.0.3"), (private, "10.1.3.9"), (range, "172.24.4.1")] {
            turn(subject, subnet, address).await;
            let fixed = dump.fixed_ips.iter().find(|row| (row.subnet, row.address) == (subnet, at(address)));
            let owner = match fixed {
                Some(row) => row.into(),
                None => AddressOwner::Project("p1".parse().unwrap()),
            };
            let thing = AuditedThing::Address(subnet, at(address));
            found_and_mended(subject, FindingClass::UnmarkedAddress, thing, &Proof::Owner(owner)).await;
        }
    })
    .await;
}

/// 10.1.0.3 was instance 2's, whose port is gone; 10.1.0.60 was nobody's; and the row of 10.1.0.2, which instance 1 has, is lost.
#[tokio::test]
async fn a_leaked_address_is_given_back_on_proof_alone() {
    each_database(async |subject| {
        let (private, _) = busy(subject).await;
        let sound = subject.dump().await;
        let class = FindingClass::LeakedAddress;
        let leak = |address| AuditedThing::Address(private, at(address));

        // Its rest is lost, and not its bit.
        behind(
            subject,
            "delete from fixed_ips where subnet_id = $1 and address = $2 and port_id is null",
            vec![private.as_uuid().into(), address_bytes(resting(&sound, private)).into()],
        )
        .await;
        let address = resting(&sound, private).to_string();
        let found = audit(subject.store()).await.findings;
        assert_eq!(found.len(), 1);
        assert!(matches!(&found[0].proof, Proof::NoOwner { last: Some(last), .. } if last.port.is_some()));
        assert_eq!(found[0].repair, Repair::GiveBack);
        let mended = repair(subject.store(), class, leak(&address)).await.unwrap();
        assert_eq!(mended.finding.as_ref(), Some(&found[0]));
        assert_audited(subject.store(), &subject.dump().await).await;
        let row = |dump: &Dump| dump.fixed_ips.iter().any(|row| row.address == at(&address));
        assert!(row(&subject.dump().await), "it rests");
        subject.advance(Duration::from_secs(61));
        subject.submit(SweepQuarantine).await.unwrap();
        assert!(!row(&subject.dump().await));

        turn(subject, private, "10.1.0.60").await;
        let before = subject.dump().await;
        let found = audit(subject.store()).await.findings;
        assert!(matches!(found[0].proof, Proof::NoOwner { last: None, .. }), "{found:?}");
        assert_eq!(reason(repair(subject.store(), class, leak("10.1.0.60")).await), "REPAIR_NOT_PROVEN");
        assert_eq!(subject.dump().await, before);
        turn(subject, private, "10.1.0.60").await;
    })
    .await;
}

/// An address of the subnet that rests.
fn resting(dump: &Dump, subnet: SubnetId) -> IpAddr {
    let mut rows = dump.fixed_ips.iter().filter(|row| row.subnet == subnet && row.holder.port().is_none());
    rows.find(|row| row.address < at("10.1.1.0")).unwrap().address
}

/// Its host has followed the removal, so it rests, and its row is lost then.
#[tokio::test]
async fn an_address_that_was_lost_while_it_rested_is_given_back() {
    each_database(async |subject| {
        let resting = SubnetSpec { quarantine: Duration::from_secs(60), ..subnet("10.1.0.0/24") };
        let made = subject.create(network("private", vec![resting])).await;
        let id = subject.allocate_at(1, made.network.id, "10.1.0.9").await.unwrap().vifs[0].id;
        subject.advance(Duration::from_secs(1));
        let removal = RemoveFixedIp {
            instance: instance(1),
            address: at("10.1.0.9"),
            network: None,
            only_on: None,
            scope: Scope::Everything,
            domain: None,
        };
        subject.submit(removal).await.unwrap();
        let revision = subject.feed().await.revision;
        let filtered = PortReport { id, status: PortStatus::Active, filtered_at: Some(revision) };
        let report = HostReport { ports: vec![filtered], revision, ..HostReport::default() };
        subject.advance(Duration::from_secs(1));
        subject.submit(ReportHost { host: host(), report }).await.unwrap();
        let begun = lose_and_give_back(subject, made.subnets[0].id, "10.1.0.9").await;
        assert_eq!(rests_until(subject, "10.1.0.9").await, begun.after(Duration::from_secs(60)));
        subject.end(1).await;
    })
    .await;
}

/// Its port is gone, and what the journal tells last is that the guest gave back its lease.
#[tokio::test]
async fn an_address_whose_lease_was_given_back_while_it_rested_is_given_back() {
    each_database(async |subject| {
        let resting = SubnetSpec { quarantine: Duration::from_secs(60), ..subnet("10.1.0.0/24") };
        let made = subject.create(network("private", vec![resting])).await;
        let mac = subject.allocate_at(1, made.network.id, "10.1.0.9").await.unwrap().vifs[0].mac;
        subject.submit(lease("10.1.0.9", mac)).await.unwrap();
        subject.end(1).await;
        let ended_at = subject.now();
        subject.advance(Duration::from_secs(1));
        subject.submit(release("10.1.0.9", mac)).await.unwrap();
        lose_and_give_back(subject, made.subnets[0].id, "10.1.0.9").await;
        assert_eq!(rests_until(subject, "10.1.0.9").await, ended_at.after(LONGEST_LEASE));
    })
    .await;
}

/// The journal tells of the first lease alone, which is long ago.
#[tokio::test]
async fn an_address_may_be_leased_when_the_journal_does_not_reach_back_to_its_holders_beginning() {
    each_database(async |subject| {
        let made = subject.network("private", &["10.1.0.0/24"]).await;
        let private = made.subnets[0].id;
        let mac = subject.allocate_at(1, made.network.id, "10.1.0.9").await.unwrap().vifs[0].mac;
        subject.submit(lease("10.1.0.9", mac)).await.unwrap();
        subject.advance(Duration::from_secs(3600));
        subject.network("other", &[]).await;
        while subject.store().forget_events(Duration::from_secs(60)).await.unwrap() > 0 {}
        subject.submit(lease("10.1.0.9", mac)).await.unwrap();
        subject.end(1).await;
        let ended_at = lose_and_give_back(subject, private, "10.1.0.9").await;
        assert_eq!(rests_until(subject, "10.1.0.9").await, ended_at.after(LONGEST_LEASE));
    })
    .await;
}

/// Loses the row of an address that rests, and gives the address back; answers when.
async fn lose_and_give_back(subject: &Subject, subnet: SubnetId, address: &str) -> Timestamp {
    let sql = "delete from fixed_ips where subnet_id = $1 and address = $2 and port_id is null";
    behind(subject, sql, vec![subnet.as_uuid().into(), address_bytes(at(address)).into()]).await;
    let found = audit(subject.store()).await.findings;
    let [found] = &found[..] else { panic!("{found:?}") };
    let mended = repair(subject.store(), found.class, found.thing.clone()).await.unwrap();
    assert_eq!(mended.finding.as_ref(), Some(found));
    assert_audited(subject.store(), &subject.dump().await).await;
    subject.now()
}

async fn rests_until(subject: &Subject, address: &str) -> Timestamp {
    let rows = subject.dump().await.fixed_ips;
    let row = rows.iter().find(|row| row.address == at(address)).unwrap();
    let Holder::Quarantine(until) = row.holder else { panic!("{row:?}") };
    until
}

/// Its former holder has ended; but it was given on, and the row that says so is what is lost.
#[tokio::test]
async fn an_address_whose_row_is_lost_is_not_taken_from_its_holder() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |_| {}).await;
        let made = subject.network("private", &["10.1.0.0/24"]).await;
        subject.allocate_at(1, made.network.id, "10.1.0.9").await.unwrap();
        subject.end(1).await;
        subject.allocate_at(2, made.network.id, "10.1.0.9").await.unwrap();
        behind(
            &subject,
            "delete from fixed_ips where address = $1",
            vec![address_bytes(at("10.1.0.9")).into()],
        )
        .await;
        let found = audit(subject.store()).await.findings;
        let classes: Vec<_> = found.iter().map(|finding| finding.class).collect();
        assert_eq!(classes, [FindingClass::LeakedAddress, FindingClass::MiscountedQuota]);
        let outcome = repair(subject.store(), found[0].class, found[0].thing.clone()).await;
        let refused = refusal(outcome);
        assert_eq!(refused.reason(), "REPAIR_NOT_PROVEN");
        assert!(refused.to_string().contains("port.created"), "{refused}");

        // Nobody remembers who was given what.
        subject.advance(Duration::from_secs(60));
        while subject.store().forget_events(Duration::ZERO).await.unwrap() > 0 {}
        let outcome = repair(subject.store(), found[0].class, found[0].thing.clone()).await;
        let refused = refusal(outcome).to_string();
        assert!(refused.contains("does not reach back"), "{refused}");
    }
}

#[tokio::test]
async fn a_leaked_floating_ip_is_given_back_when_the_journal_says_that_it_was_released() {
    each_database(async |subject| {
        let (_, range) = busy(subject).await;
        let address = subject.dump().await.floating_ips[0].address;
        let thing = || AuditedThing::Address(range, address);
        let class = FindingClass::LeakedAddress;
        let release = ReleaseFloatingIp {
            address,
            disassociates: false,
            affects_auto_assigned: false,
            scope: Scope::Everything,
        };
        subject.submit(release).await.unwrap();
        turn(subject, range, &address.to_string()).await;
        let found = audit(subject.store()).await.findings;
        assert_eq!((found.len(), &found[0].thing, &found[0].repair), (1, &thing(), &Repair::GiveBack));
        assert!(repair(subject.store(), class, thing()).await.unwrap().finding.is_some());
        assert_audited(subject.store(), &subject.dump().await).await;
    })
    .await;
}

#[tokio::test]
async fn a_block_that_is_missing_is_found_and_not_made_up() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |_| {}).await;
        let made = subject.network("private", &["10.1.0.0/22"]).await;
        join_all((1..=300).map(|number| subject.allocate(number))).await;
        behind(&subject, "delete from blocks where first = $1", vec![address_bytes(at("10.1.0.0")).into()])
            .await;
        let found = audit(subject.store()).await.findings;
        let thing = AuditedThing::Address(made.subnets[0].id, at("10.1.0.0"));
        assert_eq!((found.len(), found[0].class, &found[0].thing), (1, FindingClass::MissingBlock, &thing));
        assert_eq!(reason(repair(subject.store(), found[0].class, thing).await), "REPAIR_NOT_PROVEN");
    }
}

/// Both managers allocate while counters and a leaked address are mended again and again, which then count right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repairs_and_allocations_at_once_leave_the_ledger_sound() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |config| config.batch_limit = 8).await;
        let made = subject.network("private", &["10.1.0.0/23"]).await;
        let private = made.subnets[0].id;
        let other = subject.another().await.unwrap();
        join_all((1..=20).map(|number| subject.allocate(number))).await;
        let leaked = fixed_ips(&subject.allocate(21).await.unwrap()).remove(0);
        subject.end(21).await;
        turn(&subject, private, &leaked).await;
        behind(&subject, "update quotas set ports_used = 77 where project_id = $1", vec!["p1".into()]).await;
        behind(&subject, "update blocks set free = 1 where subnet_id = $1", vec![private.as_uuid().into()])
            .await;
        let quota = AuditedThing::Quota("p1".parse().unwrap(), Resource::Ports);
        let block = AuditedThing::Address(private, at("10.1.0.0"));
        let address = AuditedThing::Address(private, at(&leaked));
        let wanted = [
            (FindingClass::MiscountedQuota, quota),
            (FindingClass::MiscountedBlock, block),
            (FindingClass::LeakedAddress, address),
        ];
        let repairs = join_all((0..12).map(|number| {
            let (class, thing) = wanted[number % 3].clone();
            repair(if number % 2 == 0 { subject.store() } else { &other }, class, thing)
        }));
        let changes = join_all((100..180_u128).map(|number| {
            let store = if number % 2 == 0 { subject.store() } else { &other };
            store.submit(allocation(number, vec![]), Envelope::anonymous())
        }));
        let (repairs, changes) = tokio::join!(repairs, changes);
        assert!(repairs.iter().all(Result::is_ok), "{kind:?}: {repairs:?}");
        assert!(changes.iter().all(Result::is_ok), "{kind:?}");
        let dump = subject.dump().await;
        assert_sound(&dump);
        assert_audited(subject.store(), &dump).await;
        other.close().await;
    }
}
