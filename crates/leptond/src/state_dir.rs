//! [`StateDir`]: the folder for what must survive the process, held against every other process.

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::lock::{Lock, LockError};

/// Mode of the folder if it must be made: the ledger is nobody else's business.
const FOLDER_MODE: u32 = 0o700;

/// Name of the file that is locked.
const LOCK_FILE: &str = "leptond.lock";

/// A state directory that no other process uses as long as this lives.
#[derive(Debug)]
pub(crate) struct StateDir {
    _lock: Lock,
}

/// Why a state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// The system refused.
    #[error("cannot use the state directory {}", path.display())]
    Refused {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has it.
    #[error(
        "another leptond uses the state directory {} ({holder} holds it): stop it, or give each one a state_dir, a database, \
         addresses and, where both plug ports, a network namespace of its own", path.display()
    )]
    Held {
        /// The directory.
        path: PathBuf,
        /// Which process, as far as it has said.
        holder: String,
    },
}

impl StateDir {
    /// Makes the directory if it is missing, and holds it.
    pub(crate) async fn hold(path: &Path) -> Result<Self, StateDirError> {
        let refused = |source| StateDirError::Refused { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path).map_err(refused)?;
        match Lock::take(&path.join(LOCK_FILE)).await {
            Ok(lock) => Ok(Self { _lock: lock }),
            Err(LockError::Held(holder)) => Err(StateDirError::Held { path: path.to_owned(), holder }),
            Err(LockError::Refused(source)) => Err(refused(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_directory_is_held_by_one_at_a_time() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("state");
        let held = StateDir::hold(&path).await.unwrap();
        let error = StateDir::hold(&path).await.unwrap_err();
        assert!(matches!(error, StateDirError::Held { .. }), "{error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");

        drop(held);
        StateDir::hold(&path).await.unwrap();
    }
}
