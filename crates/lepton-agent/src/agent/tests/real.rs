//! The real ledger, in memory, as an agent's manager.

use std::collections::BTreeSet;

use lepton_ipam::{MacBase, SubnetSpec};
use lepton_ledger::{
    AllocateForInstance, BindingRequest, Command, CreateNetworks, DeallocateForInstance, Envelope,
    GetInstanceNwInfo, HostFeed, Naming, NetworkSpec, RegisterHost, ReportHost, Scope,
};
use lepton_store::{Database, Store, StoreConfig};
use lepton_types::{InstanceId, Mtu, NetworkInfo, Vif};

use super::*;

/// A ledger that agents reach or not. Clones are the same ledger.
#[derive(Clone)]
pub(super) struct RealLedger {
    pub(super) store: Arc<Store>,
    /// Hosts that do not reach it.
    away: Arc<Mutex<BTreeSet<HostId>>>,
}

impl Manager for RealLedger {
    type Error = String;

    async fn changes(&self, host: &HostId, after: Option<Revision>) -> Result<HostChanges, String> {
        self.reach(host)?;
        self.submit(RegisterHost { host: host.clone() }).await;
        let feed = HostFeed { host: host.clone(), after };
        self.store.ask(feed).await.map_err(|error| error.to_string())
    }

    async fn report(&self, host: &HostId, report: HostReport) -> Result<(), String> {
        self.reach(host)?;
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
    pub(super) async fn open() -> Self {
        let store = Store::open(&StoreConfig::new(Database::Memory), Arc::new(())).await.unwrap();
        let ledger = Self { store: Arc::new(store), away: Arc::default() };
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

    fn reach(&self, host: &HostId) -> Result<(), String> {
        if self.away.lock().unwrap().contains(host) { Err("away".into()) } else { Ok(()) }
    }

    pub(super) fn set_away(&self, host: HostId, is_away: bool) {
        let mut away = self.away.lock().unwrap();
        let _ = if is_away { away.insert(host) } else { away.remove(&host) };
    }

    /// Starts the agent of a host.
    pub(super) fn agent(&self, id: HostId, host: &Host) -> Running {
        let (shutdown, mut tasks) = (CancellationToken::new(), JoinSet::new());
        tasks.spawn(Agent::new(id, host.clone(), self.clone(), 1).run(shutdown.clone()));
        Running { shutdown, tasks }
    }

    pub(super) async fn submit<C: Command>(&self, command: C) -> C::Answer {
        self.store.submit(command, Envelope::anonymous()).await.unwrap().answer
    }

    pub(super) async fn allocate(&self, instance: InstanceId) -> NetworkInfo {
        self.submit(allocation(instance)).await
    }

    pub(super) async fn deallocate(&self, instance: InstanceId) {
        self.submit(DeallocateForInstance { instance, incarnation: None, only_on: None }).await;
    }

    /// What the host must have and what must go from it.
    pub(super) async fn feed(&self, host: HostId) -> HostChanges {
        self.store.ask(HostFeed { host, after: None }).await.unwrap()
    }

    /// Waits until the instance's ports are plugged.
    pub(super) async fn until_active(&self, instance: InstanceId) {
        self.until(instance, |vif| vif.status == PortStatus::Active).await;
    }

    /// Waits until something holds of all of the instance's ports.
    pub(super) async fn until(&self, instance: InstanceId, holds: impl Fn(&Vif) -> bool) {
        let waiting = async {
            let asked = GetInstanceNwInfo { instance, scope: Scope::Everything };
            while !self.store.ask(asked.clone()).await.unwrap().vifs.iter().all(&holds) {
                time::sleep(RESYNC).await;
            }
        };
        time::timeout(RESYNC * 10, waiting).await.expect("the agents come to it");
    }
}

/// An allocation on the host, on all networks that there are.
pub(super) fn allocation(instance: InstanceId) -> AllocateForInstance {
    AllocateForInstance {
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
        naming: Naming::default(),
        floating_pool: None,
    }
}

pub(super) fn instance(number: u8) -> InstanceId {
    format!("{number:08x}-0000-4000-8000-000000000000").parse().unwrap()
}
