//! [`Trace`]: what happened in a run, as lines whose last ones are shown when it fails, and as a number that two runs of one seed
//! must share.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How many lines are kept.
const KEPT: usize = 60;

/// FNV-1a's offset and prime, of 64 bits.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// What happened in a run. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    began: Instant,
    lines: Arc<Mutex<Lines>>,
}

#[derive(Debug)]
struct Lines {
    last: VecDeque<String>,
    digest: u64,
}

impl Trace {
    /// Of a run that begins now.
    pub(crate) fn begin() -> Self {
        let lines = Lines { last: VecDeque::new(), digest: OFFSET };
        Self { began: Instant::now(), lines: Arc::new(Mutex::new(lines)) }
    }

    /// How long the run has lasted.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Notes that something happened.
    pub(crate) fn note(&self, what: fmt::Arguments<'_>) {
        let line = format!("{:>10.6} {what}", self.began.elapsed().as_secs_f64());
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        for byte in line.bytes() {
            lines.digest = (lines.digest ^ u64::from(byte)).wrapping_mul(PRIME);
        }
        if lines.last.len() == KEPT {
            lines.last.pop_front();
        }
        lines.last.push_back(line);
    }

    /// The last lines.
    pub(crate) fn last(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).last.iter().cloned().collect()
    }

    /// A number that depends on all lines.
    pub(crate) fn digest(&self) -> u64 {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).digest
    }
}
