//! `cargo xtask docs`: what is written from the source, which is the reference manual and the example of a configuration.

mod api;

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::workspace::{self, Workspace, cargo};

/// `cargo xtask docs`.
#[derive(Debug, Args)]
pub(crate) struct DocsArgs {
    /// Write nothing; fail when a file is not what the source says.
    #[arg(long)]
    check: bool,
}

/// A file and how its text comes about.
type Written = (&'static str, fn() -> Result<String>);

const FILES: [Written; 4] = [
    ("docs/reference/api.md", || Ok(api::page())),
    ("docs/reference/cli.md", cli),
    ("docs/reference/configuration.md", || leptond("config")),
    ("deploy/lepton.toml", || leptond("example")),
];

/// Writes the files, or checks them.
pub(crate) fn run(args: &DocsArgs) -> Result<()> {
    if args.check { check() } else { write() }
}

/// Fails when a file is not what the source says.
pub(crate) fn check() -> Result<()> {
    let root = Workspace::find()?.root;
    let mut stale = Vec::new();
    for (path, text) in FILES {
        if fs::read_to_string(root.join(path)).unwrap_or_default() != text()? {
            stale.push(path);
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!("{} not what the source says; run `cargo xtask docs`", stale.join(", "));
}

fn write() -> Result<()> {
    let root = Workspace::find()?.root;
    for (path, text) in FILES {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        fs::write(&path, text()?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn cli() -> Result<String> {
    workspace::output(&mut cargo([
        "run",
        "--quiet",
        "--package",
        "lepton-cli",
        "--bin",
        "lepton",
        "--",
        "reference",
    ]))
}

/// What leptond says of its settings.
fn leptond(reference: &str) -> Result<String> {
    let run =
        ["run", "--quiet", "--package", "leptond", "--bin", "leptond", "--", "--print-reference", reference];
    workspace::output(&mut cargo(run))
}
