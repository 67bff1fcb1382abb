//! (f) Ports in the kernel, in namespaces of their own: from the request until the tap is plugged.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::{
    engine::create_networks,
    loads::{Loads, Scale},
    report::PlugReport,
};
use crate::{
    daemon::{self, Daemon},
    namespace, workspace,
    workspace::Workspace,
};

/// How many callers, and how many instances in all.
const STAGES: [(u32, u64); 2] = [(1, 100), (64, 640)];

/// Runs this program again inside, and reads what it measured.
pub(super) fn measure(is_quick: bool) -> Result<PlugReport> {
    eprintln!("bench: ports in the kernel");
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("plug.json");
    let mut command = namespace::enter(["bench", "--plug-report"])?;
    command.arg(&path);
    if is_quick {
        command.arg("--quick");
    }
    workspace::run(&mut command)?;
    serde_json::from_slice(&fs::read(&path)?).context("cannot read what was measured inside")
}

/// Measures, inside.
pub(super) async fn run_inside(path: &Path, scale: Scale) -> Result<()> {
    namespace::bring_loopback_up()?;
    let workspace = Workspace::find()?;
    let folder = daemon::folder("lepton-bench-")?;
    let settings = "agent.backend = \"linux\"\nhost = \"bench-host\"\nlog.level = \"warn\"\n";
    let daemon = Daemon::start(&workspace.release("leptond"), folder.path(), settings).await?;
    let outcome = run(scale, &workspace, &daemon).await;
    let report = outcome.with_context(|| format!("leptond's log:\n{}", daemon::log(folder.path())))?;
    fs::write(path, serde_json::to_vec(&report)?)?;
    daemon.stop().await
}

async fn run(scale: Scale, workspace: &Workspace, daemon: &Daemon) -> Result<PlugReport> {
    create_networks(&daemon.endpoint()).await?;
    let mut loads = Loads::new(workspace.release("lepton-sim"), daemon.endpoint(), scale);
    let mut allocate = Vec::new();
    for (callers, instances) in STAGES {
        allocate.push(loads.plug(callers, scale.of(instances).max(callers.into())).await?);
    }
    Ok(PlugReport { allocate })
}
