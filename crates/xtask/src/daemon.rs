//! A `leptond` of our own: started, waited for, stopped.

use std::{
    env, fs,
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    net::UnixDatagram,
    process::{Child, Command},
    time,
};

/// Longest that a start may take: it migrates an empty database.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest that a stop may take: it drains for 10 s at most.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// A running `leptond`, with a state directory of its own; killed when dropped.
#[derive(Debug)]
pub(crate) struct Daemon {
    process: Child,
    folder: PathBuf,
}

impl Daemon {
    /// Starts `program` with `settings` (TOML) added to its own listener and state, and waits for its word that it is
    /// ready, by `sd_notify`.
    pub(crate) async fn start(program: &Path, folder: &Path, settings: &str) -> Result<Self> {
        let config = folder.join("lepton.toml");
        fs::write(&config, Self::config(folder, settings))?;
        let notify = folder.join("notify.sock");
        let socket =
            UnixDatagram::bind(&notify).context("cannot listen for leptond's word that it is ready")?;
        // setpriv becomes leptond, having asked the kernel to end it when this process does, by whatever death.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--"]).arg(program);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LEPTON_")) {
            command.env_remove(name);
        }
        let process = command
            .arg("--config")
            .arg(&config)
            .env("NOTIFY_SOCKET", &notify)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.join("leptond.log"))?)
            // A terminal's Ctrl-C is for this process, which stops leptond in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut daemon = Self { process, folder: folder.to_owned() };
        daemon.wait_until_ready(&socket).await?;
        Ok(daemon)
    }

    /// Where it listens.
    pub(crate) fn endpoint(&self) -> String {
        format!("unix:{}", self.folder.join("lepton.sock").display())
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> Result<u32> {
        self.process.id().context("leptond has ended")
    }

    /// Its resident memory, in bytes.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in its status")?;
        let kibibytes = line.trim().trim_end_matches(" kB").parse::<u64>().context("VmRSS is no number")?;
        Ok(kibibytes * 1024)
    }

    /// Stops it as a service manager does; an error when it does not end well.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.pid()?)?);
        kill(pid, Signal::SIGTERM).context("cannot stop leptond")?;
        let status = time::timeout(STOP_TIMEOUT, self.process.wait()).await;
        let status = status.context("leptond did not stop in time")??;
        ensure!(status.success(), "leptond did not end well: {status}");
        Ok(())
    }

    fn config(folder: &Path, settings: &str) -> String {
        let folder = folder.display();
        format!(
            "state_dir = \"{folder}\"\nlisten.unix = \"{folder}/lepton.sock\"\nlisten.tcp = \"\"\n{settings}"
        )
    }

    async fn wait_until_ready(&mut self, socket: &UnixDatagram) -> Result<()> {
        let deadline = time::Instant::now() + START_TIMEOUT;
        let mut buffer = [0; 4096];
        loop {
            let received = tokio::select! {
                received = time::timeout_at(deadline, socket.recv(&mut buffer)) => received,
                status = self.process.wait() => bail!("leptond ended at its start: {}", status?),
            };
            let length = received.context("leptond did not become ready in time")??;
            if String::from_utf8_lossy(&buffer[..length]).lines().any(|line| line == "READY=1") {
                return Ok(());
            }
        }
    }
}

/// The log of the `leptond` that ran, or runs, in `folder`.
pub(crate) fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("leptond.log")).unwrap_or_default()
}
