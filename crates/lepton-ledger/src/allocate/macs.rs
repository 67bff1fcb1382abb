//! A free MAC for each vNIC.

use lepton_ipam::{MacBase, check_requested};
use lepton_types::MacAddr;

use super::places::{Place, Wanted};
use crate::{Key, Refusal, Stop, View, pool};

/// How many MACs are drawn for one port before the base counts as used up. With half of all MACs taken, one port in
/// four billion fails.
const MAC_ATTEMPTS: usize = 32;

/// A free MAC for each vNIC. A MAC whose EUI-64 address is taken counts as taken too.
pub(crate) fn draw_macs(ledger: &mut View, base: &MacBase, wanted: &[Wanted]) -> Result<Vec<MacAddr>, Stop> {
    let mut macs: Vec<MacAddr> =
        (0..).zip(wanted).map(|(position, _)| ledger.draws().mac_nearby(base, position)).collect();
    // All that the vNICs are going to need is loaded in one round.
    let keys = wanted.iter().zip(&macs).flat_map(|(wanted, mac)| keys_of(wanted, *mac));
    let keys: Vec<Key> = keys.collect();
    ledger.need(keys)?;
    for index in 0..macs.len() {
        let mut attempts = 1;
        while macs[..index].contains(&macs[index]) || !is_free(ledger, &wanted[index], macs[index])? {
            if attempts == MAC_ATTEMPTS {
                return Err(Refusal::NoMoreMacAddresses { base: base.to_string() }.into());
            }
            macs[index] = ledger.draws().mac(base);
            attempts += 1;
        }
    }
    Ok(macs)
}

fn keys_of(wanted: &Wanted, mac: MacAddr) -> Vec<Key> {
    let mut keys = vec![Key::Mac(mac)];
    for place in &wanted.places {
        match (place.must_have(mac), place.first()) {
            (Some((subnet, address)), _) => keys.extend(pool::keys_of(subnet, address)),
            (None, Some(subnet)) => keys.extend(pool::keys_of_next(subnet)),
            (None, None) => {}
        }
    }
    keys
}

fn is_free(ledger: &mut View, wanted: &Wanted, mac: MacAddr) -> Result<bool, Stop> {
    ledger.need([Key::Mac(mac)])?;
    for place in wanted.places.iter().filter(|place| matches!(place, Place::Any(_))) {
        if let Some((subnet, address)) = place.must_have(mac) {
            // Neither the gateway's address nor one that somebody asked for.
            if check_requested(subnet, address).is_err() || ledger.fixed_ip(subnet.id, address)?.is_some() {
                return Ok(false);
            }
        }
    }
    Ok(!ledger.is_mac_taken(mac)?)
}
