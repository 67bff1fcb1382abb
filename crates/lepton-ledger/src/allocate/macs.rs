//! A free MAC for each vNIC.

use std::{collections::BTreeSet, net::IpAddr};

use lepton_ipam::{MacBase, check_requested};
use lepton_types::{MacAddr, MacRangeId, Subnet};

use super::places::{Place, Wanted};
use crate::{
    Key, Refusal, Stop, View,
    mac_range::{self, Drawn, MAC_ATTEMPTS},
    pool,
    view::Draws,
};

/// How many MACs from anywhere in the base are drawn for a vNIC whose first one is taken. With half of all taken, one vNIC in
/// four billion needs more.
const BASE_ATTEMPTS: usize = 32;

/// How many MACs side by side are looked at together after that: all of a base that leaves one octet.
const PAGE: u64 = 256;

/// How many pages are looked through before the base counts as used up.
const MOST_PAGES: u64 = 16;

/// A MAC, and the range that it is of, if it is of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VnicMac {
    pub(crate) mac: MacAddr,
    pub(crate) range: Option<MacRangeId>,
}

/// A free MAC for each vNIC: of the ranges when there are any, else of the base.
pub(crate) fn draw_macs(ledger: &mut View, base: &MacBase, wanted: &[Wanted]) -> Result<Vec<VnicMac>, Stop> {
    if !wanted.is_empty() && ledger.may_have_mac_ranges() {
        // What the subnets need comes with the same round.
        ledger.want(wanted.iter().flat_map(keys_of_pools));
        if !ledger.mac_ranges()?.is_empty() {
            return draw_of_ranges(ledger, wanted);
        }
    }
    let macs = draw_of_base(ledger, base, wanted)?;
    Ok(macs.into_iter().map(|mac| VnicMac { mac, range: None }).collect())
}

fn draw_of_ranges(ledger: &mut View, wanted: &[Wanted]) -> Result<Vec<VnicMac>, Stop> {
    if wanted.iter().any(Wanted::has_derived) {
        expect(ledger, wanted)?;
    }
    let (mut macs, mut given) = (Vec::with_capacity(wanted.len()), BTreeSet::new());
    for wanted in wanted {
        let expect_all = |ledger: &mut View, macs: &[Drawn]| {
            ledger.want(macs.iter().flat_map(|drawn| keys_of(wanted, drawn.mac)));
        };
        // The same address may follow from two MACs.
        let suits = |ledger: &mut View, mac| {
            Ok(derived_of(wanted, mac).all(|(subnet, address)| !given.contains(&(subnet.id, address)))
                && has_free_addresses(ledger, wanted, mac)?)
        };
        let drawn = mac_range::draw(ledger, expect_all, suits)?;
        given.extend(derived_of(wanted, drawn.mac).map(|(subnet, address)| (subnet.id, address)));
        macs.push(VnicMac { mac: drawn.mac, range: Some(drawn.range) });
    }
    Ok(macs)
}

/// Asks for what the MACs are going to need, if those before this decision in the batch draw as many each: then one round loads it
/// for all. How many of those that came back will suit is not known yet, so that fresh ones may be drawn from the first on.
fn expect(ledger: &mut View, wanted: &[Wanted]) -> Result<(), Stop> {
    let before = ledger.draws().decision().saturating_mul(wanted.len() as u64);
    let most = before.saturating_add((wanted.len() + MAC_ATTEMPTS) as u64);
    let free = mac_range::longest_free(ledger, usize::try_from(most).unwrap_or(usize::MAX))?;
    for (place, wanted) in (before..).zip(wanted).filter(|(_, wanted)| wanted.has_derived()) {
        let index = usize::try_from(place).unwrap_or(usize::MAX);
        let tried = free.iter().skip(index).take(MAC_ATTEMPTS).copied();
        let fresh = [place, place.saturating_sub(free.len() as u64)].map(|place| ledger.nth_fresh_mac(place));
        let fresh = fresh.into_iter().filter_map(|fresh| fresh.ok().flatten());
        let keys: Vec<Key> = tried.chain(fresh).flat_map(|drawn| keys_of(wanted, drawn.mac)).collect();
        ledger.want(keys);
    }
    Ok(())
}

