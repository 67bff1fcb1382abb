//! `cargo xtask ci`: the only list of what a change must pass.

use std::time::Instant;

use anyhow::{Context, Result};

use crate::{
    dependencies, docs, fuzz, test,
    workspace::{self, cargo},
};

/// A check by its name.
type Check = (&'static str, fn() -> Result<()>);

/// The checks, the quickest to fail first; the tests come last, so that their closing lines are the last words.
const CHECKS: [Check; 7] = [
    ("format", format),
    ("dependencies", dependencies::check),
    ("lints", lints),
    ("rustdoc", rustdoc),
    ("reference", docs::check),
    ("fuzzing", fuzz::check),
    ("tests", test::run),
];

/// Runs every check, until one fails.
pub(crate) fn run() -> Result<()> {
    let started = Instant::now();
    for (name, check) in CHECKS {
        eprintln!("ci: {name} (after {} s)", started.elapsed().as_secs());
        check().with_context(|| format!("the check '{name}' failed"))?;
    }
    Ok(())
}

fn format() -> Result<()> {
    workspace::run(&mut cargo(["fmt", "--all", "--check"]))?;
    workspace::run(&mut cargo(["fmt", "--manifest-path", "tests/fuzz/Cargo.toml", "--check"]))
}

fn lints() -> Result<()> {
    workspace::run(&mut cargo(["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn rustdoc() -> Result<()> {
    workspace::run(cargo(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}
