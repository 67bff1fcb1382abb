//! Many seeds, and what makes them worth running: the same seed is the same run, and a run can fail.

use std::{env, fmt::Write as _, time::Duration};

use lepton_simulation::{Trick, run, run_with};

/// How many seeds are run in all; `LEPTON_SIM_SEEDS` asks for another number. A build without optimisation takes some seconds for
/// each; `cargo xtask sim` runs a thousand with it.
const SEEDS: u64 = 24;
const PARTS: u64 = 4;

/// How long the storm lasts in each.
const STORM: Duration = Duration::from_secs(600);

/// Every so-manyth seed from the first one on keeps what it must keep.
fn part(number: u64) {
    let seeds = env::var("LEPTON_SIM_SEEDS")
        .map_or(SEEDS, |told| told.parse().expect("LEPTON_SIM_SEEDS is a number"));
    assert!(seeds >= PARTS, "LEPTON_SIM_SEEDS is {PARTS} at least, so that each part has a seed");
    let mut problems = String::new();
    for seed in (1..=seeds).filter(|seed| seed % PARTS == number) {
        if let Err(failure) = run(seed, STORM) {
            let _ = writeln!(problems, "{failure}\n");
        }
    }
    assert!(problems.is_empty(), "{problems}");
}

#[test]
fn the_first_part_of_the_seeds_is_sound() {
    part(0);
}

#[test]
fn the_second_part_of_the_seeds_is_sound() {
    part(1);
}

#[test]
fn the_third_part_of_the_seeds_is_sound() {
    part(2);
}

#[test]
fn the_fourth_part_of_the_seeds_is_sound() {
    part(3);
}

/// A failure can be looked at again, since whatever happens comes from the seed.
#[test]
fn the_same_seed_is_the_same_run() {
    let storm = Duration::from_secs(120);
    for seed in 1..=4 {
        assert_eq!(run(seed, storm).unwrap(), run(seed, storm).unwrap());
    }
    assert_ne!(run(1, storm).unwrap().digest, run(2, storm).unwrap().digest);
}

/// How many of some seeds find a fault that was built in.
fn found(trick: Trick) -> Vec<String> {
    let runs = (1..=6).map(|seed| run_with(seed, STORM, Some(trick)));
    runs.filter_map(|run| run.err().map(|failure| failure.problem)).collect()
}

#[test]
fn a_kernel_that_keeps_what_it_says_it_has_removed_is_found_out() {
    let found = found(Trick::KernelKeeps);
    assert!(!found.is_empty() && found.iter().all(|problem| problem.contains("may still use")), "{found:?}");
}

#[test]
fn a_ledger_that_forgets_what_it_has_answered_is_found_out() {
    let found = found(Trick::AnswersAreForgotten);
    // So a repeated boot is another one, which is refused, or answered in other words when the first is gone.
    let is_of_it = |problem: &String| {
        problem.contains("INSTANCE_ALREADY_ALLOCATED") || problem.contains(": told NetworkInfo")
    };
    assert!(!found.is_empty() && found.iter().all(is_of_it), "{found:?}");
}

#[test]
fn a_panic_that_nobody_waits_for_is_found_out() {
    let failure = run_with(1, STORM, Some(Trick::AgentsPanic)).unwrap_err();
    assert!(failure.problem.contains("as it was told to"), "{failure}");
}
