//! Whether a run that failed did so on a full disk: whoever starts the daemon should hear it, and which disk it is.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lepton_store::Database;
use nix::sys::statvfs::statvfs;

use crate::config::Config;

/// Bytes with which a ledger can be opened: what SQLite's connections share, and the first entries of its log.
const LEAST: u64 = 64 << 10;

/// The folder, of the state directory and the ledger's, that has no room left on its disk.
pub fn full_folder(config: &Config) -> Option<PathBuf> {
    let ledger = match &config.database {
        // Where the file itself is, whatever links lead to it.
        Database::Sqlite(path) => fs::canonicalize(path).ok().or_else(|| Some(path.clone())),
        Database::Memory | Database::Postgres(_) => None,
    };
    let folders = [Some(config.state_dir.as_path()), ledger.as_deref().and_then(Path::parent)];
    folders.into_iter().flatten().find(|folder| is_full(folder)).map(Path::to_owned)
}

/// Whether the folder's disk has no room, or no place for another file; of what cannot be looked at that is not known.
fn is_full(folder: &Path) -> bool {
    let Ok(disk) = statvfs(folder) else { return false };
    let bytes = disk.blocks_available().saturating_mul(disk.fragment_size());
    // A file system that makes places for files as they come counts none.
    bytes < LEAST || (disk.files() > 0 && disk.files_available() == 0)
}
