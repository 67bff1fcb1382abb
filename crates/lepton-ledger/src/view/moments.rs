//! [`Moments`]: when the changes of a batch were decided.

use lepton_types::Timestamp;

/// When each of a batch's changes was decided: a batch takes as long as it waits for the rows that others hold.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    began: Timestamp,
    /// From which change on it was later, and which moment then; ascending.
    later: Vec<(usize, Timestamp)>,
}

impl Moments {
    /// When the change of this number was decided.
    pub(super) fn of(&self, change: usize) -> Timestamp {
        let begun = self.later.partition_point(|(from, _)| *from <= change);
        begun.checked_sub(1).map_or(self.began, |last| self.later[last].1)
    }

    pub(super) fn go_on_at(&mut self, change: usize, now: Timestamp) {
        self.later.push((change, now));
    }
}

impl From<Timestamp> for Moments {
    /// All of them at one moment.
    fn from(began: Timestamp) -> Self {
        Self { began, later: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_the_moment_that_was_last_told_before_it() {
        let at = |micros: i64| Timestamp::from(micros);
        let mut moments = Moments::from(at(10));
        for (change, now) in [(2, 11), (2, 12), (4, 13)] {
            moments.go_on_at(change, at(now));
        }
        let all: Vec<_> = (0..6).map(|change| moments.of(change)).collect();
        assert_eq!(all, [10, 10, 12, 12, 13, 13].map(at));
    }
}
