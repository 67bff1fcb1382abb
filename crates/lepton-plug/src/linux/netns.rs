//! Network namespaces by the paths of their files, which are whatever a caller named.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, OpenOptions},
    io,
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use lepton_types::NetnsPath;
use nix::{
    fcntl::OFlag,
    sys::statfs::{NSFS_MAGIC, fstatfs},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

/// Longest that looking at all namespaces may take; 20 µs each.
const LONGEST: Duration = Duration::from_secs(2);

/// Which namespaces there were under their paths when they were last looked at.
#[derive(Debug, Default)]
pub(super) struct Namespaces {
    numbers: BTreeMap<NetnsPath, u64>,
    /// The thread that looks, or has looked.
    looking: Option<JoinHandle<()>>,
}

impl Namespaces {
    /// Looks at these. What cannot be seen in time is as unknown as what is no namespace, and is not looked at again as
    /// long as the last look has not ended.
    pub(super) async fn look_at(&mut self, paths: BTreeSet<NetnsPath>) {
        self.numbers.retain(|path, _| !paths.contains(path));
        if paths.is_empty() || self.looking.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        let (sender, mut seen) = mpsc::unbounded_channel();
        let looking = thread::Builder::new().name("netns".to_owned()).spawn(move || {
            for path in paths {
                if let Ok(number) = look(&path).and_then(|file| number(&file)) {
                    drop(sender.send((path, number)));
                }
            }
        });
        self.looking = looking.ok();
        let all = async {
            while let Some((path, number)) = seen.recv().await {
                self.numbers.insert(path, number);
            }
        };
        // Whoever is late says nothing of those that were seen.
        let _ = timeout(LONGEST, all).await;
    }

    /// Whether there is known to be another namespace under this path than the one with this number.
    pub(super) fn is_another(&self, path: &NetnsPath, number: u64) -> bool {
        self.numbers.get(path).is_some_and(|found| *found != number)
    }
}

/// What a namespace that is open is told from others by: its file's inode, wherever the file is mounted.
pub(super) fn number(file: &File) -> io::Result<u64> {
    file.metadata().map(|metadata| metadata.ino())
}

/// Opens a namespace.
///
/// Errors: the path cannot be opened, or is no namespace's. Then nothing was opened that waits to be opened (a FIFO), or
/// that does something when it is (a watchdog).
pub(super) async fn open(path: &NetnsPath) -> io::Result<File> {
    let path = path.clone();
    let (sender, opened) = oneshot::channel();
    // A thread of its own: where the file system does not answer it stays for ever, and of those that the runtime has for
    // blocking calls there are only so many, and the runtime waits for them when it ends.
    thread::Builder::new().name("netns".to_owned()).spawn(move || drop(sender.send(open_now(&path))))?;
    opened.await.map_err(io::Error::other)?
}

fn open_now(path: &NetnsPath) -> io::Result<File> {
    let file = look(path)?;
    // Opened again, for a file that was only looked at is good for nothing else.
    File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))
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
