//! What a batch on SQLite leaves in memory for the next one, and when that counts no more.

use lepton_ledger::{CreateNetworks, Scope};

use super::{
    harness::{Kind, Subject, allocation, network, requested, submit, subnet},
    mac_ranges::range,
    modified::carving,
    statements::sent,
};
use crate::tables::requests;

/// Tables that a batch is not asked about whose predecessor has left their rows.
const LEFT: [&str; 6] =
    ["from networks", "from subnets", "from frontiers", "from blocks", "from hosts", "from quotas"];

/// Which of these the next allocation reads all the same.
async fn read_by_allocation(subject: &Subject, number: u128) -> Vec<&'static str> {
    let (sent, _) = sent(subject, [allocation(number, vec![])]).await;
    let literals: Vec<_> = sent.into_iter().flat_map(|sent| sent.literals).collect();
    LEFT.into_iter().filter(|table| literals.iter().any(|sql| sql.contains(table))).collect()
}

#[tokio::test]
async fn a_batch_goes_on_with_what_the_one_before_has_left() {
    let subject = Subject::open(Kind::Sqlite, |_| {}).await;
    subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await;
    subject.allocate(1).await.unwrap();
    assert!(read_by_allocation(&subject, 2).await.is_empty());
    // What is given back is had again at once.
    let address = subject.allocate(3).await.unwrap().vifs[0].network.subnets[0].fixed_ips[0];
    subject.end(3).await;
    let again = subject.allocate(4).await.unwrap().vifs[0].network.subnets[0].fixed_ips[0];
    assert_eq!(again, address);
}

/// To wake SQLite's thread takes longer than most of the work.
#[tokio::test]
async fn a_batch_of_one_goes_to_sqlite_three_times_beside_its_begin_and_its_commit() {
    let subject = Subject::open(Kind::Sqlite, |_| {}).await;
    subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await;
    subject.allocate(1).await.unwrap();
    subject.engine().take_ways();
    sent(&subject, [allocation(2, vec![])]).await;
    assert_eq!(subject.engine().take_ways(), 3, "what it needs, its rows, and what all batches count");
}

#[tokio::test]
async fn what_another_process_has_written_since_is_read() {
    let subject = Subject::open(Kind::Sqlite, |_| {}).await;
    subject.network("private", &["10.1.0.0/24"]).await;
    subject.allocate(1).await.unwrap();
    let other = subject.another().await.unwrap();
    let second = network("second", vec![subnet("10.2.0.0/24")]);
    submit(&other, CreateNetworks { networks: vec![second], scope: Scope::Everything }).await.unwrap();
    other.close().await;
    assert_eq!(subject.allocate(2).await.unwrap().vifs.len(), 2);
}

#[tokio::test]
async fn what_is_written_beside_the_batches_makes_the_next_one_read_anew() {
    let subject = Subject::open(Kind::Sqlite, |_| {}).await;
    subject.network("private", &["10.1.0.0/24"]).await;
    subject.allocate(1).await.unwrap();
    let mut tx = subject.engine().write().await.unwrap();
    requests::forget(&mut tx, subject.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(read_by_allocation(&subject, 2).await, LEFT);
    assert!(read_by_allocation(&subject, 3).await.is_empty());
}

/// Of networks that were loaded for something else it was not asked whether there are ranges of MACs.
#[tokio::test]
async fn macs_come_of_ranges_also_where_the_network_is_left_by_who_needs_none() {
    let subject = Subject::open(Kind::Sqlite, |_| {}).await;
    let shared = subject.network("private", &["10.1.0.0/24"]).await.network.id;
    let range = subject.submit(range("02:16:3e:00:00:00/34")).await.unwrap();
    subject.engine().write().await.unwrap().commit().await.unwrap();
    subject.submit(carving(2, "10.9.0.0/16", 24)).await.unwrap();
    let info = subject.submit(allocation(1, vec![requested(shared, &[])])).await.unwrap();
    let mac = info.vifs[0].mac;
    assert!(range.prefix.contains(mac), "{mac}");
    assert!(subject.dump().await.ports.iter().all(|port| port.mac_range == Some(range.id)));
}
