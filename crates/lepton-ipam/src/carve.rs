//! Carves a range into networks of one size (specification §1.18, the base manager's contract).

use std::net::IpAddr;

use lepton_types::{AddressFamily, Cidr};

use crate::{
    bits::{address_at, bits_of},
    special::Special,
};

/// Why a range cannot be carved as asked; it is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CarveError {
    /// A block is larger than the range.
    #[error("{range} is smaller than one block of prefix length {prefix_len}")]
    TooSmall {
        /// The range.
        range: Cidr,
        /// The blocks' prefix length.
        prefix_len: u8,
    },
    /// No such prefix.
    #[error("{prefix_len} is no prefix length of {family} (expected 0 to {most})", most = family.bits())]
    NoPrefix {
        /// The range's family.
        family: AddressFamily,
        /// The blocks' prefix length.
        prefix_len: u8,
    },
    /// The free blocks are too few.
    #[error("{range} has room for {free} more blocks of prefix length {prefix_len}, and {wanted} are wanted")]
    NotEnoughRoom {
        /// The range.
        range: Cidr,
        /// The blocks' prefix length.
        prefix_len: u8,
        /// How many were asked for.
        wanted: usize,
        /// How many are not occupied.
        free: usize,
    },
}

/// Prefix length of the smallest IPv4 block with at least `size` addresses; none when that is more than there are.
pub fn prefix_len_of_size(size: u64) -> Option<u8> {
    let bits = size.max(1).checked_next_power_of_two()?.trailing_zeros();
    u8::try_from(32_u32.checked_sub(bits)?).ok()
}

/// The lowest `count` blocks of the range, ascending, that share no address with what is occupied and are not all of a
/// kind that no guest may have, such as multicast.
///
/// Costs what is asked for and what is occupied, whatever the range's size.
///
/// # Errors
///
/// [`CarveError`]; then nothing is carved.
pub fn carve(range: Cidr, prefix_len: u8, count: usize, occupied: &[Cidr]) -> Result<Vec<Cidr>, CarveError> {
    let family = range.family();
    if prefix_len > family.bits() {
        return Err(CarveError::NoPrefix { family, prefix_len });
    }
    if prefix_len < range.prefix_len() {
        return Err(CarveError::TooSmall { range, prefix_len });
    }
    // A block around such a range has room beside it.
    let special = Special::all().map(|special| special.range).filter(|cidr| cidr.prefix_len() <= prefix_len);
    let mut occupied: Vec<Cidr> =
        occupied.iter().copied().chain(special).filter(|cidr| cidr.overlaps(range)).collect();
    occupied.sort_unstable_by_key(|cidr| (cidr.first(), cidr.prefix_len()));

    let mut blocks = Vec::new();
    let mut next = Cidr::around(range.first(), prefix_len);
    let mut occupied = occupied.into_iter().peekable();
    while let Some(block) = next.filter(|block| blocks.len() < count && range.contains(block.first())) {
        while occupied.next_if(|cidr| cidr.last() < block.first()).is_some() {}
        let blocker = occupied.peek().filter(|cidr| cidr.overlaps(block));
        let end = blocker.map_or(block.last(), |cidr| cidr.last().max(block.last()));
        if blocker.is_none() {
            blocks.push(block);
        }
        next = behind(end, prefix_len);
    }
    if blocks.len() < count {
        return Err(CarveError::NotEnoughRoom { range, prefix_len, wanted: count, free: blocks.len() });
    }
    Ok(blocks)
}

