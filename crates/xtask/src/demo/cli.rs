//! The `lepton` command, as an operator would type it.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// The `lepton` command of this build, pointed at one endpoint.
#[derive(Clone, Debug)]
pub(super) struct Cli {
    pub(super) program: PathBuf,
    pub(super) endpoint: String,
}

impl Cli {
    /// Runs a command; answers with the command itself and what it printed.
    pub(super) async fn run(&self, arguments: &str) -> Result<String> {
        let output = Command::new(&self.program)
            .args(["--endpoint", &self.endpoint])
            .args(arguments.split_whitespace())
            .output()
            .await
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        let (text, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "`lepton {arguments}` failed: {}\n{text}{errors}", output.status);
        Ok(format!("$ lepton {arguments}\n{text}"))
    }
}
