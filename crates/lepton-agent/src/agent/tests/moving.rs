//! A port that moves between two hosts, each with its agent: before the real ledger, in memory.

use lepton_ledger::{MigrateInstanceFinish, MigrateInstanceStart, SetupNetworksOnHost};
use lepton_types::Vif;

use super::{
    real::{RealLedger, instance},
    *,
};

fn there() -> HostId {
    "host-b".parse().unwrap()
}

async fn start(ledger: &RealLedger, source: HostId, destination: HostId) {
    let start = MigrateInstanceStart {
        instance: instance(1),
        incarnation: None,
        source,
        destination,
        binding: None,
        only_known_hosts: false,
        only_on: None,
    };
    assert!(ledger.submit(start).await.has_begun);
}

async fn finish(ledger: &RealLedger, source: HostId, destination: HostId) {
    let finish = MigrateInstanceFinish {
        instance: instance(1),
        incarnation: None,
        source,
        destination,
        only_on: None,
    };
    assert_eq!(ledger.submit(finish).await.migration, None);
}

fn is_ready(vif: &Vif) -> bool {
    vif.destination.as_ref().is_some_and(|there| there.status == PortStatus::Active)
}

/// Waits until nothing must go from the host any more.
async fn until_nothing_must_go(ledger: &RealLedger, host: HostId) {
    let waiting = async {
        while !ledger.feed(host.clone()).await.released.is_empty() {
            time::sleep(RESYNC).await;
        }
    };
    time::timeout(RESYNC * 10, waiting).await.expect("its absence is reported");
}

#[tokio::test(start_paused = true)]
async fn a_port_is_plugged_on_both_hosts_and_then_on_the_other_one() {
    let ledger = RealLedger::open().await;
    let (here, other) = (Host::default(), Host::default());
    let _agents = [ledger.agent(host_id(), &here), ledger.agent(there(), &other)];
    let device = ledger.allocate(instance(1)).await.vifs.remove(0).device;
    ledger.until_active(instance(1)).await;

    start(&ledger, host_id(), there()).await;
    ledger.until(instance(1), is_ready).await;
    assert_eq!(here.state(), other.state());
    assert!(here.state().devices.contains_key(&device));

    finish(&ledger, host_id(), there()).await;
    until_nothing_must_go(&ledger, host_id()).await;
    assert!(here.state().devices.is_empty() && here.state().filters.is_empty());
    assert!(other.state().devices.contains_key(&device));
    ledger.until_active(instance(1)).await;

    start(&ledger, there(), host_id()).await;
    ledger.until(instance(1), is_ready).await;
    let teardown = SetupNetworksOnHost {
        instance: instance(1),
        incarnation: None,
        host: host_id(),
        is_teardown: true,
        binding: None,
        only_known_hosts: false,
        only_on: None,
    };
    ledger.submit(teardown).await;
    until_nothing_must_go(&ledger, host_id()).await;
    assert!(here.state().devices.is_empty() && other.state().devices.contains_key(&device));
}

/// An agent that was away for a whole round trip finds its port wanted, as it was. It has to say so anew.
#[tokio::test(start_paused = true)]
async fn a_port_that_came_back_meanwhile_is_reported_again() {
    let ledger = RealLedger::open().await;
    let (here, other) = (Host::default(), Host::default());
    let _agents = [ledger.agent(host_id(), &here), ledger.agent(there(), &other)];
    ledger.allocate(instance(1)).await;
    ledger.until_active(instance(1)).await;

    ledger.set_away(host_id(), true);
    start(&ledger, host_id(), there()).await;
    ledger.until(instance(1), is_ready).await;
    finish(&ledger, host_id(), there()).await;
    start(&ledger, there(), host_id()).await;
    ledger.set_away(host_id(), false);
    ledger.until(instance(1), is_ready).await;
}
