//! The seeds are what the examples say, and none of them finds a fault.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use lepton_fuzz::{BYTES, RPC, TARGETS, TEXT, Target};

/// How the names of those begin that are not made of examples: inputs that found a fault once.
const FOUND: &str = "found-";

fn folder(target: Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds").join(target.name)
}

/// The files of a target's seeds by their names.
fn kept(target: Target) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder(target)).unwrap().map(|file| file.unwrap().path());
    let kept = files.map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read(path).unwrap())
    });
    kept.collect()
}

/// What the seeds that are made of examples are; with `LEPTON_WRITE_SEEDS` in the environment they become that.
#[test]
fn the_seeds_are_what_the_examples_say() {
    for target in TARGETS {
        let made: BTreeMap<_, _> = (target.seeds)().into_iter().map(|seed| (seed.name, seed.input)).collect();
        let kept = || {
            let mut kept = kept(target);
            kept.retain(|name, _| !name.starts_with(FOUND));
            kept
        };
        if env::var_os("LEPTON_WRITE_SEEDS").is_some() {
            kept().keys().for_each(|name| fs::remove_file(folder(target).join(name)).unwrap());
            made.iter().for_each(|(name, input)| fs::write(folder(target).join(name), input).unwrap());
        }
        let stale: Vec<_> = made
            .keys()
            .chain(kept().keys())
            .filter(|name| made.get(*name) != kept().get(*name))
            .cloned()
            .collect();
        assert!(stale.is_empty(), "{}: run this with LEPTON_WRITE_SEEDS=1: {stale:?}", target.name);
    }
}

/// A seed with another mark would be for something else as soon as that comes between.
#[test]
fn every_seed_has_the_mark_of_what_it_is_for() {
    for target in TARGETS {
        for (name, input) in kept(target) {
            let mark = (target.mark)(&input).unwrap_or_else(|| panic!("{}/{name} has no mark", target.name));
            assert!(
                input.starts_with(&mark),
                "{}/{name} begins with {:02x?}; make its first two bytes {mark:02x?}, the mark of what it is for",
                target.name,
                &input[..mark.len()]
            );
        }
    }
}

/// Runs each seed, and each seed but for its last third: whatever that still is, neither finds a fault.
fn run_all(target: Target) {
    let kept = kept(target);
    assert!(kept.len() > 8, "{}", kept.len());
    for (name, input) in kept {
        println!("{}/{name}", target.name);
        (target.run)(&input);
        (target.run)(&input[..input.len() * 2 / 3]);
    }
}

#[test]
fn no_call_finds_a_fault() {
    run_all(RPC);
}

#[test]
fn no_text_finds_a_fault() {
    run_all(TEXT);
}

#[test]
fn no_bytes_find_a_fault() {
    run_all(BYTES);
}
