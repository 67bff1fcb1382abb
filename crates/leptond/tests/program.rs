//! The program `leptond` as its users and systemd meet it: flags, exit codes, notifications, signals.

#![expect(clippy::unwrap_used, reason = "a failure in a helper is a failed test, as in the tests themselves")]

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::net::{UnixDatagram, UnixStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use lepton_proto::v1::{WatchEventsRequest, events_client::EventsClient};
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, geteuid},
};
use tempfile::TempDir;
use tonic::transport::Endpoint;
use tonic_types::StatusExt;

/// How long a notification may take before the test fails; a start takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program, with nothing of this process's environment.
fn leptond(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leptond"));
    command.env_clear().args(arguments).stdin(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = leptond(arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A running daemon; killed when its test fails before it stopped.
struct Daemon(Child);

impl Daemon {
    /// What systemd does to stop it; whether it ended well.
    fn stop(&mut self) -> bool {
        self.terminate();
        self.0.wait().unwrap().success()
    }

    fn terminate(&self) {
        self.signal(Signal::SIGTERM);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().try_into().unwrap()), signal).unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Fails when it has ended already, as it should have.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder with room for a daemon's state and socket, and where systemd would listen for its notifications.
struct Place {
    folder: TempDir,
    notifications: UnixDatagram,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let notifications = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        notifications.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { folder, notifications }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// A daemon with its state and socket here, and a free TCP port; it needs no right over the kernel.
    fn start(&self) -> Daemon {
        self.start_with_log(Stdio::piped())
    }

    fn start_with_log(&self, log: Stdio) -> Daemon {
        self.start_as(leptond(&[]), log)
    }

    /// The same, with a command that becomes leptond and hands on its arguments.
    fn start_as(&self, mut command: Command, log: Stdio) -> Daemon {
        command.args(self.arguments());
        command.env("NOTIFY_SOCKET", self.path("notify")).env("LEPTON_LOG_FORMAT", "json");
        Daemon(command.stderr(log).spawn().unwrap())
    }

    /// What keeps a daemon from touching anything outside this folder.
    fn arguments(&self) -> [String; 5] {
        [
            format!("--state-dir={}", self.path("state")),
            format!("--listen-unix={}", self.path("run/lepton.sock")),
            "--listen-tcp=127.0.0.1:0".to_owned(),
            "--config=/dev/null".to_owned(),
            "--agent-backend=fake".to_owned(),
        ]
    }

    fn notification(&self) -> String {
        let mut buffer = [0; 512];
        let length = self.notifications.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).trim().to_owned()
    }
}

#[test]
fn check_config_prints_what_is_in_force() {
    let (code, stdout, stderr) = output(&["--check-config", "--host", "node7", "--config", "/dev/null"]);
    assert_eq!((code, &*stderr), (Some(0), ""));
    assert!(stdout.starts_with("OK\n"), "{stdout}");
    assert!(
        stdout.lines().any(|line| line.starts_with("host = \"node7\"") && line.ends_with("# --host")),
        "{stdout}"
    );
}

#[test]
fn check_config_tells_all_mistakes_and_exits_with_2() {
    let (code, stdout, stderr) =
        output(&["--check-config", "--config", "/nonexistent.toml", "--log-level", "loud"]);
    assert_eq!((code, &*stdout), (Some(2), ""));
    assert!(
        stderr.contains("2 mistakes")
            && stderr.contains("/nonexistent.toml")
            && stderr.contains("--log-level")
    );
}

/// The lines of a refusal that tell its mistakes.
fn mistakes(stderr: &str) -> Vec<&str> {
    stderr.lines().skip(1).map(str::trim).collect()
}

#[track_caller]
fn assert_starts(lines: &[&str], starts: &[&str]) {
    let is_told = |(line, start): (&&str, &&str)| line.starts_with(start);
    assert!(lines.len() == starts.len() && lines.iter().zip(starts).all(is_told), "{lines:#?}");
}

#[test]
fn mistakes_in_texts_in_files_and_in_names_of_groups_are_told_at_once_with_their_places() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("t.toml");
    let text = "listen.tcp = '0.0.0.0:9898'\nlisten.unix_group = 'no-such-group'\ntls.cert = '/nonexistent'\n\
                tls.client_ca = '/etc/passwd'\nqueue.limit = 0\n";
    fs::write(&file, text).unwrap();
    let at = |line: u32, told: &str| format!("{}:{line}: {told}", file.display());

    let (code, _, stderr) = output(&["--check-config", "--config", file.to_str().unwrap()]);
    assert_eq!(code, Some(2));
    let starts = [
        at(5, "queue.limit: "),
        at(3, "tls.key: it is needed with tls.cert"),
        at(3, "tls.cert: cannot read /nonexistent"),
        at(4, "tls.client_ca: cannot get a certificate (PEM) from /etc/passwd"),
        at(2, "listen.unix_group: the group no-such-group does not exist"),
    ];
    assert_starts(&mistakes(&stderr), &starts.each_ref().map(|start| &**start));
}

#[test]
fn what_a_flag_or_a_variable_names_is_told_with_it() {
    let flags = ["--tls-cert=/nonexistent", "--tls-key=/nonexistent", "--tls-client-ca=/etc/passwd"];
    let mut command = leptond(&["--check-config", "--config=/dev/null"]);
    let Output { stderr, .. } =
        command.args(flags).env("LEPTON_LISTEN_UNIX_GROUP", "no-such-group").output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    let starts = [
        "--tls-cert: tls.cert: cannot read ",
        "--tls-key: tls.key: cannot read ",
        "--tls-client-ca: tls.client_ca: cannot get ",
        "LEPTON_LISTEN_UNIX_GROUP: listen.unix_group: the group ",
    ];
    assert_starts(&mistakes(&stderr), &starts);
}

#[test]
fn check_config_reads_the_files_for_tls() {
    let folder = TempDir::new().unwrap();
    let garbage = folder.path().join("garbage.pem");
    fs::write(&garbage, "no PEM").unwrap();
    let garbage = garbage.to_str().unwrap();
    let (code, _, stderr) = output(&[
        "--check-config",
        "--config=/dev/null",
        "--tls-cert=/nonexistent.crt",
        "--tls-key=/nonexistent.key",
        &format!("--tls-client-ca={garbage}"),
    ]);
    assert_eq!(code, Some(2));
    assert!(
        stderr.contains("cannot read /nonexistent.crt") && stderr.contains("cannot read /nonexistent.key"),
        "{stderr}"
    );

    let all = ["--tls-cert", "--tls-key", "--tls-client-ca"].map(|flag| format!("{flag}={garbage}"));
    let (code, _, stderr) = output(&["--check-config", "--config=/dev/null", &all[0], &all[1], &all[2]]);
    assert_eq!(code, Some(2));
    for key in ["tls.cert", "tls.key", "tls.client_ca"] {
        assert!(stderr.contains(&format!("{key}: cannot get a ")), "{stderr}");
    }
}

/// systemd does not try again what ends with 2, and tries for ever what ends with 1.
#[test]
fn what_a_configuration_names_and_is_not_there_ends_a_check_and_a_run_with_2() {
    let place = Place::new();
    let state = format!("--state-dir={}", place.path("state"));
    let socket = format!("--listen-unix={}", place.path("lepton.sock"));
    let tls = ["--tls-cert", "--tls-key", "--tls-client-ca"].map(|flag| format!("{flag}=/nonexistent.pem"));
    let tls: Vec<_> = tls.iter().map(String::as_str).collect();
    for (wrong, told) in [
        (
            &["--listen-unix-group=no-such-group"][..],
            "listen.unix_group: the group no-such-group does not exist",
        ),
        (&tls, "tls.cert: cannot read /nonexistent.pem"),
    ] {
        for check in [&["--check-config"][..], &[]] {
            let common =
                ["--config=/dev/null", "--listen-tcp=127.0.0.1:0", "--agent-backend=fake", &state, &socket];
            let arguments: Vec<_> = check.iter().chain(&common).chain(wrong).copied().collect();
            let (code, _, stderr) = output(&arguments);
            assert_eq!(code, Some(2), "{check:?} {stderr}");
            assert!(stderr.contains(told), "{stderr}");
        }
    }
    assert!(!Path::new(&place.path("state")).exists());
}

#[test]
fn a_configuration_file_that_is_named_by_nothing_is_the_default_one() {
    // What the default one says is the machine's; where its mistakes are told, it was read.
    let Output { stdout, stderr, .. } =
        leptond(&["--check-config"]).env("LEPTON_CONFIG", "").output().unwrap();
    let told = [stdout, stderr].map(|told| String::from_utf8(told).unwrap()).concat();
    assert!(!told.contains("--config") && told.contains("listen"), "{told}");
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    let (code, _, stderr) = output(&["--frobnicate"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("--frobnicate"), "{stderr}");
}

/// These tests run in the machine's own network, and anybody may run them.
#[test]
fn the_daemons_here_read_no_file_of_the_machine_and_plug_nothing() {
    let Output { stdout, .. } = leptond(&["--check-config"]).args(Place::new().arguments()).output().unwrap();
    let settings = String::from_utf8(stdout).unwrap();
    let backend = settings.lines().find(|line| line.starts_with("agent.backend")).unwrap();
    assert!(
        backend.starts_with("agent.backend = \"fake\"") && backend.ends_with("# --agent-backend"),
        "{backend}"
    );
    assert!(!settings.contains("/etc/"), "{settings}");
}

#[test]
fn it_tells_systemd_when_it_is_ready_and_when_it_stops() {
    let place = Place::new();
    let mut daemon = place.start();
    assert_eq!(place.notification(), "READY=1");

    let addresses = fs::read(place.path("state/listen.json")).unwrap();
    let addresses: serde_json::Value = serde_json::from_slice(&addresses).unwrap();
    assert_eq!(addresses["unix"], place.path("run/lepton.sock"));
    UnixStream::connect(place.path("run/lepton.sock")).unwrap();
    std::net::TcpStream::connect(addresses["tcp"].as_str().unwrap()).unwrap();

    daemon.terminate();
    assert_eq!(place.notification(), "STOPPING=1");
    assert!(daemon.0.wait().unwrap().success());
    assert!(!Path::new(&place.path("run/lepton.sock")).exists());
    assert!(!Path::new(&place.path("state/listen.json")).exists());

    let mut log = String::new();
    daemon.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

/// The kernel's SIGHUP for a terminal that ends, and the shell's, are no impatience.
#[test]
fn the_end_of_its_terminal_is_a_good_stop() {
    let place = Place::new();
    // Whoever runs the tests may ignore the signal, and leptond would do so too.
    let mut command = Command::new("env");
    command.env_clear().args(["--default-signal=HUP", env!("CARGO_BIN_EXE_leptond")]).stdin(Stdio::null());
    let mut daemon = place.start_as(command, Stdio::piped());
    assert_eq!(place.notification(), "READY=1");
    daemon.signal(Signal::SIGHUP);
    assert_eq!(place.notification(), "STOPPING=1");
    // It may have ended by now, and is still to be waited for.
    daemon.signal(Signal::SIGHUP);
    assert!(daemon.0.wait().unwrap().success());
    assert!(!Path::new(&place.path("run/lepton.sock")).exists());
}

#[test]
fn a_daemon_that_was_started_to_outlive_its_terminal_does() {
    let place = Place::new();
    let mut command = Command::new("sh");
    let line = "trap '' HUP; exec \"$0\" \"$@\"";
    command.env_clear().args(["-c", line, env!("CARGO_BIN_EXE_leptond")]).stdin(Stdio::null());
    let mut daemon = place.start_as(command, Stdio::piped());
    assert_eq!(place.notification(), "READY=1");
    daemon.signal(Signal::SIGHUP);
    UnixStream::connect(place.path("run/lepton.sock")).unwrap();
    assert!(daemon.stop());
    let mut log = String::new();
    daemon.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(log.matches("stopping").count(), 1, "{log}");
}

/// A command that becomes leptond under these limits of the shell's.
fn limited(limits: &str) -> Command {
    let mut command = Command::new("sh");
    let line = format!("{limits} && exec \"$0\" \"$@\"");
    command.env_clear().args(["-c", &line, env!("CARGO_BIN_EXE_leptond")]).stdin(Stdio::null());
    command
}

#[test]
fn as_many_files_may_be_open_as_the_system_allows() {
    let place = Place::new();
    let mut command = limited("ulimit -S -n 300 && ulimit -H -n 700");
    command.args(["--listen-max-connections=94"]);
    let mut daemon = place.start_as(command, Stdio::piped());
    assert_eq!(place.notification(), "READY=1");
    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.0.id())).unwrap();
    let files: Vec<&str> =
        limits.lines().find(|line| line.starts_with("Max open files")).unwrap().split_whitespace().collect();
    assert_eq!(files[3..5], ["700", "700"]);
    assert!(daemon.stop());
    let mut log = String::new();
    daemon.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(!log.contains("max_connections"), "94 for each of two faces and 512 are 700: {log}");
}

#[test]
fn fewer_files_than_connections_may_need_are_warned_of() {
    let place = Place::new();
    let mut command = limited("ulimit -n 700");
    command.args(["--listen-max-connections=95"]);
    let mut daemon = place.start_as(command, Stdio::piped());
    assert_eq!(place.notification(), "READY=1");
    assert!(daemon.stop());
    let mut log = String::new();
    daemon.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let warning = log.lines().find(|line| line.contains("listen.max_connections")).unwrap();
    assert!(warning.contains("702") && warning.contains("700"), "{warning}");
}

#[test]
fn the_right_that_the_agent_lacks_is_named() {
    let place = Place::new();
    // Root keeps its user and loses its rights; anybody else has none to lose.
    let mut command = Command::new("setpriv");
    if geteuid().is_root() {
        command.args(["--bounding-set", "-all"]);
    }
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let (state, socket) = (place.path("state"), place.path("lepton.sock"));
    let Output { status, stderr, .. } = command
        .env_clear()
        .env("PATH", path)
        .args(["--", env!("CARGO_BIN_EXE_leptond"), "--config=/dev/null", "--agent-backend=linux"])
        .args(["--listen-tcp=", "--state-dir", &state, "--listen-unix", &socket])
        .output()
        .unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("without the capability CAP_NET_ADMIN: start leptond as root"), "{stderr}");
}

