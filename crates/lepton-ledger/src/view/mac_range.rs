//! Ranges of MACs and what they have to give.

use lepton_types::{MacAddr, MacRange, MacRangeId, Port};

use super::View;
use crate::{FreeMac, Key, Refusal, Stop, mac_range::Drawn};

impl View {
    /// Whether there are ranges, as far as is known without asking for them.
    pub(crate) fn may_have_mac_ranges(&self) -> bool {
        self.has_mac_ranges || self.rows::<MacRange>().next().is_some()
    }

    /// All ranges, in the order in which they are drawn from.
    pub(crate) fn mac_ranges(&mut self) -> Result<Vec<MacRange>, Stop> {
        self.need([Key::MacRanges])?;
        let mut ranges: Vec<MacRange> = self.rows().cloned().collect();
        ranges.sort_unstable_by_key(|range: &MacRange| range.number);
        Ok(ranges)
    }

    /// The MAC that is drawn after so many others.
    pub(crate) fn nth_mac(&mut self, mut skipped: u64) -> Result<Drawn, Stop> {
        for range in self.mac_ranges()? {
            let fresh = range.fresh();
            match range.prefix.nth(range.drawn + skipped.min(fresh)) {
                Some(mac) => return Ok(Drawn { mac, range: range.id }),
                None => skipped -= fresh,
            }
        }
        self.nth_free_mac(skipped)
    }

    /// A MAC that came back, after so many others.
    fn nth_free_mac(&mut self, skipped: u64) -> Result<Drawn, Stop> {
        let mut after = None;
        loop {
            self.need([Key::FreeMacs { after }])?;
            let known = self.free_macs_known;
            // A range that this batch has deleted took its MACs along.
            let mut free = self.rows::<FreeMac>().filter(|free| self.row::<MacRange>(&free.range).is_some());
            let place = usize::try_from(skipped).unwrap_or(usize::MAX);
            if let Some(FreeMac { mac, range }) = free.nth(place).cloned() {
                return Ok(Drawn { mac, range });
            }
            match known.filter(|up_to| Some(*up_to) > after) {
                Some(up_to) => after = Some(up_to),
                None => return Err(self.mac_ranges_exhausted()),
            }
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
            self.insert(FreeMac { mac, range });
        }
        let drawn = mac.to_bits() - fresh.prefix.first().to_bits() + 1;
        self.replace(MacRange { drawn, ..fresh });
    }

    /// Keeps the MAC of a port that ends, for others.
    pub(crate) fn give_mac_back(&mut self, port: &Port) {
        if let Some(range) = port.mac_range {
            self.insert(FreeMac { mac: port.mac, range });
        }
    }

    /// Forgets what came back of a range that ends; the store drops what is not known here.
    pub(crate) fn end_free_macs_of(&mut self, range: MacRangeId) {
        let free: Vec<MacAddr> =
            self.rows::<FreeMac>().filter(|free| free.range == range).map(|free| free.mac).collect();
        for mac in free {
            self.end::<FreeMac>(&mac);
        }
    }

    pub(crate) fn mac_ranges_exhausted(&self) -> Stop {
        Refusal::MacRangesExhausted { ranges: self.rows::<MacRange>().count() as u64 }.into()
    }
}
