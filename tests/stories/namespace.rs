//! Runs a story in user, network and mount namespaces of its own: the test starts its own program again, under `unshare`.

use std::{
    env,
    process::{Command, Stdio},
};

/// Set for the inner run.
const INSIDE: &str = "LEPTON_INSIDE_NAMESPACE";

/// When set to 1, a story that cannot run fails instead of being skipped; CI sets it.
const REQUIRE: &str = "LEPTON_REQUIRE_KERNEL_TESTS";

/// An async story in namespaces of its own.
macro_rules! kernel_story {
    ($(#[$attribute:meta])* async fn $name:ident() $body:block) => {
        $(#[$attribute])*
        #[test]
        fn $name() {
            crate::namespace::isolated(concat!(module_path!(), "::", stringify!($name)), async $body);
        }
    };
}
pub(crate) use kernel_story;

/// Runs the story, whose path with the crate's name is `path`, in namespaces of its own.
pub(crate) fn isolated(path: &str, body: impl Future<Output = ()>) {
    let (_, name) = path.split_once("::").unwrap();
    if env::var_os(INSIDE).is_some() {
        run(&["ip", "link", "set", "lo", "up"]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        return runtime.unwrap().block_on(body);
    }
    if let Err(reason) = can_run() {
        let is_required = env::var(REQUIRE).is_ok_and(|value| value == "1");
        assert!(!is_required, "kernel stories are required here, but {reason}");
        eprintln!("\n*** SKIPPED {name}: {reason} ***\n");
        return;
    }
    // setpriv becomes the inner test, having asked the kernel to end it when the outer one ends.
    let status = unshare()
        .args(["setpriv", "--pdeathsig", "KILL", "--"])
        .arg(env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .status();
    assert!(status.unwrap().success(), "{name} failed in its namespace; see above");
}

/// Begins a command that runs in new namespaces.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "--mount", "--"]);
    command
}

/// Why the stories cannot run here, in words for the person who reads the log.
fn can_run() -> Result<(), String> {
    for program in ["unshare", "setpriv", "nsenter", "ip", "nft", "ping"] {
        let search = format!("PATH=$PATH:/usr/sbin:/sbin; command -v {program}");
        let found = Command::new("sh").args(["-c", &search]).stdout(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            return Err(format!("'{program}' is not installed"));
        }
    }
    if let Err(error) = std::fs::File::options().read(true).write(true).open("/dev/net/tun") {
        return Err(format!("/dev/net/tun cannot be opened: {error}"));
    }
    let probe = unshare().args(["nft", "add", "table", "bridge", "probe"]).output();
    let probe = probe.map_err(|error| error.to_string())?;
    if probe.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&probe.stderr).trim().to_owned();
    Err(format!("namespaces or nftables are not available: {words}"))
}

fn run(arguments: &[&str]) {
    let status = Command::new(arguments[0]).args(&arguments[1..]).status();
    assert!(status.unwrap().success(), "{arguments:?}");
}
