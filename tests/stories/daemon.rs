//! [`Place`]: where a `leptond` keeps its state and listens; and [`Daemon`]: one that runs there.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::Duration,
};

use lepton_proto::v1::network_manager_client::NetworkManagerClient;
use lepton_sim::{Hypervisor, connect};
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, geteuid},
};
use tempfile::TempDir;
use tokio::{
    net::UnixDatagram,
    process::{Child, Command},
    time::timeout,
};
use tonic::transport::Channel;

use crate::{ledger::Ledger, programs::programs};

pub(crate) type Client = NetworkManagerClient<Channel>;

/// How long anything may take before its story fails; everything takes milliseconds on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The name of the daemon's own host.
pub(crate) const HOST: &str = "host-1";

/// A folder for a daemon's state, socket and log, which is told when a story fails.
pub(crate) struct Place {
    folder: TempDir,
    notifications: UnixDatagram,
    /// Settings of every daemon that is started here, as flags.
    settings: Vec<String>,
    /// What setpriv(1) takes from the daemons.
    privileges: Vec<&'static str>,
    /// The name of the file that the daemons log into.
    log: &'static str,
    /// The file of the network namespace that the daemons run in; none: this process's own.
    netns: Option<PathBuf>,
}

/// A running daemon; killed when it is dropped, and when this process ends.
pub(crate) struct Daemon {
    process: Child,
}

impl Place {
    /// A place for daemons that plug nothing for real.
    pub(crate) fn with_fake_host() -> Self {
        Self::new(&[("agent.backend", "fake")])
    }

    /// A place for daemons that plug into the kernel of this network namespace.
    pub(crate) fn with_kernel() -> Self {
        Self::new(&[("agent.backend", "linux")])
    }

