//! What has to be done from time to time: quarantine that is over, what is left of subnets and of ranges of MACs that were deleted,
//! answers and history that need not be kept.

use std::time::Duration;

use lepton_ledger::{Envelope, ListEndingMacRanges, SweepMacRange, SweepQuarantine};
use lepton_store::StoreError;
use tokio::time::{self, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::Manager;

/// How often the house is kept. An address is never given out too early by it, only later than it could be; a dry
/// pool does not wait for it.
const PERIOD: Duration = Duration::from_secs(5);

/// By whom, as events tell it.
const HOUSEKEEPING: &str = "housekeeping";

/// How long what is over is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Answers, for requests that are repeated.
    pub requests: Duration,
    /// What has ended: networks, subnets, lives of instances, ports, and who had which address.
    pub history: Duration,
    /// Events, for those who follow the ledger.
    pub events: Duration,
}

/// Keeps house until `shutdown`, which much that is to be done does not put off.
pub async fn keep_house(manager: Manager, keep: Keep, shutdown: CancellationToken) {
    let mut period = time::interval(PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            _ = period.tick() => {} // cancel-safe
        }
        keep_house_once(&manager, keep, || !shutdown.is_cancelled()).await;
    }
}

/// Does what is to be done, a bounded part at a time, for as long as that is wanted.
async fn keep_house_once(manager: &Manager, keep: Keep, goes_on: impl Fn() -> bool) {
    let store = manager.store();
    // First, since what is left of subnets is in the way of the sweep, which looks at a bounded number of addresses.
    while goes_on() && is_more("subnets", store.drop_ended_subnets().await) {}
    while goes_on() && sweeps_more(manager).await {}
    while goes_on() && drops_more(manager).await {}
    while goes_on() && is_more("answers", store.forget_requests(keep.requests).await) {}
    while goes_on() && is_more("events", store.forget_events(keep.events).await) {}
    while goes_on() && is_more("history", store.forget_history(keep.history).await) {}
}

/// Gives back some of the addresses that have rested long enough; answers whether there may be more.
async fn sweeps_more(manager: &Manager) -> bool {
    match manager.submit(SweepQuarantine, Envelope::of(HOUSEKEEPING), false).await {
        Ok(0) => false,
        Ok(addresses) => {
            tracing::debug!(addresses, "addresses have rested long enough");
            true
        }
        Err(error) => {
            tracing::warn!(%error, "quarantine is not swept");
            false
        }
    }
}

/// Drops some of what is left of ranges of MACs that were deleted; answers whether there is more.
async fn drops_more(manager: &Manager) -> bool {
    let ending = match manager.store().ask(ListEndingMacRanges).await {
        Ok(ending) => ending,
        Err(error) => {
            tracing::warn!(%error, "nobody knows which ranges of MACs are ending");
            return false;
        }
    };
    let Some(&range) = ending.first() else { return false };
    match manager.submit(SweepMacRange { range }, Envelope::of(HOUSEKEEPING), false).await {
        Ok(is_gone) => !is_gone || ending.len() > 1,
        Err(error) => {
            tracing::warn!(%range, %error, "what is left of a range of MACs is not dropped");
            false
        }
    }
}

