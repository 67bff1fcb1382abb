//! Ranges of MACs on every store: each MAC is one port's or nobody's, and comes back by proof.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use lepton_ipam::{MacBase, SubnetSpec};
use lepton_ledger::{
    CreateMacRange, DeleteMacRange, Envelope, FREE_MACS_AT_ONCE, ListEndingMacRanges, ListMacRanges,
    SweepMacRange,
};
use lepton_types::{MacRange, NetworkId, NetworkInfo};

use super::{
    harness::{Kind, Subject, allocation, each_store, network, reason, refusal, requested, subnet},
    sound::assert_sound,
};

pub(super) fn range(prefix: &str) -> CreateMacRange {
    CreateMacRange { prefix: prefix.parse().unwrap(), mac_base: MacBase::default() }
}

fn mac(info: &NetworkInfo) -> String {
    info.vifs[0].mac.to_string()
}

async fn ranges(subject: &Subject) -> Vec<MacRange> {
    subject.store().ask(ListMacRanges).await.unwrap()
}

#[tokio::test]
async fn macs_are_of_ranges_in_their_order_and_come_back_by_proof() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/16", "fd00:1::/64"]).await;
        assert!(mac(&subject.allocate(100).await.unwrap()).starts_with("fa:16:3e:"));
        let first = subject.submit(range("02:16:3e:00:00:10/47")).await.unwrap();
        let second = subject.submit(range("02:16:3e:00:00:00/47")).await.unwrap();
        let mut macs = Vec::new();
        for number in 1..=4 {
            macs.push(mac(&subject.allocate(number).await.unwrap()));
        }
        assert_eq!(
            macs,
            ["02:16:3e:00:00:10", "02:16:3e:00:00:11", "02:16:3e:00:00:00", "02:16:3e:00:00:01"]
        );
        assert_eq!(reason(subject.allocate(5).await), "MAC_RANGES_EXHAUSTED");

        let released = subject.deallocate(2).await;
        assert_eq!(
            reason(subject.allocate(5).await),
            "MAC_RANGES_EXHAUSTED",
            "its host has not unplugged it"
        );
        subject.unplug(released.ports).await;
        assert_sound(&subject.dump().await);
        assert_eq!(mac(&subject.allocate(5).await.unwrap()), macs[1]);
        assert_eq!(reason(subject.submit(DeleteMacRange { range: first.id }).await), "MAC_RANGE_IN_USE");

        for number in [3, 4] {
            subject.end(number).await;
        }
        subject.submit(DeleteMacRange { range: second.id }).await.unwrap();
        assert_eq!(ranges(subject).await, [MacRange { drawn: 2, ..first }]);
        assert_eq!(reason(subject.allocate(6).await), "MAC_RANGES_EXHAUSTED", "its free MACs went with it");
        assert_sound(&subject.dump().await);
    })
    .await;
}

/// However many ports come and go, what is kept of their MACs is no more than there were at once.
#[tokio::test]
async fn what_came_back_is_drawn_before_what_is_fresh_the_longest_free_first() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/16", "fd00:1::/64"]).await;
        subject.submit(range("02:16:3e:00:00:00/40")).await.unwrap();
        let mut macs = Vec::new();
        for number in 1..=3 {
            macs.push(mac(&subject.allocate(number).await.unwrap()));
        }
        for number in [2, 1] {
            subject.end(number).await;
            subject.advance(Duration::from_micros(1));
        }
        assert_eq!(mac(&subject.allocate(4).await.unwrap()), macs[1]);
        assert_eq!(mac(&subject.allocate(5).await.unwrap()), macs[0]);
        assert_eq!(subject.dump().await.free_macs, []);
        assert_eq!(mac(&subject.allocate(6).await.unwrap()), "02:16:3e:00:00:03");
    })
    .await;
}

/// Allocates for these instances on a network, in few batches.
async fn allocate_all(subject: &Subject, numbers: std::ops::RangeInclusive<u128>, on: NetworkId) {
    let all = numbers.map(|number| subject.submit(allocation(number, vec![requested(on, &[])])));
    assert!(join_all(all).await.into_iter().all(|outcome| outcome.is_ok()));
}

/// Ends these instances, in few batches.
async fn end_all(subject: &Subject, numbers: std::ops::RangeInclusive<u128>) {
    let released = join_all(numbers.map(|number| subject.deallocate(number))).await;
    subject.unplug(released.into_iter().flat_map(|released| released.ports).collect()).await;
}

