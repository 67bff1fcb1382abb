//! What has ended is kept with the time in which it was true.

mod held;

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use futures_util::future::{join, join_all};
use lepton_ipam::SubnetSpec;
use lepton_ledger::{
    AllocateForInstance, DeleteNetwork, End, Envelope, Held, Holdable, Holder, HolderPage, ListHolders,
    ModifyNetwork, NetworkSpec, RemoveFixedIp, ReportHost, Scope, When,
};
use lepton_types::{HostReport, PortId, PortReport, PortStatus, ProjectId, Timestamp};

use super::{
    each_store, floating_ips,
    harness::{
        Kind, Subject, allocation, deallocation, each_database, fixed_ips, host, instance, network, reason,
        subnet,
    },
    locks::{BLOCKS, until_somebody_waits},
    migrations::{finish, start},
    modified::untouched,
    sound::{Dump, assert_sound},
    subnets::{addition, moved_to},
};

pub(super) use self::held::{assert_told_alike, instances_in};

/// Who waits until another manager has taken an address back gets it from then on, not from when it began to wait.
#[tokio::test]
async fn who_waits_for_what_others_hold_begins_when_it_has_it() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    subject.network("private", &["10.1.0.0/24"]).await;
    subject.allocate(1).await.unwrap();
    let engine = subject.engine();
    let mut holder = engine.write().await.unwrap();
    holder.fetch(BLOCKS, Vec::new()).await.unwrap();
    let meanwhile = async {
        until_somebody_waits(engine).await;
        subject.advance(Duration::from_secs(1));
        holder.rollback().await.unwrap();
    };
    let began = subject.now();
    let (allocated, ()) = join(subject.allocate(2), meanwhile).await;
    allocated.unwrap();
    let since = |dump: &Dump| dump.fixed_ips.iter().map(|row| row.since).max().unwrap();
    assert_eq!(since(&subject.dump().await), began.after(Duration::from_secs(1)));
}

/// Of each of two managers by the system's clock, which tests of other things do not have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_managers_pass_addresses_on_and_each_is_one_ports_at_a_time() {
    let mut subject = Subject::open(Kind::Postgres, |config| config.batch_limit = 4).await;
    subject.network("tiny", &["10.1.0.0/29"]).await;
    subject.observed_by(Arc::new(())).await;
    let other = crate::Store::open(&subject.config, Arc::new(())).await.unwrap();
    let stores = [subject.store(), &other];
    let lives = (0..8_u128).map(async |number| {
        for round in 0..20 {
            let store = stores[round % 2];
            let born = store.submit(allocation(number, vec![]), Envelope::anonymous()).await;
            if let Err(refused) = born {
                assert_eq!(reason::<()>(Err(refused)), "NO_MORE_FIXED_IPS");
                continue;
            }
            let ended = store.submit(deallocation(number), Envelope::anonymous()).await.unwrap();
            let report = HostReport { unplugged: ended.answer.ports, ..HostReport::default() };
            let unplugged = ReportHost { host: host(), report };
            stores[(round + 1) % 2].submit(unplugged, Envelope::anonymous()).await.unwrap();
        }
    });
    join_all(lives).await;
    assert_sound(&subject.dump().await);
    assert!(subject.dump().await.history.fixed_ips.len() > 40);
}