/// Whether there may be more to forget of what was forgotten.
fn is_more(what: &str, forgotten: Result<u64, StoreError>) -> bool {
    match forgotten {
        Ok(0) => false,
        Ok(rows) => {
            tracing::debug!(what, rows, "what is old or was deleted is dropped");
            true
        }
        Err(error) => {
            tracing::warn!(what, %error, "what is old or was deleted is not dropped yet");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use lepton_ipam::SubnetSpec;
    use lepton_ledger::{
        AllocateForInstance, BindingRequest, CreateMacRange, CreateNetworks, DeallocateForInstance,
        DeleteMacRange, DeleteNetwork, FREE_MACS_AT_ONCE, Naming, NetworkSpec, RegisterHost, Scope,
    };
    use lepton_store::{Database, StoreConfig};
    use lepton_types::{InstanceId, Mtu, NetworkId};
    use uuid::Uuid;

    use super::*;
    use crate::Settings;

    /// Much may be old after a change of the settings, and a stop must not wait for all of it.
    #[tokio::test]
    async fn a_stop_is_not_put_off_by_what_is_still_to_be_forgotten() {
        let config = StoreConfig::new(Database::Memory);
        let manager = Manager::open(&config, Settings::default()).await.unwrap();
        let register = RegisterHost { host: "host-1".parse().unwrap() };
        let request = Some("r1".parse().unwrap());
        let envelope = Envelope::new::<RegisterHost>("caller", request, b"");
        manager.submit(register, envelope, false).await.unwrap();
        let (keep, shutdown) = (Duration::ZERO, CancellationToken::new());
        let keep = Keep { requests: keep, history: keep, events: keep };
        let stop = async { shutdown.cancel() };
        // It has begun when it is told to stop.
        tokio::join!(biased; keep_house(manager.clone(), keep, shutdown.clone()), stop);
        assert_eq!(manager.store().forget_requests(Duration::ZERO).await.unwrap(), 1);
    }

    /// Gives an instance a vNIC on a host without an agent.
    async fn come(manager: &Manager, instance: InstanceId) {
        let allocation = AllocateForInstance {
            instance,
            project: "p1".parse().unwrap(),
            host: "host-1".parse().ok(),
            networks: Vec::new(),
            allow_duplicate_networks: false,
            binding: BindingRequest::Tap,
            own_host: None,
            only_known_hosts: false,
            only_on: None,
            mac_base: "fa:16:3e".parse().unwrap(),
            naming: Naming::default(),
            floating_pool: None,
        };
        manager.submit(allocation, Envelope::anonymous(), false).await.unwrap();
    }

    /// Takes the vNIC back, which ends it at once.
    async fn go(manager: &Manager, instance: InstanceId) {
        let end = DeallocateForInstance { instance, incarnation: None, only_on: None };
        manager.submit(end, Envelope::anonymous(), false).await.unwrap();
    }

    async fn make_network(manager: &Manager, subnets: Vec<SubnetSpec>) -> NetworkId {
        let network = NetworkSpec {
            label: "private".parse().unwrap(),
            project: None,
            priority: 0,
            mtu: Mtu::ETHERNET,
            subnets,
            host: None,
            is_injected: false,
            made_before: None,
        };
        let made = CreateNetworks { networks: vec![network], scope: Scope::Everything };
        manager.submit(made, Envelope::anonymous(), false).await.unwrap()[0].network.id
    }

    /// A ledger in memory has nothing left of them.
    #[tokio::test]
    async fn what_is_left_of_subnets_that_were_deleted_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let config = StoreConfig::new(Database::Sqlite(directory.path().join("ledger.db")));
        let manager = Manager::open(&config, Settings::default()).await.unwrap();
        let network = make_network(&manager, vec![SubnetSpec::new("10.1.0.0/24".parse().unwrap())]).await;
        let delete = DeleteNetwork { network, scope: Scope::Everything };
        manager.submit(delete, Envelope::anonymous(), false).await.unwrap();
        let day = Duration::from_secs(86_400);
        keep_house_once(&manager, Keep { requests: day, history: day, events: day }, || true).await;
        assert_eq!(manager.store().drop_ended_subnets().await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_is_left_of_a_range_of_macs_that_was_deleted_is_dropped() {
        let manager = Manager::open(&StoreConfig::new(Database::Memory), Settings::default()).await.unwrap();
        make_network(&manager, Vec::new()).await;
        let prefix = "02:16:3e:00:00:00/24".parse().unwrap();
        let range = CreateMacRange { prefix, mac_base: "fa:16:3e".parse().unwrap() };
        let range = manager.submit(range, Envelope::anonymous(), false).await.unwrap().id;
        let instances = || (0..2 * FREE_MACS_AT_ONCE as u128).map(|number| Uuid::from_u128(number).into());
        join_all(instances().map(|instance| come(&manager, instance))).await;
        join_all(instances().map(|instance| go(&manager, instance))).await;
        manager.submit(DeleteMacRange { range }, Envelope::anonymous(), false).await.unwrap();
        let ending = async || manager.store().ask(ListEndingMacRanges).await.unwrap();
        assert_eq!(ending().await, [range]);

        let day = Duration::from_secs(86_400);
        let keep = Keep { requests: day, history: day, events: day };
        let dropped = async {
            while !ending().await.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = keep_house(manager.clone(), keep, CancellationToken::new()) => {}
            dropped = time::timeout(Duration::from_secs(30), dropped) => dropped.unwrap(),
        }
    }
}
