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
    ports::each_port_belongs(dump);
    pools::each_address_has_its_owner(dump);
    pools::pools_agree_with_addresses(dump);
    ports::ports_are_told_apart(dump);
    ports::what_must_go_is_not_wanted(dump);
    pools::nothing_was_held_twice_at_once(dump);
    pools::subnets_are_apart(dump);
    floating::names_lead_to_who_has_them(dump);
    floating::ranges_are_apart_and_count_right(dump);
    floating::floating_ips_lead_to_live_ports(dump);
    ports::macs_that_were_drawn_are_a_ports_or_free(dump);
    counted::the_journal_has_no_gaps(dump);
    counted::quotas_agree_with_the_rows(dump);
}

fn assert_unique<T: Ord + Debug>(what: &str, values: impl Iterator<Item = T>) {
    let mut seen = BTreeSet::new();
    for value in values {
        let shown = format!("{value:?}");
        assert!(seen.insert(value), "{what} {shown} is there twice");
    }
}
