//! What a batch makes stands side by side (ADR 10): on few pages, wherever the ids of its instances fall.

use std::time::Duration;

use super::{
    checkpoint::pages,
    harness::{Kind, Subject, allocation},
    statements::cost,
};

/// Instances in a batch.
const BATCH: u128 = 64;

/// Batches before the one that is measured.
const BATCHES: u128 = 64;

/// Pages that such a batch changes: some 120, of which every index has few but that of the instances' ids. One more index that
/// follows these ids makes it 157.
const MOST_PAGES: i64 = 140;

/// An id that falls anywhere, as callers' ids do: multiples of an odd number come once each.
fn anywhere(number: u128) -> u128 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

#[tokio::test]
async fn a_batch_of_instances_anywhere_changes_few_pages() {
    let subject = Subject::open(Kind::Sqlite, |config| config.copying.idle = Duration::from_secs(3600)).await;
    subject.network("private", &["10.1.0.0/16", "fd00:1::/64"]).await;
    let batch = |number| (number * BATCH..(number + 1) * BATCH).map(|id| allocation(anywhere(id), vec![]));
    for number in 0..BATCHES {
        cost(&subject, batch(number)).await;
        subject.advance(Duration::from_millis(1));
    }
    let engine = subject.engine();
    let (before, _) = pages(engine).await;
    cost(&subject, batch(BATCHES)).await;
    let (after, _) = pages(engine).await;
    assert!(after - before <= MOST_PAGES, "{} pages", after - before);
}
