//! The sweep of quarantine: addresses that rested long enough go back to their pools.

use crate::{Command, Key, Selection, Stop, View, pool};

/// Gives back a bounded number of addresses whose quarantine is over; answers how many, zero when none is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepQuarantine;

impl Command for SweepQuarantine {
    type Answer = usize;

    const NAME: &'static str = "SweepQuarantine";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Select(Selection::Rested)]
    }

    fn decide(&self, ledger: &mut View) -> Result<usize, Stop> {
        let rested = ledger.rested()?;
        ledger.need(rested.iter().map(|row| Key::Subnet(row.subnet)))?;
        let mut due = Vec::with_capacity(rested.len());
        for row in rested {
            if let Some(subnet) = ledger.subnet(row.subnet)?.cloned() {
                due.push((subnet, row));
            }
        }
        // Whose the networks are: their owners hear of it.
        ledger.need(due.iter().map(|(subnet, _)| Key::Network(subnet.network)))?;
        ledger.need(due.iter().filter_map(|(subnet, row)| pool::key_of_block(subnet, row.address)))?;
        for (subnet, row) in &due {
            ledger.give_back(subnet, row)?;
        }
        Ok(due.len())
    }
}
