//! A host that was fenced while it was away, and comes back: before the real ledger, in memory.

use std::sync::atomic::{AtomicBool, Ordering};

use lepton_ipam::{MacBase, SubnetSpec};
use lepton_ledger::{
    AllocateForInstance, BindingRequest, Command, CreateNetworks, DeallocateForInstance, Envelope, FenceHost,
    GetInstanceNwInfo, HostFeed, NetworkSpec, ReportHost, Scope,
};
use lepton_store::{Database, Store, StoreConfig};
use lepton_types::{InstanceId, Mtu, NetworkInfo};

use super::*;

/// A ledger that the agent reaches or not. Clones are the same ledger.
#[derive(Clone)]
struct RealLedger {
    store: Arc<Store>,
    is_away: Arc<AtomicBool>,
}

impl Manager for RealLedger {
    type Error = String;

    async fn changes(&self, host: &HostId, after: Option<Revision>) -> Result<HostChanges, String> {
        self.reach()?;
        let feed = HostFeed { host: host.clone(), after };
        self.store.ask(feed).await.map_err(|error| error.to_string())
    }

    async fn report(&self, host: &HostId, report: HostReport) -> Result<(), String> {
        self.reach()?;
        self.submit(ReportHost { host: host.clone(), report }).await;
        Ok(())
    }

    /// News are lost; the agent asks at every resync.
    async fn news(&self, _: &HostId, _: Revision) {
        std::future::pending().await
    }
}

impl RealLedger {
    /// A ledger with one network.
    async fn open() -> Self {
        let store = Store::open(&StoreConfig::new(Database::Memory), Arc::new(|_| {})).await.unwrap();
        let ledger = Self { store: Arc::new(store), is_away: Arc::default() };
        let subnets = vec![SubnetSpec::new("10.0.0.0/24".parse().unwrap())];
        let label = "private".parse().unwrap();
        let network = NetworkSpec {
            label,
            project: None,
            priority: 0,
            mtu: Mtu::ETHERNET,
            subnets,
            host: None,
            is_injected: false,
            made_before: None,
        };
        ledger.submit(CreateNetworks { networks: vec![network], scope: Scope::Everything }).await;
        ledger
    }

    fn reach(&self) -> Result<(), String> {
        if self.is_away.load(Ordering::Relaxed) { Err("away".into()) } else { Ok(()) }
    }

    async fn submit<C: Command>(&self, command: C) -> C::Answer {
        self.store.submit(command, Envelope::anonymous()).await.unwrap().answer
    }

    async fn allocate(&self, instance: InstanceId) -> NetworkInfo {
        self.submit(AllocateForInstance {
            instance,
            project: "p1".parse().unwrap(),
            host: Some(host_id()),
            networks: Vec::new(),
            allow_duplicate_networks: false,
            binding: BindingRequest::Tap,
            own_host: None,
            only_known_hosts: false,
            only_on: None,
            mac_base: MacBase::default(),
        })
        .await
    }

    /// Waits until the instance's ports are plugged.
    async fn until_active(&self, instance: InstanceId) {
        let is_active = async || {
            let info =
                self.store.ask(GetInstanceNwInfo { instance, scope: Scope::Everything }).await.unwrap();
            info.vifs.iter().all(|vif| vif.status == PortStatus::Active)
        };
        while !is_active().await {
            time::sleep(RESYNC).await;
        }
    }

    /// Ends the instance while its host is away, and fences the host; answers what then waits for the host.
    async fn end_and_fence(&self, instance: InstanceId) {
        self.submit(DeallocateForInstance { instance, incarnation: None, only_on: None }).await;
        let fenced = self.submit(FenceHost { host: host_id() }).await;
        assert_eq!((fenced.ended.len(), fenced.live.len()), (1, 1));
    }
}

fn instance(number: u8) -> InstanceId {
    format!("{number:08x}-0000-4000-8000-000000000000").parse().unwrap()
}

/// Two instances on the host; the first one is ended and its host fenced, during which the agent is away or stopped.
async fn comes_back(is_restarted: bool) {
    let (ledger, host) = (RealLedger::open().await, Host::default());
    let start = || {
        let (shutdown, mut tasks) = (CancellationToken::new(), JoinSet::new());
        tasks.spawn(Agent::new(host_id(), host.clone(), ledger.clone(), 1).run(shutdown.clone()));
        Running { shutdown, tasks }
    };
    let mut agent = start();
    let ghost = ledger.allocate(instance(1)).await.vifs.remove(0);
    let other = ledger.allocate(instance(2)).await.vifs.remove(0);
    for number in [1, 2] {
        ledger.until_active(instance(number)).await;
    }

    ledger.is_away.store(true, Ordering::Relaxed);
    if is_restarted {
        agent.stop().await;
        ledger.end_and_fence(instance(1)).await;
        agent = start();
    } else {
        ledger.end_and_fence(instance(1)).await;
    }
    let heir = ledger.allocate(instance(3)).await.vifs.remove(0);
    assert_eq!(heir.network.subnets[0].fixed_ips, ghost.network.subnets[0].fixed_ips);
    assert!(host.state().devices.contains_key(&ghost.device), "nobody has told it yet");

    ledger.is_away.store(false, Ordering::Relaxed);
    ledger.until_active(instance(3)).await;
    let state = host.state();
    assert!(!state.devices.contains_key(&ghost.device), "{state:?}");
    assert!(!state.filters.contains_key(&ghost.device), "{state:?}");
    assert!(state.devices.contains_key(&other.device), "what was not released stays");
    let feed = ledger.store.ask(HostFeed { host: host_id(), after: None }).await.unwrap();
    assert_eq!((feed.ports.len(), feed.released), (2, vec![]), "and it is not asked for twice");
    agent.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_was_away_unplugs_what_its_hosts_fencing_ended() {
    comes_back(false).await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_was_restarted_unplugs_what_its_hosts_fencing_ended() {
    comes_back(true).await;
}
