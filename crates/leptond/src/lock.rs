//! [`Lock`]: a file that one process at a time holds, with flock(2): the kernel lets it go however its process ends, so
//! the file may stay. The holder's process id is in it, for people.

use std::{
    fs::{File, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process,
    time::Duration,
};

use tokio::time::{self, Instant};

/// Mode of the file.
const MODE: u32 = 0o600;

/// How long a holder may take to end: a child of a killed one has the lock until its program runs.
const PATIENCE: Duration = Duration::from_secs(1);

/// Pause before it is tried again.
const PAUSE: Duration = Duration::from_millis(10);

/// Most bytes that are read of who holds a lock.
const LONGEST_HOLDER: u64 = 32;

/// A file that no other process holds as long as this lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Why a lock was not taken.
#[derive(Debug)]
pub(crate) enum LockError {
    /// Another process has it: this one, as far as it has said.
    Held(String),
    /// The system refused.
    Refused(io::Error),
}

impl Lock {
    /// Makes the file if it is missing, and holds it. Waits a second for a holder that is about to end.
    pub(crate) async fn take(path: &Path) -> Result<Self, LockError> {
        let mut options = File::options();
        let options = options.create(true).truncate(false).read(true).write(true).mode(MODE);
        let mut file = options.open(path).map_err(LockError::Refused)?;
        match patient_lock(&file).await {
            Ok(()) => {
                // Only people read it; on a full disk it stays empty.
                let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", process::id()));
                Ok(Self { _file: file })
            }
            Err(TryLockError::WouldBlock) => Err(LockError::Held(holder(&file))),
            Err(TryLockError::Error(error)) => Err(LockError::Refused(error)),
        }
    }
}

async fn patient_lock(file: &File) -> Result<(), TryLockError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => time::sleep(PAUSE).await,
            outcome => return outcome,
        }
    }
}

/// `process 4711`
fn holder(file: &File) -> String {
    let mut text = String::new();
    let read = file.take(LONGEST_HOLDER).read_to_string(&mut text);
    match read.map(|_| text.trim().parse::<u32>()) {
        Ok(Ok(number)) => format!("process {number}"),
        Ok(Err(_)) | Err(_) => "a process that did not write its number".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lock_is_held_by_one_at_a_time_who_is_named() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("lock");
        let held = Lock::take(&path).await.unwrap();
        let LockError::Held(holder) = Lock::take(&path).await.unwrap_err() else { panic!("it is held") };
        assert_eq!(holder, format!("process {}", process::id()));
        // Whoever is about to let it go is waited for.
        let ending = async {
            time::sleep(PATIENCE / 2).await;
            drop(held);
        };
        let (taken, ()) = tokio::join!(Lock::take(&path), ending);
        taken.unwrap();
        assert!(matches!(Lock::take(&folder.path().join("no/lock")).await, Err(LockError::Refused(_))));
    }
}
