//! [`run()`]: builds every part once, in dependency order, and serves until it is told to stop.

use std::{
    convert::Infallible,
    error::Error,
    future::{self, Future},
    io,
    path::Path,
    pin::pin,
    time::Duration,
};

use futures_util::{FutureExt, TryFutureExt};
use lepton_manager::{Api, Manager, SMALL_REQUEST, audit_ledger, keep_house};
use lepton_store::{ClaimError, Database, StoreError};
use lepton_types::HostId;
use sd_notify::NotifyState;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use tonic::service::{Routes, RoutesBuilder};
use tonic_health::server::HealthReporter;
use tracing::field;

use crate::{
    agent, claim,
    config::{Config, Roles},
    descriptors,
    ledger_file::{LedgerFile, LedgerFileError},
    listen::{Addresses, ListenError, Listeners},
    metrics,
    state_dir::{StateDir, StateDirError},
    tasks::{TaskEnded, Tasks},
};

/// How long a start waits for a database that cannot be reached: as long as it takes to start one on the same machine.
const DATABASE_PATIENCE: Duration = Duration::from_secs(30);

/// Pause before the database is tried again.
const DATABASE_PAUSE: Duration = Duration::from_secs(1);

/// How long callers that waited in vain have, when draining ends, to be told so: the time to undo some allocations.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long the rest of a stop may take once no call is under way, first of it the agent's pass, then what is still to be undone
/// and the ledger's last batch. On an idle machine that is milliseconds; what is cut the next start takes up, since both the agent
/// and the ledger survive a crash at any point. The ledger's part does not depend on the agent's: a kernel that does not answer
/// is no reason to leave the database open.
const REST: Rest = Rest { tasks: Duration::from_secs(4), ledger: Duration::from_secs(4) };

/// How long the parts of the rest of a stop may take.
#[derive(Clone, Copy, Debug)]
struct Rest {
    tasks: Duration,
    ledger: Duration,
}

