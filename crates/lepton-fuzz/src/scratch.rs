//! Files for what reads its input from a file.

use std::{cell::OnceCell, fs, path::PathBuf};

use tempfile::TempDir;

thread_local! {
    /// The thread's folder, gone with the thread.
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

/// A file with these bytes, until the thread asks for another one of this name.
pub(crate) fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.with(|folder| folder.get_or_init(|| TempDir::new().unwrap()).path().join(name));
    fs::write(&path, bytes).unwrap();
    path
}
