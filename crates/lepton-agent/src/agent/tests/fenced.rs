//! A host that was fenced while it was away, and comes back: before the real ledger, in memory.

use lepton_ledger::FenceHost;

use super::{
    real::{RealLedger, instance},
    *,
};

/// Two instances on the host; the first one is ended and its host fenced, during which the agent is away or stopped.
async fn comes_back(is_restarted: bool) {
    let (ledger, host) = (RealLedger::open().await, Host::default());
    let start = || ledger.agent(host_id(), &host);
    let mut agent = start();
    let ghost = ledger.allocate(instance(1)).await.vifs.remove(0);
    let other = ledger.allocate(instance(2)).await.vifs.remove(0);
    for number in [1, 2] {
        ledger.until_active(instance(number)).await;
    }

    ledger.set_away(host_id(), true);
    if is_restarted {
        agent.stop().await;
        end_and_fence(&ledger).await;
        agent = start();
    } else {
        end_and_fence(&ledger).await;
    }
    let heir = ledger.allocate(instance(3)).await.vifs.remove(0);
    assert_eq!(heir.network.subnets[0].fixed_ips, ghost.network.subnets[0].fixed_ips);
    assert!(host.state().devices.contains_key(&ghost.device), "nobody has told it yet");

    ledger.set_away(host_id(), false);
    ledger.until_active(instance(3)).await;
    let state = host.state();
    assert!(!state.devices.contains_key(&ghost.device), "{state:?}");
    assert!(!state.filters.contains_key(&ghost.device), "{state:?}");
    assert!(state.devices.contains_key(&other.device), "what was not released stays");
    let feed = ledger.feed(host_id()).await;
    assert_eq!((feed.ports.len(), feed.released), (2, vec![]), "and it is not asked for twice");
    agent.stop().await;
}

/// Ends the first instance while its host is away, and fences the host.
async fn end_and_fence(ledger: &RealLedger) {
    ledger.deallocate(instance(1)).await;
    let fenced = ledger.submit(FenceHost { host: host_id() }).await;
    assert_eq!((fenced.ended.len(), fenced.live.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_was_away_unplugs_what_its_hosts_fencing_ended() {
    comes_back(false).await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_was_restarted_unplugs_what_its_hosts_fencing_ended() {
    comes_back(true).await;
}
