//! What every ledger must be like, whatever was done to it: [`assert_sound`] fails when something in a [`Dump`] of one cannot be.

#![expect(
    clippy::unwrap_used,
    reason = "where it panics the ledger is not sound, and that is what callers ask"
)]

mod counted;
mod dump;
mod floating;
mod pools;
mod ports;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, fmt::Debug};

pub use dump::{Dump, History};

/// Fails unless every row has what it refers to, nothing is had twice, what is kept twice agrees, and instances have what they were
/// allocated.
pub fn assert_sound(dump: &Dump) {
    assert_consistent(dump);
    ports::each_life_is_whole(dump);
}

/// The same of a ledger where addresses were added to instances and taken from them.
pub fn assert_consistent(dump: &Dump) {
    CONSISTENT.iter().for_each(|holds| holds(dump));
}

/// What is asked of every ledger; the tests have a ledger for each that fails of it.
const CONSISTENT: [fn(&Dump); 13] = [
    ports::each_port_belongs,
    pools::each_address_has_its_owner,
    pools::pools_agree_with_addresses,
    ports::ports_are_told_apart,
    ports::what_must_go_is_not_wanted,
    pools::nothing_was_held_twice_at_once,
    pools::subnets_are_apart,
    floating::names_lead_to_who_has_them,
    floating::ranges_are_apart_and_count_right,
    floating::floating_ips_lead_to_live_ports,
    ports::macs_that_were_drawn_are_a_ports_or_free,
    counted::the_journal_has_no_gaps,
    counted::quotas_agree_with_the_rows,
];

fn assert_unique<T: Ord + Debug>(what: &str, values: impl Iterator<Item = T>) {
    let mut seen = BTreeSet::new();
    for value in values {
        let shown = format!("{value:?}");
        assert!(seen.insert(value), "{what} {shown} is there twice");
    }
}
