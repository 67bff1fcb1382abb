//! (g) The floor: what the disk makes every durable answer wait for.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    time::{Duration, Instant},
};

use anyhow::Result;
use serde::Serialize;

/// A page of a database, in bytes.
const PAGE: usize = 4096;

/// Most writes.
const WRITES: usize = 1_000;

/// Longest time.
const AT_MOST: Duration = Duration::from_secs(10);

/// A 4 KiB write and fdatasync, again and again; times in microseconds.
#[derive(Debug, Serialize)]
pub(super) struct WriteFloor {
    pub(super) writes: usize,
    pub(super) p50_micros: u64,
    pub(super) p99_micros: u64,
}

/// Writes to a file in the folder where the engines keep theirs.
pub(super) fn write_and_sync() -> Result<WriteFloor> {
    let file: File = tempfile::tempfile()?;
    let started = Instant::now();
    let mut micros = Vec::with_capacity(WRITES);
    let mut offset = 0;
    while micros.len() < WRITES && started.elapsed() < AT_MOST {
        let begun = Instant::now();
        file.write_all_at(&[0x4c; PAGE], offset)?;
        file.sync_data()?;
        micros.push(u64::try_from(begun.elapsed().as_micros())?);
        offset += u64::try_from(PAGE)?;
    }
    micros.sort_unstable();
    let at = |percent: usize| micros[(micros.len() - 1) * percent / 100];
    Ok(WriteFloor { writes: micros.len(), p50_micros: at(50), p99_micros: at(99) })
}
