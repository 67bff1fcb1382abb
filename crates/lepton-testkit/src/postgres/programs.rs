//! [`Programs`]: where PostgreSQL's programs are.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use super::PostgresError;

/// Environment variable that names the directory of the programs.
pub(super) const VARIABLE: &str = "LEPTON_PG_BIN";
/// Where Debian keeps a directory for each major version, out of PATH.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A directory with PostgreSQL's programs, all of one version.
#[derive(Debug)]
pub(super) struct Programs(PathBuf);

impl Programs {
    /// Those that the environment names, else those on PATH, else the newest that Debian has installed.
    pub(super) fn find() -> Result<Self, PostgresError> {
        if let Some(directory) = env::var_os(VARIABLE).map(PathBuf::from) {
            return Self::at(&directory).ok_or(PostgresError::NotThere { directory });
        }
        let path = env::var_os("PATH").unwrap_or_default();
        let mut directories = env::split_paths(&path).chain(by_version(Path::new(DEBIAN)));
        directories.find_map(|directory| Self::at(&directory)).ok_or(PostgresError::NotInstalled)
    }

    /// The programs in `directory`, followed to where they really are: only there has each its siblings beside it.
    fn at(directory: &Path) -> Option<Self> {
        let real = fs::canonicalize(directory.join("postgres")).ok()?;
        let programs = Self(real.parent()?.to_owned());
        programs.initdb().is_file().then_some(programs)
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.0.join("initdb")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.0.join("postgres")
    }

    pub(super) fn createdb(&self) -> PathBuf {
        self.0.join("createdb")
    }
}

/// The `bin` of each version under `root`, the newest first.
fn by_version(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let mut versions: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    versions.sort_unstable_by(|left, right| right.cmp(left));
    versions.into_iter().map(|version| root.join(version.to_string()).join("bin")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first() {
        let root = tempfile::tempdir().unwrap();
        for name in ["9", "15", "17", "common", "16-old"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        assert_eq!(by_version(root.path()), ["17/bin", "15/bin", "9/bin"].map(|bin| root.path().join(bin)));
    }
}
