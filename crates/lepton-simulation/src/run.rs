//! [`run`]: one run, from its seed to its verdict.

mod verdict;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lepton_proto::v1::{
    self, floating_ips_client::FloatingIpsClient, network_manager_client::NetworkManagerClient,
};
use lepton_sim::is_worth_repeating;
use lepton_store::Disk;
use lepton_types::{Amounts, Limit};
use tokio::{
    task::JoinSet,
    time::{self, Instant},
};
use tonic::Status;

use crate::{
    caller::{Caller, Done},
    chance::Chance,
    check::Checker,
    faults::{Faults, Trick},
    host::Host,
    manager::{Managers, World},
    mishap::Mishaps,
    network::{Cable, Network, Wire},
    panics::PanicWatch,
    tasks::Tasks,
    trace::Trace,
};

/// How long it may take until all is as it should be, after the storm: every caller has its answer by then, and every host what it
/// must have.
pub(crate) const CALM: Duration = Duration::from_secs(300);

/// How many things are done in a minute of storm, at least.
const SHARE: u64 = 3;

/// What projects may have: any number.
const LIMITS: Amounts<Limit> = Amounts {
    networks: Limit::Unlimited,
    ports: Limit::Unlimited,
    fixed_ips: Limit::Unlimited,
    floating_ips: Limit::Unlimited,
};

/// What became of a run in which all went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Instances that got their vNICs.
    pub boots: u64,
    /// Instances that did not: a pool was empty, or a host did not plug in time.
    pub refused: u64,
    /// Instances whose vNICs were taken back.
    pub kills: u64,
    /// Instances that moved, or began to and stayed.
    pub moves: u64,
    /// Everything else that was done and acknowledged.
    pub others: u64,
    /// How often the whole ledger was looked at.
    pub looks: u64,
    /// Tells two runs apart: the same for each run of the same seed.
    pub digest: u64,
}

/// What went wrong in a run.
#[derive(Debug)]
pub struct Failure {
    /// Which run.
    pub seed: u64,
    /// What was not as it must be.
    pub problem: String,
    /// The last that happened before.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trace {
            writeln!(f, "{}", line.chars().take(600).collect::<String>())?;
        }
        write!(f, "seed {}: {}", self.seed, self.problem)
    }
}

/// Runs the simulation of a seed: so much time in the storm, then the calm.
///
/// # Errors
///
/// [`Failure`]: something was not as it must be.
pub fn run(seed: u64, storm: Duration) -> Result<Summary, Failure> {
    run_with(seed, storm, None)
}

/// The same, with a fault that Lepton cannot cope with.
///
/// # Errors
///
/// As [`run`].
pub fn run_with(seed: u64, storm: Duration, trick: Option<Trick>) -> Result<Summary, Failure> {
    in_paused_time(async {
        let simulation = Simulation::new(seed, trick);
        let (checker, trace) = (simulation.checker.clone(), simulation.trace.clone());
        let done = judged(seed, &checker, &trace, simulation.run(storm)).await?;
        let Done { boots, refused, kills, moves, visits, others, abandoned } = done;
        let others = others + visits + abandoned;
        let (operations, share) = (boots + kills + moves + others, SHARE * storm.as_secs() / 60);
        if operations < share {
            let problem =
                format!("only {operations} things were done, and {share} should have been at least");
            return Err(Failure { seed, problem, trace: trace.last() });
        }
        Ok(Summary { boots, refused, kills, moves, others, looks: checker.looks(), digest: trace.digest() })
    })
}

/// Runs in one thread, whose time passes when nobody has anything to do.
pub(crate) fn in_paused_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a thread can have a runtime").block_on(work)
}

/// Runs to the end, or to the first thing that is not as it must be.
pub(crate) async fn judged<T>(
    seed: u64,
    checker: &Checker,
    trace: &Trace,
    work: impl Future<Output = T>,
) -> Result<T, Failure> {
    let _watch = PanicWatch::begin(checker);
    let done = tokio::select! {
        biased;
        () = checker.failed() => None,
        done = work => Some(done),
    };
    match (checker.problem(), done) {
        (None, Some(done)) => Ok(done),
        (problem, _) => Err(Failure { seed, problem: problem.unwrap_or_default(), trace: trace.last() }),
    }
}