/// Why the process ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no place for the state.
    #[error(transparent)]
    StateDir(#[from] StateDirError),
    /// The ledger is another process's, or may be.
    #[error(transparent)]
    LedgerFile(#[from] LedgerFileError),
    /// The ledger cannot be opened.
    #[error(transparent)]
    Ledger(#[from] StoreError),
    /// The kernel cannot be reached.
    #[error("the agent cannot work on this host")]
    Agent(#[source] io::Error),
    /// The kernel may not be told anything.
    #[error(
        "the agent cannot work on this host without the capability CAP_NET_ADMIN: start leptond as root, or with \
         AmbientCapabilities=CAP_NET_ADMIN in its systemd unit; agent.backend = \"fake\" plugs in memory only"
    )]
    NoRight(#[source] io::Error),
    /// Another process is the agent of this host, or the database does not say whether one is.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// There is nowhere to listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The services cannot be described to clients.
    #[error("cannot build the reflection service")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The metrics cannot be served.
    #[error("cannot serve the metrics")]
    Metrics(#[source] io::Error),
    /// A part of the daemon died.
    #[error(transparent)]
    Task(#[from] TaskEnded),
    /// The server failed.
    #[error("cannot serve")]
    Serve(#[from] tonic::transport::Error),
}

/// Serves as configured until `shutdown`, then lets the calls under way finish.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), RunError> {
    // Whoever has the state directory is the only one here: another process of the same configuration stops at this point.
    let _state_dir = StateDir::hold(&config.state_dir).await?;
    let _ledger_file = LedgerFile::hold(&config.database).await?;
    descriptors::make_room(&config.listen);
    let Some(manager) = open_manager(&config, &shutdown).await? else { return Ok(()) };
    // The agent works on while calls are drained, because some of them wait for it.
    let stop = CancellationToken::new();
    let mut tasks = Tasks::new();
    let worked = work(&config, &manager, &mut tasks, &shutdown, &stop).await;
    stop.cancel();
    finish(tasks, &manager, REST).await;
    worked
}

/// Listens, now that the ledger can answer, starts the tasks, and serves. Nobody who calls waits for the host's claim.
async fn work(
    config: &Config,
    manager: &Manager,
    tasks: &mut Tasks<RunError>,
    shutdown: &CancellationToken,
    stop: &CancellationToken,
) -> Result<(), RunError> {
    let mut listeners = Listeners::bind(&config.listen).await?;
    if let Some(listener) = listeners.take_metrics() {
        let served = metrics::serve(listener, manager.clone(), stop.clone());
        tasks.spawn("what tells the metrics", served.map_err(RunError::Metrics));
    }
    let house = keep_house(manager.clone(), config.keep, stop.clone());
    tasks.spawn("the housekeeper", house.map(Ok));
    let audits = audit_ledger(manager.clone(), config.audit_period, stop.clone());
    tasks.spawn("the auditor", audits.map(Ok));
    tasks.spawn("the ledger", watch_ledger(manager.clone(), stop.clone()));
    if config.roles == Roles::ManagerAndAgent {
        // Before anybody can ask for a port on it. If it cannot be noted now, the agent's first question tries again.
        if let Err(error) = manager.register(&config.host).await {
            tracing::warn!(host = %config.host, %error, "the host is not noted as one that has an agent");
        }
        let agent = agent::open(config.backend, &config.host, manager, stop.clone()).map_err(agent_error)?;
        let waits = Waits { shutdown: shutdown.clone(), stop: stop.clone() };
        tasks.spawn("the agent", work_on_host(manager.clone(), config.host.clone(), agent, waits));
    }
    beside(tasks, serve(config, listeners, manager, shutdown), shutdown).await
}

/// What a task waits for, beside its work.
struct Waits {
    /// The process is told to stop.
    shutdown: CancellationToken,
    /// No call is under way any more.
    stop: CancellationToken,
}

/// Lets the agent work, as soon as the host is this process's. Who waits for a port on it meanwhile waits as for an agent that is
/// just starting; once the process stops, the agent does not start any more.
async fn work_on_host(
    manager: Manager,
    host: HostId,
    agent: impl Future<Output = ()>,
    waits: Waits,
) -> Result<(), RunError> {
    match claim::make(&manager, &host, &waits.shutdown).await? {
        Some(claim) => Ok(claim::hold(claim, agent).await?),
        None => {
            waits.stop.cancelled().await;
            Ok(())
        }
    }
}

/// Ends with the error when the ledger's store dies: it does not come back to life, and its callers would be told so for ever.
async fn watch_ledger(manager: Manager, stop: CancellationToken) -> Result<(), RunError> {
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        died = manager.death() => Err(died.into()),
    }
}

/// What an agent that could not start lacked.
fn agent_error(error: io::Error) -> RunError {
    let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
    if is_denied { RunError::NoRight(error) } else { RunError::Agent(error) }
}

/// Lets the tasks, which have been told to end, and the manager come to their ends, or cuts them.
async fn finish(mut tasks: Tasks<RunError>, manager: &Manager, rest: Rest) {
    let tasks_ended = time::timeout(rest.tasks, tasks.finish()).await;
    // They are cut here, lest they ask a ledger that closes.
    drop(tasks);
    let ledger_closed = time::timeout(rest.ledger, manager.close()).await;
    if tasks_ended.is_err() {
        tracing::warn!(patience = ?rest.tasks, "stopped before the agent had come to its end");
    }
    if ledger_closed.is_err() {
        tracing::warn!(patience = ?rest.ledger, "stopped before the ledger had come to its end");
    }
    if tasks_ended.is_ok() && ledger_closed.is_ok() {
        tracing::info!("stopped");
    }
}

/// Serves as long as every task lives; when one dies everything stops, so that whoever started the daemon starts it anew.
async fn beside(
    tasks: &mut Tasks<RunError>,
    serving: impl Future<Output = Result<(), RunError>>,
    shutdown: &CancellationToken,
) -> Result<(), RunError> {
    let mut serving = pin!(serving);
    let dead = tokio::select! {
        served = &mut serving => return served,
        dead = tasks.ended() => dead,
    };
    tracing::error!(
        error = &dead as &(dyn Error + 'static),
        "a part of the daemon ended, so all of it stops"
    );
    shutdown.cancel();
    serving.await?;
    Err(dead)
}

/// The manager over its ledger; none when the shutdown came first.
async fn open_manager(config: &Config, shutdown: &CancellationToken) -> Result<Option<Manager>, RunError> {
    let (store, settings) = (config.store(), config.manager());
    let deadline = Instant::now() + DATABASE_PATIENCE;
    loop {
        let opened = tokio::select! {
            () = shutdown.cancelled() => return Ok(None),
            opened = Manager::open(&store, settings.clone()) => opened, // a migration that is cut is rolled back
        };
        match opened {
            Ok(manager) => return Ok(Some(manager)),
            Err(error @ StoreError::Open { may_pass: true, .. })
                if is_remote(&store.database) && Instant::now() < deadline =>
            {
                tracing::warn!(%error, "the ledger is tried again");
            }
            Err(error) => return Err(error.into()),
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(None),
            () = time::sleep(DATABASE_PAUSE) => {}
        }
    }
}

/// Whether the database may come up by itself; a file does not.
fn is_remote(database: &Database) -> bool {
    matches!(database, Database::Postgres(_))
}

async fn serve(
    config: &Config,
    listeners: Listeners,
    manager: &Manager,
    shutdown: &CancellationToken,
) -> Result<(), RunError> {
    let (health, routes) = routes(manager).await?;
    let addresses = listeners.addresses();
    record(addresses, &config.state_dir)?;
    let unix = addresses.unix.as_ref().map(|path| field::display(path.display()));
    let tcp = addresses.tcp.map(field::display);
    let metrics = addresses.metrics.map(field::display);
    tracing::info!(unix, tcp, tls = addresses.tls, metrics, host = %config.host, "listening");
    notify(&[NotifyState::Ready]);

    let authorise = config.authorise();
    let serving = async {
        // A server that fails ends everything else, too.
        let _stop = shutdown.clone().drop_guard();
        listeners
            .serve(routes, authorise, manager.metrics().count(), config.drain + FAREWELL, shutdown.clone())
            .await
    };
    let (served, ()) = tokio::select! {
        served = async { tokio::join!(serving, announce_stop(health, manager, shutdown)) } => served,
        never = limit_waiting(manager, config.drain, shutdown) => match never {},
    };
    if let Err(error) = Addresses::forget(&config.state_dir) {
        tracing::warn!(%error, "cannot remove the file that told where this process listens");
    }
    Ok(served?)
}

fn record(addresses: &Addresses, state_dir: &Path) -> Result<(), RunError> {
    let refused = |source| StateDirError::Refused { path: state_dir.to_owned(), source };
    Ok(addresses.record(state_dir).map_err(refused)?)
}

/// The services, and the one that says how they are.
async fn routes(manager: &Manager) -> Result<(HealthReporter, Routes), RunError> {
    let (health, health_service) = tonic_health::server::health_reporter();
    let health_service = health_service.max_decoding_message_size(SMALL_REQUEST);
    health.set_service_status("", tonic_health::ServingStatus::Serving).await;
    for service in Api::SERVICES {
        health.set_service_status(service, tonic_health::ServingStatus::Serving).await;
    }
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(lepton_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // What errors carry.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let mut routes = RoutesBuilder::default();
    Api::new(manager.clone()).serve(&mut routes);
    routes
        .add_service(health_service)
        .add_service(reflection().build_v1()?.max_decoding_message_size(SMALL_REQUEST))
        .add_service(reflection().build_v1alpha()?.max_decoding_message_size(SMALL_REQUEST));
    Ok((health, routes.routes()))
}

/// Ends the waiting for ports when draining has taken its time, so that the callers are told before they are cut.
///
/// It never ends by itself: it goes with the serving that it accompanies.
async fn limit_waiting(manager: &Manager, drain: Duration, shutdown: &CancellationToken) -> Infallible {
    shutdown.cancelled().await;
    time::sleep(drain).await;
    manager.end_waiting();
    future::pending().await
}

/// Tells whoever watches its health or follows the ledger that this process stops, and ends their watching, which would last
/// as long as the draining.
async fn announce_stop(mut health: HealthReporter, manager: &Manager, shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tracing::info!("stopping");
    notify(&[NotifyState::Stopping]);
    manager.end_watching();
    for service in std::iter::once("").chain(Api::SERVICES) {
        health.set_service_status(service, tonic_health::ServingStatus::NotServing).await;
        health.clear_service_status(service).await;
    }
}

/// Tells systemd, if it started this process and wants to know.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "cannot tell the service manager");
    }
}

#[cfg(test)]
mod tests {
    use lepton_manager::ManagerError;
    use lepton_store::{StoreConfig, SubmitError};

    use super::*;

    /// As an agent is whose kernel, or a manager whose database, does not answer.
    #[tokio::test(start_paused = true)]
    async fn a_stop_does_not_wait_for_a_task_that_does_not_end_and_closes_the_ledger() {
        let settings = lepton_manager::Settings {
            mac_base: "fa:16:3e".parse().unwrap(),
            ..lepton_manager::Settings::default()
        };
        let manager = Manager::open(&StoreConfig::new(Database::Memory), settings).await.unwrap();
        let mut tasks = Tasks::new();
        tasks.spawn("the agent", future::pending());
        let start = Instant::now();
        finish(tasks, &manager, REST).await;
        assert_eq!(start.elapsed(), REST.tasks);
        let asked = manager.register(&"host-1".parse().unwrap()).await;
        assert!(
            matches!(asked, Err(ManagerError::Submit(SubmitError::Store(StoreError::Closed)))),
            "{asked:?}"
        );
    }

    #[tokio::test]
    async fn a_task_that_dies_ends_the_serving_and_is_the_error() {
        let (mut tasks, shutdown) = (Tasks::new(), CancellationToken::new());
        tasks.spawn("the housekeeper", future::pending());
        tasks.spawn("the agent", async { panic!("out of taps") });
        let serving = async {
            shutdown.cancelled().await;
            Ok(())
        };
        let error = beside(&mut tasks, serving, &shutdown).await.unwrap_err();
        assert!(matches!(error, RunError::Task(_)), "{error:?}");
        assert!(error.to_string().starts_with("the agent ended by itself"), "{error}");
    }
}
