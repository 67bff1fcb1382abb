//! Where the workspace is, and how to call cargo in it.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// Where things are, as cargo says.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    /// The checkout.
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    /// Where builds are.
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
}

/// The programs that users run, and the packages that they are in.
const PROGRAMS: [(&str, &str); 3] =
    [("leptond", "leptond"), ("lepton", "lepton-cli"), ("lepton-sim", "lepton-sim")];

/// What `cargo run` tells of this program; some crates' build scripts run anew when they hear it.
const OF_THIS_PROGRAM: [&str; 5] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];

/// A cargo command in the checkout, that does what it would do if somebody had typed it.
pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    for (name, _) in env::vars_os() {
        if OF_THIS_PROGRAM.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command whose output the developer sees; an error tells which one failed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot run `{line}`"))?;
    ensure!(status.success(), "`{line}` failed: {status}");
    Ok(())
}

/// Runs a command and gives what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run `{line}`"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{line}` failed: {}\n{}", output.status, errors.trim_end());
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` printed something that is not UTF-8"))
}

/// The command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let mut line = words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>();
    if let Some(name) = Path::new(&line[0]).file_name() {
        line[0] = name.to_string_lossy().into_owned();
    }
    line.join(" ")
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn find() -> Result<Self> {
        let metadata = output(&mut cargo(["metadata", "--format-version", "1", "--no-deps"]))?;
        serde_json::from_str(&metadata).context("cannot read cargo's metadata")
    }

    /// Builds the release of the programs that users run, and of more programs of packages.
    pub(crate) fn build_release(&self, more: &[(&str, &str)]) -> Result<()> {
        let mut build = cargo(["build", "--release"]);
        for (program, package) in PROGRAMS.iter().chain(more) {
            build.args(["--package", package, "--bin", program]);
        }
        run(&mut build)
    }

    /// Builds all that the tests need, so that a program which is only asked something is not built once more with features of
    /// its own.
    pub(crate) fn build_for_tests(&self) -> Result<()> {
        run(&mut cargo(["build", "--quiet", "--workspace", "--bins", "--tests"]))
    }

    /// The build of a program that the tests use.
    pub(crate) fn tested(&self, program: &str) -> PathBuf {
        self.target.join("debug").join(program)
    }

    /// The release build of a program.
    pub(crate) fn release(&self, program: &str) -> PathBuf {
        self.target.join("release").join(program)
    }

    /// A folder for what a command makes and nobody keeps under version control.
    pub(crate) fn scratch(&self, name: &str) -> Result<PathBuf> {
        let folder = self.target.join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }
}