/// The block that begins right behind `last`, or at the first boundary behind it; none behind the last address of all.
fn behind(last: IpAddr, prefix_len: u8) -> Option<Cidr> {
    let family = AddressFamily::of(last);
    let next = address_at(family, bits_of(last).checked_add(1)?)?;
    Cidr::around(next, prefix_len)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn cidrs(texts: &[&str]) -> Vec<Cidr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn carved(range: &str, prefix_len: u8, count: usize, occupied: &[&str]) -> Result<Vec<Cidr>, CarveError> {
        carve(range.parse().unwrap(), prefix_len, count, &cidrs(occupied))
    }

    #[test]
    fn blocks_follow_each_other() {
        let blocks = carved("10.0.0.0/16", 24, 3, &[]).unwrap();
        assert_eq!(blocks, cidrs(&["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]));
        assert_eq!(carved("fd00::/48", 64, 2, &[]).unwrap(), cidrs(&["fd00::/64", "fd00:0:0:1::/64"]));
    }

    #[test]
    fn occupied_blocks_are_skipped_whatever_their_size() {
        let occupied =
            ["10.0.1.128/25", "10.0.1.0/25", "10.0.4.0/22", "10.0.5.0/24", "192.168.0.0/16", "fd00::/64"];
        let blocks = carved("10.0.0.0/16", 24, 4, &occupied).unwrap();
        assert_eq!(blocks, cidrs(&["10.0.0.0/24", "10.0.2.0/24", "10.0.3.0/24", "10.0.8.0/24"]));
    }

    #[test]
    fn too_little_room_is_refused_as_a_whole_and_counted() {
        let error = carved("10.0.0.0/22", 24, 4, &["10.0.3.7/32"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "10.0.0.0/22 has room for 3 more blocks of prefix length 24, and 4 are wanted"
        );
        let (range, prefix_len) = ("10.0.0.0/24".parse().unwrap(), 16);
        assert_eq!(carved("10.0.0.0/24", 16, 1, &[]), Err(CarveError::TooSmall { range, prefix_len }));
        assert!(matches!(carved("10.0.0.0/24", 33, 1, &[]), Err(CarveError::NoPrefix { .. })));
    }

    #[test]
    fn blocks_that_no_guest_may_use_are_skipped() {
        let blocks = carved("126.0.0.0/7", 9, 2, &[]).unwrap();
        assert_eq!(blocks, cidrs(&["126.0.0.0/9", "126.128.0.0/9"]));
        assert!(carved("126.0.0.0/7", 9, 3, &[]).is_err(), "the others are loopback");
        assert_eq!(carved("124.0.0.0/6", 7, 2, &[]).unwrap(), cidrs(&["124.0.0.0/7", "126.0.0.0/7"]));
        assert_eq!(carved("126.0.0.0/7", 7, 1, &[]).unwrap(), cidrs(&["126.0.0.0/7"]), "it has room beside");
        assert!(carved("ff00::/8", 64, 1, &[]).is_err());
    }

    #[test]
    fn the_end_of_all_addresses_ends_the_carving() {
        assert!(carved("255.255.255.0/24", 32, 1, &[]).is_err(), "reserved to the last one");
        assert_eq!(carved("::/0", 0, 1, &[]), Ok(cidrs(&["::/0"])));
        assert!(carved("::/0", 0, 2, &[]).is_err());
    }

    #[test]
    fn sizes_are_rounded_up_to_a_power_of_two() {
        let lengths = [1, 2, 200, 256, 257, 1 << 32].map(prefix_len_of_size);
        assert_eq!(lengths, [Some(32), Some(31), Some(24), Some(24), Some(23), Some(0)]);
        assert_eq!(prefix_len_of_size((1 << 32) + 1), None);
        assert_eq!(prefix_len_of_size(u64::MAX), None);
    }

    proptest! {
        /// Against a model that looks at every block of the range.
        #[test]
        fn the_lowest_free_blocks_are_carved(
            prefix_len in 24_u8..=30,
            count in 0_usize..20,
            occupied in prop::collection::vec((0_u8..=255, 22_u8..=32), 0..8),
        ) {
            let range: Cidr = "10.0.0.0/24".parse().unwrap();
            let occupied: Vec<_> = occupied
                .iter()
                .map(|(low, len)| Cidr::around(std::net::Ipv4Addr::new(10, 0, 0, *low).into(), *len).unwrap())
                .collect();
            let all: BTreeSet<_> = (0..=255)
                .map(|low| Cidr::around(std::net::Ipv4Addr::new(10, 0, 0, low).into(), prefix_len).unwrap())
                .collect();
            let free: Vec<_> = all.into_iter()
                .filter(|block| !occupied.iter().any(|cidr| cidr.overlaps(*block)))
                .collect();
            match carve(range, prefix_len, count, &occupied) {
                Ok(blocks) => prop_assert_eq!(blocks, &free[..count]),
                Err(error) => {
                    let wanted = count;
                    let expected = CarveError::NotEnoughRoom { range, prefix_len, wanted, free: free.len() };
                    prop_assert_eq!(error, expected);
                }
            }
        }
    }
}
