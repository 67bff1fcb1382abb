//! The embedded ledger's file: made when there is none, and watched, because SQLite writes on to a file that has no name any more.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{error::StoreError, failure::Failure};

/// The file that was opened.
#[derive(Debug)]
pub(crate) struct OpenedFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl OpenedFile {
    /// The file at the path, which is open.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(path)? })
    }

    /// Looks whether the path still leads to it: whoever starts next would find another ledger there, or none.
    pub(crate) fn ensure_in_place(&self) -> Result<(), Failure> {
        let (is_there, words) = match identity(&self.path) {
            Ok(identity) => (identity == self.identity, "is not the file that was opened".to_owned()),
            Err(error) => (false, error.to_string()),
        };
        if is_there {
            return Ok(());
        }
        let path = self.path.display();
        let problem = format!("{path}: {words}; put the ledger back, or stop leptond before it is replaced");
        Err(StoreError::Unavailable(problem).into())
    }
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
/// those alone is none.
pub(crate) fn make_if_missing(path: &Path) -> Result<(), String> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log = Path::new(&log);
    if !path.exists() && fs::metadata(log).is_ok_and(|log| log.len() > 0) {
        let log = log.display();
        return Err(format!(
            "it is not there, but its log {log} is: put the ledger back, or take the log away to begin a new one"
        ));
    }
    if fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).is_ok() {
        tracing::info!(path = %path.display(), "there was no ledger, so a new one begins");
    }
    Ok(())
}
