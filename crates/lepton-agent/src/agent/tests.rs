use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex},
};

use lepton_plan::Action;
use lepton_plug::fake::Host;
use lepton_types::{HostChanges, HostPort, HostReport, IfName, MacAddr, PortBinding, PortId, PortStatus};
use tokio::{sync::watch, task::JoinSet};

use super::*;
use crate::pace::RESYNC;

mod addresses;
mod blind;
mod delays;
mod fenced;
mod moving;
mod real;
mod retries;

// ---- a manager in memory

/// Most questions that the manager answers. Who asks without a pause keeps the paused clock from moving; then it moves on,
/// and the test can count.
const MOST_QUESTIONS: usize = 10_000;

/// A manager that is a locked map. Clones are the same manager.
#[derive(Clone)]
struct FakeManager {
    ledger: Arc<Mutex<Ledger>>,
    /// The host's revision, which is what news are about; and how often something was reported.
    revision: watch::Sender<Revision>,
    reports: watch::Sender<usize>,
}

#[derive(Default)]
struct Ledger {
    /// What the host must have, with the revision at which it came.
    ports: BTreeMap<PortId, (Revision, HostPort)>,
    releasing: BTreeMap<PortId, Revision>,
    /// What the host has said.
    statuses: BTreeMap<PortId, PortStatus>,
    heard: Revision,
    unplugged: Vec<PortId>,
    /// How often the host has asked what it must have.
    questions: usize,
    /// Most ports that one report was about.
    longest_report: usize,
    /// What goes wrong.
    is_down: bool,
    is_silent: bool,
    /// How long an answer takes.
    delay: Duration,
    loses_news: bool,
    lost_answers: u32,
}

impl FakeManager {
    fn new() -> Self {
        let (revision, reports) = (watch::Sender::new(Revision::default()), watch::Sender::new(0));
        Self { ledger: Arc::default(), revision, reports }
    }

    /// Changes the ledger, at the next revision.
    fn write(&self, change: impl FnOnce(&mut Ledger, Revision)) {
        self.revision.send_modify(|revision| {
            *revision = revision.next();
            change(&mut self.ledger.lock().unwrap(), *revision);
        });
    }

    fn want(&self, ports: impl IntoIterator<Item = HostPort>) {
        self.write(|ledger, revision| {
            ledger.ports.extend(ports.into_iter().map(|port| (port.id, (revision, port))));
        });
    }

    fn release(&self, number: u8) {
        self.write(|ledger, revision| {
            ledger.ports.remove(&id(number));
            ledger.statuses.remove(&id(number));
            ledger.releasing.insert(id(number), revision);
        });
    }

    fn set(&self, change: impl FnOnce(&mut Ledger)) {
        change(&mut self.ledger.lock().unwrap());
    }

    /// Takes as long as its answers are to take.
    async fn think(&self) {
        let delay = self.ledger.lock().unwrap().delay;
        if !delay.is_zero() {
            time::sleep(delay).await;
        }
    }

    /// What the host must have.
    fn desired(&self) -> HostState {
        let ledger = self.ledger.lock().unwrap();
        HostState::desired(ledger.ports.values().map(|(_, port)| port))
    }

    /// Waits for a report after which `holds` holds of the ledger; at most a minute of the paused clock.
    async fn until(&self, holds: impl Fn(&Ledger) -> bool) {
        let mut reports = self.reports.subscribe();
        let reached = reports.wait_for(|_| holds(&self.ledger.lock().unwrap()));
        let is_reached = time::timeout(Duration::from_secs(60), reached).await.is_ok();
        let ledger = self.ledger.lock().unwrap();
        assert!(is_reached, "statuses {:?}, unplugged {:?}", ledger.statuses, ledger.unplugged);
    }

    /// Waits until the host has reported every port that it must have as plugged, at this revision.
    async fn until_all_active(&self) {
        let wanted = *self.revision.borrow();
        self.until(|ledger| {
            let is_active = |id| ledger.statuses.get(id) == Some(&PortStatus::Active);
            ledger.heard == wanted && ledger.ports.keys().all(is_active) && ledger.releasing.is_empty()
        })
        .await;
    }
}

