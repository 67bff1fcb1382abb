//! The agent in the manager's own process: it asks and tells by plain calls what a remote one will by gRPC.

use std::io;

use futures_util::{FutureExt, future::BoxFuture};
use lepton_agent::{Agent, Manager as AgentManager};
use lepton_manager::{Manager, ManagerError};
use lepton_plug::{fake, linux::Linux};
use lepton_types::{HostChanges, HostId, HostReport, Revision};
use tokio_util::sync::CancellationToken;

use crate::config::Backend;

/// The manager of this process, as its agent sees it.
#[derive(Clone, Debug)]
struct Embedded(Manager);

impl AgentManager for Embedded {
    type Error = ManagerError;

    async fn changes(&self, host: &HostId, after: Option<Revision>) -> Result<HostChanges, ManagerError> {
        self.0.host_changes(host.clone(), after).await
    }

    async fn report(&self, host: &HostId, report: HostReport) -> Result<(), ManagerError> {
        self.0.host_report(host.clone(), report).await
    }

    async fn news(&self, host: &HostId, holds: Revision) {
        self.0.host_news(host, holds).await;
    }
}

/// The agent of `host`, which works until `shutdown` and ends with its pass.
///
/// # Errors
///
/// The kernel cannot be reached.
pub(crate) fn open(
    backend: Backend,
    host: &HostId,
    manager: &Manager,
    shutdown: CancellationToken,
) -> io::Result<BoxFuture<'static, ()>> {
    let (host, manager) = (host.clone(), Embedded(manager.clone()));
    let seed = u64::from(std::process::id());
    Ok(match backend {
        Backend::Linux => Agent::new(host, Linux::open()?, manager, seed).run(shutdown).boxed(),
        Backend::Fake => {
            tracing::warn!("agent.backend = fake: ports are plugged in memory only");
            Agent::new(host, fake::Host::default(), manager, seed).run(shutdown).boxed()
        }
    })
}
