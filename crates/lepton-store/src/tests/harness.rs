//! Opens each kind of store for a test, and says the things that tests say often.

use std::sync::Arc;

use lepton_ipam::{MacBase, SubnetSpec};
use lepton_ledger::{
    AllocateForInstance, BindingRequest, Command, CreateNetworks, Envelope, HostFeed, NetworkSpec,
    NetworkWithSubnets, ReportHost,
};
use lepton_types::{HostChanges, HostReport, InstanceId, Mtu, NetworkInfo, PortId, ProjectId};
use lepton_vnic::RequestedNetwork;
use uuid::Uuid;

use crate::{Database, Store, StoreConfig, SubmitError};

/// A store with a name for messages, and what must outlive it.
pub(super) struct Subject {
    pub(super) store: Store,
    _directory: tempfile::TempDir,
}

/// Runs a test on every kind of store.
pub(super) async fn each_store(test: impl AsyncFn(&Subject)) {
    for kind in ["memory", "sqlite"] {
        let directory = tempfile::tempdir().unwrap();
        let database = match kind {
            "memory" => Database::Memory,
            _ => Database::Sqlite(directory.path().join("ledger.db")),
        };
        let store = Store::open(&StoreConfig::new(database), Arc::new(|_| {})).await.unwrap();
        test(&Subject { store, _directory: directory }).await;
    }
}

impl Subject {
    pub(super) async fn submit<C: Command>(&self, command: C) -> Result<C::Answer, SubmitError> {
        self.store.submit(command, Envelope::anonymous()).await
    }

    pub(super) async fn network(&self, label: &str, cidrs: &[&str]) -> NetworkWithSubnets {
        let spec = NetworkSpec {
            label: label.parse().unwrap(),
            project: None,
            priority: 0,
            mtu: Mtu::ETHERNET,
            subnets: cidrs.iter().map(|cidr| SubnetSpec::new(cidr.parse().unwrap())).collect(),
        };
        let mut made = self.submit(CreateNetworks { networks: vec![spec] }).await.unwrap();
        made.remove(0)
    }

    pub(super) async fn allocate(&self, number: u128) -> Result<NetworkInfo, SubmitError> {
        self.submit(allocation(number, Vec::new())).await
    }

    pub(super) async fn feed(&self) -> HostChanges {
        self.store.ask(HostFeed { host: "host-1".parse().unwrap(), after: None }).await.unwrap()
    }

    /// Says what an agent says once it has unplugged ports.
    pub(super) async fn unplug(&self, ports: Vec<PortId>) {
        let report = HostReport { unplugged: ports, ..HostReport::default() };
        self.submit(ReportHost { host: "host-1".parse().unwrap(), report }).await.unwrap();
    }
}

pub(super) fn instance(number: u128) -> InstanceId {
    Uuid::from_u128(number).into()
}

pub(super) fn allocation(number: u128, networks: Vec<RequestedNetwork>) -> AllocateForInstance {
    AllocateForInstance {
        instance: instance(number),
        project: "p1".parse::<ProjectId>().unwrap(),
        host: "host-1".parse().unwrap(),
        networks,
        allow_duplicate_networks: false,
        binding: BindingRequest::Tap,
        mac_base: MacBase::default(),
    }
}

/// All fixed IPs of an instance, in order.
pub(super) fn fixed_ips(info: &NetworkInfo) -> Vec<String> {
    let subnets = info.vifs.iter().flat_map(|vif| &vif.network.subnets);
    subnets.flat_map(|subnet| &subnet.fixed_ips).map(ToString::to_string).collect()
}
