//! The embedded ledger's file: made when there is none, and watched with the two beside it, because SQLite writes on to a file that
//! has no name any more.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use nix::sys::statvfs::statvfs;

use crate::{error::StoreError, failure::Failure};

/// What SQLite has beside the file as long as it is open, by how their names end: its log, and the log's index.
pub(crate) const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// The files that were opened.
#[derive(Debug)]
pub(crate) struct OpenedFile {
    ledger: Opened,
    beside: [Opened; 2],
}

#[derive(Debug)]
struct Opened {
    path: PathBuf,
    identity: (u64, u64),
}

impl OpenedFile {
    /// The file that the path leads to, itself at `real`, which a connection has open that stays, so that those beside it stay as
    /// well.
    pub(crate) fn of(path: &Path, real: &Path) -> io::Result<Self> {
        let [log, index] = BESIDE.map(|end| Opened::at(beside(real, end)));
        Ok(Self { ledger: Opened::at(path.to_owned())?, beside: [log?, index?] })
    }

    /// Bytes that are free on its disk; none where the system does not say.
    pub(crate) fn room(&self) -> Option<u64> {
        let disk = statvfs(&self.ledger.path).ok()?;
        Some(disk.blocks_available().saturating_mul(disk.fragment_size()))
    }

    /// Looks whether the paths still lead to them: whoever starts next would find another ledger there, or none, or one without
    /// what was committed last.
    pub(crate) fn ensure_in_place(&self) -> Result<(), Failure> {
        let lost = self.ledger.lost(
            "put the ledger back, or copy it from /proc/PID/fd before leptond ends, with which it is gone",
        );
        let lost = lost.or_else(|| {
            let way_out = "stop leptond, which writes what is in the log into the ledger, and start it again";
            self.beside.iter().find_map(|file| file.lost(way_out))
        });
        lost.map_or(Ok(()), |problem| Err(StoreError::Unavailable(problem).into()))
    }
}

impl Opened {
    fn at(path: PathBuf) -> io::Result<Self> {
        Ok(Self { identity: identity(&path)?, path })
    }

    /// What is wrong where the path leads to it no more.
    fn lost(&self, way_out: &str) -> Option<String> {
        let words = match identity(&self.path) {
            Ok(identity) if identity == self.identity => return None,
            Ok(_) => "is not the file that was opened".to_owned(),
            Err(error) => error.to_string(),
        };
        Some(format!("{}: {words}; {way_out}", self.path.display()))
    }
}

/// Where the file itself is, whatever links lead to it: beside that SQLite has its log.
///
/// # Errors
///
/// What is wrong when the path is a link to nothing: what it is to lead to may be on a disk that is not there yet.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf, String> {
    match (fs::canonicalize(path), fs::read_link(path)) {
        (Ok(real), _) => Ok(real),
        (Err(error), Ok(target)) => Err(format!(
            "it is a symbolic link to {}, which cannot be opened ({error}): put the ledger there, or remove the link",
            target.display()
        )),
        // What is not there is made, or SQLite says why not.
        (Err(_), Err(_)) => Ok(path.to_owned()),
    }
}

/// The path of a file beside the ledger's.
pub(crate) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut file = path.as_os_str().to_owned();
    file.push(end);
    file.into()
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Makes the file for our own eyes, if there is none: SQLite would make it for everybody's. Its log takes the same mode.
/// What goes wrong here SQLite tells better when it opens the file.
///
/// # Errors
///
/// What is wrong when the log of a ledger is there without it: with a new file its last changes would be lost, and a ledger of
/// those alone is none. A file of no byte is no ledger either, nor one of a single byte, which SQLite takes for none: it writes to it
/// before it has a log.
pub(crate) fn make_if_missing(path: &Path) -> Result<(), String> {
    let log = beside(path, BESIDE[0]);
    let is_empty = fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= 1);
    if (is_empty || !path.exists()) && fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        let (log, way_out) = (log.display(), "put the ledger back, or take the log away to begin a new one");
        return Err(if is_empty {
            format!("it is empty, but its log {log} is not: {way_out}")
        } else {
            format!("it is not there, but its log {log} is: {way_out}")
        });
    }
    let is_made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).is_ok();
    if is_made || is_empty {
        tracing::info!(path = %path.display(), "there was no ledger, so a new one begins");
    }
    Ok(())
}
