//! The daily life of a fleet.

use lepton_sim::{Churn, Stop};

use crate::{
    daemon::{Place, eventually},
    words::{boot, network},
};

#[tokio::test]
async fn a_fleet_of_500_lives_its_life_and_leaves_no_address_behind() {
    let place = Place::with_fake_host();
    let daemon = place.start().await;
    let mut client = place.client().await;
    network(&mut client, "blue", &["10.1.0.0/22", "fd00:1::/64"]).await;
    // Smaller than the fleet at its largest, so that the pool runs dry from time to time.
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
    let ledger = place.ledger();
    ledger.assert_whole().await;
    assert_eq!(ledger.instances().await, i64::try_from(summary.alive).unwrap());

    for hypervisor in &hypervisors {
        for instance in hypervisor.instances() {
            hypervisor.kill(instance).await.unwrap();
        }
    }
    assert_eq!(ledger.instances().await, 0);
    eventually("every port is unplugged and every address free", async || {
        ledger.ports().await == 0 && ledger.fixed_ips().await == 0
    })
    .await;
    // The blocks say the same: what is taken in them is reserved, by the rules for a subnet and nothing else.
    let taken = "SELECT count(*) FROM blocks WHERE length(replace(hex(taken), '0', '')) > 4";
    assert_eq!(ledger.count(taken).await, 0);
    daemon.stop().await;
}