/// The clock of a host is set back while an instance lives.
#[tokio::test]
async fn nothing_ends_before_it_began_whatever_the_clock_says() {
    each_database(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.advance(MINUTE);
        subject.allocate(1).await.unwrap();
        let short_lived = subject.network("short-lived", &[]).await.network.id;
        subject.set_back(MINUTE);
        subject.reopen().await;
        subject.end(1).await;
        subject.submit(DeleteNetwork { network: short_lived, scope: Scope::Everything }).await.unwrap();
        let dump = subject.dump().await;
        assert_sound(&dump);
        assert!(dump.history.networks.iter().all(|(network, ended)| network.created_at <= *ended));
        assert_eq!(dump.history.networks.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn who_had_an_address_when_is_told_by_its_intervals() {
    each_database(async |subject| {
        let spec = SubnetSpec { quarantine: Duration::from_secs(60), ..subnet("10.1.0.0/24") };
        subject.create(network("private", vec![spec])).await;
        let hour = Duration::from_secs(3600);
        let mut expected = Vec::new();
        for number in 1..=3 {
            let since = subject.now();
            let info = subject.allocate(number).await.unwrap();
            assert_eq!(fixed_ips(&info), ["10.1.0.2"]);
            subject.advance(hour);
            let released = subject.deallocate(number).await;
            let released_at = subject.now();
            subject.advance(hour);
            subject.unplug(released.ports.clone()).await;
            expected.push((released.ports[0], since, released_at, subject.now()));
            subject.advance(hour);
            assert_eq!(subject.submit(lepton_ledger::SweepQuarantine).await.unwrap(), 1);
        }
        let history = subject.dump().await.history;
        let addresses: Vec<_> =
            history.fixed_ips.iter().map(|(row, ended)| (row.holder.clone(), row.since, *ended)).collect();
        let wanted: Vec<_> =
            expected.iter().map(|(port, since, _, ended)| (Holder::Port(*port), *since, *ended)).collect();
        assert_eq!(
            addresses, wanted,
            "a port has its address until it is unplugged; resting is nobody's time"
        );
        let ports: Vec<_> =
            history.ports.iter().map(|(row, ended)| (row.id, row.created_at, *ended)).collect();
        let wanted: Vec<_> = expected.iter().map(|(port, since, _, ended)| (*port, *since, *ended)).collect();
        assert_eq!(ports, wanted);
        let lives: Vec<_> = history.instances.iter().map(|(row, ended)| (row.created_at, *ended)).collect();
        let wanted: Vec<_> = expected.iter().map(|(_, since, released, _)| (*since, *released)).collect();
        assert_eq!(lives, wanted);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_network_is_remembered_with_its_subnets() {
    each_database(async |subject| {
        let made = subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await;
        subject.advance(Duration::from_secs(5));
        subject.submit(DeleteNetwork { network: made.network.id, scope: Scope::Everything }).await.unwrap();
        let history = subject.dump().await.history;
        assert_eq!(history.networks, [(made.network, subject.now())]);
        let mut subnets: Vec<_> = history.subnets.into_iter().map(|(row, _)| row).collect();
        subnets.sort_by_key(|subnet| subnet.family());
        assert_eq!(subnets, made.subnets);
    })
    .await;
}

#[tokio::test]
async fn what_a_network_and_its_gateway_were_before_is_remembered() {
    each_database(async |subject| {
        let made = subject.network("private", &["10.1.0.0/24"]).await;
        let (network, subnet) = (made.network.id, made.subnets[0].id);
        subject.advance(Duration::from_secs(5));
        let project = Some("p1".parse().ok());
        subject.submit(ModifyNetwork { project, ..untouched(network) }).await.unwrap();
        let until = subject.now();
        subject.submit(addition(network, "10.2.0.0/24")).await.unwrap();
        subject.advance(Duration::from_secs(5));
        subject.submit(moved_to(subnet, "10.1.0.9")).await.unwrap();
        let history = subject.dump().await.history;
        assert_eq!(
            history.networks,
            [(made.network, until)],
            "whose it was; that it has a subnet more is no change"
        );
        assert_eq!(history.subnets, [(made.subnets[0].clone(), subject.now())]);
    })
    .await;
}

#[tokio::test]
async fn what_was_refused_leaves_no_history() {
    each_database(async |subject| {
        subject.network("tight", &["10.1.0.0/30"]).await;
        subject.allocate(1).await.unwrap();
        let before = subject.dump().await;
        assert!(subject.allocate(2).await.is_err());
        assert_eq!(subject.dump().await, before);
    })
    .await;
}

#[tokio::test]
async fn what_ended_long_ago_is_forgotten_in_pieces() {
    each_store(async |subject| {
        let day = Duration::from_secs(24 * 60 * 60);
        let doomed = subject.network("doomed", &["10.9.0.0/24", "fd00:9::/64"]).await.network.id;
        subject.submit(DeleteNetwork { network: doomed, scope: Scope::Everything }).await.unwrap();
        subject.network("private", &["10.1.0.0/16"]).await;
        live_and_end(subject, 1..=1100).await;
        subject.advance(day);
        live_and_end(subject, 1..=2).await;
        let (whole, kept) = (subject.dump().await, subject.kind.is_durable());
        assert_eq!(forget(subject, day).await, (0, 0), "nothing has ended longer than a day ago");

        subject.advance(Duration::from_secs(1));
        // 1100 addresses, ports and lives, two pieces each; the network and its subnets, one piece each.
        // In memory nobody asks about lives and networks, so they are not kept.
        assert_eq!(forget(subject, day).await, if kept { (3303, 8) } else { (2200, 3) });
        let left = subject.dump().await;
        let history = &left.history;
        let young = if kept { 2 } else { 0 };
        assert_eq!(
            (history.fixed_ips.len(), history.ports.len(), history.instances.len()),
            (young, young, young)
        );
        assert_eq!((history.networks.len(), history.subnets.len()), (0, 0));
        assert_eq!(Dump { history: whole.history.clone(), ..left }, whole, "nothing else goes");
    })
    .await;
}

/// Instances that live and end, all at one moment.
async fn live_and_end(subject: &Subject, numbers: RangeInclusive<u128>) {
    let lives = join_all(numbers.clone().map(|number| subject.allocate(number))).await;
    assert!(lives.iter().all(Result::is_ok));
    let ended = join_all(numbers.map(|number| subject.deallocate(number))).await;
    subject.unplug(ended.into_iter().flat_map(|released| released.ports).collect()).await;
}

/// Forgets what ended longer ago than that; answers how much it was, and in how many pieces.
async fn forget(subject: &Subject, age: Duration) -> (u64, usize) {
    let (mut forgotten, mut pieces) = (0, 0);
    loop {
        match subject.store().forget_history(age).await.unwrap() {
            0 => return (forgotten, pieces),
            count => {
                assert!(count <= 1024, "{count} at once");
                forgotten += count;
                pieces += 1;
            }
        }
    }
}

#[tokio::test]
async fn lives_and_networks_are_counted_on_when_the_history_is_forgotten() {
    each_store(async |subject| {
        let older = subject.network("older", &["10.8.0.0/24"]).await.network;
        let newer = subject.network("newer", &["10.9.0.0/24"]).await.network;
        subject.submit(DeleteNetwork { network: newer.id, scope: Scope::Everything }).await.unwrap();
        live_and_end(subject, 1..=1).await;
        live_and_end(subject, 1..=1).await;
        subject.advance(Duration::from_secs(1));
        forget(subject, Duration::ZERO).await;
        let history = subject.dump().await.history;
        assert_eq!((history.instances.len(), history.networks.len()), (0, 0));
        if subject.kind.is_durable() {
            subject.reopen().await;
        }
        assert_eq!(subject.allocate(1).await.unwrap().incarnation, 3);
        let newest = subject.network("newest", &[]).await.network;
        assert_eq!((older.sequence, newer.sequence, newest.sequence), (1, 2, 3));
    })
    .await;
}

/// The instance lives and ends twice in one batch, each time after its ports of the life before.
#[tokio::test]
async fn lives_that_begin_and_end_in_one_batch_are_counted_too() {
    each_store(async |subject| {
        subject.take_told();
        let end = || subject.submit(deallocation(1));
        let lives = tokio::join!(subject.allocate(1), end(), subject.allocate(1), end());
        assert_eq!((lives.0.unwrap().incarnation, lives.2.unwrap().incarnation), (1, 2));
        assert_eq!(subject.batches_told(), 1);
        assert_eq!(subject.allocate(1).await.unwrap().incarnation, 3);
    })
    .await;
}

const MINUTE: Duration = Duration::from_secs(60);

/// Who ever held it, whoever asks.
pub(super) fn of(of: Held) -> ListHolders {
    let when = When::Within { since: None, until: None };
    ListHolders { of, when, project: None, after: None, limit: 100, scope: Scope::Everything }
}

fn of_address(address: &str) -> ListHolders {
    of(Held::Address(address.parse().unwrap()))
}

async fn ask(subject: &Subject, question: ListHolders) -> HolderPage {
    subject.store().ask(question).await.unwrap()
}

/// Holdings as ports, with since when and until when.
fn told(page: &HolderPage) -> Vec<(Option<PortId>, Timestamp, End)> {
    page.holdings.iter().map(|row| (row.port.as_ref().map(|port| port.id), row.since, row.until)).collect()
}

/// Allocates for an instance of this project.
async fn allocate(subject: &Subject, number: u128, project: &str) -> PortId {
    let project = project.parse().unwrap();
    let command = AllocateForInstance { project, ..allocation(number, vec![]) };
    subject.submit(command).await.unwrap().vifs[0].id
}

#[tokio::test]
async fn an_address_is_a_ports_until_its_host_has_unplugged_it_and_then_the_next_ones() {
    each_store(async |subject| {
        let spec = SubnetSpec { quarantine: MINUTE, ..subnet("10.1.0.0/30") };
        subject.create(network("tiny", vec![spec])).await;
        let begun = subject.now();
        let first = allocate(subject, 1, "p1").await;
        subject.advance(MINUTE);
        let released = subject.deallocate(1).await;
        subject.advance(MINUTE);
        subject.unplug(released.ports).await;
        let unplugged = subject.now();
        // It rests for a minute, which is nobody's time; the next one has it from the very moment on.
        subject.advance(MINUTE);
        let second = allocate(subject, 2, "p2").await;
        let taken = subject.now();
        subject.advance(MINUTE);

        let all = ask(subject, of_address("10.1.0.2")).await;
        let expected = [(Some(first), begun, End::At(unplugged)), (Some(second), taken, End::NotYet)];
        assert_eq!((told(&all), all.next, all.remembered_since), (expected.to_vec(), None, None));
        let life = all.holdings[0].port.as_ref().unwrap();
        assert_eq!((life.instance, life.incarnation, life.has_moved), (instance(1), 1, false));
        for (moment, holder) in [
            (unplugged.before(Duration::from_micros(1)), Some(first)),
            (unplugged, None),
            (taken.before(Duration::from_micros(1)), None),
            (taken, Some(second)),
        ] {
            let page = ask(subject, ListHolders { when: When::At(moment), ..of_address("10.1.0.2") }).await;
            assert_eq!(page.holdings.first().map(|row| row.port.as_ref().unwrap().id), holder, "{moment:?}");
        }
        // Who gets an address after another project learns nothing of it.
        for (project, own) in [("p1", first), ("p2", second)] {
            let scope = Scope::Project(project.parse().unwrap());
            let page = ask(subject, ListHolders { scope, ..of_address("10.1.0.2") }).await;
            assert_eq!(told(&page).iter().map(|row| row.0).collect::<Vec<_>>(), [Some(own)]);
        }
        let nobodys = ask(subject, of_address("10.1.0.1")).await;
        assert_eq!(nobodys, HolderPage::default());
    })
    .await;
}

#[tokio::test]
async fn an_address_that_is_handed_over_in_one_moment_is_the_newcomers_at_it() {
    each_store(async |subject| {
        subject.network("tiny", &["10.1.0.0/30"]).await;
        let mut ports = vec![subject.allocate(1).await.unwrap().vifs[0].id];
        for number in 2..=4 {
            subject.advance(MINUTE);
            subject.end(number - 1).await;
            ports.push(subject.allocate(number).await.unwrap().vifs[0].id);
        }
        let page =
            ask(subject, ListHolders { when: When::At(subject.now()), ..of_address("10.1.0.2") }).await;
        assert_eq!(told(&page), [(Some(ports[3]), subject.now(), End::NotYet)]);
        let all = told(&ask(subject, of_address("10.1.0.2")).await);
        assert_eq!(all.iter().map(|row| row.0.unwrap()).collect::<Vec<_>>(), ports);
        assert!(all.windows(2).all(|pair| pair[0].2 == End::At(pair[1].1)), "{all:?}");
    })
    .await;
}

#[tokio::test]
async fn a_floating_ip_is_told_by_where_it_led() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        let (one, two) = (allocate(subject, 1, "p1").await, allocate(subject, 2, "p1").await);
        let nova = subject.submit(floating_ips::pool("nova", &["172.24.4.1"])).await.unwrap().id;
        let mut moments = vec![subject.now()];
        let address = subject.submit(floating_ips::wish()).await.unwrap().floating_ip.address;
        let mut at = |subject: &Subject| {
            subject.advance(MINUTE);
            moments.push(subject.now());
        };
        at(subject);
        subject.submit(floating_ips::associate(address, 1)).await.unwrap();
        at(subject);
        subject.submit(floating_ips::associate(address, 2)).await.unwrap();
        at(subject);
        subject.submit(floating_ips::disassociate(address)).await.unwrap();
        at(subject);
        subject.submit(floating_ips::release(address)).await.unwrap();
        at(subject);
        subject.submit(floating_ips::wish()).await.unwrap();

        let page = ask(subject, of(Held::Address(address))).await;
        let ends = moments.windows(2).map(|pair| (pair[0], End::At(pair[1])));
        let mut spans: Vec<_> = ends.collect();
        spans.pop();
        spans.push((moments[5], End::NotYet));
        let expected: Vec<_> = [None, Some(one), Some(two), None, None].into_iter().zip(spans).collect();
        let expected: Vec<_> =
            expected.into_iter().map(|(port, (since, until))| (port, since, until)).collect();
        assert_eq!(told(&page), expected);
        let led: Vec<_> = page.holdings.iter().map(|row| row.what).collect();
        let Holdable::FloatingIp { pool, leads_to: Some(leads_to), .. } = led[1] else { panic!("{led:?}") };
        assert_eq!((pool, leads_to.to_string()), (nova, "10.1.0.2".to_owned()));
        let first =
            ask(subject, ListHolders { when: When::At(moments[1]), ..of(Held::Address(address)) }).await;
        assert_eq!(told(&first), expected[1..2]);
    })
    .await;
}

#[tokio::test]
async fn a_port_that_has_moved_is_told_with_its_last_host() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        let vif = subject.allocate(1).await.unwrap().vifs.remove(0);
        subject.submit(start(1, "host-1", "host-2")).await.unwrap();
        subject.submit(finish(1, "host-1", "host-2")).await.unwrap();
        subject.advance(MINUTE);
        let told = |page: HolderPage| {
            let [holding] = &page.holdings[..] else { panic!("{page:?}") };
            let port = holding.port.clone().unwrap();
            (port.id, port.host.to_string(), port.has_moved, holding.until)
        };
        let expected = |until| (vif.id, "host-2".to_owned(), true, until);
        for question in [of_address("10.1.0.2"), of(Held::Mac(vif.mac))] {
            assert_eq!(told(ask(subject, question).await), expected(End::NotYet));
        }
        let ports = subject.deallocate(1).await.ports;
        for host in ["host-1", "host-2"] {
            subject.advance(MINUTE);
            let report =
                HostReport { unplugged: ports.clone(), revision: u64::MAX.into(), ..HostReport::default() };
            subject.submit(ReportHost { host: host.parse().unwrap(), report }).await.unwrap();
        }
        // Both of its hosts have unplugged it.
        let now = End::At(subject.now());
        for question in [of_address("10.1.0.2"), of(Held::Mac(vif.mac))] {
            assert_eq!(told(ask(subject, question).await), expected(now));
        }
    })
    .await;
}

