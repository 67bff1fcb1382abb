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

/// Makes cargo's own runner end a test program when cargo ends; nextest does so by itself.
const BOUND: &str = "target.'cfg(unix)'.runner = ['setpriv', '--pdeathsig', 'TERM', '--']";

/// Installs what the tests need and runs all of them; the runner's closing lines come last.
pub(crate) fn run() -> Result<()> {
    packages::ensure(&[IP, NFT, PING, POSTGRES, UNSHARE])?;
    workspace::run(&mut with_environment(bound(&cargo(["test", "--workspace", "--doc"]))))?;
    let has_nextest = workspace::output(&mut cargo(["nextest", "--version"])).is_ok();
    if has_nextest {
        workspace::run(&mut with_environment(bound(&cargo(["nextest", "run", "--workspace"]))))
    } else {
        let tests =
            ["test", "--config", BOUND, "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"];
        run_plainly(with_environment(bound(&cargo(tests))))
    }
}

fn with_environment(mut command: Command) -> Command {
    let (name, value) = REQUIRE_KERNEL;
    command.env(name, value).env("PATH", packages::path());
    command
}

/// The same command, told by the kernel to end when this process does, by whatever death.
fn bound(command: &Command) -> Command {
    let mut bound = Command::new("setpriv");
    bound.args(["--pdeathsig", "TERM", "--"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => bound.env(name, value),
            None => bound.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        bound.current_dir(folder);
    }
    bound
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
        if let Some(counts) = text.strip_prefix("test result: ").filter(|counts| is_of_all(counts)) {
            passed += count(counts, " passed");
            failed += count(counts, " failed");
        }
    }
    let status = runner.wait()?;
    println!("{passed} passed, {failed} failed");
    ensure!(status.success(), "`{line}` failed: {status}");
    Ok(())
}

/// Whether a closing line is of a whole program: a test that runs again in a namespace filters out all others there,
/// and its closing line is no test more.
fn is_of_all(counts: &str) -> bool {
    count(counts, " filtered out") == 0
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
        assert!(is_of_all(line));
        assert!(!is_of_all(
            "ok. 1 passed; 0 failed; 0 ignored; 0 measured; 41 filtered out; finished in 0.28s"
        ));
    }

    #[test]
    fn a_bound_command_ends_with_whoever_started_it() {
        // The shell in between dies at once, of the signal that nobody can handle; its child would sleep on.
        let sleep = bound(Command::new("sleep").arg("1000").env("LC_ALL", "C"));
        let line = workspace::line(&sleep);
        assert_eq!(line, "setpriv --pdeathsig TERM -- sleep 1000");
        assert_eq!(sleep.get_envs().count(), 1);
        let script = format!("{line} & echo $!; read wait; kill -9 $$");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let mut said = BufReader::new(shell.stdout.take().unwrap()).lines();
        let pid = said.next().unwrap().unwrap();
        let comm = format!("/proc/{pid}/comm");
        while std::fs::read_to_string(&comm).unwrap() != "sleep\n" {
            std::thread::yield_now();
        }
        drop(shell.stdin.take());
        shell.wait().unwrap();
        // The pipe is closed when the last one that holds it has ended.
        assert!(said.next().is_none());
    }
}
