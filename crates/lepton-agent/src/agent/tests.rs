//! The loop against a host in memory and a manager that is a locked map.

use std::sync::{Arc, Mutex};

use lepton_plug::fake::Host;
use lepton_types::{HostChanges, HostPort, HostReport, Mtu, PortBinding, PortId, PortStatus};
use tokio::{sync::watch, task::JoinHandle};
use uuid::Uuid;

use super::*;

/// A manager that is a locked map, and can be away.
#[derive(Clone, Debug)]
struct Ledger {
    known: Arc<Mutex<Known>>,
    revision: watch::Sender<Revision>,
    reports: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Known {
    ports: Vec<(Revision, HostPort)>,
    released: Vec<(Revision, PortId)>,
    statuses: std::collections::BTreeMap<PortId, PortStatus>,
    is_away: bool,
}

impl Ledger {
    fn new() -> Self {
        Self {
            known: Arc::default(),
            revision: watch::Sender::new(Revision::default()),
            reports: watch::Sender::new(0),
        }
    }

    fn plug(&self, number: u128) -> PortId {
        let revision = self.revision.borrow().next();
        let port = port(number);
        let id = port.id;
        self.known.lock().unwrap().ports.push((revision, port));
        self.revision.send_replace(revision);
        id
    }

    fn release(&self, id: PortId) {
        let revision = self.revision.borrow().next();
        let mut known = self.known.lock().unwrap();
        known.ports.retain(|(_, port)| port.id != id);
        known.released.push((revision, id));
        self.revision.send_replace(revision);
    }

    fn set_away(&self, is_away: bool) {
        self.known.lock().unwrap().is_away = is_away;
    }

    /// Waits until the manager knows what `is_known` asks for.
    async fn until(&self, is_known: impl Fn(&Known) -> bool) {
        let mut reports = self.reports.subscribe();
        while !is_known(&self.known.lock().unwrap()) {
            reports.changed().await.unwrap();
        }
    }
}

impl Manager for Ledger {
    type Error = &'static str;

    async fn changes(&self, _: &HostId, after: Option<Revision>) -> Result<HostChanges, Self::Error> {
        let known = self.known.lock().unwrap();
        if known.is_away {
            return Err("away");
        }
        let is_new = |revision: Revision| after.is_none_or(|after| revision > after);
        Ok(HostChanges {
            revision: *self.revision.borrow(),
            is_complete: after.is_none(),
            ports: known.ports.iter().filter(|entry| is_new(entry.0)).map(|entry| entry.1.clone()).collect(),
            released: known.released.iter().filter(|entry| is_new(entry.0)).map(|entry| entry.1).collect(),
        })
    }

    async fn report(&self, _: &HostId, report: HostReport) -> Result<(), Self::Error> {
        let mut known = self.known.lock().unwrap();
        if known.is_away {
            return Err("away");
        }
        known.statuses.extend(report.ports.into_iter().map(|port| (port.id, port.status)));
        known.released.retain(|(_, id)| !report.unplugged.contains(id));
        drop(known);
        self.reports.send_modify(|count| *count += 1);
        Ok(())
    }

    async fn news(&self, _: &HostId, holds: Revision) {
        let _ = self.revision.subscribe().wait_for(|revision| *revision > holds).await;
    }
}

fn port(number: u128) -> HostPort {
    let id = PortId::from(Uuid::from_u128(number << 96));
    HostPort {
        id,
        device: id.device(),
        network: Uuid::from_u128(1).into(),
        bridge: "brq00000000-00".parse().unwrap(),
        mtu: Mtu::ETHERNET,
        mac: [2, 0, 0, 0, 0, u8::try_from(number).unwrap()].into(),
        addresses: Vec::new(),
        binding: PortBinding::Tap,
    }
}

fn start(host: &Host, ledger: &Ledger) -> (JoinHandle<()>, CancellationToken) {
    let shutdown = CancellationToken::new();
    let agent = Agent::new("host-1".parse().unwrap(), host.clone(), ledger.clone(), 1);
    #[expect(clippy::disallowed_methods, reason = "the test joins it")]
    let task = tokio::spawn(agent.run(shutdown.clone()));
    (task, shutdown)
}

#[tokio::test(start_paused = true)]
async fn ports_are_plugged_reported_and_unplugged() {
    let (host, ledger) = (Host::default(), Ledger::new());
    let (task, shutdown) = start(&host, &ledger);

    let id = ledger.plug(1);
    ledger.until(|known| known.statuses.get(&id) == Some(&PortStatus::Active)).await;
    assert!(host.state().devices.contains_key(&id.device()));

    ledger.release(id);
    ledger.until(|known| known.released.is_empty()).await;
    assert!(host.state().devices.is_empty() && host.state().bridges.is_empty());
    shutdown.cancel();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_in_its_own_words_and_tried_again() {
    let (host, ledger) = (Host::default(), Ledger::new());
    host.fail_if(|_, action| matches!(action, lepton_plan::Action::Plug { .. }));
    let (task, shutdown) = start(&host, &ledger);

    let id = ledger.plug(1);
    let says_so =
        |status: &PortStatus| matches!(status, PortStatus::Error(words) if words.contains(Host::WORDS));
    ledger.until(|known| known.statuses.get(&id).is_some_and(says_so)).await;
    host.heal();
    ledger.until(|known| known.statuses.get(&id) == Some(&PortStatus::Active)).await;
    shutdown.cancel();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_its_manager_the_host_stays_as_it_was_to_be() {
    let (host, ledger) = (Host::default(), Ledger::new());
    let (task, shutdown) = start(&host, &ledger);
    let id = ledger.plug(1);
    ledger.until(|known| known.statuses.get(&id) == Some(&PortStatus::Active)).await;

    ledger.set_away(true);
    host.tamper_unnoticed(|state| {
        state.devices.remove(&id.device());
    });
    time::sleep(RESYNC * 2).await;
    assert!(host.state().devices.contains_key(&id.device()), "it is plugged again");
    shutdown.cancel();
    task.await.unwrap();
}
