//! The machine that the figures belong to.

use std::{env, fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::workspace;

/// What a reader needs to know to compare figures.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    pub(super) cpu: String,
    pub(super) cores: usize,
    pub(super) memory_bytes: u64,
    pub(super) kernel: String,
    pub(super) filesystem: String,
    pub(super) compiler: String,
    pub(super) commit: String,
    pub(super) date: String,
    /// Tasks that ran or waited in the minute before; a quiet machine has less than 1.
    pub(super) load: String,
}

impl Machine {
    /// Looks; an error when the folder for temporary files is in memory, where fsync costs nothing.
    pub(super) fn look() -> Result<Self> {
        let filesystem = filesystem_of(&env::temp_dir())?;
        ensure!(
            filesystem != "tmpfs",
            "{} is in memory; set TMPDIR to a folder on a disk",
            env::temp_dir().display()
        );
        let text = |program: &str, arguments: &[&str]| {
            let printed = workspace::output(Command::new(program).args(arguments));
            printed.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
        };
        Ok(Self {
            cpu: line_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism()?.get(),
            memory_bytes: memory_bytes()?,
            kernel: text("uname", &["-sr"]),
            filesystem,
            compiler: text("rustc", &["--version"]),
            commit: text("git", &["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty"]),
            date: text("date", &["--utc", "+%Y-%m-%d"]),
            load: load()?,
        })
    }
}

fn line_of(file: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn memory_bytes() -> Result<u64> {
    let line = line_of("/proc/meminfo", "MemTotal").context("no MemTotal in /proc/meminfo")?;
    Ok(line.trim_end_matches(" kB").parse::<u64>()? * 1024)
}

/// The load average of the last minute.
fn load() -> Result<String> {
    let loads = fs::read_to_string("/proc/loadavg")?;
    Ok(loads.split(' ').next().unwrap_or_default().to_owned())
}

/// The type of the filesystem that holds `folder`: that of the longest mount point above it.
fn filesystem_of(folder: &Path) -> Result<String> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let points = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let point = Path::new(fields.next()?);
        folder.starts_with(point).then_some((point.components().count(), fields.next()?))
    });
    let (_, name) =
        points.max_by_key(|(depth, _)| *depth).context("no filesystem holds the temporary files")?;
    Ok(name.to_owned())
}
