//! Running again where nothing outside can be touched: in namespaces of its own.

use std::{
    env,
    ffi::OsStr,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::packages;

/// Set for the copy of this program that runs inside.
const INSIDE: &str = "LEPTON_XTASK_INSIDE";

/// Ways to make the namespaces, the plainest first: as root, or as a user who becomes root in there alone.
const WAYS: [&[&str]; 2] = [&["--net", "--mount"], &["--user", "--map-root-user", "--net", "--mount"]];

/// Whether this copy of the program runs inside.
pub(crate) fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// The command that runs this program again, inside, with these arguments.
pub(crate) fn enter(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Command> {
    let program = env::current_exe().context("cannot tell where this program is")?;
    let mut command = unshare(way()?);
    command.arg("--").arg(program).args(arguments).env(INSIDE, "1").env("PATH", packages::path());
    Ok(command)
}

/// `ip link set lo up`
pub(crate) fn bring_loopback_up() -> Result<()> {
    crate::workspace::run(Command::new("ip").args(["link", "set", "lo", "up"]))
}

fn way() -> Result<&'static [&'static str]> {
    for way in WAYS {
        let status = unshare(way).arg("true").stderr(Stdio::null()).status().context("cannot run unshare")?;
        if status.success() {
            return Ok(way);
        }
    }
    bail!(
        "this machine allows no user namespaces to this user; run it as root, or allow them \
         (sysctl kernel.unprivileged_userns_clone=1, on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0)"
    )
}

fn unshare(way: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(way);
    command
}