    /// A place for daemons with these settings.
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let notifications = UnixDatagram::bind(folder.path().join("notify.sock")).unwrap();
        let own = [
            ("host", HOST.to_owned()),
            ("state_dir", path(&folder, "state")),
            ("listen.unix", path(&folder, "lepton.sock")),
            ("listen.tcp", String::new()),
        ];
        let own = own.iter().map(|(key, text)| (*key, &**text));
        // The later of two flags would be refused, so the story's go first and keep ours out.
        let own = own.filter(|(key, _)| settings.iter().all(|(given, _)| given != key));
        let settings = settings.iter().copied().chain(own).map(|(key, text)| flag(key, text)).collect();
        Self { folder, notifications, settings, privileges: Vec::new(), log: "leptond.log", netns: None }
    }

    /// The same place, whose daemons get another value for this setting when they are started.
    pub(crate) fn without(mut self, key: &str) -> Self {
        let flag = flag(key, "");
        self.settings.retain(|setting| !setting.starts_with(&flag));
        self
    }

    /// The same place, whose daemons have none of root's rights over files, should the stories run as root.
    pub(crate) fn without_privileges(mut self) -> Self {
        if geteuid().is_root() {
            self.privileges = vec!["--bounding-set", "-all"];
        }
        self
    }

    /// The same place, whose daemons log into the file of this name.
    pub(crate) fn with_log(mut self, name: &'static str) -> Self {
        self.log = name;
        self
    }

    /// The same place, whose daemons plug into the kernel of the namespace of this name.
    pub(crate) fn in_namespace(mut self, name: &str) -> Self {
        self.netns = Some(Path::new("/run/netns").join(name));
        self
    }

    /// Starts a daemon and waits until it says that it is ready.
    pub(crate) async fn start(&self) -> Daemon {
        let mut daemon = self.spawn(&[]);
        self.ready(&mut daemon).await;
        daemon
    }

    /// Starts a daemon with some more settings.
    pub(crate) fn spawn(&self, settings: &[(&str, &str)]) -> Daemon {
        let log = File::options().create(true).append(true).open(self.file(self.log)).unwrap();
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
        let inside = self.netns.as_deref().unwrap_or(Path::new("/proc/self/ns/net"));
        // nsenter becomes setpriv, and that one leptond, having asked the kernel to end it when this thread does.
        let process = Command::new("nsenter")
            .arg(format!("--net={}", inside.display()))
            .args(["setpriv", "--pdeathsig", "KILL"])
            .args(&self.privileges)
            .arg("--")
            .arg(&programs().leptond)
            .args(["--config", "/dev/null"])
            .args(&self.settings)
            .args(settings.iter().map(|(key, text)| flag(key, text)))
            .env_clear()
            .env("PATH", path)
            .env("NOTIFY_SOCKET", self.file("notify.sock"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Daemon { process }
    }

    /// Waits until the daemon says that it is ready.
    pub(crate) async fn ready(&self, daemon: &mut Daemon) {
        tokio::select! {
            () = self.told("READY=1") => {}
            status = daemon.process.wait() => panic!("leptond ended at its start: {}", status.unwrap()),
        }
    }

    /// Waits until a daemon tells its service manager this.
    pub(crate) async fn told(&self, word: &str) {
        let mut buffer = [0; 512];
        loop {
            let received = timeout(PATIENCE, self.notifications.recv(&mut buffer)).await;
            let length = received.unwrap_or_else(|_| panic!("leptond never said {word}")).unwrap();
            if String::from_utf8_lossy(&buffer[..length]).lines().any(|line| line == word) {
                return;
            }
        }
    }

    /// Forgets what daemons told that are no more.
    pub(crate) fn forget_notifications(&self) {
        while self.notifications.try_recv(&mut [0; 512]).is_ok() {}
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("unix:{}", self.file("lepton.sock").display())
    }

    pub(crate) async fn channel(&self) -> Channel {
        connect(&self.endpoint()).await.unwrap()
    }

    pub(crate) async fn client(&self) -> Client {
        NetworkManagerClient::new(self.channel().await)
    }

    /// A compute agent on the daemon's own host.
    pub(crate) async fn hypervisor(&self, seed: u64) -> Hypervisor {
        Hypervisor::new(None, self.channel().await, seed)
    }

    /// The embedded ledger.
    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::Sqlite(self.file("state/lepton.db"))
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.file(self.log)).unwrap_or_default()
    }

    /// The lines of the log that tell of something wrong.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let level = |line: &str| line.split_whitespace().nth(1).unwrap_or_default().to_owned();
        let log = self.log();
        log.lines().filter(|line| ["ERROR", "WARN"].contains(&&*level(line))).map(str::to_owned).collect()
    }

    /// Waits until the log has these words.
    pub(crate) async fn logged(&self, words: &str) {
        eventually(&format!("the log says {words:?}"), async || self.log().contains(words)).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- what leptond logged ---\n{}---", self.log());
        }
    }
}

impl Daemon {
    /// Stops it as a service manager does; it must end well.
    pub(crate) async fn stop(mut self) {
        self.terminate();
        assert_eq!(self.ended().await, Some(0));
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id().unwrap()
    }

    /// Tells it to stop.
    pub(crate) fn terminate(&self) {
        self.send(Signal::SIGTERM);
    }

    pub(crate) fn send(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.id()).unwrap());
        kill(pid, signal).unwrap();
    }

    /// `kill -9`
    pub(crate) async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }

    /// Waits for its end; answers with its exit code.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        timeout(PATIENCE, self.process.wait()).await.expect("leptond did not end").unwrap().code()
    }
}

/// Waits until a claim holds. For what nobody tells of: the kernel's state, a log, another process's rows.
pub(crate) async fn eventually(claim: &str, holds: impl AsyncFn() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    let outcome = timeout(PATIENCE, async {
        while !holds().await {
            looks.tick().await;
        }
    });
    outcome.await.unwrap_or_else(|_| panic!("never came true: {claim}"));
}

fn flag(key: &str, text: &str) -> String {
    format!("--{}={text}", key.replace(['.', '_'], "-"))
}

fn path(folder: &TempDir, name: &str) -> String {
    let path: &Path = &folder.path().join(name);
    path.to_str().unwrap().to_owned()
}