impl Manager for FakeManager {
    type Error = &'static str;

    async fn changes(&self, _: &HostId, after: Option<Revision>) -> Result<HostChanges, Self::Error> {
        let is_silent = {
            let mut ledger = self.ledger.lock().unwrap();
            ledger.questions += 1;
            ledger.is_silent || ledger.questions > MOST_QUESTIONS
        };
        if is_silent {
            std::future::pending::<()>().await;
        }
        self.think().await;
        let ledger = self.ledger.lock().unwrap();
        if ledger.is_down {
            return Err("down");
        }
        let is_new = |revision: &Revision| after.is_none_or(|after| *revision > after);
        let ports = ledger
            .ports
            .values()
            .filter(|(at, _)| is_new(at))
            .map(|(at, port)| HostPort { revision: *at, ..port.clone() })
            .collect();
        let released = ledger.releasing.iter().filter(|(_, at)| is_new(at)).map(|(id, _)| *id).collect();
        Ok(HostChanges { revision: *self.revision.borrow(), is_complete: after.is_none(), ports, released })
    }

    async fn report(&self, _: &HostId, report: HostReport) -> Result<(), Self::Error> {
        self.think().await;
        let is_answer_lost = {
            let mut ledger = self.ledger.lock().unwrap();
            if ledger.is_down {
                return Err("down");
            }
            ledger.heard = report.revision;
            ledger.longest_report = ledger.longest_report.max(report.ports.len()).max(report.unplugged.len());
            ledger.statuses.extend(report.ports.into_iter().map(|port| (port.id, port.status)));
            for id in report.unplugged {
                ledger.releasing.remove(&id);
                ledger.unplugged.push(id);
            }
            ledger.lost_answers = ledger.lost_answers.saturating_sub(1);
            ledger.lost_answers > 0
        };
        self.reports.send_modify(|count| *count += 1);
        if is_answer_lost { Err("lost on the way") } else { Ok(()) }
    }

    async fn news(&self, _: &HostId, holds: Revision) {
        if self.ledger.lock().unwrap().loses_news {
            std::future::pending::<()>().await;
        }
        let mut revisions = self.revision.subscribe();
        let _ = revisions.wait_for(|revision| *revision > holds).await;
    }
}

// ---- words of the scenarios

fn host_id() -> HostId {
    "host-a".parse().unwrap()
}

fn id(number: u8) -> PortId {
    format!("{number:08x}-0000-4000-8000-000000000000").parse().unwrap()
}

fn device(number: u8) -> IfName {
    id(number).device()
}

/// Port `number`, on one of two networks.
fn port(number: u8) -> HostPort {
    HostPort {
        id: id(number),
        revision: Revision::default(),
        device: device(number),
        network: format!("{:08x}-0000-4000-8000-000000000000", number % 2).parse().unwrap(),
        bridge: format!("brq{:08x}-00", number % 2).parse().unwrap(),
        mtu: 1500.try_into().unwrap(),
        mac: MacAddr::from([0xfa, 0x16, 0x3e, 0, 0, number]),
        addresses: vec![IpAddr::from([10, 0, 0, number])],
        binding: PortBinding::Tap,
    }
}

/// An agent that runs until this is dropped, or stopped.
struct Running {
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
}

impl Running {
    fn start(host: &Host, manager: &FakeManager) -> Self {
        let (shutdown, mut tasks) = (CancellationToken::new(), JoinSet::new());
        tasks.spawn(Agent::new(host_id(), host.clone(), manager.clone(), 1).run(shutdown.clone()));
        Self { shutdown, tasks }
    }

    async fn stop(mut self) {
        self.shutdown.cancel();
        self.tasks.join_next().await.unwrap().unwrap();
    }
}