#[tokio::test]
async fn an_address_that_left_a_port_which_stays_was_that_ports() {
    each_store(async |subject| {
        let made = subject.network("private", &["10.1.0.0/24"]).await.network.id;
        let port = subject.allocate(1).await.unwrap().vifs[0].id;
        let begun = subject.now();
        subject.advance(MINUTE);
        let removal = RemoveFixedIp {
            instance: instance(1),
            address: "10.1.0.2".parse().unwrap(),
            network: Some(made),
            only_on: None,
            scope: Scope::Everything,
            domain: None,
        };
        subject.submit(removal).await.unwrap();
        assert_eq!(told(&ask(subject, of_address("10.1.0.2")).await), [(Some(port), begun, End::NotYet)]);
        subject.advance(MINUTE);
        let revision = subject.feed().await.revision;
        let filtered = PortReport { id: port, status: PortStatus::Active, filtered_at: Some(revision) };
        let report = HostReport { ports: vec![filtered], revision, ..HostReport::default() };
        subject.submit(ReportHost { host: host(), report }).await.unwrap();
        let expected = [(Some(port), begun, End::At(subject.now()))];
        assert_eq!(told(&ask(subject, of_address("10.1.0.2")).await), expected, "its host has followed");
        subject.end(1).await;
    })
    .await;
}

