//! A `leptond` of our own: started, waited for, stopped.

use std::{
    env,
    ffi::OsString,
    fs,
    fs::File,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::{
    net::UnixDatagram,
    process::{Child, Command},
    time,
};

/// Longest that a start may take: it migrates an empty database.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest that a stop may take: it drains for 10 s at most, and all of it ends within 10 s more.
const STOP_TIMEOUT: Duration = Duration::from_secs(25);

/// What tempfile puts behind a prefix, in length.
const RANDOM: &str = "XXXXXX";

/// Longest path of a unix socket, in bytes: `sun_path` has 108, of which one ends the text (unix(7)).
const LONGEST_SOCKET: usize = 107;

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
        // Of one that was started here before and has ended.
        let _ = fs::remove_file(&notify);
        let socket =
            UnixDatagram::bind(&notify).context("cannot listen for leptond's word that it is ready")?;
        // setpriv becomes leptond, having asked the kernel to end it when this process does, by whatever death.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--"]).arg(program);
        without_settings(&mut command, env::vars_os().map(|(name, _)| name));
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

/// A folder for a daemon, removed when dropped. A process that is killed leaves it, and the next one of its kind removes it.
#[derive(Debug)]
pub(crate) struct Folder {
    folder: TempDir,
    /// Locked as long as its maker lives.
    _owner: File,
}

/// The file in a folder that its maker has locked.
const OWNER: &str = "owner.lock";

impl Folder {
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn make(above: &Path, prefix: &str) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(above)?;
        // It comes to be under its name when it is locked: nobody sees it without.
        let (unnamed, named) = (folder.path().join("owner.new"), folder.path().join(OWNER));
        let owner = File::create(&unnamed)?;
        owner.lock()?;
        fs::rename(unnamed, named)?;
        Ok(Self { folder, _owner: owner })
    }
}

/// Makes a folder, among the temporary ones, unless the path of a socket in it would be too long for the kernel. What
/// processes that were killed have left there is removed first.
pub(crate) fn folder(prefix: &str) -> Result<Folder> {
    let above = short_enough(env::temp_dir(), prefix);
    remove_orphans(&above, prefix);
    Folder::make(&above, prefix).with_context(|| format!("cannot make a folder in {}", above.display()))
}

/// Removes the folders of this kind whose makers are dead: those in which nobody has the lock. One without the file is being
/// made, or somebody else's.
fn remove_orphans(above: &Path, prefix: &str) {
    for entry in fs::read_dir(above).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        let owner = File::options().write(true).open(entry.path().join(OWNER));
        // Held until the folder is gone, so that of two who remove it one does.
        if owner.is_ok_and(|owner| owner.try_lock().is_ok() && fs::remove_dir_all(entry.path()).is_err()) {
            eprintln!("{} is left over and cannot be removed", entry.path().display());
        }
    }
}

fn short_enough(temporary: PathBuf, prefix: &str) -> PathBuf {
    let socket = temporary.join(format!("{prefix}{RANDOM}")).join("lepton.sock");
    if socket.as_os_str().len() <= LONGEST_SOCKET { temporary } else { PathBuf::from("/tmp") }
}

/// Takes those of `names` from a command's environment that set something of Lepton's.
pub(crate) fn without_settings(command: &mut Command, names: impl Iterator<Item = OsString>) {
    for name in names.filter(|name| name.to_string_lossy().starts_with("LEPTON_")) {
        command.env_remove(name);
    }
}

/// The log of the `leptond` that ran, or runs, in `folder`.
pub(crate) fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("leptond.log")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_for_temporary_files_is_used_unless_a_socket_in_it_had_too_long_a_path() {
        let socket =
            |folder: &str| short_enough(folder.into(), "lepton-demo-").join("lepton-demo-XXXXXX/lepton.sock");
        let fits = format!("/{}", "x".repeat(LONGEST_SOCKET - "//lepton-demo-XXXXXX/lepton.sock".len()));
        assert!(socket(&fits).starts_with(&fits));
        assert_eq!(socket(&fits).as_os_str().len(), LONGEST_SOCKET);
        assert!(socket(&(fits + "x")).starts_with("/tmp"));
    }

    #[test]
    fn what_a_dead_process_left_is_removed_and_a_living_ones_folder_stays() {
        let above = tempfile::tempdir().unwrap();
        let make = |prefix| Folder::make(above.path(), prefix).unwrap();
        let (living, other) = (make("lepton-demo-"), make("lepton-bench-"));
        // Killed: the lock goes with the process, the folder stays.
        let Folder { folder, _owner } = make("lepton-demo-");
        drop(_owner);
        let dead = folder.keep();
        let begun = above.path().join("lepton-demo-begun");
        fs::create_dir(&begun).unwrap();

        remove_orphans(above.path(), "lepton-demo-");
        assert!(!dead.exists());
        assert!(living.path().exists() && other.path().exists() && begun.exists());
    }

    #[test]
    fn settings_of_the_users_reach_no_command() {
        let mut command = Command::new("lepton");
        without_settings(
            &mut command,
            ["LEPTON_ENDPOINT", "PATH", "LEPTON_CLI_CONFIG"].map(Into::into).into_iter(),
        );
        let taken: Vec<_> = command.as_std().get_envs().collect();
        assert_eq!(taken, [("LEPTON_CLI_CONFIG".as_ref(), None), ("LEPTON_ENDPOINT".as_ref(), None)]);
    }
}
