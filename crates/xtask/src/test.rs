//! `cargo xtask test`: all tests.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{
    packages::{self, IP, NFT, PING, POSTGRES, UNSHARE},
    workspace::{self, cargo},
};

/// Makes kernel tests fail, instead of skipping them, where the kernel does not allow namespaces.
const REQUIRE_KERNEL: (&str, &str) = ("LEPTON_REQUIRE_KERNEL_TESTS", "1");

/// Installs what the tests need and runs all of them; the runner's closing lines come last.
pub(crate) fn run() -> Result<()> {
    packages::ensure(&[IP, NFT, PING, POSTGRES, UNSHARE])?;
    workspace::run(&mut with_environment(cargo(["test", "--workspace", "--doc"])))?;
    let has_nextest = workspace::output(&mut cargo(["nextest", "--version"])).is_ok();
    if has_nextest {
        workspace::run(&mut with_environment(cargo(["nextest", "run", "--workspace"])))
    } else {
        run_plainly(with_environment(cargo(["test", "--workspace", "--lib", "--bins", "--tests"])))
    }
}

fn with_environment(mut command: Command) -> Command {
    let (name, value) = REQUIRE_KERNEL;
    command.env(name, value).env("PATH", packages::path());
    command
}

/// Runs cargo's own runner, which closes once for each test program, and adds one line for all of them.
fn run_plainly(mut command: Command) -> Result<()> {
    let line = workspace::line(&command);
    let mut runner =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot run `{line}`"))?;
    let output = runner.stdout.take().expect("standard output is a pipe");
    let (mut passed, mut failed) = (0, 0);
    for text in BufReader::new(output).lines() {
        let text = text?;
        println!("{text}");
        if let Some(counts) = text.strip_prefix("test result: ") {
            passed += count(counts, " passed");
            failed += count(counts, " failed");
        }
    }
    let status = runner.wait()?;
    println!("{passed} passed, {failed} failed");
    ensure!(status.success(), "`{line}` failed: {status}");
    Ok(())
}

/// The number before `word` in `ok. 12 passed; 0 failed; 1 ignored`.
fn count(counts: &str, word: &str) -> u64 {
    let before = counts.split_once(word).map_or("", |(before, _)| before);
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_a_closing_line_are_read() {
        let line = "FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.28s";
        assert_eq!((count(line, " passed"), count(line, " failed"), count(line, " eaten")), (12, 3, 0));
    }
}
