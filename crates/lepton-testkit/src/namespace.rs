//! Tests of the kernel: [`kernel_test!`](crate::kernel_test) runs each one in user, network and mount namespaces of its
//! own. Needs no root: the test starts its own program again, under `unshare`.

use std::{
    env, fs,
    io::{self, Write},
    process::{Command, Stdio},
};

use tokio::runtime;

/// Set for the inner run, to the word by which it finds what was started beside it.
const INSIDE: &str = "LEPTON_INSIDE_NAMESPACE";

/// When set to 1, a test that cannot run fails instead of being skipped; CI sets it.
const REQUIRE: &str = "LEPTON_REQUIRE_KERNEL_TESTS";

/// What the tests run.
const PROGRAMS: [&str; 7] = ["unshare", "setpriv", "nsenter", "ip", "bridge", "nft", "ping"];

/// An async test in namespaces of its own, with loopback up and a `/run` of its own for namespaces to be named in.
#[macro_export]
macro_rules! kernel_test {
    ($(#[$attribute:meta])* async fn $name:ident() $body:block) => {
        $(#[$attribute])*
        #[test]
        fn $name() {
            $crate::isolated(concat!(module_path!(), "::", stringify!($name)), async $body);
        }
    };
}

/// Runs the test, whose path with the crate's name is `path`, in namespaces of its own; says loudly where it cannot.
///
/// # Panics
///
/// When the test fails, or does not run.
pub fn isolated(path: &str, body: impl Future<Output = ()>) {
    isolated_beside(path, || ((), String::new()), async |_| body.await);
}

/// The same, for a test that needs something which cannot be in its namespaces, such as a server that does not run as their only
/// user: `start` makes it outside of them, where it is kept until the test is over, and says the word by which the test finds
/// it.
///
/// # Panics
///
/// When the test fails, or does not run.
pub fn isolated_beside<K>(path: &str, start: impl FnOnce() -> (K, String), body: impl AsyncFnOnce(String)) {
    let (_, name) = path.split_once("::").expect("a path begins with its crate");
    if let Ok(word) = env::var(INSIDE) {
        enter();
        let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        return runtime.expect("a test has its threads").block_on(body(word));
    }
    if let Err(reason) = can_run() {
        return skip(name, &reason);
    }
    let (_kept, word) = start();
    // setpriv becomes the inner test, having asked the kernel to end it when the outer one ends.
    let inner = unshare()
        .args(["setpriv", "--pdeathsig", "KILL", "--"])
        .arg(env::current_exe().expect("a test knows its program"))
        .args([name, "--exact", "--nocapture"])
        .env(INSIDE, word)
        .stderr(Stdio::inherit())
        .output()
        .expect("unshare was there a moment ago");
    let said = String::from_utf8_lossy(&inner.stdout);
    assert!(inner.status.success(), "{name} failed in its namespace; see above\n{said}");
    // Whoever asks the test harness for a test that it does not know is told that none failed.
    assert!(said.contains("\nrunning 1 test\n"), "{name} is not what the test is called: nothing was tested");
}

/// Says loudly that a test is skipped.
fn skip(name: &str, reason: &str) {
    let is_required = env::var(REQUIRE).is_ok_and(|value| value == "1");
    assert!(!is_required, "kernel tests are required here, but {reason}");
    // Not by a macro, whose words the test harness keeps to itself when a test passes.
    let loud = format!("\n*** SKIPPED {name}: {reason} ***\n\n");
    io::stderr().write_all(loud.as_bytes()).expect("a test can speak");
}

/// Begins a command that runs in new namespaces.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "--mount", "--"]);
    command
}

/// Why the tests cannot run here, in words for the person who reads the log.
fn can_run() -> Result<(), String> {
    for program in PROGRAMS {
        let search = format!("PATH=$PATH:/usr/sbin:/sbin; command -v {program}");
        let found = Command::new("sh").args(["-c", &search]).stdout(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            return Err(format!("'{program}' is not installed"));
        }
    }
    let tap = fs::File::options().read(true).write(true).open("/dev/net/tun");
    tap.map_err(|error| format!("/dev/net/tun cannot be opened: {error}"))?;
    let probe = unshare().args(["nft", "add", "table", "bridge", "probe"]).output();
    let probe = probe.map_err(|error| error.to_string())?;
    if probe.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&probe.stderr).trim().to_owned();
    Err(format!("namespaces or nftables are not available: {words}"))
}

/// Makes the new namespaces habitable.
fn enter() {
    let steps: [&[&str]; 3] = [
        &["ip", "link", "set", "lo", "up"],
        &["mount", "-t", "tmpfs", "tmpfs", "/run"],
        &["mkdir", "/run/netns"],
    ];
    for step in steps {
        let done = Command::new(step[0]).args(&step[1..]).status();
        assert!(done.is_ok_and(|status| status.success()), "{step:?}");
    }
}
