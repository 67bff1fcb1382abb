//! [`Managers`]: processes over one disk, each with a clock of its own, that die and come back.

use std::{
    convert::Infallible,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use lepton_ledger::{Change, View};
use lepton_manager::{
    Api, Arrival, Authorise, Keep, Manager, Role, Settings, Trust, audit_ledger, keep_house,
};
use lepton_store::{After, Database, Disk, StoreConfig, Surroundings, Weather};
use lepton_types::Timestamp;
use tokio::time;
use tokio_util::sync::CancellationToken;
use tonic::{body::Body, codegen::http, service::RoutesBuilder};
use tower::{Layer, util::BoxCloneSyncService};

use crate::{
    chance::Chance,
    check::Checker,
    faults::{Faults, Trick},
    mishap::{Mishap, Mortal},
    network::Lost,
    tasks::Tasks,
    trace::Trace,
};

/// When a run begins: some day in 2026, in microseconds.
const START: i64 = 1_790_000_000_000_000;

/// How often managers audit the ledger.
const AUDIT_PERIOD: Duration = Duration::from_secs(60);

/// How long what is over is kept: answers longer than a run, since callers repeat what they were answered long ago.
const KEEP: Keep = Keep {
    requests: Duration::from_secs(86_400),
    history: Duration::from_secs(120),
    events: Duration::from_secs(120),
};

/// The managers of a run. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Managers {
    seats: Arc<[Seat]>,
    world: World,
}

/// What all managers share.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) disk: Disk,
    pub(crate) faults: Faults,
    pub(crate) checker: Checker,
    pub(crate) chance: Chance,
    pub(crate) trace: Trace,
    pub(crate) tasks: Tasks,
}

/// Where a manager's process is, or not.
#[derive(Debug, Default)]
struct Seat {
    /// How far its clock is ahead of the run's, in microseconds.
    ahead: Arc<AtomicI64>,
    process: Mutex<Option<Process>>,
}

#[derive(Debug)]
struct Process {
    serving: Serving,
    death: CancellationToken,
}

/// What a living manager serves.
#[derive(Clone)]
pub(crate) struct Serving {
    /// For its agents.
    pub(crate) manager: Manager,
    /// For its callers.
    pub(crate) routes: BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Infallible>,
}

impl Managers {
    /// So many, none of which is alive yet.
    pub(crate) fn new(count: usize, world: World) -> Self {
        Self { seats: (0..count).map(|_| Seat::default()).collect(), world }
    }

    /// How many they are, alive or not.
    pub(crate) fn count(&self) -> usize {
        self.seats.len()
    }

    /// Starts one, unless it is alive.
    pub(crate) fn start(&self, number: usize) {
        if self.process(number).is_some() {
            return;
        }
        self.world.trace.note(format_args!("manager {number} starts"));
        let death = CancellationToken::new();
        let storm = Storm { number, world: self.world.clone(), death: death.clone() };
        let (ahead, trace) = (Arc::clone(&self.seats[number].ahead), self.world.trace.clone());
        let clock = move || Timestamp::from(now(&trace).micros() + ahead.load(Ordering::Relaxed));
        let chance = self.world.chance.fork();
        let surroundings = Surroundings {
            clock: Arc::new(clock),
            seeds: Arc::new(move || Ok(chance.seed())),
            disk: Some(self.world.disk.under(Arc::new(storm))),
        };
        let config = StoreConfig::new(Database::Memory);
        let opened = Manager::open_in(&config, Settings::default(), surroundings).now_or_never();
        let manager = opened.expect("a ledger in memory is open at once").expect("and cannot fail");
        let forgets = self.world.faults.is(Trick::AnswersAreForgotten);
        let keep = if forgets { Keep { requests: Duration::ZERO, ..KEEP } } else { KEEP };
        let keeper = keep_house(manager.clone(), keep, CancellationToken::new());
        self.spawn_until(&death, keeper);
        let auditor = audit_ledger(manager.clone(), AUDIT_PERIOD, CancellationToken::new());
        self.spawn_until(&death, auditor);
        let mut routes = RoutesBuilder::default();
        Api::new(manager.clone()).serve(&mut routes);
        let routes = Authorise::new(trust()).layer(Arrival.layer(routes.routes()));
        let serving = Serving { manager, routes: BoxCloneSyncService::new(routes) };
        *self.process(number) = Some(Process { serving, death });
    }

    /// Looks at the whole ledger.
    pub(crate) fn ledger<T>(&self, look: impl FnOnce(&View) -> T) -> T {
        self.world.disk.look(look)
    }