#[tokio::test]
async fn pages_of_holders_go_through_all_whatever_their_size() {
    each_store(async |subject| {
        for label in ["a", "b", "c"] {
            let project: Option<ProjectId> = label.parse().ok();
            subject.create(NetworkSpec { project, ..network(label, vec![subnet("10.1.0.0/30")]) }).await;
        }
        // A pool has the same address, which leads nowhere; all of it ends at one moment, twice.
        subject.submit(floating_ips::pool("nova", &["10.1.0.2"])).await.unwrap();
        for round in 0..2 {
            let address = subject.submit(floating_ips::wish()).await.unwrap().floating_ip.address;
            for (number, project) in [(1, "a"), (2, "b"), (3, "c")] {
                allocate(subject, number, project).await;
            }
            subject.advance(MINUTE);
            subject.submit(floating_ips::release(address)).await.unwrap();
            for number in 1..=3 {
                subject.end(number).await;
            }
            assert_eq!(ask(subject, of_address("10.1.0.2")).await.holdings.len(), 4 * (round + 1));
        }
        subject.submit(floating_ips::wish()).await.unwrap();
        for (number, project) in [(1, "a"), (2, "b")] {
            allocate(subject, number, project).await;
        }
        subject.advance(MINUTE);
        let all = ask(subject, of_address("10.1.0.2")).await.holdings;
        assert_eq!(all.len(), 11);
        assert!(all.is_sorted_by_key(|holding| holding.place()));
        for limit in 1..=11 {
            let (mut after, mut seen) = (None, Vec::new());
            loop {
                let page = ask(subject, ListHolders { after, limit, ..of_address("10.1.0.2") }).await;
                assert!(page.holdings.len() <= limit.into());
                seen.extend(page.holdings);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, all, "{limit} a page");
        }
    })
    .await;
}

