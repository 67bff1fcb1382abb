//! [`Draws`]: what is random in a decision.

use std::ops::Range;

use lepton_ipam::MacBase;
use lepton_types::{MacAddr, PortId};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use uuid::Uuid;

/// What is random in a decision; the same for every attempt at it.
///
/// The ports of a batch get ids and MACs that stand side by side, at a place that each batch draws anew. The store keeps
/// an order of both, and rows that are neighbours there share pages, where random ones would touch a page each (ADR 10).
#[derive(Debug)]
pub(crate) struct Draws {
    seed: [u8; 32],
    /// Where the batch's ids and MACs begin.
    place: u64,
    /// Which decision of the batch is being made.
    number: u64,
    random: StdRng,
}

/// How many ids are kept for each decision's ports: far more than the vNICs that an instance has.
const IDS_EACH: u64 = 1024;

/// How many MACs are kept for each decision; one that needs more takes its neighbour's or draws others.
const MACS_EACH: u64 = 8;

/// Bytes of a port's id that count up. The name of its device is made of them.
const COUNTED: usize = 5;

impl Clone for Draws {
    /// What the same batch draws, from its beginning: the generator has no copies.
    fn clone(&self) -> Self {
        Self::new(self.seed)
    }
}

impl Draws {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let place = StdRng::from_seed(seed).random();
        let mut draws = Self { seed, place, number: 0, random: StdRng::from_seed(seed) };
        draws.start(0);
        draws
    }

    /// Starts an attempt at one decision of the batch.
    pub(crate) fn start(&mut self, number: usize) {
        self.number = number as u64;
        let mut seed = self.seed;
        for (byte, salt) in seed.iter_mut().zip(self.number.to_le_bytes()) {
            *byte ^= salt;
        }
        self.random = StdRng::from_seed(seed);
    }

    /// Which decision of the batch is being made, counted from 0.
    pub(crate) fn decision(&self) -> u64 {
        self.number
    }

    /// A fresh identity.
    pub(crate) fn id<I: From<Uuid>>(&mut self) -> I {
        uuid::Builder::from_random_bytes(self.random.random()).into_uuid().into()
    }

    /// A number.
    pub(crate) fn number(&mut self) -> u64 {
        self.random.random()
    }

    /// The id of the decision's port at this position: random but for its order among the batch's (RFC 9562 §5.8).
    pub(crate) fn port_id(&mut self, position: u16) -> PortId {
        let mut bytes: [u8; 16] = self.random.random();
        let counted = self.place.wrapping_add(self.number * IDS_EACH).wrapping_add(position.into());
        bytes[..COUNTED].copy_from_slice(&counted.to_be_bytes()[8 - COUNTED..]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid().into()
    }

    /// The MAC to try first for the decision's port at this position.
    pub(crate) fn mac_nearby(&self, base: &MacBase, position: u16) -> MacAddr {
        base.nth(self.place.wrapping_add(self.number * MACS_EACH).wrapping_add(position.into()))
    }

    /// The MACs at some places behind where the batch's begin, the same for each of its decisions.
    pub(crate) fn macs_behind(&self, base: &MacBase, places: Range<u64>) -> Vec<MacAddr> {
        places.map(|place| base.nth(self.place.wrapping_add(place))).collect()
    }

    /// A MAC from anywhere in the range.
    pub(crate) fn mac(&mut self, base: &MacBase) -> MacAddr {
        base.draw(&mut self.random)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn counted(id: PortId) -> u64 {
        id.as_uuid().as_bytes()[..COUNTED].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    #[test]
    fn a_batch_s_ports_stand_side_by_side_and_are_all_different() {
        let mut draws = Draws::new([9; 32]);
        let (mut ids, mut macs, mut devices) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for number in 0..256 {
            draws.start(number);
            for position in 0..4 {
                let id = draws.port_id(position);
                ids.insert(counted(id));
                devices.insert(id.device().to_string());
                macs.insert(draws.mac_nearby(&MacBase::default(), position));
            }
        }
        assert_eq!((ids.len(), macs.len(), devices.len()), (1024, 1024, 1024));
        let span = ids.last().unwrap() - ids.first().unwrap();
        assert!(span < 256 * IDS_EACH, "{span}");
    }

    #[test]
    fn another_batch_is_elsewhere() {
        let places = [1, 2, 3].map(|seed| counted(Draws::new([seed; 32]).port_id(0)));
        assert_eq!(BTreeSet::from(places).len(), 3);
    }
}