/// The parts of a run.
pub(crate) struct Simulation {
    pub(crate) chance: Chance,
    faults: Faults,
    pub(crate) checker: Checker,
    pub(crate) trace: Trace,
    pub(crate) managers: Managers,
    pub(crate) hosts: Vec<Host>,
    pub(crate) network: Network,
    callers: usize,
}

impl Simulation {
    fn new(seed: u64, trick: Option<Trick>) -> Self {
        let (chance, checker, trace) = (Chance::of(seed), Checker::default(), Trace::begin());
        let faults = Faults::draw(&chance.fork(), trick);
        let counts = [chance.number(1..4), chance.number(2..5), chance.number(2..6)];
        Self::of(chance, faults, checker, trace, counts)
    }

    /// With so many managers, hosts and callers.
    fn of(chance: Chance, faults: Faults, checker: Checker, trace: Trace, counts: [usize; 3]) -> Self {
        let world = World {
            disk: Disk::new(LIMITS),
            faults: faults.clone(),
            checker: checker.clone(),
            chance: chance.fork(),
            trace: trace.clone(),
            tasks: Tasks::default(),
        };
        let [managers, hosts, callers] = counts;
        let managers = Managers::new(managers, world);
        let network = Network::new(faults.clone(), managers.clone());
        let hosts = (1..=hosts).map(|number| {
            let id = format!("host-{number}").parse().expect("a host's name");
            Host::new(id, network.clone(), faults.clone(), checker.clone(), chance.fork(), trace.clone())
        });
        Self { hosts: hosts.collect(), chance, faults, checker, trace, managers, network, callers }
    }

    /// Two managers and two hosts, whom nothing befalls but what was chosen, and nobody who calls.
    pub(crate) fn rehearsal(seed: u64, mishaps: Mishaps) -> Self {
        let (chance, checker, trace) = (Chance::of(seed), Checker::default(), Trace::begin());
        let faults = Faults::chosen(&chance.fork(), mishaps);
        Self::of(chance, faults, checker, trace, [2, 2, 0])
    }

    async fn run(self, storm: Duration) -> Done {
        self.start_managers();
        if let Err(status) = self.furnish().await {
            self.checker.fail(format_args!("nothing can be made: {status:?}"));
        }
        self.hosts.iter().for_each(Host::start);
        let goes_on = Arc::new(AtomicBool::new(true));
        let mut callers = self.callers(&goes_on);
        let _ = time::timeout(storm, self.trouble()).await;
        self.trace.note(format_args!("calm"));
        goes_on.store(false, Ordering::Relaxed);
        self.calm();
        let (deadline, mut done) = (Instant::now() + CALM, Done::default());
        let all = async {
            while let Some(one) = callers.join_next().await {
                // One that died has failed the run (`PanicWatch`).
                done.add(one.unwrap_or_default());
            }
        };
        if time::timeout_at(deadline, all).await.is_err() {
            self.checker.fail(format_args!("a caller does not come to an end"));
        }
        self.converges(deadline).await;
        if let Err(status) = self.audit().await {
            self.checker.fail(format_args!("the ledger is not audited: {status:?}"));
        }
        done
    }

