//! Runs each test in namespaces of its own: the test starts its own program again, under `unshare`.

use std::{
    env,
    io::{self, Write},
    process::{Command, Stdio},
};

/// Set for the inner run.
const INSIDE: &str = "LEPTON_INSIDE_NAMESPACE";

/// When set to 1, a test that cannot run fails instead of being skipped; CI sets it.
const REQUIRE: &str = "LEPTON_REQUIRE_KERNEL_TESTS";

/// How the line that tells of a skipped test begins.
const SKIPPED: &str = "*** SKIPPED";

/// An async test in user, network and mount namespaces of its own.
macro_rules! kernel_test {
    ($(#[$attribute:meta])* async fn $name:ident() $body:block) => {
        $(#[$attribute])*
        #[test]
        fn $name() {
            crate::namespace::isolated(concat!(module_path!(), "::", stringify!($name)), async $body);
        }
    };
}
pub(crate) use kernel_test;

/// Runs the test, whose path with the crate's name is `path`, in namespaces of its own.
pub(crate) fn isolated(path: &str, body: impl Future<Output = ()>) {
    let (_, name) = path.split_once("::").unwrap();
    if env::var_os(INSIDE).is_some() {
        enter();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        return runtime.unwrap().block_on(body);
    }
    if let Err(reason) = can_run() {
        return skip(name, &reason);
    }
    let program = env::current_exe().unwrap();
    let inner =
        unshare().arg(program).args([name, "--exact", "--nocapture"]).env(INSIDE, "1").output().unwrap();
    if !inner.status.success() {
        let said = [inner.stdout, inner.stderr].concat();
        panic!("{name} failed in its namespace:\n{}", String::from_utf8_lossy(&said));
    }
    // Whoever asks the test harness for a test that it does not know is told that none failed.
    let has_run = String::from_utf8_lossy(&inner.stdout).contains("\nrunning 1 test\n");
    assert!(has_run, "{name} is not what the test is called, so nothing was tested");
    if inner.stderr.windows(SKIPPED.len()).any(|words| words == SKIPPED.as_bytes()) {
        io::stderr().write_all(&inner.stderr).unwrap();
    }
}

/// Says loudly that a test is skipped, from within its namespace as well.
pub(crate) fn skip(name: &str, reason: &str) {
    let is_required = env::var(REQUIRE).is_ok_and(|value| value == "1");
    assert!(!is_required, "kernel tests are required here, but {reason}");
    // Not by a macro, whose words the test harness keeps to itself when a test passes.
    let loud = format!("\n{SKIPPED} {name}: {reason} ***\n\n");
    io::stderr().write_all(loud.as_bytes()).unwrap();
}

/// Begins a command that runs in new namespaces.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "--mount", "--"]);
    command
}

/// Why the tests cannot run here, in words for the person who reads the log.
fn can_run() -> Result<(), String> {
    for program in ["unshare", "nsenter", "ip", "bridge", "nft", "ping"] {
        let found = Command::new("sh")
            .args(["-c", &format!("PATH=$PATH:/usr/sbin:/sbin; command -v {program}")])
            .stdout(Stdio::null())
            .status();
        if !found.is_ok_and(|status| status.success()) {
            return Err(format!("'{program}' is not installed"));
        }
    }
    if let Err(error) = std::fs::File::options().read(true).write(true).open("/dev/net/tun") {
        return Err(format!("/dev/net/tun cannot be opened: {error}"));
    }
    let output = unshare()
        .args(["nft", "add", "table", "bridge", "probe"])
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!(
            "namespaces or nftables are not available: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    }
}

/// Makes the new namespaces habitable: loopback up, a `/run` of our own for namespaces to be named in.
fn enter() {
    for arguments in [
        &["ip", "link", "set", "lo", "up"][..],
        &["mount", "-t", "tmpfs", "tmpfs", "/run"],
        &["mkdir", "/run/netns"],
    ] {
        let status = Command::new(arguments[0]).args(&arguments[1..]).status();
        assert!(status.unwrap().success(), "{arguments:?}");
    }
}
