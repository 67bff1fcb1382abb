//! Drawing MACs from ranges: one that came back, longest free first, then the lowest fresh one of the first range that has any.
//!
//! Nearly every MAC suits. One that does not belongs to an address that rests, follows from it (EUI-64) and is given to nobody:
//! then those that are free for less long rest as well. So only a few are tried before a fresh one is drawn; thousands only
//! where none is fresh. What the ranges hold free stays bounded by the most that ports and their resting addresses ever had.

use std::collections::BTreeMap;

use lepton_types::{MacAddr, MacRangeId};

use crate::{FreeMac, Key, Stop, View};

/// How many pages of a range's MACs that came back are looked through for one that suits, where none is fresh.
const MOST_PAGES: usize = 32;

/// How many of all ranges' together, not counting those without any: each may take two rounds of loading, in each of which all
/// is decided anew.
const MOST_PAGES_OF_ALL: usize = 64;

/// How many MACs are tried, of those that came back and of those that are fresh, before others are.
pub(crate) const MAC_ATTEMPTS: usize = 32;

/// A MAC of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Drawn {
    /// The MAC.
    pub(crate) mac: MacAddr,
    /// Of which range.
    pub(crate) range: MacRangeId,
}

impl From<FreeMac> for Drawn {
    fn from(FreeMac { mac, range, .. }: FreeMac) -> Self {
        Self { mac, range }
    }
}

/// Draws a MAC for which `suits` holds; `expect` is told which ones are going to be tried. One that does not suit is nobody's, and
/// is kept for others.
pub(crate) fn draw(
    ledger: &mut View,
    expect: impl Fn(&mut View, &[Drawn]),
    suits: impl Fn(&mut View, MacAddr) -> Result<bool, Stop>,
) -> Result<Drawn, Stop> {
    let first = longest_free(ledger, MAC_ATTEMPTS)?;
    let drawn = match first_that_suits(ledger, first, &suits)? {
        Some(drawn) => drawn,
        None => match fresh(ledger, &suits)? {
            Some(drawn) => drawn,
            None => any_free(ledger, expect, &suits)?,
        },
    };
    ledger.take_mac(drawn);
    Ok(drawn)
}

/// Those MACs of all ranges that are free for longest, in that order, so many at most; of one range no more than are loaded at once.
pub(crate) fn longest_free(ledger: &mut View, most: usize) -> Result<Vec<Drawn>, Stop> {
    let ranges = ledger.mac_ranges()?;
    ledger.want(ranges.iter().map(|range| Key::FreeMacs { range: range.id, after: None }));
    let mut longest = BTreeMap::new();
    for range in ranges {
        for place in ledger.free_mac_places(range.id, None, most)? {
            // Whoever is behind the last of so many is behind all, and so is what comes after it.
            if longest.len() == most && longest.last_key_value().is_some_and(|(last, _)| place > *last) {
                break;
            }
            longest.insert(place, range.id);
            if longest.len() > most {
                longest.pop_last();
            }
        }
    }
    Ok(longest.into_iter().map(|((_, mac), range)| Drawn { mac, range }).collect())
}

fn first_that_suits(
    ledger: &mut View,
    candidates: impl IntoIterator<Item = Drawn>,
    suits: &impl Fn(&mut View, MacAddr) -> Result<bool, Stop>,
) -> Result<Option<Drawn>, Stop> {
    for drawn in candidates {
        if suits(ledger, drawn.mac)? {
            return Ok(Some(drawn));
        }
    }
    Ok(None)
}

fn fresh(
    ledger: &mut View,
    suits: &impl Fn(&mut View, MacAddr) -> Result<bool, Stop>,
) -> Result<Option<Drawn>, Stop> {
    for skipped in 0..MAC_ATTEMPTS as u64 {
        let Some(drawn) = ledger.nth_fresh_mac(skipped)? else { return Ok(None) };
        if suits(ledger, drawn.mac)? {
            return Ok(Some(drawn));
        }
    }
    Ok(None)
}

/// One that is free, though thousands have to be tried; not all, where there are very many.
fn any_free(
    ledger: &mut View,
    expect: impl Fn(&mut View, &[Drawn]),
    suits: &impl Fn(&mut View, MacAddr) -> Result<bool, Stop>,
) -> Result<Drawn, Stop> {
    let mut places = Vec::new();
    for range in ledger.mac_ranges()? {
        // The longest free ones were looked for first, so that the first page of each is known.
        if !ledger.free_mac_places(range.id, None, 1)?.is_empty() {
            places.push((range.id, None));
        }
    }
    let mut left = MOST_PAGES_OF_ALL;
    // A page of each before the next one of any: one range full of such MACs does not hide another.
    for _ in 0..MOST_PAGES {
        let mut further = Vec::with_capacity(places.len());
        for (range, after) in places {
            if left == 0 {
                break;
            }
            let free = ledger.free_macs(range, after)?;
            let Some(last) = free.last() else { continue };
            left -= 1;
            further.push((range, Some((last.since, last.mac))));
            let page: Vec<Drawn> = free.into_iter().map(Drawn::from).collect();
            expect(ledger, &page);
            if let Some(drawn) = first_that_suits(ledger, page, suits)? {
                return Ok(drawn);
            }
        }
        places = further;
    }
    Err(ledger.mac_ranges_exhausted())
}
