//! The command line.

use std::{
    env,
    error::Error,
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use futures_util::{StreamExt, stream};
use lepton_proto::v1::RequestedNetwork;
use lepton_sim::{
    Boot, Churn, Hypervisor, Load, Operation, Record, Stop, connect, floating_ips_of, instance_id,
    with_causes,
};
use lepton_types::{HostId, ProjectId};
use rand::{RngExt, rngs::StdRng};
use tokio::signal::unix::{SignalKind, signal};
use tonic::transport::Channel;

mod kernel;
mod report;

/// Boots, reboots, kills and migrates instances that do not exist, as compute agents would.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// Where Lepton listens: unix:/path/of/socket, or http://address:port.
    #[arg(long, global = true, env = "LEPTON_ENDPOINT", default_value = "unix:/run/lepton/lepton.sock")]
    endpoint: String,
    /// How results are printed.
    #[arg(long, short, global = true, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Boot instances.
    Boot(BootArgs),
    /// Kill instances that `boot` booted under the same seed.
    Kill(KillArgs),
    /// Boot, reboot, kill and migrate at random; on Ctrl-C, kill what lives and end.
    Churn(ChurnArgs),
    /// Repeat one operation as fast as a closed loop of callers can, and measure it.
    Load(LoadArgs),
    /// Be an instance in the kernel (started by a hypervisor, which speaks over its standard input).
    #[command(hide = true)]
    Guest,
}

#[derive(Debug, Args)]
struct BootArgs {
    /// How many instances.
    #[arg(long, default_value_t = 1)]
    count: u64,
    /// The networks to plug each into, in the order of its vNICs; none for those of the project.
    #[arg(long = "network", value_name = "UUID")]
    networks: Vec<String>,
    /// Wait up to so many seconds for an instance's ports to be plugged.
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
    /// Boot them in the kernel, each in a network namespace of its own on the host of the server's own agent, and kill
    /// them on Ctrl-C; takes root, or unshare --map-root-user around server and this program.
    #[arg(long, conflicts_with = "hosts")]
    kernel: bool,
    #[command(flatten)]
    fleet: Fleet,
}

#[derive(Debug, Args)]
struct KillArgs {
    /// How many instances.
    #[arg(long, default_value_t = 1)]
    count: u64,
    #[command(flatten)]
    fleet: Fleet,
}

#[derive(Debug, Args)]
struct ChurnArgs {
    /// Operations in all.
    #[arg(long, default_value_t = 1_000)]
    operations: u64,
    /// Most instances alive at once for each of those that work at the same time.
    #[arg(long, default_value_t = 20)]
    alive: usize,
    /// In the kernel, each instance in a network namespace of its own, and kill them all in the end. A migration is to the
    /// same host: an end here and a next life there, in another namespace. Between `--hosts` instances move alive.
    #[arg(long, conflicts_with = "hosts")]
    kernel: bool,
    #[command(flatten)]
    fleet: Fleet,
}

#[derive(Debug, Args)]
struct LoadArgs {
    /// Which operation.
    #[arg(value_enum)]
    operation: Operation,
    /// Number of the first instance.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Most calls.
    #[arg(long, default_value_t = 1_000)]
    calls: u64,
    /// Instances that `nw-info` and `associate-floating` draw from; as many as there are calls when not given.
    #[arg(long)]
    range: Option<u64>,
    /// Longest time, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// HTTP/2 connections.
    #[arg(long, default_value_t = 4)]
    connections: u32,
    /// Wait up to so many seconds for an instance's ports to be plugged.
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
    /// Ask for more than can be answered: count calls that found the queue full to the last attempt, and do not fail for them.
    #[arg(long)]
    overload: bool,
    /// Tell in the JSON how many answers took so many microseconds, too.
    #[arg(long)]
    latencies: bool,
    #[command(flatten)]
    fleet: Fleet,
}

/// Which instances, where, and how many at once.
#[derive(Debug, Args)]
struct Fleet {
    /// The project that the instances belong to.
    #[arg(long)]
    project: ProjectId,
    /// Names the run: the same seed makes the same instance ids.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many calls may be under way at the same time.
    #[arg(long, default_value_t = 16)]
    concurrency: u32,
    /// Spread over this many hosts that do not exist; none for the host of the server's own agent.
    #[arg(long, default_value_t = 0)]
    hosts: u32,
}

/// The program.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    // What cannot be written is lost: to complain of it is to write there again, which panics.
    tracing_subscriber::fmt().with_writer(io::stderr).log_internal_errors(false).init();
    let result = match cli.action {
        Action::Guest => lepton_sim::run_guest().map_err(Into::into),
        Action::Boot(_) | Action::Kill(_) | Action::Churn(_) | Action::Load(_) => talk(&cli),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The exit code tells as much as it can where nobody can be told more.
            let _ = writeln!(io::stderr(), "lepton-sim: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn talk(cli: &Cli) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        match &cli.action {
            Action::Boot(args) => boot(cli, args).await,
            Action::Kill(args) => kill(cli, args).await,
            Action::Churn(args) => churn(cli, args).await,
            Action::Load(args) => load(cli, args).await,
            Action::Guest => unreachable!("a guest speaks to nobody but its hypervisor"),
        }
    })
}