/// A manager and a host that have these ports, and the agent that runs between them.
async fn converged(ports: impl IntoIterator<Item = u8>) -> (FakeManager, Host, Running) {
    let (manager, host) = (FakeManager::new(), Host::default());
    manager.want(ports.into_iter().map(port));
    let agent = Running::start(&host, &manager);
    manager.until_all_active().await;
    assert_eq!(host.state(), manager.desired());
    (manager, host, agent)
}

/// From a host with ports 1, 2 and 3 to one with 2, 3 (larger MTU), 4 and 5: an action of every kind but loading.
fn change(manager: &FakeManager) {
    manager.release(1);
    let mut larger = port(3);
    larger.mtu = 9000.try_into().unwrap();
    let mut moved = port(2);
    moved.addresses = vec![IpAddr::from([10, 0, 0, 99])];
    manager.want([larger, moved, port(4), port(5)]);
}

/// How many actions [`change`] takes.
async fn actions_of_change() -> u64 {
    let (manager, host, _agent) = converged([1, 2, 3]).await;
    let before = host.counts().tried;
    change(&manager);
    manager.until_all_active().await;
    host.counts().tried - before
}

// ---- the loop

#[tokio::test(start_paused = true)]
async fn a_wanted_port_is_plugged_and_reported_at_once() {
    let (manager, host, _agent) = converged([1]).await;
    let start = Instant::now();

    manager.want([port(2)]);
    manager.until_all_active().await;

    assert_eq!(Instant::now(), start, "no timer was needed");
    assert_eq!(host.state(), manager.desired());
}

#[tokio::test(start_paused = true)]
async fn a_released_port_is_unplugged_and_its_absence_reported() {
    let (manager, host, _agent) = converged([1, 2]).await;

    manager.release(1);
    manager.until(|ledger| ledger.unplugged == [id(1)]).await;

    assert!(!host.state().devices.contains_key(&device(1)));
    assert!(!host.state().filters.contains_key(&device(1)));
}

