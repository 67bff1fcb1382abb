//! Ranges of MACs: which ones ports are given, instead of those of the configured base (ADR 17).
//!
//! ```text
//!            drawn, when none that is free suits     its port is unplugged
//!   fresh ───────────────────────────────▶ a live port's ─────────────────▶ free
//!                                                 ▲                          │ drawn, longest free first
//!                                                 └──────────────────────────┘
//! ```

mod draw;
#[cfg(test)]
mod tests;

use lepton_ipam::MacBase;
use lepton_types::{MacPrefix, MacRange, MacRangeId};

pub(crate) use self::draw::{Drawn, MAC_ATTEMPTS, draw, longest_free};
use crate::{Command, Key, Refusal, Selection, Stop, View};

/// Most ranges of a ledger: whoever draws a MAC reads all of them.
pub(crate) const MOST_MAC_RANGES: usize = 256;

/// Makes a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateMacRange {
    /// Its MACs.
    pub prefix: MacPrefix,
    /// What MACs start with when there are no ranges: the manager's setting, not part of the request.
    pub mac_base: MacBase,
}

impl Command for CreateMacRange {
    type Answer = MacRange;

    const NAME: &'static str = "CreateMacRange";

    fn keys(&self) -> Vec<Key> {
        vec![Key::MacRanges, Key::Select(Selection::PortOfMacs(self.prefix))]
    }

    fn decide(&self, ledger: &mut View) -> Result<MacRange, Stop> {
        let (prefix, base) = (self.prefix, self.mac_base);
        // A manager that has not seen the range yet gives MACs of the base: a range may rely on its MACs being its own.
        if base.contains(prefix.first()) || prefix.contains(base.nth(0)) {
            let problem = format!(
                "{prefix} overlaps {base}, whose MACs ports have when there are no ranges (network.mac_base); choose another"
            );
            return Err(Refusal::invalid_field("range", problem).into());
        }
        let ranges = ledger.mac_ranges_and_ending()?;
        if let Some(other) = ranges.iter().find(|other| other.prefix.overlaps(prefix)) {
            let MacRange { id, prefix: other, is_ending, .. } = *other;
            return Err(Refusal::MacRangeOverlaps { range: prefix, other, id, is_ending }.into());
        }
        if let Some(port) = ledger.port_of_macs(prefix)? {
            return Err(
                Refusal::MacRangeInUse { range: prefix, mac: port.mac, instance: port.instance }.into()
            );
        }
        if ranges.len() >= MOST_MAC_RANGES {
            return Err(Refusal::TooManyMacRanges { most: MOST_MAC_RANGES as u64 }.into());
        }
        // Two that are made at once would get the same number, and the second is decided again.
        let number = ranges.last().map_or(0, |newest| newest.number + 1);
        let (id, created_at) = (ledger.draws().id(), ledger.now());
        let range = MacRange { id, prefix, number, drawn: 0, is_ending: false, created_at };
        ledger.insert(range.clone());
        Ok(range)
    }
}

/// Shows a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetMacRange {
    /// Which one.
    pub range: MacRangeId,
}

impl Command for GetMacRange {
    type Answer = MacRange;

    const NAME: &'static str = "GetMacRange";

    fn decide(&self, ledger: &mut View) -> Result<MacRange, Stop> {
        ledger.mac_range(self.range)
    }
}

/// Lists all ranges in the order in which they are drawn from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListMacRanges;

impl Command for ListMacRanges {
    type Answer = Vec<MacRange>;

    const NAME: &'static str = "ListMacRanges";

    fn decide(&self, ledger: &mut View) -> Result<Vec<MacRange>, Stop> {
        ledger.mac_ranges()
    }
}

/// Deletes a range that no port has a MAC of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteMacRange {
    /// Which one.
    pub range: MacRangeId,
}

impl Command for DeleteMacRange {
    type Answer = ();

    const NAME: &'static str = "DeleteMacRange";

    fn keys(&self) -> Vec<Key> {
        vec![Key::MacRanges]
    }

    fn decide(&self, ledger: &mut View) -> Result<(), Stop> {
        let range = ledger.mac_range(self.range)?;
        let prefix = range.prefix;
        if let Some(port) = ledger.port_of_macs(prefix)? {
            return Err(
                Refusal::MacRangeInUse { range: prefix, mac: port.mac, instance: port.instance }.into()
            );
        }
        // What came back may be as many as the fleet ever had, too many for one batch.
        ledger.drop_mac_range(&range)?;
        Ok(())
    }
}

/// Lists the ranges that were deleted and of which not all is dropped yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEndingMacRanges;

impl Command for ListEndingMacRanges {
    type Answer = Vec<MacRangeId>;

    const NAME: &'static str = "ListEndingMacRanges";

    fn decide(&self, ledger: &mut View) -> Result<Vec<MacRangeId>, Stop> {
        let ranges = ledger.mac_ranges_and_ending()?;
        Ok(ranges.into_iter().filter(|range| range.is_ending).map(|range| range.id).collect())
    }
}

/// Drops a bounded part of what is left of a range that was deleted; answers whether all of it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepMacRange {
    /// Which one.
    pub range: MacRangeId,
}

impl Command for SweepMacRange {
    type Answer = bool;

    const NAME: &'static str = "SweepMacRange";

    fn keys(&self) -> Vec<Key> {
        vec![Key::MacRanges]
    }

    fn decide(&self, ledger: &mut View) -> Result<bool, Stop> {
        let ranges = ledger.mac_ranges_and_ending()?;
        match ranges.into_iter().find(|range| range.id == self.range && range.is_ending) {
            Some(range) => ledger.drop_mac_range(&range),
            None => Ok(true),
        }
    }
}

impl View {
    fn mac_range(&mut self, id: MacRangeId) -> Result<MacRange, Stop> {
        let found = self.mac_ranges()?.into_iter().find(|range| range.id == id);
        found.ok_or_else(|| Refusal::MacRangeNotFound { range: id }.into())
    }
}
