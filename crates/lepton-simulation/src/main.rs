//! `lepton-simulation`: runs seed after seed, and says which of them fail.

use std::{
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use lepton_simulation::{Summary, run};

/// Runs all of Lepton on a network, disks, clocks and hosts that fail, once for each seed.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many runs.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// How long the trouble lasts in each, in simulated minutes.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The first seed; the others follow it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (began, storm) = (Instant::now(), Duration::from_secs(60 * arguments.minutes));
    let (next, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        let mut sum = (0, 0);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= arguments.seeds {
                return sum;
            }
            let seed = arguments.seed + number;
            match run(seed, storm) {
                Ok(Summary { boots, kills, moves, others, looks, refused, digest }) => {
                    sum = (sum.0 + boots + kills + moves + others, sum.1 + looks);
                    if arguments.seeds <= 20 {
                        println!(
                            "seed {seed}: {boots} boots, {refused} refused, {kills} kills, {moves} moves, {others} others, {looks} looks, digest {digest:016x}"
                        );
                    }
                }
                Err(failure) => {
                    failed.fetch_add(1, Ordering::Relaxed);
                    println!(
                        "{failure}\nrun it again: cargo xtask sim --seeds 1 --seed {seed} --minutes {}",
                        arguments.minutes
                    );
                }
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let sums: Vec<(u64, u64)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a run does not panic")).collect()
    });
    let (operations, looks) = sums.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let failed = failed.into_inner();
    println!(
        "{} runs of {} minutes in {:.1} s: {operations} operations, {looks} looks at the ledger, {failed} failed",
        arguments.seeds,
        arguments.minutes,
        began.elapsed().as_secs_f64()
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
