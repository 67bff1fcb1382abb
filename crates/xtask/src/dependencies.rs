//! What we depend on: licences, sources, duplicates and known vulnerabilities, by cargo-deny and `.cargo/deny.toml`.
//!
//! cargo-deny is no part of a Rust installation, and the advisories come over the network. Where one of them is
//! missing that part of the check is skipped, and says so.

use anyhow::Result;

use crate::workspace::{self, cargo};

/// Checks the dependencies, as far as this machine can.
pub(crate) fn check() -> Result<()> {
    if workspace::output(&mut cargo(["deny", "--version"])).is_err() {
        skipped("the dependencies were", "cargo-deny is missing: cargo install --locked cargo-deny");
        return Ok(());
    }
    let check = ["deny", "--locked", "check", "--hide-inclusion-graph"];
    workspace::run(cargo(check).args(["bans", "licenses", "sources"]))?;
    // Fetched by itself, so that no network is told apart from bad news.
    if let Err(error) = workspace::output(&mut cargo(["deny", "--locked", "fetch", "db"])) {
        skipped("known vulnerabilities were", &format!("the advisories cannot be fetched: {error}"));
        return Ok(());
    }
    workspace::run(cargo(check).arg("advisories"))
}

fn skipped(what: &str, why: &str) {
    eprintln!("WARNING: {what} NOT checked; {why}");
}
