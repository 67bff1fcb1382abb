use lepton_ipam::SubnetSpec;
use lepton_ledger::{
    AllocateForInstance, BindingRequest, CreateNetworks, Envelope, Naming, NetworkSpec, Scope,
};
use lepton_store::Database;
use lepton_types::{InstanceId, Mtu};
use tokio::{task::JoinSet, time::Instant};
use uuid::Uuid;

use super::*;

async fn manager() -> Manager {
    Manager::open(&StoreConfig::new(Database::Memory), Settings::default()).await.unwrap()
}

/// Makes a network.
async fn network(manager: &Manager) {
    let spec = NetworkSpec {
        label: "blue".parse().unwrap(),
        project: None,
        priority: 0,
        mtu: Mtu::ETHERNET,
        subnets: vec![SubnetSpec::new("10.0.0.0/24".parse().unwrap())],
        host: None,
        is_injected: false,
        made_before: None,
    };
    let create = CreateNetworks { networks: vec![spec], scope: Scope::Everything };
    manager.submit(create, Envelope::anonymous(), false).await.unwrap();
}

fn allocation() -> AllocateForInstance {
    AllocateForInstance {
        instance: InstanceId::from(Uuid::from_u128(1)),
        project: "blue".parse().unwrap(),
        host: Some("host-1".parse().unwrap()),
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

/// Who looks again and again at what nobody else can change keeps the ledger busy for nothing.
#[tokio::test(start_paused = true)]
async fn nobody_looks_again_at_a_ledger_that_nobody_else_writes() {
    let manager = manager().await;
    let looks_again = manager.others_may_have_written();
    assert!(time::timeout(Duration::from_hours(1), looks_again).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_repeated_wait_ends_with_its_caller_and_the_first_one_does_not() {
    let (manager, patience) = (manager().await, Duration::from_mins(10));
    network(&manager).await;
    let start = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..3 {
        let manager = manager.clone();
        let envelope =
            Envelope::new::<AllocateForInstance>("caller", Some("boot".parse().unwrap()), b"the same");
        callers.spawn(async move { manager.allocate_and_wait(allocation(), envelope, patience).await });
        // Each has begun when it waits for nothing but the deadline.
        time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(manager.inner.waits.len(), 1, "those that repeat the first one");
    callers.shutdown().await;
    assert_eq!(manager.inner.waits.len(), 1, "it has to undo what it began");
    manager.inner.waits.close();
    manager.inner.waits.wait().await;
    assert_eq!(start.elapsed(), patience);
}
