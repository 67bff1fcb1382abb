//! `cargo xtask docs`: what is written from the source, which is the reference manual and the example of a configuration.

mod api;

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::workspace::{self, Workspace};

/// `cargo xtask docs`.
#[derive(Debug, Args)]
pub(crate) struct DocsArgs {
    /// Write nothing; fail when a file is not what the source says.
    #[arg(long)]
    check: bool,
}

/// A file and how its text comes about.
type Written = (&'static str, fn(&Workspace) -> Result<String>);

const FILES: [Written; 4] = [
    ("docs/reference/api.md", |_| Ok(api::page())),
    ("docs/reference/cli.md", |workspace| told(workspace, "lepton", &["reference"])),
    ("docs/reference/configuration.md", |workspace| leptond(workspace, "config")),
    ("deploy/lepton.toml", |workspace| leptond(workspace, "example")),
];

/// Writes the files, or checks them.
pub(crate) fn run(args: &DocsArgs) -> Result<()> {
    if args.check { check() } else { write() }
}

/// Fails when a file is not what the source says.
pub(crate) fn check() -> Result<()> {
    let workspace = built()?;
    let mut stale = Vec::new();
    for (path, text) in FILES {
        if fs::read_to_string(workspace.root.join(path)).unwrap_or_default() != text(&workspace)? {
            stale.push(path);
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!("{} not what the source says; run `cargo xtask docs`", stale.join(", "));
}

fn write() -> Result<()> {
    let workspace = built()?;
    for (path, text) in FILES {
        let path = workspace.root.join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        fs::write(&path, text(&workspace)?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn built() -> Result<Workspace> {
    let workspace = Workspace::find()?;
    workspace.build_for_tests()?;
    Ok(workspace)
}

/// What leptond says of its settings.
fn leptond(workspace: &Workspace, reference: &str) -> Result<String> {
    told(workspace, "leptond", &["--print-reference", reference])
}

/// What a program says of itself.
fn told(workspace: &Workspace, program: &str, arguments: &[&str]) -> Result<String> {
    workspace::output(Command::new(workspace.tested(program)).args(arguments))
}
