//! Floating IPs that many callers move about at once.

use std::{collections::BTreeSet, time::Duration};

use lepton_proto::v1::{self, floating_ips_client::FloatingIpsClient};
use lepton_sim::{Load, LoadReport, Operation, floating_ips_of};
use lepton_testkit::{Durability, PrivatePostgres};

use crate::{daemon::Place, ledger::Ledger, words::network};

/// So many instances, and so many floating IPs that lead to them.
const INSTANCES: u64 = 20;
const FLOATING_IPS: u64 = 10;

#[tokio::test]
async fn floating_ips_lead_to_one_place_each_however_many_move_them_on_sqlite() {
    let place = Place::new(&[("agent.backend", "fake"), ("floating.default_pool", "public")]);
    lead_to_one_place_each(&place, &place.ledger()).await;
}

#[tokio::test]
async fn floating_ips_lead_to_one_place_each_however_many_move_them_on_postgresql() {
    let postgres = PrivatePostgres::start(Durability::Off).unwrap();
    let url = postgres.create_database("ledger").unwrap();
    let place =
        Place::new(&[("agent.backend", "fake"), ("floating.default_pool", "public"), ("database.url", &url)]);
    lead_to_one_place_each(&place, &Ledger::Postgres(url)).await;
}

async fn lead_to_one_place_each(place: &Place, ledger: &Ledger) {
    let daemon = place.start().await;
    network(&mut place.client().await, "blue", &["10.1.0.0/20"]).await;
    let mut client = FloatingIpsClient::new(place.channel().await);
    let pool = v1::CreateFloatingPoolRequest {
        name: "public".to_owned(),
        ranges: vec!["172.24.4.0/24".to_owned()],
        ..Default::default()
    };
    client.create_floating_pool(pool).await.unwrap();

    assert_eq!(run(place, Operation::Allocate, INSTANCES).await.summary.answered, INSTANCES);
    assert_eq!(run(place, Operation::AllocateFloating, FLOATING_IPS).await.summary.answered, FLOATING_IPS);
    let moved = run(place, Operation::AssociateFloating, 300).await;
    assert_eq!((moved.summary.answered, moved.first_refusal), (300, None));

    let page = v1::ListFloatingIpsRequest::default();
    let found = client.list_floating_ips(page).await.unwrap().into_inner().floating_ips;
    let targets: BTreeSet<_> = found.iter().map(|found| (&found.address, &found.instance_id)).collect();
    assert_eq!(targets.len(), usize::try_from(FLOATING_IPS).unwrap());
    assert!(found.iter().all(|found| !found.instance_id.is_empty() && !found.fixed_ip.is_empty()));
    ledger.assert_whole().await;
    daemon.stop().await;
}

async fn run(place: &Place, operation: Operation, calls: u64) -> LoadReport {
    let channel = place.channel().await;
    let project = "sim".parse().unwrap();
    let floating_ips = floating_ips_of(&channel, &project).await.unwrap();
    let load = Load {
        operation,
        project,
        seed: 1,
        first: 0,
        range: INSTANCES,
        calls,
        at_most: Duration::from_secs(60),
        concurrency: 16,
        hosts: 4,
        wait_for_active: None,
        floating_ips,
        is_overload: false,
    };
    load.run(&[channel]).await
}
