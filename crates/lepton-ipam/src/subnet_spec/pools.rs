//! The ranges that a subnet's addresses are chosen from.

use lepton_types::{AddressFamily, AddressPool, Cidr, Subnet};

use super::{SubnetSpec, SubnetSpecError};
use crate::{
    reserved::{first_host, last_host},
    special::Special,
};

/// The given pools in ascending order, when they are in the prefix and disjoint.
pub(super) fn plan(cidr: Cidr, given: &[AddressPool]) -> Result<Vec<AddressPool>, SubnetSpecError> {
    if given.len() > SubnetSpec::POOLS_MAX {
        return Err(SubnetSpecError::TooManyPools { count: given.len() });
    }
    for (index, &pool) in given.iter().enumerate() {
        check(cidr, index, pool)?;
    }
    let mut ascending: Vec<(usize, AddressPool)> = given.iter().copied().enumerate().collect();
    ascending.sort_by_key(|&(_, pool)| pool);
    for neighbours in ascending.windows(2) {
        let [(lower_index, lower), (upper_index, upper)] = [neighbours[0], neighbours[1]];
        if upper.first <= lower.last {
            let (index, other) = (lower_index.max(upper_index), lower_index.min(upper_index));
            return Err(SubnetSpecError::PoolsOverlap {
                index,
                pool: given[index],
                other,
                other_pool: given[other],
            });
        }
    }
    Ok(ascending.into_iter().map(|(_, pool)| pool).collect())
}

fn check(cidr: Cidr, index: usize, pool: AddressPool) -> Result<(), SubnetSpecError> {
    if [pool.first, pool.last].iter().any(|&end| AddressFamily::of(end) != cidr.family()) {
        Err(SubnetSpecError::PoolFamily { index, pool, cidr })
    } else if pool.first > pool.last {
        Err(SubnetSpecError::PoolReversed { index, pool })
    } else if !cidr.contains(pool.first) || !cidr.contains(pool.last) {
        Err(SubnetSpecError::PoolOutside { index, pool, cidr })
    } else if let Some(Special { range, kind }) = Special::in_pool(pool) {
        Err(SubnetSpecError::PoolSpecial { index, pool, range, kind })
    } else {
        Ok(())
    }
}

/// Whether the subnet's pools hold an address that is not reserved.
pub(super) fn have_room(subnet: &Subnet) -> bool {
    subnet.pools.iter().any(|pool| {
        let first = pool.first.max(first_host(subnet.cidr));
        let last = pool.last.min(last_host(subnet.cidr));
        first < last || (first == last && subnet.gateway != Some(first))
    })
}
