//! The daily life of a fleet.

use lepton_sim::{Churn, Hypervisor, Stop};
use lepton_testkit::{Durability, PrivatePostgres};

use crate::{
    daemon::{Place, eventually},
    ledger::Ledger,
    words::{boot, network},
};

#[tokio::test]
async fn a_fleet_boots_500_instances_on_a_pool_that_runs_dry_and_leaves_no_address_behind() {
    let place = Place::with_fake_host();
    let daemon = place.start().await;
    let mut client = place.client().await;
    network(&mut client, "blue", &["10.1.0.0/22", "fd00:1::/64"]).await;
    // Smaller than the fleet at its largest, so that the pool runs dry.
    network(&mut client, "green", &["10.2.0.0/24"]).await;
    let hypervisors = [place.hypervisor(8).await, place.hypervisor(9).await];
    let churn = Churn {
        hypervisors: &hypervisors,
        boot: boot(),
        guest_program: None,
        seed: 20_261_120,
        operations: 2_500,
        concurrency: 25,
        alive_per_lane: 20,
        stop: Stop::default(),
    };
    let summary = churn.run().await.unwrap_or_else(|error| panic!("an answer nothing explains: {error}"));
    println!("{summary:?}");
    assert!(summary.boots >= 500 && summary.migrations > 0 && summary.reboots > 0, "{summary:?}");
    assert!(summary.starved > 0, "{summary:?}");
    let ledger = place.ledger();
    ledger.assert_whole().await;
    assert_eq!(ledger.instances().await, i64::try_from(summary.alive).unwrap());

    end_all(&hypervisors).await;
    assert_nothing_is_left(&ledger).await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_fleet_on_two_managers_moves_while_it_lives() {
    let postgres = PrivatePostgres::start(Durability::Off).unwrap();
    let url = postgres.create_database("ledger").unwrap();
    let hosts = ["host-a", "host-b"];
    let places =
        hosts.map(|host| Place::new(&[("agent.backend", "fake"), ("database.url", &url), ("host", host)]));
    let (one, other) = tokio::join!(places[0].start(), places[1].start());
    network(&mut places[0].client().await, "blue", &["10.1.0.0/24", "fd00:1::/64"]).await;
    let host = |index: usize| Some(hosts[index].parse().unwrap());
    let hypervisors = [
        Hypervisor::new(host(0), places[0].channel().await, 10),
        Hypervisor::new(host(1), places[1].channel().await, 11),
    ];
    let churn = Churn {
        hypervisors: &hypervisors,
        boot: boot(),
        guest_program: None,
        seed: 20_261_129,
        operations: 1_000,
        concurrency: 16,
        alive_per_lane: 10,
        stop: Stop::default(),
    };
    // A move that is begun at one manager may be finished at the other, before either host has plugged or unplugged anything.
    let summary = churn.run().await.unwrap_or_else(|error| panic!("an answer nothing explains: {error}"));
    println!("{summary:?}");
    assert!(summary.migrations >= 50 && summary.aborts >= 10 && summary.starved == 0, "{summary:?}");
    let ledger = Ledger::Postgres(url);
    ledger.assert_whole().await;
    assert_eq!(ledger.instances().await, i64::try_from(summary.alive).unwrap());
    end_all(&hypervisors).await;
    assert_nothing_is_left(&ledger).await;
    tokio::join!(one.stop(), other.stop());
}

async fn end_all(hypervisors: &[Hypervisor]) {
    for hypervisor in hypervisors {
        for instance in hypervisor.instances() {
            hypervisor.kill(instance).await.unwrap();
        }
    }
}

/// Waits until every host has unplugged what it had.
async fn assert_nothing_is_left(ledger: &Ledger) {
    assert_eq!(ledger.instances().await, 0);
    eventually("every port is unplugged and every address free", async || {
        ledger.ports().await == 0 && ledger.fixed_ips().await == 0
    })
    .await;
    // The blocks say the same: what is taken in them is reserved, by the rules for a subnet and nothing else.
    assert_eq!(ledger.busy_blocks().await, 0);
}