    /// Makes what callers need: a network that all share, one of each project's, small ones among them, and floating IPs.
    async fn furnish(&self) -> Result<(), Status> {
        let wire = self.wire();
        let spec = |label: &str, project: &str, cidrs: &[&str], quarantine: i64| v1::NetworkSpec {
            label: label.to_owned(),
            project_id: project.to_owned(),
            subnets: cidrs.iter().map(|cidr| subnet(cidr, quarantine)).collect(),
            ..v1::NetworkSpec::default()
        };
        let networks = vec![
            spec("shared", "", &["10.0.0.0/26", "fd00::/64"], 20),
            spec("blue", "blue", &["10.1.0.0/28"], 0),
            spec("green", "green", &["10.1.0.0/27", "fd01::/64"], 60),
        ];
        let create =
            v1::CreateNetworksRequest { networks, request_id: "networks".to_owned(), ..Default::default() };
        let pool = v1::CreateFloatingPoolRequest {
            name: "nova".to_owned(),
            ranges: vec!["192.0.2.0/28".to_owned()],
            request_id: "pool".to_owned(),
            ..Default::default()
        };
        while let Err(status) = NetworkManagerClient::new(wire.clone()).create_networks(create.clone()).await
        {
            self.may_pass(status).await?;
        }
        while let Err(status) = FloatingIpsClient::new(wire.clone()).create_floating_pool(pool.clone()).await
        {
            self.may_pass(status).await?;
        }
        Ok(())
    }

    async fn may_pass(&self, status: Status) -> Result<(), Status> {
        if !is_worth_repeating(&status) {
            return Err(status);
        }
        time::sleep(Duration::from_millis(100)).await;
        Ok(())
    }

    pub(crate) fn wire(&self) -> Wire {
        Wire::new(self.network.clone(), Cable::default(), self.chance.fork())
    }

    fn callers(&self, goes_on: &Arc<AtomicBool>) -> JoinSet<Done> {
        let hosts: Arc<[String]> = self.hosts.iter().map(|host| host.id.to_string()).collect();
        let mut callers = JoinSet::new();
        for number in 0..self.callers {
            let (checker, trace) = (self.checker.clone(), self.trace.clone());
            let caller =
                Caller::new(number, Arc::clone(&hosts), &self.network, self.chance.fork(), checker, trace);
            let goes_on = Arc::clone(goes_on);
            callers.spawn(caller.run(move || goes_on.load(Ordering::Relaxed)));
        }
        callers
    }

    pub(crate) fn start_managers(&self) {
        for number in 0..self.managers.count() {
            self.managers.start(number);
        }
    }

    /// Kills, cuts off, reboots and sets clocks, for ever.
    async fn trouble(&self) {
        let seconds = Duration::from_secs;
        let longest = seconds([20, 60, 200][self.chance.number(0..3)]);
        loop {
            time::sleep(self.chance.time(seconds(1)..longest)).await;
            let host = self.chance.one(&self.hosts).clone();
            let manager = self.chance.number(0..self.managers.count());
            let pause = self.chance.time(Duration::ZERO..seconds(30));
            match self.chance.number(0..8) {
                0..3 => {
                    self.managers.kill(manager);
                    let managers = self.managers.clone();
                    self.later(pause, async move { managers.start(manager) });
                }
                3..5 => {
                    host.kill();
                    self.later(pause, async move { host.start() });
                }
                5 => {
                    self.trace.note(format_args!("{} is cut off", host.id));
                    host.cable.cut(true);
                    self.later(pause, async move { host.cable.cut(false) });
                }
                6 => {
                    host.reboot();
                    self.later(pause, async move { host.start() });
                }
                _ => self.managers.set_clock(manager, pause, self.chance.strikes(500)),
            }
        }
    }

    fn later(&self, pause: Duration, work: impl Future<Output = ()> + Send + 'static) {
        self.managers.spawn(async move {
            time::sleep(pause).await;
            work.await;
        });
    }

    /// Ends all trouble: everybody is alive and connected, and nothing fails.
    fn calm(&self) {
        self.faults.calm();
        self.start_managers();
        for host in &self.hosts {
            host.cable.cut(false);
            host.start();
        }
    }
}

/// A subnet whose addresses rest for so many seconds.
pub(crate) fn subnet(cidr: &str, quarantine: i64) -> v1::SubnetSpec {
    v1::SubnetSpec {
        cidr: cidr.to_owned(),
        quarantine: Some(prost_types::Duration { seconds: quarantine, nanos: 0 }),
        ..v1::SubnetSpec::default()
    }
}
