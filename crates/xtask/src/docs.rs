//! `cargo xtask docs`: the reference manual, written from the source.

mod api;

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::workspace::{self, Workspace, cargo};

/// `cargo xtask docs`.
#[derive(Debug, Args)]
pub(crate) struct DocsArgs {
    /// Write nothing; fail when a page is not what the source says.
    #[arg(long)]
    check: bool,
}

/// A page and how its text comes about.
type Page = (&'static str, fn() -> Result<String>);

const PAGES: [Page; 3] = [
    ("docs/reference/api.md", || Ok(api::page())),
    ("docs/reference/cli.md", cli),
    ("docs/reference/configuration.md", configuration),
];

/// Writes the pages, or checks them.
pub(crate) fn run(args: &DocsArgs) -> Result<()> {
    if args.check { check() } else { write() }
}

/// Fails when a page is not what the source says.
pub(crate) fn check() -> Result<()> {
    let root = Workspace::find()?.root;
    let mut stale = Vec::new();
    for (path, text) in PAGES {
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
    for (path, text) in PAGES {
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

fn configuration() -> Result<String> {
    let run =
        ["run", "--quiet", "--package", "leptond", "--bin", "leptond", "--", "--print-reference", "config"];
    workspace::output(&mut cargo(run))
}
