//! [`Metrics`]: what is measured of the lanes, for whoever watches the process.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::ConstGauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use crate::{lane::Purpose, queue::Queue};

/// What is measured of all lanes of a store, by what they do. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    commands: Family<LaneLabel, Histogram>,
    seconds: Family<LaneLabel, Histogram>,
    failed_attempts: Family<LaneLabel, Counter>,
}

/// What is measured of one lane.
#[derive(Clone, Debug)]
pub(crate) struct LaneMetrics {
    commands: Histogram,
    seconds: Histogram,
    failed_attempts: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LaneLabel {
    lane: &'static str,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        // 1 to 1,024 commands; half a millisecond to 16 seconds.
        let commands = || Histogram::new(exponential_buckets(1.0, 2.0, 11));
        let seconds = || Histogram::new(exponential_buckets(0.0005, 2.0, 16));
        Self {
            commands: Family::new_with_constructor(commands),
            seconds: Family::new_with_constructor(seconds),
            failed_attempts: Family::default(),
        }
    }

    /// What is measured of a lane that does this.
    pub(crate) fn of(&self, purpose: &Purpose) -> LaneMetrics {
        let label = LaneLabel { lane: purpose.label() };
        LaneMetrics {
            commands: self.commands.get_or_create_owned(&label),
            seconds: self.seconds.get_or_create_owned(&label),
            failed_attempts: self.failed_attempts.get_or_create_owned(&label),
        }
    }

    /// Enters all of it into a registry, with what waits in the queues.
    pub(crate) fn register(&self, queues: Queues, registry: &mut Registry) {
        let commands =
            "Commands that were decided and written, or questions that were answered, in one batch";
        registry.register("batch_commands", commands, self.commands.clone());
        let seconds = "How long a batch took, until it was durable";
        registry.register("batch_seconds", seconds, self.seconds.clone());
        let failed_attempts = "Attempts at a batch that others were faster than, that found little left of a subnet, or that the database was not there for";
        registry.register("batch_attempts_failed", failed_attempts, self.failed_attempts.clone());
        registry.register_collector(Box::new(queues));
    }
}

impl LaneMetrics {
    pub(crate) fn batch(&self, commands: usize, took: Duration) {
        // A batch has some hundred commands.
        self.commands.observe(u32::try_from(commands).unwrap_or(u32::MAX).into());
        self.seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn failed_attempt(&self) {
        self.failed_attempts.inc();
    }
}

/// The queues of lanes by what these do, which are counted when somebody asks. They do not keep a lane alive.
pub(crate) struct Queues(Vec<(&'static str, Vec<Weak<Queue>>)>);

impl Queues {
    pub(crate) fn of<'q>(queues: impl IntoIterator<Item = (&'static str, &'q [Arc<Queue>])>) -> Self {
        let weak = |queues: &[Arc<Queue>]| queues.iter().map(Arc::downgrade).collect();
        Self(queues.into_iter().map(|(lane, queues)| (lane, weak(queues))).collect())
    }
}

impl fmt::Debug for Queues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queues").finish_non_exhaustive()
    }
}

impl Collector for Queues {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, count) in [
            (
                "queue_commands",
                "Commands and questions that wait for a batch",
                Queue::waiting as fn(&_) -> usize,
            ),
            ("queue_limit", "How many may wait; further ones are refused", Queue::limit),
        ] {
            let gauge = ConstGauge::new(0_i64);
            let mut metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            for (lane, queues) in &self.0 {
                let total: usize = queues.iter().filter_map(Weak::upgrade).map(|queue| count(&queue)).sum();
                let total = i64::try_from(total).unwrap_or(i64::MAX);
                ConstGauge::new(total).encode(metric.encode_family(&LaneLabel { lane })?)?;
            }
        }
        Ok(())
    }
}