#[tokio::test]
async fn a_mac_that_suits_is_found_behind_all_that_do_not() {
    each_store(async |subject| {
        let rests = SubnetSpec { quarantine: Duration::from_secs(60), ..subnet("fd00:1::/64") };
        let resting = subject.create(network("resting", vec![rests])).await.network.id;
        let other = subject.network("other", &["fd00:2::/64"]).await.network.id;
        subject.submit(range("02:16:3e:00:00:00/40")).await.unwrap();
        allocate_all(subject, 1..=255, resting).await;
        let last = mac(&subject.submit(allocation(256, vec![requested(other, &[])])).await.unwrap());
        end_all(subject, 1..=255).await;
        subject.advance(Duration::from_micros(1));
        end_all(subject, 256..=256).await;

        let ways = |subject: &Subject| subject.engine().take_sent().len();
        if subject.kind.is_durable() {
            ways(subject);
        }
        let found = subject.submit(allocation(257, vec![requested(resting, &[])])).await.unwrap();
        assert_eq!(mac(&found), last);
        if subject.kind.is_durable() {
            let ways = ways(subject);
            assert!(ways < 40, "{ways} statements for 255 MACs that do not suit");
        }
        let again = subject.submit(allocation(258, vec![requested(resting, &[])])).await;
        assert_eq!(reason(again), "MAC_RANGES_EXHAUSTED", "all the others' addresses rest");
    })
    .await;
}

/// All at once would be a statement that takes longer than one may.
#[tokio::test]
async fn a_range_of_many_free_macs_is_dropped_in_steps() {
    each_store(async |subject| {
        let on = subject.network("private", &["10.1.0.0/16"]).await.network.id;
        let made = subject.submit(range("02:16:3e:00:00:00/40")).await.unwrap();
        allocate_all(subject, 1..=200, on).await;
        end_all(subject, 1..=200).await;
        subject.submit(DeleteMacRange { range: made.id }).await.unwrap();
        assert_sound(&subject.dump().await);
        assert_eq!(subject.dump().await.free_macs.len(), 200 - FREE_MACS_AT_ONCE);
        assert_eq!(ranges(subject).await, []);
        assert_eq!(reason(subject.submit(DeleteMacRange { range: made.id }).await), "MAC_RANGE_NOT_FOUND");
        let overlapping = refusal(subject.submit(range("02:16:3e:00:00:00/40")).await);
        assert!(overlapping.to_string().contains("not all dropped yet"), "{overlapping}");
        assert!(
            mac(&subject.allocate(300).await.unwrap()).starts_with("fa:16:3e:"),
            "it gives none any more"
        );

        assert_eq!(subject.store().ask(ListEndingMacRanges).await.unwrap(), [made.id]);
        assert!(subject.submit(SweepMacRange { range: made.id }).await.unwrap());
        assert_eq!(subject.dump().await.free_macs, []);
        subject.submit(range("02:16:3e:00:00:00/40")).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_batch_draws_a_mac_each_and_no_more() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/16", "fd00:1::/64"]).await;
        subject.submit(range("02:16:3e:00:00:00/40")).await.unwrap();
        let outcomes = join_all((0..300).map(|number| subject.allocate(number))).await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        let macs: BTreeSet<String> = won.iter().map(|info| mac(info.as_ref().unwrap())).collect();
        assert_eq!((won.len(), macs.len()), (256, 256), "every one of the range");
        assert!(lost.into_iter().all(|lost| reason(lost) == "MAC_RANGES_EXHAUSTED"));
        assert_sound(&subject.dump().await);
    })
    .await;
}

/// One may be within the other, so that no index of their bounds would speak.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_managers_make_no_ranges_that_overlap_and_give_no_mac_twice() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |config| config.batch_limit = 8).await;
        subject.network("private", &["10.1.0.0/16"]).await;
        let other = subject.another().await.unwrap();
        let store = |number: u128| if number.is_multiple_of(2) { subject.store() } else { &other };
        let made = join_all((0..8_u128).map(|number| {
            let prefix = format!("02:16:3e:{:02x}:00:00/{}", 0x80 >> number & 0xc0, 26 + number % 4);
            store(number).submit(range(&prefix), Envelope::anonymous())
        }));
        assert!(made.await.into_iter().any(|made| made.is_ok()));
        let ranges = ranges(&subject).await;
        for (place, range) in ranges.iter().enumerate() {
            assert!(ranges[..place].iter().all(|other| !other.prefix.overlaps(range.prefix)), "{ranges:?}");
        }
        let outcomes = join_all(
            (0..100_u128)
                .map(|number| store(number).submit(allocation(number, vec![]), Envelope::anonymous())),
        );
        assert!(outcomes.await.into_iter().all(|outcome| outcome.is_ok()), "{kind:?}");
        assert_sound(&subject.dump().await);
    }
}
