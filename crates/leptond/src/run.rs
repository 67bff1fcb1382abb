//! [`run()`]: builds every part once, in dependency order, and serves until it is told to stop.

use std::{fs::DirBuilder, io, os::unix::fs::DirBuilderExt, path::PathBuf};

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;
use tonic::service::{Routes, RoutesBuilder};
use tonic_health::server::HealthReporter;

use crate::{
    config::Config,
    listen::{Addresses, ListenError, Listeners},
};

/// Mode of the state directory if it must be made: the ledger is nobody else's business.
const STATE_DIR_MODE: u32 = 0o700;

/// Why the process ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no place for the state.
    #[error("cannot use the state directory {}", path.display())]
    StateDir {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nowhere to listen.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The services cannot be described to clients.
    #[error("cannot build the reflection service")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The server failed.
    #[error("cannot serve")]
    Serve(#[from] tonic::transport::Error),
}

/// Serves as configured until `shutdown`, then lets the calls under way finish.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), RunError> {
    let state_dir = |source| RunError::StateDir { path: config.state_dir.clone(), source };
    DirBuilder::new().recursive(true).mode(STATE_DIR_MODE).create(&config.state_dir).map_err(state_dir)?;

    let (health, routes) = routes().await?;
    let listeners = Listeners::bind(&config.listen).await?;
    let addresses = listeners.addresses();
    addresses.record(&config.state_dir).map_err(state_dir)?;
    tracing::info!(unix = ?addresses.unix, tcp = ?addresses.tcp, tls = addresses.tls, host = %config.host, "listening");
    notify(&[NotifyState::Ready]);

    let authorise = config.authorise();
    let serving = async {
        // A server that fails ends everything else, too.
        let _stop = shutdown.clone().drop_guard();
        listeners.serve(routes, authorise, config.drain, shutdown.clone()).await
    };
    let (served, ()) = tokio::join!(serving, announce_stop(health, &shutdown));
    Addresses::forget(&config.state_dir).map_err(state_dir)?;
    tracing::info!("stopped");
    Ok(served?)
}

/// The services, and the one that says how they are.
async fn routes() -> Result<(HealthReporter, Routes), RunError> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("", tonic_health::ServingStatus::Serving).await;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(lepton_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let mut routes = RoutesBuilder::default();
    routes
        .add_service(health_service)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    Ok((health, routes.routes()))
}

/// Tells whoever watches that this process stops, and ends their watching, which would last as long as the draining.
async fn announce_stop(mut health: HealthReporter, shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tracing::info!("stopping");
    notify(&[NotifyState::Stopping]);
    health.set_service_status("", tonic_health::ServingStatus::NotServing).await;
    health.clear_service_status("").await;
}

/// Tells systemd, if it started this process and wants to know.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "cannot tell the service manager");
    }
}
