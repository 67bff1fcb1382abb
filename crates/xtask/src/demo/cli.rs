//! The `lepton` command, as an operator would type it.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::daemon;

/// The `lepton` command of this build, pointed at one endpoint; no setting of its user's reaches it.
#[derive(Clone, Debug)]
pub(super) struct Cli {
    pub(super) program: PathBuf,
    pub(super) endpoint: String,
    /// An empty file, read in place of the user's and the system's.
    config: PathBuf,
}

impl Cli {
    /// The command `program`, with its configuration in `folder`.
    pub(super) fn new(program: PathBuf, endpoint: String, folder: &Path) -> Result<Self> {
        let config = folder.join("cli.toml");
        fs::write(&config, "").with_context(|| format!("cannot write {}", config.display()))?;
        Ok(Self { program, endpoint, config })
    }

    /// Runs a command; answers with the command itself and what it printed.
    pub(super) async fn run(&self, arguments: &str) -> Result<String> {
        let mut command = Command::new(&self.program);
        daemon::without_settings(&mut command, env::vars_os().map(|(name, _)| name));
        let output = command
            .args(["--endpoint", &self.endpoint, "--config"])
            .arg(&self.config)
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
