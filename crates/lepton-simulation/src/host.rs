//! [`Host`]: a machine with a kernel that is slow and fails, and an agent that dies and comes back.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lepton_agent::{Agent, Manager};
use lepton_plan::{Action, HostState, Seen};
use lepton_plug::{Plug, PlugError, fake};
use lepton_types::{HostChanges, HostId, HostReport, IfName, Revision};
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::{
    chance::Chance,
    check::Checker,
    faults::{Faults, Trick},
    mishap::{Mishap, Mortal},
    network::{Cable, Network},
    trace::Trace,
};

/// How long an agent waits before it asks another manager for news.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// A machine. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) id: HostId,
    /// What connects it with the managers.
    pub(crate) cable: Cable,
    kernel: fake::Host,
    network: Network,
    faults: Faults,
    checker: Checker,
    chance: Chance,
    trace: Trace,
    agent: Arc<Mutex<Option<CancellationToken>>>,
}

impl Host {
    pub(crate) fn new(
        id: HostId,
        network: Network,
        faults: Faults,
        checker: Checker,
        chance: Chance,
        trace: Trace,
    ) -> Self {
        let (cable, kernel, agent): (Cable, fake::Host, _) = Default::default();
        checker.watch(id.clone(), kernel.clone());
        Self { id, cable, kernel, network, faults, checker, chance, trace, agent }
    }

    /// Its kernel, to look at.
    pub(crate) fn kernel(&self) -> &fake::Host {
        &self.kernel
    }

    /// Starts its agent, unless that is alive.
    pub(crate) fn start(&self) {
        let mut agent = self.agent();
        if agent.is_some() {
            return;
        }
        self.trace.note(format_args!("the agent of {} starts", self.id));
        let plug = SlowPlug {
            kernel: self.kernel.clone(),
            faults: self.faults.clone(),
            checker: self.checker.clone(),
            trace: self.trace.clone(),
            host: self.id.clone(),
        };
        let link =
            Link { network: self.network.clone(), cable: self.cable.clone(), chance: self.chance.clone() };
        let work = Agent::new(self.id.clone(), plug, link, self.chance.word()).run(CancellationToken::new());
        let death = CancellationToken::new();
        let mortal = death.clone().run_until_cancelled_owned(work);
        self.network.managers().spawn(async move { mortal.await.unwrap_or_default() });
        *agent = Some(death);
    }

    /// Ends its agent in the middle of whatever it does. What is plugged stays.
    pub(crate) fn kill(&self) {
        if let Some(death) = self.agent().take() {
            self.trace.note(format_args!("the agent of {} is killed", self.id));
            death.cancel();
        }
    }

    /// Ends its agent, and takes away what is plugged, as a reboot does.
    pub(crate) fn reboot(&self) {
        self.kill();
        self.trace.note(format_args!("{} reboots", self.id));
        self.kernel.tamper_unnoticed(|state| *state = HostState::default());
    }

    fn agent(&self) -> MutexGuard<'_, Option<CancellationToken>> {
        self.agent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A kernel that takes its time for each action, and does not do some. So an agent may die between any two of them.
struct SlowPlug {
    kernel: fake::Host,
    faults: Faults,
    checker: Checker,
    trace: Trace,
    host: HostId,
}

impl Plug for SlowPlug {
    async fn observe(&mut self) -> Result<HostState, PlugError> {
        assert!(!self.faults.is(Trick::AgentsPanic), "an agent panics, as it was told to");
        time::sleep(self.faults.plug_takes()).await;
        self.kernel.observe().await
    }

    async fn look_at(&mut self, names: &BTreeSet<IfName>) -> Result<Seen, PlugError> {
        time::sleep(self.faults.plug_takes()).await;
        self.kernel.look_at(names).await
    }

