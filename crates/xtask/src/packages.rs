//! What commands need of the system: installed when missing, as root on Debian, else named.

use std::{
    env,
    ffi::OsString,
    fs, iter,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};
use nix::unistd::Uid;

use crate::workspace;

/// A program and the Debian package that it is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    name: &'static str,
    package: &'static str,
}

/// Compiles libFuzzer.
pub(crate) const CXX: Program = Program { name: "c++", package: "g++" };
/// Shows and changes interfaces.
pub(crate) const IP: Program = Program { name: "ip", package: "iproute2" };
/// Loads packet filters.
pub(crate) const NFT: Program = Program { name: "nft", package: "nftables" };
/// Sends echo requests.
pub(crate) const PING: Program = Program { name: "ping", package: "iputils-ping" };
/// A database server for tests and benchmarks.
pub(crate) const POSTGRES: Program = Program { name: "postgres", package: "postgresql" };
/// Makes namespaces.
pub(crate) const UNSHARE: Program = Program { name: "unshare", package: "util-linux" };

/// Where system programs are that a user's `PATH` may lack.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// Where Debian keeps the programs of each version of PostgreSQL.
const POSTGRES_VERSIONS: &str = "/usr/lib/postgresql";

/// Installs what is missing, or says what to run.
pub(crate) fn ensure(programs: &[Program]) -> Result<()> {
    let missing = missing(programs, Program::is_there);
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    if find("apt-get").is_none() {
        bail!("these programs are missing; their packages on Debian are called: {packages}");
    }
    if !Uid::effective().is_root() {
        bail!("some programs are missing; run: sudo apt-get install --yes {packages}");
    }
    println!("installing {packages}");
    workspace::run(apt_get().arg("update"))?;
    workspace::run(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(missing))
}

/// The packages of the programs that are not there.
fn missing(programs: &[Program], is_there: impl Fn(Program) -> bool) -> Vec<&'static str> {
    programs.iter().filter(|program| !is_there(**program)).map(|program| program.package).collect()
}

/// `PATH` with the folders of system programs.
pub(crate) fn path() -> OsString {
    env::join_paths(folders()).unwrap_or_default()
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("--quiet").env("DEBIAN_FRONTEND", "noninteractive");
    command
}

impl Program {
    /// Where it is, for people whose `PATH` may lack the folder; its name where it is not.
    pub(crate) fn path(self) -> PathBuf {
        find(self.name).unwrap_or_else(|| self.name.into())
    }

    fn is_there(self) -> bool {
        find(self.name).is_some() || self.package == POSTGRES.package && has_postgres()
    }
}

fn has_postgres() -> bool {
    let versions = fs::read_dir(POSTGRES_VERSIONS).into_iter().flatten().flatten();
    versions.into_iter().any(|version| version.path().join("bin/postgres").exists())
}

fn find(name: &str) -> Option<PathBuf> {
    folders().map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn folders() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let own: Vec<_> = env::split_paths(&path).collect();
    let missing =
        SYSTEM_FOLDERS.iter().map(PathBuf::from).filter(|folder| !own.contains(folder)).collect::<Vec<_>>();
    iter::empty().chain(own).chain(missing).filter(|folder| folder != Path::new(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_folders_are_searched_whatever_the_path_says() {
        let folders: Vec<_> = folders().collect();
        for folder in SYSTEM_FOLDERS {
            assert_eq!(folders.iter().filter(|found| *found == Path::new(folder)).count(), 1, "{folders:?}");
        }
    }

    #[test]
    fn what_is_there_needs_no_installing() {
        assert_eq!(missing(&[UNSHARE, NFT], |_| true), [""; 0]);
        assert_eq!(missing(&[UNSHARE, NFT], |program| program.name == "unshare"), ["nftables"]);
    }
}
