//! `kill -9` in the middle of a burst of allocations.

use std::collections::BTreeMap;

use lepton_proto::v1;
use lepton_testkit::{Durability, PrivatePostgres};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    daemon::{Client, Daemon, Place},
    ledger::Ledger,
    words::{allocation, assert_no_address_twice, network, nw_info, without_status},
};

/// Callers at once.
const LANES: u128 = 16;

/// How many allocations are acknowledged before each kill.
const ROUNDS: [usize; 4] = [1, 30, 60, 90];

/// Numbers of a lane start at a multiple of this.
const LANE_SIZE: u128 = 1_000_000;

/// What one lane was told, and what it was never told.
#[derive(Default)]
struct Heard {
    acknowledged: BTreeMap<u128, v1::NetworkInfo>,
    unanswered: Vec<u128>,
}

#[tokio::test]
async fn what_was_acknowledged_outlives_kill_9_on_sqlite() {
    let place = Place::with_fake_host();
    outlives_kill_9(&place, &place.ledger()).await;
}

#[tokio::test]
async fn what_was_acknowledged_outlives_kill_9_on_postgresql() {
    let postgres = PrivatePostgres::start(Durability::Off).unwrap();
    let url = postgres.create_database("ledger").unwrap();
    let place = Place::new(&[("agent.backend", "fake"), ("database.url", &url)]);
    outlives_kill_9(&place, &Ledger::Postgres(url)).await;
}

async fn outlives_kill_9(place: &Place, ledger: &Ledger) {
    let mut daemon = place.start().await;
    let mut client = place.client().await;
    network(&mut client, "blue", &["10.1.0.0/20", "fd00:1::/64"]).await;
    network(&mut client, "green", &["10.2.0.0/20"]).await;

    let mut known = BTreeMap::new();
    for (round, &enough) in (0..).zip(&ROUNDS) {
        let heard = burst(place, round, enough, daemon).await;
        daemon = place.start().await;
        let client = place.client().await;
        let now = each(&client, heard.acknowledged.keys(), |mut client, number| async move {
            nw_info(&mut client, number).await.unwrap()
        });
        assert_eq!(without_statuses(&now.await), without_statuses(&heard.acknowledged), "all of it is there");
        known.extend(heard.acknowledged);
        // Whether these were carried out, nobody knows; asked again, they are carried out once.
        known.extend(each(&client, &heard.unanswered, allocate).await);

        let held = assert_no_address_twice(known.values());
        assert_eq!(held, known.len() * 3);
        ledger.assert_whole().await;
        assert_eq!(ledger.instances().await, i64::try_from(known.len()).unwrap());
        assert_eq!(ledger.ports().await, i64::try_from(known.len() * 2).unwrap());
        assert_eq!(ledger.fixed_ips().await, i64::try_from(held).unwrap());
    }
    let again = each(&place.client().await, known.keys(), allocate).await;
    assert_eq!(without_statuses(&again), without_statuses(&known), "the same id gets the same answer");
    daemon.stop().await;
}

/// Makes a call for each number, all at once.
async fn each<'a, F>(
    client: &Client,
    numbers: impl IntoIterator<Item = &'a u128>,
    call: impl Fn(Client, u128) -> F,
) -> BTreeMap<u128, v1::NetworkInfo>
where
    F: Future<Output = v1::NetworkInfo> + Send + 'static,
{
    let mut calls = JoinSet::new();
    for &number in numbers {
        let answer = call(client.clone(), number);
        calls.spawn(async move { (number, answer.await) });
    }
    calls.join_all().await.into_iter().collect()
}

async fn allocate(mut client: Client, number: u128) -> v1::NetworkInfo {
    client.allocate_for_instance(request(number)).await.unwrap().into_inner()
}

fn without_statuses(infos: &BTreeMap<u128, v1::NetworkInfo>) -> BTreeMap<u128, v1::NetworkInfo> {
    infos.iter().map(|(number, info)| (*number, without_status(info))).collect()
}

/// Allocates in all lanes, and kills the daemon when `enough` allocations are acknowledged.
async fn burst(place: &Place, round: u128, enough: usize, daemon: Daemon) -> Heard {
    let (count, mut counted) = watch::channel(0);
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let (client, count) = (place.client().await, count.clone());
        lanes.spawn(allocate_until_it_fails(client, (lane * 100 + round) * LANE_SIZE, count));
    }
    counted.wait_for(|count| *count >= enough).await.unwrap();
    daemon.kill().await;
    let mut all = Heard::default();
    for heard in lanes.join_all().await {
        all.acknowledged.extend(heard.acknowledged);
        all.unanswered.extend(heard.unanswered);
    }
    assert_eq!(all.unanswered.len(), usize::try_from(LANES).unwrap());
    all
}

async fn allocate_until_it_fails(mut client: Client, first: u128, count: watch::Sender<usize>) -> Heard {
    let mut heard = Heard::default();
    for number in first..first + LANE_SIZE {
        match client.allocate_for_instance(request(number)).await {
            Ok(told) => {
                heard.acknowledged.insert(number, told.into_inner());
                count.send_modify(|count| *count += 1);
            }
            Err(_) => {
                heard.unanswered.push(number);
                break;
            }
        }
    }
    heard
}

fn request(number: u128) -> v1::AllocateForInstanceRequest {
    allocation(number, &format!("boot-{number}"))
}
