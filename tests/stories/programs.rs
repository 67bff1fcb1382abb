//! The programs under test: those of this build, built once if they are missing or older than their sources.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::SystemTime,
};

/// The programs' files.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) leptond: PathBuf,
    pub(crate) lepton: PathBuf,
    pub(crate) lepton_sim: PathBuf,
}

/// What the programs are made of, below the workspace's root.
const SOURCES: [&str; 3] = ["crates", "proto", "Cargo.lock"];

/// The programs of this build.
pub(crate) fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        // .../target/PROFILE/deps/stories-HASH
        let test = env::current_exe().unwrap();
        let folder = test.ancestors().nth(2).unwrap();
        let programs = Programs {
            leptond: folder.join("leptond"),
            lepton: folder.join("lepton"),
            lepton_sim: folder.join("lepton-sim"),
        };
        programs.ensure(folder);
        programs
    })
}

impl Programs {
    fn ensure(&self, folder: &Path) {
        // Each test may be a process of its own: one looks and builds, the others wait for it.
        let lock = File::create(folder.join(".stories.lock")).unwrap();
        lock.lock().unwrap();
        // Cargo leaves a program alone that a change of the sources does not concern; the stamp says when it looked.
        let stamp = folder.join(".stories.built");
        if !self.are_fresh(&stamp) {
            build(folder.file_name().unwrap().to_str().unwrap());
            File::create(&stamp).unwrap();
        }
    }

    fn are_fresh(&self, stamp: &Path) -> bool {
        let root = root();
        let newest_source = SOURCES.iter().map(|name| newest(&root.join(name))).max().unwrap();
        let programs = [&self.leptond, &self.lepton, &self.lepton_sim];
        let built =
            programs.map(|program| changed(program).map(|built| changed(stamp).unwrap_or(built).max(built)));
        built.iter().all(|built| built.is_some_and(|built| built >= newest_source))
    }
}

fn build(profile: &str) {
    let profile = if profile == "debug" { "dev" } else { profile };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--profile", profile])
        .args(["-p", "leptond", "-p", "lepton-cli", "-p", "lepton-sim"])
        .current_dir(root())
        .status()
        .unwrap();
    assert!(built.success(), "the programs cannot be built");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// When the newest of the files in and below `path` that programs are made of was changed.
fn newest(path: &Path) -> SystemTime {
    let entries = fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap().path());
    // Tests are no part of a program.
    let below = entries.filter(|entry| !entry.ends_with("tests")).map(|entry| newest(&entry)).max();
    let own = if path.is_file() { changed(path) } else { None };
    below.max(own).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn changed(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).ok()?.modified().ok()
}