/// A free MAC of the base for each vNIC. A MAC from which an address follows that is taken counts as taken too.
///
/// All that an attempt looks at is loaded in one round: first one MAC for each vNIC, which nearly always is free; then some for
/// each that had no luck; then, of a base that has few left, pages of MACs side by side, the same ones for all of a batch.
fn draw_of_base(ledger: &mut View, base: &MacBase, wanted: &[Wanted]) -> Result<Vec<MacAddr>, Stop> {
    let mut macs = vec![None; wanted.len()];
    take_free(ledger, wanted, &mut macs, |draws, position| vec![draws.mac_nearby(base, position)])?;
    take_free(ledger, wanted, &mut macs, |draws, _| (0..BASE_ATTEMPTS).map(|_| draws.mac(base)).collect())?;
    for page in 0..MOST_PAGES {
        let places = page * PAGE..(page + 1) * PAGE;
        take_free(ledger, wanted, &mut macs, |draws, _| draws.macs_behind(base, places.clone()))?;
    }
    let exhausted = || Refusal::NoMoreMacAddresses { base: base.to_string() };
    macs.into_iter().collect::<Option<_>>().ok_or_else(|| exhausted().into())
}

/// Gives each vNIC that has none the first free one of its candidates, all of which are loaded first.
fn take_free(
    ledger: &mut View,
    wanted: &[Wanted],
    macs: &mut [Option<MacAddr>],
    mut candidates: impl FnMut(&mut Draws, u16) -> Vec<MacAddr>,
) -> Result<(), Stop> {
    let (mut candidates_of, mut keys) = (Vec::new(), BTreeSet::new());
    for (index, position) in (0..macs.len()).zip(0..) {
        if macs[index].is_none() {
            let candidates = candidates(ledger.draws(), position);
            keys.extend(candidates.iter().flat_map(|mac| keys_of(&wanted[index], *mac)));
            candidates_of.push((index, candidates));
        }
    }
    ledger.need(keys)?;
    for (index, candidates) in candidates_of {
        for mac in candidates {
            if !macs.contains(&Some(mac)) && is_free(ledger, &wanted[index], mac)? {
                macs[index] = Some(mac);
                break;
            }
        }
    }
    Ok(())
}

fn keys_of(wanted: &Wanted, mac: MacAddr) -> Vec<Key> {
    let mut keys = vec![Key::Mac(mac)];
    for place in &wanted.places {
        match (place.must_have(&wanted.project, mac), place.first()) {
            (Some((subnet, address)), _) => keys.extend(pool::keys_of(subnet, address)),
            (None, Some(subnet)) => keys.extend(pool::keys_of_next(subnet)),
            (None, None) => {}
        }
    }
    keys
}

/// What the vNIC needs whatever its MAC will be.
fn keys_of_pools(wanted: &Wanted) -> Vec<Key> {
    wanted.places.iter().flat_map(Place::keys_without_mac).collect()
}

fn is_free(ledger: &mut View, wanted: &Wanted, mac: MacAddr) -> Result<bool, Stop> {
    ledger.need([Key::Mac(mac)])?;
    Ok(has_free_addresses(ledger, wanted, mac)? && !ledger.is_mac_taken(mac)?)
}

/// The addresses that follow from the MAC.
fn derived_of(wanted: &Wanted, mac: MacAddr) -> impl Iterator<Item = (&Subnet, IpAddr)> {
    let places = wanted.places.iter().filter(|place| matches!(place, Place::Any(_)));
    places.filter_map(move |place| place.must_have(&wanted.project, mac))
}

/// Whether the addresses that follow from the MAC can be had.
fn has_free_addresses(ledger: &mut View, wanted: &Wanted, mac: MacAddr) -> Result<bool, Stop> {
    for (subnet, address) in derived_of(wanted, mac) {
        // Neither the gateway's address nor one that somebody asked for.
        if check_requested(subnet, address).is_err() || ledger.fixed_ip(subnet.id, address)?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}
