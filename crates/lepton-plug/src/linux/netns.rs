//! Network namespaces by the paths of their files, which are whatever a caller named.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
};

use lepton_types::NetnsPath;
use nix::{
    fcntl::OFlag,
    sys::statfs::{NSFS_MAGIC, fstatfs},
};

use super::{limit::together, lookups::Lookups};

/// The network namespace of this process, all of whose threads stay in it.
const OWN: &str = "/proc/self/ns/net";

/// Which namespaces there were under their paths when they were last looked at.
#[derive(Debug, Default)]
pub(super) struct Namespaces {
    numbers: BTreeMap<NetnsPath, u64>,
    lookups: Lookups,
}

impl Namespaces {
    /// Looks at these and forgets all others. What cannot be seen in time is as unknown as what is no namespace.
    pub(super) async fn look_at_all(&mut self, paths: BTreeSet<NetnsPath>) {
        self.numbers.clear();
        self.look_at(paths).await;
    }

    /// Looks at these too.
    pub(super) async fn look_at(&mut self, paths: BTreeSet<NetnsPath>) {
        self.numbers.retain(|path, _| !paths.contains(path));
        let looks: Vec<_> = paths.iter().map(|path| self.lookups.run(path, look_up)).collect();
        let seen: Vec<io::Result<u64>> = together(looks).await;
        self.numbers.extend(paths.into_iter().zip(seen).filter_map(|(path, seen)| Some((path, seen.ok()?))));
    }

    /// Whether there is known to be another namespace under this path than the one with this number.
    pub(super) fn is_another(&self, path: &NetnsPath, number: u64) -> bool {
        self.numbers.get(path).is_some_and(|found| *found != number)
    }

    /// Opens a namespace.
    ///
    /// Errors: the path cannot be opened, or is no namespace's, or its file system does not answer. Then nothing was opened
    /// that waits to be opened (a FIFO), or that does something when it is (a watchdog).
    pub(super) async fn open(&self, path: &NetnsPath) -> io::Result<File> {
        self.lookups.run(path, open_now).await
    }
}

/// What a namespace that is open is told from others by: its file's inode, wherever the file is mounted.
pub(super) fn number(file: &File) -> io::Result<u64> {
    file.metadata().map(|metadata| metadata.ino())
}

fn look_up(path: &NetnsPath) -> io::Result<u64> {
    look(path).and_then(|file| number(&file))
}

fn open_now(path: &NetnsPath) -> io::Result<File> {
    let file = look(path)?;
    if is_own(&file)? {
        let problem = "it is the network namespace of leptond itself, where a guest's interface would be one of the host";
        return Err(io::Error::other(problem));
    }
    // Opened again, for a file that was only looked at is good for nothing else.
    File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Whether a namespace's file is that of the namespace which this process is in.
fn is_own(file: &File) -> io::Result<bool> {
    let (found, own) = (file.metadata()?, fs::metadata(OWN)?);
    Ok((found.dev(), found.ino()) == (own.dev(), own.ino()))
}

/// The path's file without opening it, if it is a namespace's.
fn look(path: &NetnsPath) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_PATH.bits()).open(path.as_str())?;
    if fstatfs(&file)?.filesystem_type() == NSFS_MAGIC {
        Ok(file)
    } else {
        Err(io::Error::other("it is no network namespace"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(paths: &[&str]) -> BTreeSet<NetnsPath> {
        paths.iter().map(|path| path.parse().unwrap()).collect()
    }

    #[tokio::test]
    async fn of_paths_that_nothing_is_handed_over_by_any_more_nothing_is_kept() {
        let mut namespaces = Namespaces::default();
        let (own, thread) = ("/proc/self/ns/net", "/proc/thread-self/ns/net");
        namespaces.look_at_all(paths(&[own, thread, "/dev/null"])).await;
        assert!(namespaces.numbers.keys().eq(&paths(&[own, thread])));
        assert!(namespaces.is_another(&own.parse().unwrap(), 1));

        namespaces.look_at(paths(&[thread])).await;
        assert!(
            namespaces.numbers.keys().eq(&paths(&[own, thread])),
            "what was not looked at is known still"
        );
        namespaces.look_at_all(paths(&[thread])).await;
        assert!(namespaces.numbers.keys().eq(&paths(&[thread])));
    }

    #[tokio::test]
    async fn the_own_namespace_is_not_opened_whatever_its_path() {
        for path in [OWN, "/proc/thread-self/ns/net"] {
            let error = Namespaces::default().open(&path.parse().unwrap()).await.unwrap_err();
            assert!(error.to_string().contains("it is the network namespace of leptond itself"), "{error}");
        }
    }
}
