//! [`LedgerFile`]: the embedded ledger's file, held against every other leptond, whatever its state directory.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use lepton_store::Database;

use crate::lock::{Lock, LockError};

/// What is added to the file's name for the lock beside it. SQLite's own locks let two processes write in turn; but each
/// would tell only its own agent and callers of what it wrote.
const SUFFIX: &str = ".lock";

/// A ledger's file that no other leptond uses as long as this lives.
#[derive(Debug)]
pub(crate) struct LedgerFile {
    _lock: Option<Lock>,
}

/// Why a ledger's file cannot be held.
#[derive(Debug, thiserror::Error)]
pub enum LedgerFileError {
    /// Another process has it.
    #[error(
        "another leptond uses the ledger {} ({holder} holds {}): stop it, or give each one a database.url of its own",
        path.display(), lock.display()
    )]
    Held {
        /// The ledger.
        path: PathBuf,
        /// The lock beside it.
        lock: PathBuf,
        /// Which process, as far as it has said.
        holder: String,
    },
    /// It has several names, of which each would have a lock and a log of its own.
    #[error(
        "the ledger {} has {names} names (hard links): under each one SQLite keeps another log, so what is written under one is \
         lost under the others. Remove the others (find their folder with `find / -samefile {}`), or make the ledger a \
         file of its own with `cp`, while no leptond runs on it",
        path.display(), path.display()
    )]
    Linked {
        /// The ledger.
        path: PathBuf,
        /// How many names it has.
        names: u64,
    },
    /// The system refused.
    #[error(
        "cannot lock {}, without which another leptond could use the ledger {}: let this user write both and their folder",
        lock.display(), path.display()
    )]
    Refused {
        /// The ledger.
        path: PathBuf,
        /// The lock beside it.
        lock: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl LedgerFile {
    /// Holds the file, if the ledger is one. PostgreSQL is there for several.
    pub(crate) async fn hold(database: &Database) -> Result<Self, LedgerFileError> {
        let Database::Sqlite(path) = database else { return Ok(Self { _lock: None }) };
        // What is not there yet, or cannot be looked at, SQLite makes, or says why not.
        if let Some(names) = file_names(path).filter(|names| *names > 1) {
            return Err(LedgerFileError::Linked { path: path.clone(), names });
        }
        let lock = lock_of(path);
        match Lock::take(&lock).await {
            Ok(held) => Ok(Self { _lock: Some(held) }),
            Err(LockError::Held(holder)) => Err(LedgerFileError::Held { path: path.clone(), lock, holder }),
            // Without the folder there is no ledger either, and SQLite tells it.
            Err(LockError::Refused(error))
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(Self { _lock: None })
            }
            Err(LockError::Refused(source)) => {
                Err(LedgerFileError::Refused { path: path.clone(), lock, source })
            }
        }
    }
}

/// How many names the file has. A folder in its place has several, and is SQLite's to refuse.
fn file_names(path: &Path) -> Option<u64> {
    let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(found.nlink())
}

/// The lock's path: beside the file itself, whatever links lead to it.
fn lock_of(path: &Path) -> PathBuf {
    let real = fs::canonicalize(path).unwrap_or_else(|_| {
        let folder = path.parent().and_then(|folder| fs::canonicalize(folder).ok());
        folder.zip(path.file_name()).map_or_else(|| path.to_owned(), |(folder, name)| folder.join(name))
    });
    let mut lock = real.into_os_string();
    lock.push(SUFFIX);
    lock.into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_ledger_is_held_by_one_at_a_time_whatever_it_is_called() {
        let folder = TempDir::new().unwrap();
        let (path, link) = (folder.path().join("lepton.db"), folder.path().join("link"));
        symlink(folder.path(), &link).unwrap();
        let held = LedgerFile::hold(&Database::Sqlite(path.clone())).await.unwrap();
        for name in [path.clone(), link.join("lepton.db")] {
            let error = LedgerFile::hold(&Database::Sqlite(name)).await.unwrap_err().to_string();
            assert!(error.contains("lepton.db.lock") && error.contains("process "), "{error}");
        }
        drop(held);
        LedgerFile::hold(&Database::Sqlite(path)).await.unwrap();
        LedgerFile::hold(&Database::Memory).await.unwrap();
    }

    #[tokio::test]
    async fn a_ledger_with_two_names_is_not_used_by_either() {
        let folder = TempDir::new().unwrap();
        let (path, other) = (folder.path().join("lepton.db"), folder.path().join("other.db"));
        fs::write(&path, "").unwrap();
        // Whoever has it goes on; the next one is kept away from both names.
        let held = LedgerFile::hold(&Database::Sqlite(path.clone())).await.unwrap();
        fs::hard_link(&path, &other).unwrap();
        let error = LedgerFile::hold(&Database::Sqlite(other.clone())).await.unwrap_err().to_string();
        assert!(
            error.contains("other.db has 2 names (hard links)") && error.contains("-samefile "),
            "{error}"
        );
        drop(held);
        let error = LedgerFile::hold(&Database::Sqlite(path.clone())).await.unwrap_err().to_string();
        assert!(error.contains("lepton.db has 2 names (hard links)"), "{error}");
        fs::remove_file(other).unwrap();
        LedgerFile::hold(&Database::Sqlite(path)).await.unwrap();
    }

    #[tokio::test]
    async fn where_no_ledger_can_be_nothing_is_held_and_sqlite_says_why() {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        for name in ["nowhere/lepton.db", "file/lepton.db"] {
            let database = Database::Sqlite(folder.path().join(name));
            let _first = LedgerFile::hold(&database).await.unwrap();
            LedgerFile::hold(&database).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_ledger_that_cannot_be_locked_is_not_used() {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("lepton.db.lock")).unwrap();
        let path = folder.path().join("lepton.db");
        let error = LedgerFile::hold(&Database::Sqlite(path)).await.unwrap_err().to_string();
        assert!(error.contains("cannot lock ") && error.contains("lepton.db.lock"), "{error}");
    }
}