#[tokio::test(start_paused = true)]
async fn a_port_that_was_never_plugged_is_reported_unplugged_when_released() {
    let (manager, _host, _agent) = converged([1]).await;
    manager.release(7);
    manager.until(|ledger| ledger.unplugged == [id(7)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_knows_nothing_of_a_port_takes_nothing_from_it() {
    let (manager, host, agent) = converged([1, 2]).await;
    agent.stop().await;
    let before = host.state();
    // Another ledger, or the same one by another host's name.
    let other = FakeManager::new();
    let running = Running::start(&host, &other);
    time::sleep(RESYNC * 2).await;
    assert_eq!(host.state(), before);

    other.want([port(3)]);
    other.until_all_active().await;
    other.release(1); // it may name it yet
    other.until(|ledger| ledger.unplugged == [id(1)]).await;
    let after = host.state();
    assert!(
        after.devices.keys().eq(&[device(2), device(3)]) && after.filters.keys().eq(after.devices.keys())
    );

    running.stop().await;
    let _agent = Running::start(&host, &manager);
    manager.until_all_active().await;
    assert!(host.state().devices.contains_key(&device(3)));
}

#[tokio::test(start_paused = true)]
async fn a_stranger_of_a_ports_name_is_reported_and_proves_no_unplug() {
    let (manager, host, _agent) = converged([1, 2]).await;
    host.tamper(|state| {
        state.devices.remove(&device(1)); // its mark was taken off
        state.strangers.insert(device(1));
    });
    let is_stranger =
        |status: &PortStatus| matches!(status, PortStatus::Error(words) if words.contains("is not Lepton's"));
    manager.until(|ledger| is_stranger(&ledger.statuses[&id(1)])).await;
    assert_eq!(manager.ledger.lock().unwrap().statuses[&id(2)], PortStatus::Active);

    manager.release(1);
    time::sleep(RESYNC * 2).await;
    assert_eq!(manager.ledger.lock().unwrap().unplugged, []);
    host.tamper(|state| state.strangers.clear());
    manager.until(|ledger| ledger.unplugged == [id(1)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_released_port_whose_device_lost_its_mark_is_told_of() {
    let (manager, host, running) = converged([1, 2]).await;
    running.stop().await;
    host.tamper(|state| {
        state.devices.remove(&device(1));
        state.strangers.insert(device(1));
    });
    manager.release(1);
    let mut agent = Agent::new(host_id(), host, manager, 1);
    agent.reconcile().await;
    let told = format!("{:?}", agent.leftovers);
    assert!(told.contains(device(1).as_str()) && !told.contains(device(2).as_str()), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_port_that_cannot_be_unplugged_is_not_reported_unplugged() {
    let (manager, host, _agent) = converged([1, 2]).await;
    host.fail_if(|_, action| matches!(action, Action::Unplug { .. }));

    manager.release(1);
    let revision = *manager.revision.borrow();
    manager.until(|ledger| ledger.heard == revision).await;
    assert_eq!(manager.ledger.lock().unwrap().unplugged, []);
    assert!(host.state().filters.contains_key(&device(1)), "it stays filtered as long as it is there");

    host.heal();
    manager.until(|ledger| ledger.unplugged == [id(1)]).await;
}

#[tokio::test(start_paused = true)]
async fn many_ports_are_one_pass_and_new_ones_cost_no_look_at_the_host() {
    let (manager, host, _agent) = converged(1..=60).await;
    assert_eq!(host.counts().observed, 1);

    manager.want((61..=64).map(port));
    manager.until_all_active().await;
    manager.want([port(65)]);
    manager.until_all_active().await;
    assert_eq!(host.counts().observed, 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_to_do_is_nothing_done_and_nothing_said() {
    let (manager, host, _agent) = converged([1, 2]).await;
    let (tried, reports) = (host.counts().tried, *manager.reports.borrow());

    time::sleep(RESYNC * 3 + RESYNC / 2).await;
    assert_eq!(host.counts().tried, tried);
    assert_eq!(*manager.reports.borrow(), reports);
    assert_eq!(host.counts().observed, 4, "one look at the start and one every resync");
}

#[tokio::test(start_paused = true)]
async fn a_failing_port_is_reported_with_its_words_and_disturbs_nobody() {
    let (manager, host) = (FakeManager::new(), Host::default());
    host.fail_if(|_, action| matches!(action, Action::Plug { device: failing, .. } if *failing == device(2)));
    manager.want([port(1), port(2), port(3)]);
    let _agent = Running::start(&host, &manager);

    let words = PortStatus::Error(format!("cannot plug {}: {}", device(2), Host::WORDS));
    manager.until(|ledger| ledger.statuses.get(&id(2)) == Some(&words)).await;
    for number in [1, 3] {
        assert_eq!(manager.ledger.lock().unwrap().statuses[&id(number)], PortStatus::Active);
    }

    host.heal();
    manager.until_all_active().await;
}

#[tokio::test(start_paused = true)]
async fn a_port_tells_the_cause_and_not_what_followed_from_it() {
    let (manager, host) = (FakeManager::new(), Host::default());
    host.fail_if(|_, action| matches!(action, Action::CreateBridge { .. }));
    manager.want([port(1)]);
    let _agent = Running::start(&host, &manager);

    let words = PortStatus::Error(format!("cannot create {}: {}", port(1).bridge, Host::WORDS));
    manager.until(|ledger| ledger.statuses.get(&id(1)) == Some(&words)).await;
}

#[tokio::test(start_paused = true)]
async fn each_action_may_fail_once() {
    let actions = actions_of_change().await;
    assert!(actions >= 7, "{actions}");
    for failing in 0..actions {
        let (manager, host, _agent) = converged([1, 2, 3]).await;
        let before = host.counts().tried;
        host.fail_if(move |number, _| number == before + failing);

        change(&manager);
        manager.until_all_active().await;
        time::sleep(RESYNC).await; // a filter of nobody's is no port's status
        assert_eq!(host.state(), manager.desired(), "action {failing} failed");
        assert_eq!(manager.ledger.lock().unwrap().unplugged, [id(1)], "action {failing} failed");
    }
}

#[tokio::test(start_paused = true)]
async fn the_agent_may_die_between_any_two_actions() {
    for survived in 0..=actions_of_change().await {
        let (manager, host, agent) = converged([1, 2, 3]).await;
        agent.stop().await;
        let before = host.counts().tried;
        host.fail_if(move |number, _| number >= before + survived); // as good as dead

        change(&manager);
        let mut dying = Agent::new(host_id(), host.clone(), manager.clone(), 1);
        let _ = dying.reconcile().await;
        drop(dying);
        host.heal();

        let _agent = Running::start(&host, &manager);
        manager.until_all_active().await;
        assert_eq!(host.state(), manager.desired(), "died after {survived} actions");
        assert!(manager.ledger.lock().unwrap().unplugged.contains(&id(1)), "died after {survived} actions");
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_changes_nothing_on_the_host() {
    let (manager, host, agent) = converged([1, 2, 3]).await;
    agent.stop().await;
    let tried = host.counts().tried;

    let reports = *manager.reports.borrow();
    let _agent = Running::start(&host, &manager);
    manager.reports.subscribe().wait_for(|count| *count > reports).await.unwrap();
    assert_eq!(host.counts().tried, tried);
}

// ---- lost wakes, and what somebody else did

#[tokio::test(start_paused = true)]
async fn a_lost_wake_costs_at_most_a_resync() {
    let (manager, host) = (FakeManager::new(), Host::default());
    manager.set(|ledger| ledger.loses_news = true);
    let _agent = Running::start(&host, &manager);
    manager.want([port(1)]); // possibly before the first pass
    manager.until_all_active().await;

    for number in 2..5 {
        let start = Instant::now();
        manager.want([port(number)]);
        manager.until_all_active().await;
        assert!(start.elapsed() <= RESYNC, "{:?}", start.elapsed());
    }
    let start = Instant::now();
    manager.release(1);
    manager.until(|ledger| ledger.unplugged == [id(1)]).await;
    assert!(start.elapsed() <= RESYNC, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changed_on_the_host_is_repaired_at_once_or_at_the_next_resync() {
    let (manager, host, _agent) = converged([1, 2]).await;
    let damage = |state: &mut HostState| {
        state.devices.remove(&device(1));
        state.is_filtering = false;
    };

    host.tamper(damage);
    time::sleep(Duration::from_millis(1)).await;
    assert_eq!(host.state(), manager.desired());

    host.tamper_unnoticed(damage);
    time::sleep(RESYNC).await;
    assert_eq!(host.state(), manager.desired());
}

#[tokio::test(start_paused = true)]
async fn a_device_that_cannot_come_back_is_reported_lost() {
    let (manager, host, _agent) = converged([1, 2]).await;
    host.fail_if(|_, action| matches!(action, Action::Plug { .. }));
    host.tamper(|state| drop(state.devices.remove(&device(1))));
    manager.until(|ledger| matches!(ledger.statuses[&id(1)], PortStatus::Error(_))).await;
    assert_eq!(manager.ledger.lock().unwrap().statuses[&id(2)], PortStatus::Active);
}

// ---- a manager that fails

#[tokio::test(start_paused = true)]
async fn before_the_managers_first_answer_nothing_is_touched() {
    let (manager, host, agent) = converged([1, 2]).await;
    agent.stop().await;
    manager.set(|ledger| ledger.is_down = true);
    let before = host.counts();

    let _agent = Running::start(&host, &manager);
    time::sleep(Duration::from_secs(300)).await;
    assert_eq!(host.counts(), before);

    manager.set(|ledger| ledger.is_down = false);
    manager.want([port(3)]);
    manager.until_all_active().await;
}

#[tokio::test(start_paused = true)]
async fn while_the_manager_is_away_the_host_is_kept_as_it_was_wanted_last() {
    let (manager, host, _agent) = converged([1, 2]).await;
    manager.set(|ledger| ledger.is_down = true);
    manager.release(1); // nobody hears of it

    time::sleep(Duration::from_secs(60)).await;
    host.tamper(|state| drop(state.devices.remove(&device(1))));
    time::sleep(Duration::from_secs(60)).await;
    assert!(host.state().devices.contains_key(&device(1)));

    manager.set(|ledger| ledger.is_down = false);
    manager.until(|ledger| ledger.unplugged == [id(1)]).await;
    assert_eq!(host.state(), manager.desired());
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_never_answers_does_not_stop_the_repair() {
    let (manager, host, _agent) = converged([1]).await;
    manager.set(|ledger| ledger.is_silent = true);
    host.tamper(|state| drop(state.devices.remove(&device(1))));
    time::sleep(MANAGER_TIMEOUT * 2).await;
    assert!(host.state().devices.contains_key(&device(1)));
}

#[tokio::test(start_paused = true)]
async fn a_manager_with_news_and_no_answers_is_not_asked_without_pause() {
    let (manager, _host, _agent) = converged([1]).await;
    manager.set(|ledger| (ledger.is_down, ledger.questions) = (true, 0));
    manager.want([port(2)]); // news() returns at once from now on
    time::sleep(Duration::from_secs(60)).await;
    let questions = manager.ledger.lock().unwrap().questions;
    assert!((2..=60).contains(&questions), "{questions} questions in a minute");
    manager.set(|ledger| ledger.is_down = false);
    manager.until_all_active().await;
}

#[tokio::test(start_paused = true)]
async fn a_report_whose_answer_was_lost_is_sent_again() {
    let (manager, host, _agent) = converged([1, 2]).await;
    manager.set(|ledger| ledger.lost_answers = 4);

    manager.release(1);
    manager.want([port(3)]);
    manager.until(|ledger| ledger.unplugged.len() >= 2 && ledger.lost_answers == 0).await;
    assert!(manager.ledger.lock().unwrap().unplugged.iter().all(|unplugged| *unplugged == id(1)));
    assert_eq!(host.state(), manager.desired());
}

/// A report that the manager was slow to take may come behind one of later.
#[tokio::test(start_paused = true)]
async fn what_the_manager_has_taken_is_told_it_again_in_time() {
    let (manager, _host, _agent) = converged([1, 2]).await;
    manager.set(|ledger| {
        ledger.statuses.insert(id(1), PortStatus::Error("was so once".to_owned()));
    });
    time::sleep(RESTATED).await;
    manager.until_all_active().await;
}

#[tokio::test(start_paused = true)]
async fn thousands_of_ports_are_told_of_in_parts() {
    let (manager, host) = (FakeManager::new(), Host::default());
    let ports = (0..1000_u32).map(|number| {
        let id: PortId = format!("{number:08x}-0000-4000-8000-000000000000").parse().unwrap();
        HostPort { id, device: id.device(), ..port(1) }
    });
    let ports: Vec<HostPort> = ports.collect();
    manager.want(ports.iter().cloned());
    let _agent = Running::start(&host, &manager);
    manager.until_all_active().await;
    assert_eq!(manager.ledger.lock().unwrap().longest_report, 256);

    manager.write(|ledger, revision| {
        ledger.ports.clear();
        ledger.releasing.extend(ports.iter().map(|port| (port.id, revision)));
    });
    manager.until(|ledger| ledger.releasing.is_empty()).await;
    let ledger = manager.ledger.lock().unwrap();
    assert_eq!((ledger.unplugged.len(), ledger.longest_report), (1000, 256));
}

#[tokio::test(start_paused = true)]
async fn a_pass_runs_to_its_end_when_the_agent_is_told_to_stop() {
    let (manager, host) = (FakeManager::new(), Host::default());
    manager.want([port(1), port(2)]);
    let agent = Running::start(&host, &manager);
    agent.stop().await; // before it had a chance to begin
    assert_eq!(host.state(), manager.desired());
    assert_eq!(manager.ledger.lock().unwrap().statuses.len(), 2);
}
