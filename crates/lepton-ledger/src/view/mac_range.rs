//! Ranges of MACs and what they have to give.

use std::ops::Bound;

use lepton_types::{MacAddr, MacRange, MacRangeId, Port, Timestamp};

use super::View;
use crate::{FreeMac, FreeMacPlace, Key, Refusal, Stop, mac_range::Drawn};

/// Most free MACs of a range that a view answers with, and a store loads, at once.
pub const FREE_MACS_AT_ONCE: usize = 128;

impl View {
    /// Says whether the store holds ranges of MACs.
    pub fn note_mac_ranges(&mut self, has_any: bool) {
        self.has_mac_ranges = Some(has_any);
    }

    /// Says that of the range's free MACs all are loaded up to this one; all of them, when that is none.
    pub fn note_free_macs(&mut self, range: MacRangeId, up_to: Option<FreeMacPlace>) {
        let known = self.free_macs_known.entry(range).or_insert(up_to);
        *known = (*known).zip(up_to).map(|(known, up_to)| known.max(up_to));
    }

    /// Whether there are ranges, as far as is known without asking for them.
    pub fn may_have_mac_ranges(&self) -> bool {
        self.has_mac_ranges != Some(false) || self.rows::<MacRange>().next().is_some()
    }

    /// All ranges that are not ending, in the order in which they are drawn from.
    pub(crate) fn mac_ranges(&mut self) -> Result<Vec<MacRange>, Stop> {
        let mut ranges = self.mac_ranges_and_ending()?;
        ranges.retain(|range| !range.is_ending);
        Ok(ranges)
    }

    /// All ranges, in the order in which they were made.
    pub(crate) fn mac_ranges_and_ending(&mut self) -> Result<Vec<MacRange>, Stop> {
        self.need([Key::MacRanges])?;
        let mut ranges: Vec<MacRange> = self.rows().cloned().collect();
        ranges.sort_unstable_by_key(|range: &MacRange| range.number);
        Ok(ranges)
    }

    /// The MAC that no port ever had and that is drawn after so many others.
    pub(crate) fn nth_fresh_mac(&mut self, mut skipped: u64) -> Result<Option<Drawn>, Stop> {
        for range in self.mac_ranges()? {
            let fresh = range.fresh();
            match range.prefix.nth(range.drawn + skipped.min(fresh)) {
                Some(mac) => return Ok(Some(Drawn { mac, range: range.id })),
                None => skipped -= fresh,
            }
        }
        Ok(None)
    }

    /// MACs of the range that came back, behind this one: those that are free for longest, [`FREE_MACS_AT_ONCE`] at most, and
    /// none only when there are no more.
    pub(crate) fn free_macs(
        &mut self,
        range: MacRangeId,
        after: Option<FreeMacPlace>,
    ) -> Result<Vec<FreeMac>, Stop> {
        let places = self.free_mac_places(range, after, FREE_MACS_AT_ONCE)?;
        Ok(places.into_iter().filter_map(|(_, mac)| self.row(&mac).cloned()).collect())
    }

    /// The places of such MACs, `most` at most and never more than [`FREE_MACS_AT_ONCE`].
    pub(crate) fn free_mac_places(
        &mut self,
        range: MacRangeId,
        after: Option<FreeMacPlace>,
        most: usize,
    ) -> Result<Vec<FreeMacPlace>, Stop> {
        if self.free_macs_known.get(&range) != Some(&None) {
            self.need([Key::FreeMacs { range, after }])?;
        }
        // What this batch adds comes behind what is not loaded yet.
        let known = self.free_macs_known.get(&range).copied().flatten();
        let first = after
            .map_or(Bound::Included((range, Timestamp::FIRST, MacAddr::from([0; 6]))), |(since, mac)| {
                Bound::Excluded((range, since, mac))
            });
        let found = self.indexes.free_macs_by_range.range((first, Bound::Unbounded));
        let found = found
            .take_while(|(of, since, mac)| *of == range && known.is_none_or(|up_to| (*since, *mac) <= up_to));
        let found = found.take(most.min(FREE_MACS_AT_ONCE));
        let places: Vec<FreeMacPlace> = found.map(|(_, since, mac)| (*since, *mac)).collect();
        match known.filter(|up_to| places.is_empty() && Some(*up_to) > after) {
            Some(up_to) => self.free_mac_places(range, Some(up_to), most),
            None => Ok(places),
        }
    }

    /// Gives the MAC away. Fresh ones that were passed over are kept for others.
    pub(crate) fn take_mac(&mut self, Drawn { mac, range }: Drawn) {
        let found = self.row::<MacRange>(&range).cloned();
        let Some(fresh) = found.filter(|range| range.prefix.nth(range.drawn).is_some_and(|next| mac >= next))
        else {
            self.end::<FreeMac>(&mac);
            return;
        };
        let passed = fresh.drawn..mac.to_bits() - fresh.prefix.first().to_bits();
        for mac in passed.filter_map(|place| fresh.prefix.nth(place)) {
            self.insert(FreeMac { mac, range, since: self.now });
        }
        let drawn = mac.to_bits() - fresh.prefix.first().to_bits() + 1;
        self.replace(MacRange { drawn, ..fresh });
    }

    /// Keeps the MAC of a port that ends, for others.
    pub(crate) fn give_mac_back(&mut self, port: &Port) {
        if let Some(range) = port.mac_range {
            self.insert(FreeMac { mac: port.mac, range, since: self.now });
        }
    }

    /// Drops some of what came back of a range, and with the last of it the range, which gives no more MACs meanwhile. Answers
    /// whether it is gone.
    pub(crate) fn drop_mac_range(&mut self, range: &MacRange) -> Result<bool, Stop> {
        let free = self.free_macs(range.id, None)?;
        let is_all = match free.last() {
            // Of a whole page this batch may have taken some.
            Some(last) => self.free_macs(range.id, Some((last.since, last.mac)))?.is_empty(),
            None => true,
        };
        for free in free {
            self.end::<FreeMac>(&free.mac);
        }
        if is_all {
            self.end::<MacRange>(&range.id);
        } else {
            self.replace(MacRange { is_ending: true, ..range.clone() });
        }
        Ok(is_all)
    }

    pub(crate) fn mac_ranges_exhausted(&mut self) -> Stop {
        match self.mac_ranges() {
            Ok(ranges) => Refusal::MacRangesExhausted { ranges: ranges.len() as u64 }.into(),
            Err(stop) => stop,
        }
    }
}