#[tokio::test]
async fn how_far_back_holders_are_known_is_what_was_really_forgotten() {
    each_store(async |subject| {
        subject.network("tiny", &["10.1.0.0/30"]).await;
        for number in 1..=2 {
            subject.allocate(number).await.unwrap();
            subject.advance(MINUTE);
            subject.end(number).await;
        }
        let ended = subject.now();
        assert_eq!(forget(subject, 2 * MINUTE).await.0, 0);
        assert_eq!(
            ask(subject, of_address("10.1.0.2")).await.remembered_since,
            None,
            "nothing was old enough"
        );
        subject.advance(Duration::from_secs(1));
        forget(subject, Duration::from_secs(1)).await;
        let page = ask(subject, of_address("10.1.0.2")).await;
        assert_eq!((page.holdings.len(), page.remembered_since), (1, Some(ended)), "what ended then is kept");
        // Another manager keeps it for longer, which brings nothing back.
        subject.allocate(3).await.unwrap();
        subject.advance(MINUTE);
        forget(subject, 50 * MINUTE).await;
        if subject.kind.is_durable() {
            subject.reopen().await;
        }
        let page = ask(subject, of_address("10.1.0.2")).await;
        assert_eq!((page.holdings.len(), page.remembered_since), (2, Some(ended)));
    })
    .await;
}