    async fn apply(&mut self, actions: &[Action]) -> Vec<Result<(), PlugError>> {
        let mut outcomes = Vec::new();
        for action in actions {
            time::sleep(self.faults.plug_takes()).await;
            let is_removal = matches!(action, Action::Unplug { .. } | Action::RemoveFilter { .. });
            let mishap =
                self.faults.mishap(format_args!("{}: {} {}", self.host, action.verb(), action.object()));
            if mishap == Some(Mishap::DiesBefore) {
                self.dies().await;
            }
            if is_removal && self.faults.is(Trick::KernelKeeps) {
                outcomes.push(Ok(()));
            } else if mishap == Some(Mishap::FailsBefore) || self.faults.plug_fails() {
                self.trace.note(format_args!("{} does not {} {}", self.host, action.verb(), action.object()));
                outcomes.push(Err(PlugError::of(action, fake::Host::WORDS)));
            } else {
                outcomes.extend(self.kernel.apply(std::slice::from_ref(action)).await);
                self.trace.note(format_args!("{}: {} {}", self.host, action.verb(), action.object()));
                self.look_after(action);
            }
            match mishap {
                Some(Mishap::DiesAfter) => self.dies().await,
                Some(Mishap::FailsAfter) => {
                    outcomes.pop();
                    outcomes.push(Err(PlugError::of(action, fake::Host::WORDS)));
                }
                Some(Mishap::Twice) => drop(self.kernel.apply(std::slice::from_ref(action)).await),
                Some(Mishap::FailsBefore | Mishap::DiesBefore) | None => {}
            }
        }
        outcomes
    }

    async fn changed(&mut self) {
        self.kernel.changed().await;
    }
}

impl SlowPlug {
    /// The agent dies over what it does.
    async fn dies(&self) {
        self.faults.dies(Mortal::Agent(self.host.clone()));
        std::future::pending().await
    }

    /// Has what an action is about looked at, whether the kernel has done it or refused to.
    fn look_after(&self, action: &Action) {
        match action {
            Action::LoadFilters { filters } => {
                filters.keys().for_each(|device| self.checker.look_at_device(&self.host, device));
            }
            Action::SetFilter { device, .. }
            | Action::Plug { device, .. }
            | Action::SetDevice { device, .. } => self.checker.look_at_device(&self.host, device),
            Action::Unplug { .. }
            | Action::RemoveFilter { .. }
            | Action::CreateBridge { .. }
            | Action::SetBridge { .. }
            | Action::DeleteBridge { .. } => {}
        }
    }
}

/// The managers, as an agent sees them across the network: each time some other one.
struct Link {
    network: Network,
    cable: Cable,
    chance: Chance,
}

impl Link {
    fn some_manager(&self) -> usize {
        self.chance.number(0..self.network.managers().count())
    }
}

impl Manager for Link {
    type Error = String;

    async fn changes(&self, host: &HostId, after: Option<Revision>) -> Result<HostChanges, String> {
        let host = host.clone();
        let asked = self.network.ask(&self.cable, self.some_manager(), move |serving| {
            let host = host.clone();
            Box::pin(async move { serving.manager.host_changes(host, after).await.map_err(words) })
        });
        asked.await.map_err(words)?
    }

    async fn report(&self, host: &HostId, report: HostReport) -> Result<(), String> {
        let host = host.clone();
        let told = self.network.ask(&self.cable, self.some_manager(), move |serving| {
            let (host, report) = (host.clone(), report.clone());
            Box::pin(async move { serving.manager.host_report(host, report).await.map_err(words) })
        });
        told.await.map_err(words)?
    }

    async fn news(&self, host: &HostId, holds: Revision) {
        loop {
            let host = host.clone();
            let heard = self.network.ask(&self.cable, self.some_manager(), move |serving| {
                let host = host.clone();
                Box::pin(async move { serving.manager.host_news(&host, holds).await })
            });
            if heard.await.is_ok() {
                return;
            }
            time::sleep(ASK_AGAIN).await;
        }
    }
}

fn words(error: impl fmt::Display) -> String {
    error.to_string()
}
