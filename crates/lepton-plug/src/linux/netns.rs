//! Network namespaces by the paths of their files, which are whatever a caller named.

use std::{
    fs::{File, OpenOptions},
    io,
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
    thread,
};

use lepton_types::NetnsPath;
use nix::{
    fcntl::OFlag,
    sys::statfs::{NSFS_MAGIC, fstatfs},
};
use tokio::sync::oneshot;

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