/// As of a disk that is full, and of a collector that has died.
#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (reader, unread) = io::pipe().unwrap();
    drop(reader);
    for log in [Stdio::from(full), Stdio::from(unread)] {
        let place = Place::new();
        let mut daemon = place.start_with_log(log);
        assert_eq!(place.notification(), "READY=1");
        UnixStream::connect(place.path("run/lepton.sock")).unwrap();
        assert!(daemon.stop());
    }
}

#[test]
fn a_failure_that_cannot_be_told_has_its_exit_code() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for (arguments, code) in [
        (&["--check-config", "--config=/nonexistent.toml"][..], 2),
        (&["--config=/dev/null", "--state-dir=/dev/null/state"], 1),
        (&["--frobnicate"], 2),
    ] {
        let status = leptond(arguments).stderr(full()).stdout(full()).status().unwrap();
        assert_eq!(status.code(), Some(code), "{arguments:?}");
    }
}

/// What follows the ledger would last for ever; the time to drain is for calls that come to an end.
#[test]
fn a_stop_does_not_wait_for_those_who_follow_the_ledger() {
    let place = Place::new();
    let mut daemon = place.start_as(leptond(&["--shutdown-drain=10m"]), Stdio::piped());
    assert_eq!(place.notification(), "READY=1");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut stream = runtime.block_on(async {
        let endpoint = Endpoint::from_shared(format!("unix:{}", place.path("run/lepton.sock"))).unwrap();
        let mut client = EventsClient::new(endpoint.connect().await.unwrap());
        let mut stream = client.watch_events(WatchEventsRequest::default()).await.unwrap().into_inner();
        stream.message().await.unwrap().unwrap();
        stream
    });
    daemon.terminate();
    let ended = runtime.block_on(stream.message()).unwrap_err();
    assert_eq!(ended.get_details_error_info().unwrap().reason, "SHUTTING_DOWN");
    drop(stream);
    drop(runtime);
    assert!(daemon.0.wait().unwrap().success());
}

