//! [`Block`]: 256 addresses of a subnet and which of them may still be given out, in a fixed size and constant time.
//!
//! A subnet's blocks come into being one after the other as they are needed: the ledger holds those that it has, and
//! [`next_block`] names the one after them. So a /8 costs nothing until it is used, and nothing here ever walks over
//! what is allocated.

use std::net::IpAddr;

use lepton_types::{AddressFamily, AddressPool, Subnet, SubnetId};

use crate::{
    Reserved,
    bits::{address_at, bits_of},
};

/// 256 consecutive addresses, of which the first is a multiple of 256, and those that may be given out.
///
/// A subnet smaller than that has a single block, whose addresses beyond the subnet are never free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    subnet: SubnetId,
    first: IpAddr,
    /// A bit for each address, from the lowest bit of the first word; set, the address is not for automatic choice.
    taken: [u64; WORDS],
}

const WORDS: usize = 4;
/// Addresses of a block.
const SIZE: u128 = 256;

impl Block {
    /// Bytes of [`Block::to_bytes`].
    pub const BYTES: usize = WORDS * size_of::<u64>();

    /// The first address of the block that `address` is in.
    pub fn start_of(address: IpAddr) -> IpAddr {
        let start = bits_of(address) & !(SIZE - 1);
        address_at(AddressFamily::of(address), start).expect("not above the address itself")
    }

    /// The last address of the block that `address` is in.
    pub fn end_of(address: IpAddr) -> IpAddr {
        let end = bits_of(address) | (SIZE - 1);
        address_at(AddressFamily::of(address), end).expect("a block ends within its family")
    }

    /// The block around `address` with every address of the pools free that is neither reserved nor a route's next hop:
    /// that may be a router of which the ledger knows nothing else, so it is given to whoever asks for it only.
    pub fn fresh(subnet: &Subnet, address: IpAddr) -> Self {
        let mut block = Self { subnet: subnet.id, first: Self::start_of(address), taken: [u64::MAX; WORDS] };
        for pool in &subnet.pools {
            block.free_pool(*pool);
        }
        for reserved in
            [Some(subnet.cidr.first()), Some(subnet.cidr.last()), subnet.gateway].into_iter().flatten()
        {
            if Reserved::of(subnet, reserved).is_some() {
                block.take(reserved);
            }
        }
        for route in &subnet.routes {
            block.take(route.gateway);
        }
        block
    }

    /// The block as [`Block::to_bytes`] stored it; `first` is the block's first address.
    pub fn from_bytes(subnet: SubnetId, first: IpAddr, bytes: [u8; Self::BYTES]) -> Self {
        let mut taken = [0; WORDS];
        for (word, bytes) in taken.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Self { subnet, first: Self::start_of(first), taken }
    }

    /// Which addresses are not free, for storage: address `n` of the block is bit `n % 8`, counted from the lowest, of
    /// byte `n / 8`.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(self.taken) {
            *bytes = word.to_le_bytes();
        }
        bytes
    }

    /// The subnet whose addresses these are.
    pub fn subnet(&self) -> SubnetId {
        self.subnet
    }

    /// The first address, whether the subnet has it or not.
    pub fn first(&self) -> IpAddr {
        self.first
    }

    /// How many addresses may still be given out, 0 to 256.
    pub fn free(&self) -> u16 {
        let free: u32 = self.taken.iter().map(|word| word.count_zeros()).sum();
        u16::try_from(free).expect("a block has 256 addresses")
    }

    /// The lowest address that may still be given out.
    pub fn lowest_free(&self) -> Option<IpAddr> {
        let word = self.taken.iter().position(|&word| word != u64::MAX)?;
        let offset = word * 64 + self.taken[word].trailing_ones() as usize;
        address_at(AddressFamily::of(self.first), bits_of(self.first) + offset as u128)
    }

    /// Its addresses, whether the subnet has them or not, lowest first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + use<> {
        let (family, first) = (AddressFamily::of(self.first), bits_of(self.first));
        (0..SIZE).filter_map(move |offset| address_at(family, first + offset))
    }

    /// Whether `address` may still be given out; another block's never may.
    pub fn is_free(&self, address: IpAddr) -> bool {
        self.place(address).is_some_and(|(word, bit)| self.taken[word] & bit == 0)
    }

    /// Takes `address`; says whether it was free.
    ///
    /// An address that somebody asked for need not be free here, since it may lie outside the pools: whether it is
    /// somebody's already is told by its row in the ledger, not by this answer.
    pub fn take(&mut self, address: IpAddr) -> bool {
        let Some((word, bit)) = self.place(address) else { return false };
        let was_free = self.taken[word] & bit == 0;
        self.taken[word] |= bit;
        was_free
    }

    /// Gives `address` back; says whether it is free now.
    ///
    /// An address outside the pools of its subnet, a reserved one, or a route's next hop never becomes free.
    pub fn release(&mut self, subnet: &Subnet, address: IpAddr) -> bool {
        let is_in_pool = subnet.pools.iter().any(|pool| pool.contains(address));
        let Some((word, bit)) = self.place(address) else { return false };
        if !is_in_pool || Reserved::of(subnet, address).is_some() || subnet.is_next_hop(address) {
            return false;
        }
        self.taken[word] &= !bit;
        true
    }

    /// The word and the bit of an address; none when it is another block's.
    fn place(&self, address: IpAddr) -> Option<(usize, u64)> {
        if Self::start_of(address) != self.first {
            return None;
        }
        let offset = low_octet(address);
        Some((usize::from(offset / 64), 1 << (offset % 64)))
    }

    /// Frees what the block has of a pool.
    fn free_pool(&mut self, pool: AddressPool) {
        let (first, last) = (Self::start_of(pool.first), Self::start_of(pool.last));
        if self.first < first || last < self.first {
            return;
        }
        let from = if first == self.first { low_octet(pool.first) } else { u8::MIN };
        let to = if last == self.first { low_octet(pool.last) } else { u8::MAX };
        for offset in from..=to {
            self.taken[usize::from(offset / 64)] &= !(1 << (offset % 64));
        }
    }
}

/// An address's offset in its block.
fn low_octet(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(address) => address.octets()[3],
        IpAddr::V6(address) => address.octets()[15],
    }
}

/// The first address of the subnet's first block with an address in a pool; none for a subnet without pools.
pub fn first_block(subnet: &Subnet) -> Option<IpAddr> {
    subnet.pools.first().map(|pool| Block::start_of(pool.first))
}

/// The first address of the block that `address` is in, when a pool has an address there, else of the next block of which that is
/// true.
pub fn block_from(subnet: &Subnet, address: IpAddr) -> Option<IpAddr> {
    let (first, last) = (Block::start_of(address), Block::end_of(address));
    let is_pooled = subnet.pools.iter().any(|pool| pool.first <= last && first <= pool.last);
    if is_pooled { Some(first) } else { next_block(subnet, first) }
}

/// The first address of the next block with an address in a pool, after the block that `after` is in.
///
/// Shape: looks at the pools, never at the blocks between them.
pub fn next_block(subnet: &Subnet, after: IpAddr) -> Option<IpAddr> {
    let following = bits_of(Block::start_of(after)).checked_add(SIZE)?;
    let pool = subnet.pools.iter().find(|pool| bits_of(pool.last) >= following)?;
    address_at(subnet.family(), following.max(bits_of(Block::start_of(pool.first))))
}

#[cfg(test)]
mod tests;
