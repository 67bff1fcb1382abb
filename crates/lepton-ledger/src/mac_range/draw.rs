//! Drawing MACs from ranges, in constant time: the lowest fresh one of the first range that has any, then those that came back.

use lepton_types::{MacAddr, MacRangeId};

use crate::{Stop, View};

/// A MAC of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Drawn {
    /// The MAC.
    pub(crate) mac: MacAddr,
    /// Of which range.
    pub(crate) range: MacRangeId,
}

/// Draws a MAC for which `suits` holds. One that does not suit is nobody's, and is kept for others.
pub(crate) fn draw(
    ledger: &mut View,
    attempts: u64,
    mut suits: impl FnMut(&mut View, MacAddr) -> Result<bool, Stop>,
) -> Result<Drawn, Stop> {
    for skipped in 0..attempts {
        let drawn = ledger.nth_mac(skipped)?;
        if suits(ledger, drawn.mac)? {
            ledger.take_mac(drawn);
            return Ok(drawn);
        }
    }
    Err(ledger.mac_ranges_exhausted())
}
