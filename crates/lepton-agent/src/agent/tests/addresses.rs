//! Addresses that come to a port and leave it: before the real ledger, in memory. None is free while the host's filter lets
//! anything use it, whatever fails on the way.

use lepton_ledger::{
    AddFixedIp, AllocateForInstance, DeallocateForInstance, Envelope, Place, RemoveFixedIp, Scope,
    WantedAddress,
};
use lepton_types::{InstanceId, NetworkId};
use lepton_vnic::RequestedNetwork;

use super::{
    real::{RealLedger, allocation, instance},
    *,
};

/// The address that leaves its port.
const LEAVING: &str = "10.0.0.2";

fn leaving() -> IpAddr {
    LEAVING.parse().unwrap()
}

/// The ledger, and the host to look at whenever the agent has told the ledger something.
#[derive(Clone)]
struct Witness {
    ledger: RealLedger,
    host: Host,
    network: NetworkId,
}

impl Manager for Witness {
    type Error = String;

    async fn changes(&self, host: &HostId, after: Option<Revision>) -> Result<HostChanges, String> {
        self.ledger.changes(host, after).await
    }

    async fn report(&self, host: &HostId, report: HostReport) -> Result<(), String> {
        self.ledger.report(host, report).await?;
        if self.is_free().await {
            let state = self.host.state();
            let users: Vec<_> =
                state.filters.iter().filter(|(_, filter)| filter.addresses().contains(&leaving())).collect();
            assert!(users.is_empty(), "it is free, and {users:?} may use it");
        }
        Ok(())
    }

    async fn news(&self, host: &HostId, holds: Revision) {
        self.ledger.news(host, holds).await;
    }
}

impl Witness {
    /// Whether somebody else could have the address now.
    async fn is_free(&self) -> bool {
        let networks = vec![RequestedNetwork { network: self.network, fixed_ips: vec![leaving()] }];
        let wish = AllocateForInstance { networks, ..allocation(instance(200)) };
        self.ledger.store.rehearse(wish, Envelope::anonymous()).await.is_ok()
    }

    fn agent(&self) -> Agent<Host, Self> {
        Agent::new(host_id(), self.host.clone(), self.clone(), 1)
    }
}

/// A host with instances 1 and 3, of which the first has two addresses, and an agent that has made it so.
async fn converged() -> (Witness, Agent<Host, Witness>) {
    let ledger = RealLedger::open().await;
    let info = ledger.allocate(instance(1)).await;
    let witness = Witness { ledger, host: Host::default(), network: info.vifs[0].network.id };
    let wanted = WantedAddress::Lowest(Place::Network(witness.network));
    let add =
        AddFixedIp { instance: instance(1), wanted, only_on: None, scope: Scope::Everything, domain: None };
    witness.ledger.submit(add).await;
    witness.ledger.allocate(instance(3)).await;
    let mut agent = witness.agent();
    agent.reconcile().await;
    assert!(!witness.is_free().await);
    (witness, agent)
}

fn end(instance: InstanceId) -> DeallocateForInstance {
    DeallocateForInstance { instance, incarnation: None, only_on: None }
}

/// The address leaves, an instance comes and another one goes.
async fn change(witness: &Witness) {
    let remove = RemoveFixedIp {
        instance: instance(1),
        address: leaving(),
        network: None,
        only_on: None,
        scope: Scope::Everything,
        domain: None,
    };
    witness.ledger.submit(remove).await;
    witness.ledger.allocate(instance(2)).await;
    witness.ledger.submit(end(instance(3))).await;
}

#[tokio::test(start_paused = true)]
async fn an_added_address_is_in_the_filter_and_a_removed_one_is_free_when_it_is_not() {
    let (witness, mut agent) = converged().await;
    change(&witness).await;
    assert!(!witness.is_free().await, "nobody has told the host yet");
    agent.reconcile().await;
    assert!(witness.is_free().await, "one pass is enough");
}

/// How many actions [`change`] takes.
async fn actions_of_change() -> u64 {
    let (witness, mut agent) = converged().await;
    let before = witness.host.counts().tried;
    change(&witness).await;
    agent.reconcile().await;
    witness.host.counts().tried - before
}

#[tokio::test(start_paused = true)]
async fn whatever_action_fails_once_the_address_is_free_after_its_filter_is_changed_and_not_before() {
    for failing in 0..actions_of_change().await {
        for is_restarted in [false, true] {
            let (witness, mut agent) = converged().await;
            let before = witness.host.counts().tried;
            witness.host.fail_if(move |number, _| number == before + failing);
            change(&witness).await;
            for _ in 0..3 {
                agent.reconcile().await;
                time::advance(RESYNC).await;
                agent.note_time(Instant::now());
                if is_restarted {
                    agent = witness.agent();
                }
            }
            assert!(witness.is_free().await, "action {failing} failed, restarted: {is_restarted}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_cannot_be_changed_keeps_the_address_from_being_free() {
    let (witness, mut agent) = converged().await;
    witness.host.fail_if(|_, action| matches!(action, Action::SetFilter { .. }));
    change(&witness).await;
    for _ in 0..3 {
        agent.reconcile().await;
        time::advance(RESYNC).await;
        agent.note_time(Instant::now());
        assert!(!witness.is_free().await);
    }
    witness.host.heal();
    agent.reconcile().await;
    assert!(witness.is_free().await);
}

/// The address leaves a port whose device cannot be plugged: the filter is proof enough.
#[tokio::test(start_paused = true)]
async fn a_port_in_error_lets_go_of_an_address_all_the_same() {
    let ledger = RealLedger::open().await;
    let info = ledger.allocate(instance(1)).await;
    let witness = Witness { ledger, host: Host::default(), network: info.vifs[0].network.id };
    witness.host.fail_if(|_, action| matches!(action, Action::Plug { .. }));
    let mut agent = witness.agent();
    agent.reconcile().await;
    change(&witness).await;
    agent.reconcile().await;
    assert!(witness.is_free().await);
}

/// The agent dies between the change of the filter and the report, or the report's answer is lost.
#[tokio::test(start_paused = true)]
async fn who_comes_after_proves_what_nobody_has_heard() {
    let (witness, mut agent) = converged().await;
    change(&witness).await;
    agent.fetch().await;
    let desired = HostState::desired(agent.holding.ports());
    agent.make_it_so(&desired).await.unwrap();
    assert!(!witness.is_free().await, "the host has done it, and not told yet");
    drop(agent);
    witness.agent().reconcile().await;
    assert!(witness.is_free().await);
}