#[test]
fn a_good_stop_is_one_also_when_somebody_removed_the_record_of_the_addresses() {
    let place = Place::new();
    let mut daemon = place.start();
    assert_eq!(place.notification(), "READY=1");
    fs::remove_file(place.path("state/listen.json")).unwrap();
    assert!(daemon.stop());
}

#[test]
fn a_second_daemon_leaves_the_first_alone() {
    let place = Place::new();
    let mut first = place.start();
    assert_eq!(place.notification(), "READY=1");

    let mut second = place.start();
    assert_eq!(second.0.wait().unwrap().code(), Some(1));
    let mut log = String::new();
    second.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let words = "another leptond uses the state directory";
    let last: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert!(last["level"] == "ERROR" && last["message"].as_str().unwrap().contains(words), "{log}");

    // Also where nothing else is to be logged.
    let mut silent = leptond(&["--log-level=off"]);
    let silent = silent.args(place.arguments()).env("LEPTON_LOG_FORMAT", "json").output().unwrap();
    assert_eq!(silent.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&silent.stderr).contains(words), "{silent:?}");

    UnixStream::connect(place.path("run/lepton.sock")).unwrap();
    assert!(first.stop());
}

/// Its ledger is open by then, and is left as it was.
#[test]
fn a_daemon_of_another_state_on_the_same_addresses_leaves_the_first_alone() {
    let place = Place::new();
    let mut first = place.start();
    assert_eq!(place.notification(), "READY=1");

    let (state, socket) = (place.path("other"), place.path("run/lepton.sock"));
    let (code, _, stderr) = output(&[
        "--config=/dev/null",
        "--agent-backend=fake",
        "--state-dir",
        &state,
        "--listen-unix",
        &socket,
    ]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("another process answers there"), "{stderr}");

    UnixStream::connect(&socket).unwrap();
    assert!(first.stop());
}

#[test]
fn a_socket_that_a_killed_daemon_left_behind_does_not_matter() {
    let place = Place::new();
    let mut killed = place.start();
    assert_eq!(place.notification(), "READY=1");
    killed.0.kill().unwrap();
    killed.0.wait().unwrap();
    assert!(Path::new(&place.path("run/lepton.sock")).exists());

    let mut next = place.start();
    assert_eq!(place.notification(), "READY=1");
    UnixStream::connect(place.path("run/lepton.sock")).unwrap();
    assert!(next.stop());
}
