//! What calls were made, how they ended and how long they took.

use std::{collections::BTreeMap, fmt, time::Duration};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// A kind of call to the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// `AllocateForInstance`.
    Allocate,
    /// `DeallocateForInstance`.
    Deallocate,
    /// `MigrateInstanceStart`.
    MigrateStart,
    /// `MigrateInstanceFinish`.
    MigrateFinish,
    /// `SetupNetworksOnHost`.
    SetupNetworks,
    /// `GetInstanceNwInfo`.
    NwInfo,
    /// `grpc.health.v1.Health/Check`: a call that does nothing.
    Health,
}

/// Counts and latencies of every kind of call.
#[derive(Clone, Debug, Default)]
pub struct Record {
    calls: BTreeMap<Call, CallRecord>,
}

/// Counts and latencies of one kind of call.
#[derive(Clone, Debug)]
pub(crate) struct CallRecord {
    answered: u64,
    refused: u64,
    repeated: u64,
    micros: Histogram<u64>,
}

/// One kind of call in numbers; latencies in microseconds, repetitions included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallSummary {
    /// Calls that were answered.
    pub answered: u64,
    /// Calls that were refused, or given up.
    pub refused: u64,
    /// Attempts beyond the first.
    pub repeated: u64,
    /// Half of the answers took no longer.
    pub p50_micros: u64,
    /// 9 in 10 answers took no longer.
    pub p90_micros: u64,
    /// 99 in 100 answers took no longer.
    pub p99_micros: u64,
    /// The slowest answer.
    pub max_micros: u64,
}

/// Slowest latency that is told apart, in microseconds: ten minutes, the longest wait that the API allows.
const SLOWEST_MICROS: u64 = 600_000_000;

/// Decimal digits to which a latency is kept.
const DIGITS: u8 = 3;

impl Record {
    pub(crate) fn add(&mut self, call: Call, took: Duration, attempts: u32, is_answered: bool) {
        self.calls.entry(call).or_default().add(took, attempts, is_answered);
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        for (call, record) in &other.calls {
            self.calls.entry(*call).or_default().merge(record);
        }
    }

    /// Each kind of call that was made, in numbers.
    pub fn summary(&self) -> BTreeMap<Call, CallSummary> {
        self.calls.iter().map(|(call, record)| (*call, record.summary())).collect()
    }
}

impl CallRecord {
    pub(crate) fn add(&mut self, took: Duration, attempts: u32, is_answered: bool) {
        self.repeated += u64::from(attempts.saturating_sub(1));
        if is_answered {
            self.answered += 1;
            self.micros.saturating_record(u64::try_from(took.as_micros()).unwrap_or(SLOWEST_MICROS));
        } else {
            self.refused += 1;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.answered += other.answered;
        self.refused += other.refused;
        self.repeated += other.repeated;
        self.micros.add(&other.micros).expect("both have the same bounds");
    }

    /// How many answers took so many microseconds, to the digits that are kept.
    pub(crate) fn latencies(&self) -> Vec<(u64, u64)> {
        let steps = self.micros.iter_recorded();
        steps.map(|step| (step.value_iterated_to(), step.count_at_value())).collect()
    }

    /// What a summary was made from, with the latencies that [`Self::latencies`] told.
    pub(crate) fn told(summary: &CallSummary, latencies: &[(u64, u64)]) -> Self {
        let mut record = Self::default();
        for &(micros, answers) in latencies {
            record.micros.saturating_record_n(micros, answers);
        }
        let CallSummary { answered, refused, repeated, .. } = *summary;
        Self { answered, refused, repeated, ..record }
    }

    pub(crate) fn summary(&self) -> CallSummary {
        CallSummary {
            answered: self.answered,
            refused: self.refused,
            repeated: self.repeated,
            p50_micros: self.micros.value_at_quantile(0.5),
            p90_micros: self.micros.value_at_quantile(0.9),
            p99_micros: self.micros.value_at_quantile(0.99),
            max_micros: self.micros.max(),
        }
    }
}

impl Default for CallRecord {
    fn default() -> Self {
        let micros = Histogram::new_with_bounds(1, SLOWEST_MICROS, DIGITS).expect("these bounds are valid");
        Self { answered: 0, refused: 0, repeated: 0, micros }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Allocate => "AllocateForInstance",
            Self::Deallocate => "DeallocateForInstance",
            Self::MigrateStart => "MigrateInstanceStart",
            Self::MigrateFinish => "MigrateInstanceFinish",
            Self::SetupNetworks => "SetupNetworksOnHost",
            Self::NwInfo => "GetInstanceNwInfo",
            Self::Health => "Health/Check",
        })
    }
}

impl fmt::Display for Record {
    /// One line for each kind of call.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (call, summary) in self.summary() {
            writeln!(
                f,
                "{call:<22} {:>8} answered {:>6} refused {:>6} repeated   p50 {:>7.2} ms   p99 {:>7.2} ms   max {:>7.2} ms",
                summary.answered,
                summary.refused,
                summary.repeated,
                millis(summary.p50_micros),
                millis(summary.p99_micros),
                millis(summary.max_micros),
            )?;
        }
        Ok(())
    }
}

fn millis(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_tells_answers_from_refusals_and_counts_repetitions() {
        let mut record = Record::default();
        for millis in 1..=100 {
            record.add(Call::Allocate, Duration::from_millis(millis), 1, true);
        }
        record.add(Call::Allocate, Duration::from_secs(9), 4, false);
        let mut whole = Record::default();
        whole.merge(&record);

        let summary = &whole.summary()[&Call::Allocate];
        assert_eq!((summary.answered, summary.refused, summary.repeated), (100, 1, 3));
        assert!((49_900..=50_100).contains(&summary.p50_micros), "{summary:?}");
        assert!((99_900..=100_100).contains(&summary.max_micros), "{summary:?}");
        assert!(whole.to_string().starts_with("AllocateForInstance "));
    }

    #[test]
    fn a_record_is_told_by_its_summary_and_its_latencies() {
        let mut record = CallRecord::default();
        for millis in [1, 2, 2, 3_000] {
            record.add(Duration::from_millis(millis), 2, true);
        }
        record.add(Duration::from_secs(9), 4, false);
        let told = CallRecord::told(&record.summary(), &record.latencies());
        assert_eq!((told.summary(), told.latencies()), (record.summary(), record.latencies()));
        assert_eq!(told.latencies().iter().map(|(_, answers)| answers).sum::<u64>(), 4);
    }
}
