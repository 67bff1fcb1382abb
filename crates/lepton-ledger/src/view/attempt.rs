//! Attempts at decisions on a [`View`], and how their changes are taken back.

use std::mem;

use lepton_types::Timestamp;

use super::{Draws, View};
use crate::{Change, Stop};

impl View {
    /// Runs a decision that keeps its changes if it succeeds. `number` tells it apart from the batch's others, so that
    /// every attempt at it draws the same ids.
    ///
    /// # Errors
    ///
    /// As the decision; then the view is as it was before.
    pub fn attempt<T>(
        &mut self,
        number: usize,
        decide: impl FnOnce(&mut Self) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let before = self.changes.len();
        self.draws.start(number);
        let result = decide(self);
        if result.is_err() {
            self.undo_to(before);
        }
        result
    }

    /// Runs a decision and takes its changes back, whatever it answers.
    ///
    /// # Errors
    ///
    /// As the decision.
    pub fn rehearse<T>(
        &mut self,
        number: usize,
        decide: impl FnOnce(&mut Self) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let before = self.changes.len();
        let result = self.attempt(number, decide);
        self.undo_to(before);
        result
    }

    /// Runs a decision that draws from a seed of its own.
    pub(crate) fn drawing_from<T>(&mut self, seed: [u8; 32], decide: impl FnOnce(&mut Self) -> T) -> T {
        let draws = mem::replace(&mut self.draws, Draws::new(seed));
        let decided = decide(self);
        self.draws = draws;
        decided
    }

    /// Runs a decision as if it were made at another moment.
    pub(crate) fn deciding_at<T>(&mut self, moment: Timestamp, decide: impl FnOnce(&mut Self) -> T) -> T {
        let now = mem::replace(&mut self.now, moment);
        let decided = decide(self);
        self.now = now;
        decided
    }

    /// Takes back all changes but the first so many, the last one first.
    pub(crate) fn undo_to(&mut self, length: usize) {
        for change in self.changes.split_off(length).into_iter().rev() {
            self.undo(change);
        }
    }

    fn undo(&mut self, change: Change) {
        match change {
            Change::Network(change) => self.apply(&change.reversed()),
            Change::Subnet(change) => self.apply(&change.reversed()),
            Change::Frontier(change) => self.apply(&change.reversed()),
            Change::Block(change) => self.apply(&change.reversed()),
            Change::Instance(change) => self.apply(&change.reversed()),
            Change::Port(change) => self.apply(&change.reversed()),
            Change::FixedIp(change) => self.apply(&change.reversed()),
            Change::FloatingRange(change) => self.apply(&change.reversed()),
            Change::FloatingIp(change) => self.apply(&change.reversed()),
            Change::Host(change) => self.apply(&change.reversed()),
            Change::DnsDomain(change) => self.apply(&change.reversed()),
            Change::DnsEntry(change) => self.apply(&change.reversed()),
            Change::PendingUnplug(change) => self.apply(&change.reversed()),
            Change::Quota(change) | Change::RecountedQuota(change) => self.apply(&change.reversed()),
            Change::MacRange(change) => self.apply(&change.reversed()),
            Change::FreeMac(change) => self.apply(&change.reversed()),
            Change::RequestRecord(change) => self.apply(&change.reversed()),
            // It is in no table before it has its revisions; and the other one is in none.
            Change::Journal(_) | Change::RecountedBlock(_) => {}
        }
    }
}
