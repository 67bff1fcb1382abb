//! Ids from a seed, so that a run can be repeated, and a later process knows what an earlier one made.

use lepton_types::{InstanceId, RequestId};
use rand::{Rng, SeedableRng, rngs::StdRng};
use uuid::{Builder, Uuid};

/// The id of instance number `index` of the run that `seed` names.
pub fn instance_id(seed: u64, index: u64) -> InstanceId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&index.to_le_bytes());
    uuid(&mut StdRng::from_seed(bytes)).into()
}

/// The next random UUID (version 4) of `random`.
pub(crate) fn uuid(random: &mut StdRng) -> Uuid {
    let mut bytes = [0; 16];
    random.fill_bytes(&mut bytes);
    Builder::from_random_bytes(bytes).into_uuid()
}

/// The next request id of `random`.
pub(crate) fn request_id(random: &mut StdRng) -> RequestId {
    uuid(random).to_string().parse().expect("a UUID is printable ASCII")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_depend_on_seed_and_index_only() {
        assert_eq!(instance_id(1, 2), instance_id(1, 2));
        let ids: BTreeSet<_> = (0..10).flat_map(|seed| (0..100).map(move |i| instance_id(seed, i))).collect();
        assert_eq!(ids.len(), 1_000);
    }
}