async fn boot(cli: &Cli, args: &BootArgs) -> Result<(), Box<dyn Error>> {
    let hypervisors = args.fleet.hypervisors(&connect(&cli.endpoint).await?)?;
    if args.kernel {
        return kernel::boot(cli.output, args, &hypervisors[0]).await;
    }
    let booted = stream::iter(0..args.count)
        .zip(stream::iter(hypervisors.iter().cycle()))
        .map(|(number, hypervisor)| hypervisor.boot(args.boot(number)))
        .buffered(args.fleet.width())
        .collect::<Vec<_>>()
        .await;
    let (booted, refused): (Vec<_>, Vec<_>) = booted.into_iter().partition(Result::is_ok);
    report::booted(cli.output, &booted.into_iter().flatten().collect::<Vec<_>>(), &record_of(&hypervisors))?;
    refused.into_iter().find_map(Result::err).map_or(Ok(()), |error| Err(error.into()))
}

async fn kill(cli: &Cli, args: &KillArgs) -> Result<(), Box<dyn Error>> {
    let load = args.fleet.load(Operation::Deallocate, args.count, Duration::from_secs(600));
    finish_load(cli, load, 1, false).await
}

async fn churn(cli: &Cli, args: &ChurnArgs) -> Result<(), Box<dyn Error>> {
    let hypervisors = args.fleet.hypervisors(&connect(&cli.endpoint).await?)?;
    let guest_program = args.kernel.then(env::current_exe).transpose()?;
    let churn = Churn {
        hypervisors: &hypervisors,
        boot: Boot {
            wait_for_active: args.kernel.then_some(kernel::PLUG_TIMEOUT),
            ..Boot::new(args.fleet.project.clone())
        },
        guest_program: guest_program.as_deref(),
        seed: args.fleet.seed,
        operations: args.operations,
        concurrency: args.fleet.concurrency,
        alive_per_lane: args.alive,
        stop: Stop::default(),
    };
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (stop, run) = (churn.stop.clone(), churn.run());
    tokio::pin!(run);
    let summary = loop {
        tokio::select! {
            summary = &mut run => break summary,
            _ = interrupt.recv() => stop.now(),
            _ = terminate.recv() => stop.now(),
        }
    };
    report::churned(cli.output, summary.as_ref().ok(), &record_of(&hypervisors))?;
    Ok(summary.map(drop)?)
}

async fn load(cli: &Cli, args: &LoadArgs) -> Result<(), Box<dyn Error>> {
    let load = Load {
        first: args.first,
        range: args.range.unwrap_or(args.calls),
        wait_for_active: args.wait.map(Duration::from_secs),
        is_overload: args.overload,
        ..args.fleet.load(args.operation, args.calls, Duration::from_secs(args.seconds))
    };
    finish_load(cli, load, args.connections, args.latencies).await
}

async fn finish_load(
    cli: &Cli,
    mut load: Load,
    connections: u32,
    with_latencies: bool,
) -> Result<(), Box<dyn Error>> {
    let mut channels = Vec::new();
    for _ in 0..connections.max(1) {
        channels.push(connect(&cli.endpoint).await?);
    }
    if load.operation == Operation::AssociateFloating {
        load.floating_ips = floating_ips_of(&channels[0], &load.project).await?;
    }
    let mut loaded = load.run(&channels).await;
    if !with_latencies {
        loaded.latencies.clear();
    }
    report::loaded(cli.output, &loaded)?;
    match loaded.first_refusal {
        None => Ok(()),
        Some(refusal) => {
            Err(format!("{} calls were refused, the first one: {refusal}", loaded.summary.refused).into())
        }
    }
}

fn record_of(hypervisors: &[Hypervisor]) -> Record {
    let mut record = Record::default();
    for hypervisor in hypervisors {
        record.merge(&hypervisor.record());
    }
    record
}

impl BootArgs {
    /// What instance `number` is booted with.
    fn boot(&self, number: u64) -> Boot {
        let network = |id: &String| RequestedNetwork { network_id: id.clone(), fixed_ips: vec![] };
        Boot {
            instance: Some(instance_id(self.fleet.seed, number)),
            networks: self.networks.iter().map(network).collect(),
            wait_for_active: self.wait.map(Duration::from_secs),
            ..Boot::new(self.fleet.project.clone())
        }
    }
}

impl Fleet {
    /// One hypervisor for each host; their ids do not depend on the seed, which another run may share.
    fn hypervisors(&self, channel: &Channel) -> Result<Vec<Hypervisor>, Box<dyn Error>> {
        if self.hosts == 0 {
            return Ok(vec![Hypervisor::new(None, channel.clone(), rand::make_rng::<StdRng>().random())]);
        }
        let host = |number| format!("sim-{number:05}").parse::<HostId>();
        (0..self.hosts)
            .map(|number| {
                Ok(Hypervisor::new(Some(host(number)?), channel.clone(), rand::make_rng::<StdRng>().random()))
            })
            .collect()
    }

    fn load(&self, operation: Operation, calls: u64, at_most: Duration) -> Load {
        Load {
            operation,
            project: self.project.clone(),
            seed: self.seed,
            first: 0,
            range: calls,
            calls,
            at_most,
            concurrency: self.concurrency,
            hosts: self.hosts.into(),
            wait_for_active: None,
            floating_ips: Vec::new(),
            is_overload: false,
        }
    }

    fn width(&self) -> usize {
        usize::try_from(self.concurrency.max(1)).expect("a u32 fits")
    }
}
