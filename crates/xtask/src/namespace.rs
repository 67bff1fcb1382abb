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
    bail!(refusal(first_refused()?))
}

/// What a user needs who is root in there alone, in the order in which it is asked for.
const KINDS: [(&str, &str); 3] = [("--user", "user"), ("--net", "network"), ("--mount", "mount")];

/// The first kind of namespace that cannot be had, with what unshare says of it.
fn first_refused() -> Result<(&'static str, String)> {
    let mut way = vec!["--map-root-user"];
    for (flag, kind) in KINDS {
        way.push(flag);
        let output = unshare(&way).arg("true").output().context("cannot run unshare")?;
        if !output.status.success() {
            return Ok((kind, String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
    }
    // Each can be had now, which none could a moment ago.
    Ok(("such", String::new()))
}

fn refusal((kind, said): (&str, String)) -> String {
    let way_out = match kind {
        "user" => {
            "run it as root, or allow them (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone=1, on Ubuntu \
             kernel.apparmor_restrict_unprivileged_userns=0)"
                .to_owned()
        }
        "network" => "allow some (sysctl user.max_net_namespaces)".to_owned(),
        "mount" => "allow some (sysctl user.max_mnt_namespaces)".to_owned(),
        _ => "try again".to_owned(),
    };
    format!("this machine allows no {kind} namespaces to this user; {way_out}\n{said}").trim_end().to_owned()
}

fn unshare(way: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(way);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_namespace_that_cannot_be_had_is_named_with_the_way_out() {
        let said = "unshare: unshare failed: No space left on device";
        for (kind, way_out) in [
            ("user", "kernel.unprivileged_userns_clone=1"),
            ("network", "sysctl user.max_net_namespaces"),
            ("mount", "sysctl user.max_mnt_namespaces"),
        ] {
            let text = refusal((kind, said.to_owned()));
            assert!(text.starts_with(&format!("this machine allows no {kind} namespaces")), "{text}");
            assert!(text.contains(way_out) && text.ends_with(said), "{text}");
        }
    }
}
