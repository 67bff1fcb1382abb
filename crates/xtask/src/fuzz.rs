//! `cargo xtask fuzz`: runs the targets in `tests/fuzz/`, which `cargo fuzz` knows too, from their seeds.
//!
//! `cargo fuzz` compiles all that Lepton is made of anew, with optimisation, which takes many minutes. Here Lepton's own crates are, and
//! what others made is what the tests use (`tests/fuzz/rustc.sh`): an input takes longer, and a change is run before it is forgotten.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    packages::{self, CXX},
    workspace::{self, Workspace, cargo},
};

/// `cargo xtask fuzz`.
#[derive(Debug, Args)]
pub(crate) struct FuzzArgs {
    /// Which target: a call's body, a parser's text, or bytes; all of them when none is named
    #[arg(long, value_parser = TARGETS)]
    target: Option<String>,
    /// How long each is run
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    seconds: u32,
}

/// The targets, as `tests/fuzz/Cargo.toml` calls them.
const TARGETS: [&str; 3] = ["rpc", "text", "bytes"];

/// How long each target is run for every change.
const SHORT: u32 = 30;

/// What a run is bound by: seconds of an input, and MiB of the process. An input takes a millisecond.
const BOUNDS: [&str; 2] = ["-timeout=10", "-rss_limit_mb=1024"];

/// Bytes of the largest input. libFuzzer cuts what is larger, seeds too.
const LARGEST: u64 = 32 << 10;

/// How the names begin of the files that libFuzzer keeps a fault in; there are also inputs that were only slow.
const FAULTS: [&str; 4] = ["crash-", "timeout-", "oom-", "leak-"];

/// Where a run begins, and how it goes on from there.
#[derive(Clone, Copy, Debug)]
enum Course {
    /// Where the last one stopped, and elsewhere each time: it is to find what nobody has found.
    Onward,
    /// At the seeds, and the same way each time: what it finds a change has brought, mostly.
    Again,
}

/// Runs what is asked for.
pub(crate) fn run(args: &FuzzArgs) -> Result<()> {
    let programs = Programs::build("fuzz")?;
    for target in TARGETS.iter().filter(|target| args.target.as_ref().is_none_or(|named| named == *target)) {
        programs.run(target, args.seconds, Course::Onward)?;
    }
    Ok(())
}

/// Runs each target for a short time.
pub(crate) fn check() -> Result<()> {
    let programs = Programs::build("fuzz/ci")?;
    TARGETS.iter().try_for_each(|target| programs.run(target, SHORT, Course::Again))
}

/// The targets' programs.
struct Programs {
    /// The checkout.
    root: PathBuf,
    /// Where they are.
    folder: PathBuf,
    /// For the inputs that are found.
    scratch: PathBuf,
}

impl Programs {
    /// Builds them; what they find is kept in a folder of this name.
    fn build(scratch: &str) -> Result<Self> {
        packages::ensure(&[CXX])?;
        let workspace = Workspace::find()?;
        let mut build =
            cargo(["build", "--locked", "--manifest-path", "tests/fuzz/Cargo.toml", "--target-dir"]);
        build.arg(&workspace.target).env("RUSTC_WRAPPER", workspace.root.join("tests/fuzz/rustc.sh"));
        workspace::run(&mut build)?;
        let scratch = workspace.scratch(scratch)?;
        Ok(Self { folder: workspace.tested(""), root: workspace.root, scratch })
    }

    fn run(&self, target: &str, seconds: u32, course: Course) -> Result<()> {
        // What a run has found interesting goes into the corpus; the seeds are only read.
        let [corpus, found] = ["corpus", "found"].map(|name| self.scratch.join(name).join(target));
        let seeds = self.root.join("tests/fuzz/seeds").join(target);
        // A fault's file is named by what is in it: found again, it would be no new one.
        empty(&found)?;
        let seed = match course {
            Course::Onward => None,
            Course::Again => {
                empty(&corpus)?;
                Some("-seed=1")
            }
        };
        make(&corpus)?;
        let mut fuzz = Command::new(self.folder.join(target));
        fuzz.args(BOUNDS).arg(format!("-max_len={LARGEST}")).args(seed);
        fuzz.arg(format!("-max_total_time={seconds}")).arg("-print_final_stats=1");
        fuzz.arg(format!("-artifact_prefix={}/", found.display())).arg(corpus).arg(seeds);
        fuzz.current_dir(&self.root).env("RUST_BACKTRACE", "1");
        eprintln!("fuzz: {target}, for {seconds} s");
        let Err(error) = workspace::run(&mut fuzz) else { return Ok(()) };
        let Some(input) = files(&found)?.into_iter().find(|file| is_fault(file)) else {
            return Err(error);
        };
        let (program, input) = (self.folder.join(target), input.display().to_string());
        bail!(
            "{target} has found a fault; run it again by `{} {input}`, and keep it as tests/fuzz/seeds/{target}/found-… with its mending",
            program.display()
        )
    }
}

fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

/// Makes a folder, or makes it anew.
fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    make(folder)
}

/// Whether libFuzzer has kept a fault in this file.
fn is_fault(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    FAULTS.iter().any(|kind| name.starts_with(kind))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|file| Ok(file?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_a_program_and_has_seeds() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz");
        let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
        let programs: Vec<_> =
            manifest.lines().filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")).collect();
        assert_eq!(programs, TARGETS.map(|target| format!("{target}.rs\"")));
        for target in TARGETS {
            let seeds = files(&fuzz.join("seeds").join(target)).unwrap();
            assert!(!seeds.is_empty(), "{target}");
            for seed in seeds {
                let bytes = seed.metadata().unwrap().len();
                assert!(bytes <= LARGEST, "{} has {bytes} bytes, and is cut to {LARGEST}", seed.display());
            }
        }
    }

    #[test]
    fn what_was_found_before_and_what_was_only_slow_is_no_fault() {
        let scratch = tempfile::tempdir().unwrap();
        let found = scratch.path().join("found/rpc");
        empty(&found).unwrap();
        fs::write(found.join("crash-1"), "").unwrap();
        empty(&found).unwrap();
        assert!(files(&found).unwrap().is_empty());
        assert!(["crash-1", "timeout-1", "oom-1", "leak-1"].iter().all(|name| is_fault(&found.join(name))));
        assert!(!is_fault(&found.join("slow-unit-1")));
    }
}