    /// Lets something go on by itself until the run is over.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.world.tasks.spawn(task);
    }

    fn spawn_until(&self, death: &CancellationToken, task: impl Future<Output = ()> + Send + 'static) {
        let death = death.clone();
        self.spawn(async move { death.run_until_cancelled_owned(task).await.unwrap_or_default() });
    }

    /// Ends one in the middle of whatever it does.
    pub(crate) fn kill(&self, number: usize) {
        if let Some(process) = self.process(number).take() {
            self.world.trace.note(format_args!("manager {number} is killed"));
            process.death.cancel();
        }
    }

    /// Ends one, which comes back after a second.
    pub(crate) fn kill_for_a_while(&self, number: usize) {
        self.kill(number);
        let managers = self.clone();
        self.spawn(async move {
            time::sleep(Duration::from_secs(1)).await;
            managers.start(number);
        });
    }

    /// What time it is, by a clock that nobody sets.
    pub(crate) fn now(&self) -> Timestamp {
        now(&self.world.trace)
    }

    /// Sets the clock of one.
    pub(crate) fn set_clock(&self, number: usize, ahead: Duration, is_back: bool) {
        let micros = i64::try_from(ahead.as_micros()).expect("a run is short");
        let ahead = if is_back { -micros } else { micros };
        self.world.trace.note(format_args!("the clock of manager {number} is {ahead} us ahead"));
        self.seats[number].ahead.store(ahead, Ordering::Relaxed);
    }

    /// Puts a question to one that is alive.
    ///
    /// # Errors
    ///
    /// [`Lost`]: it is dead, or dies over it.
    pub(crate) async fn serve<T>(
        &self,
        number: usize,
        question: &(impl Fn(Serving) -> BoxFuture<'static, T> + Sync),
    ) -> Result<T, Lost> {
        let (serving, death) = {
            let process = self.process(number);
            let process = process.as_ref().ok_or(Lost::Refused)?;
            (process.serving.clone(), process.death.clone())
        };
        death.run_until_cancelled(question(serving)).await.ok_or(Lost::Broken)
    }

    fn process(&self, number: usize) -> MutexGuard<'_, Option<Process>> {
        self.seats[number].process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").finish_non_exhaustive()
    }
}

/// What time it is in the run.
fn now(trace: &Trace) -> Timestamp {
    let elapsed = i64::try_from(trace.elapsed().as_micros()).expect("a run is short");
    Timestamp::from(START + elapsed)
}

/// Callers are admins.
fn trust() -> Trust {
    Trust {
        daemon_uid: 0,
        unix_role: None,
        loopback_role: Some(Role::Admin),
        binds_hosts: false,
        trust_domain: None,
    }
}

/// What befalls a manager's batches. When it is dead they get nowhere: whatever is left of its tasks waits for ever.
#[derive(Clone)]
struct Storm {
    number: usize,
    world: World,
    death: CancellationToken,
}

impl Storm {
    async fn unless_dead(&self) {
        if self.death.is_cancelled() {
            std::future::pending::<()>().await;
        }
    }

    async fn dies(&self) {
        self.world.faults.dies(Mortal::Manager(self.number));
        self.death.cancel();
        self.unless_dead().await;
    }

    /// What befalls a batch that was carried out.
    async fn after(self, mishap: Option<Mishap>) -> Result<(), String> {
        let faults = &self.world.faults;
        time::sleep(faults.disk_takes()).await;
        self.unless_dead().await;
        if mishap == Some(Mishap::DiesAfter) {
            self.dies().await;
        }
        let is_unheard = mishap == Some(Mishap::FailsAfter) || faults.disk_is_unheard();
        if is_unheard { Err("the commit's answer was lost".to_owned()) } else { Ok(()) }
    }
}

impl Weather for Storm {
    fn before(&self) -> BoxFuture<'static, Result<After, String>> {
        let storm = self.clone();
        Box::pin(async move {
            let faults = &storm.world.faults;
            time::sleep(faults.disk_takes()).await;
            storm.unless_dead().await;
            let mishap = faults.mishap(format_args!("a batch of manager {}", storm.number));
            if mishap == Some(Mishap::DiesBefore) {
                storm.dies().await;
            }
            if mishap == Some(Mishap::FailsBefore) || faults.disk_refuses() {
                return Err("the disk is full".to_owned());
            }
            Ok(Box::pin(storm.after(mishap)) as After)
        })
    }

    fn kept(&self, ledger: &View, changes: &[Change]) {
        self.world.trace.note(format_args!("manager {} commits {changes:?}", self.number));
        self.world.checker.look(ledger, changes);
    }
}
