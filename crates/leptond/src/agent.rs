//! The agent in the manager's own process: it asks and tells by plain calls what a remote one will by gRPC.

use std::io;

use lepton_agent::{Agent, Manager as AgentManager};
use lepton_manager::{Manager, ManagerError};
use lepton_plug::{fake, linux::Linux};
use lepton_types::{HostChanges, HostId, HostReport, Revision};
use tokio_util::sync::CancellationToken;

use crate::{config::Backend, tasks::Tasks};

/// What the agent is called when it dies.
const NAME: &str = "the agent";

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

/// Starts the agent of `host`.
///
/// # Errors
///
/// The kernel cannot be reached.
pub(crate) fn start(
    tasks: &mut Tasks,
    backend: Backend,
    host: &HostId,
    manager: &Manager,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let (host, manager) = (host.clone(), Embedded(manager.clone()));
    let seed = u64::from(std::process::id());
    match backend {
        Backend::Linux => {
            let linux = Linux::open()?;
            tasks.spawn(NAME, Agent::new(host, linux, manager, seed).run(shutdown));
        }
        Backend::Fake => {
            tracing::warn!("agent.backend = fake: ports are plugged in memory only");
            tasks.spawn(NAME, Agent::new(host, fake::Host::default(), manager, seed).run(shutdown));
        }
    }
    Ok(())
}
