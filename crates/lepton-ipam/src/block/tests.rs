//! Blocks against a model: the set of all addresses that may be given out, counted one by one.

use std::collections::BTreeSet;

use lepton_types::Cidr;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{Gateway, SubnetSpec, SubnetSpecError, check_requested};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn pool(first: &str, last: &str) -> AddressPool {
    AddressPool { first: ip(first), last: ip(last) }
}

fn plan(spec: &SubnetSpec) -> Subnet {
    spec.plan(Uuid::from_u128(1).into(), Uuid::from_u128(2).into()).unwrap()
}

fn subnet(cidr: &str, pools: &[AddressPool]) -> Subnet {
    plan(&SubnetSpec { pools: pools.to_vec(), ..SubnetSpec::new(cidr.parse().unwrap()) })
}

/// Every address of the prefix, one by one.
fn addresses(cidr: Cidr) -> impl Iterator<Item = IpAddr> {
    (bits_of(cidr.first())..=bits_of(cidr.last())).map(move |bits| address_at(cidr.family(), bits).unwrap())
}

/// The addresses that automatic choice may give out, by the rule and one by one.
fn usable(subnet: &Subnet) -> BTreeSet<IpAddr> {
    addresses(subnet.cidr)
        .filter(|&address| subnet.pools.iter().any(|pool| pool.contains(address)))
        .filter(|&address| check_requested(subnet, address).is_ok())
        .collect()
}

/// All of the subnet's blocks, fresh.
fn blocks(subnet: &Subnet) -> Vec<Block> {
    std::iter::successors(first_block(subnet), |&block| next_block(subnet, block))
        .map(|first| Block::fresh(subnet, first))
        .collect()
}

/// The subnet's lowest free address, taken.
fn take_lowest(blocks: &mut [Block]) -> Option<IpAddr> {
    let block = blocks.iter_mut().find(|block| block.free() > 0)?;
    let address = block.lowest_free().unwrap();
    assert!(block.take(address), "{address} was free");
    Some(address)
}

fn of(blocks: &mut [Block], address: IpAddr) -> Option<&mut Block> {
    blocks.iter_mut().find(|block| block.first() == Block::start_of(address))
}

/// Every prefix length from /24 to /32 and from /119 to /128, with each address as the gateway, without and by default.
#[test]
fn every_usable_address_of_a_small_subnet_is_given_out_once_lowest_first() {
    let prefixes = (24..=32).map(|length| format!("10.1.2.0/{length}"));
    for prefix in prefixes.chain((119..=128).map(|length| format!("fd00::2:0/{length}"))) {
        let cidr: Cidr = prefix.parse().unwrap();
        for gateway in addresses(cidr).map(Gateway::At).chain([Gateway::None, Gateway::Default]) {
            let spec = SubnetSpec { gateway, ..SubnetSpec::new(cidr) };
            match spec.plan(Uuid::nil().into(), Uuid::nil().into()) {
                Ok(subnet) => {
                    let mut blocks = blocks(&subnet);
                    let given: Vec<_> = std::iter::from_fn(|| take_lowest(&mut blocks)).collect();
                    assert!(given.iter().copied().eq(usable(&subnet)), "{prefix} {gateway:?}: {given:?}");
                }
                Err(SubnetSpecError::TooSmall { .. }) => assert_eq!(cidr.first(), cidr.last(), "{gateway:?}"),
                Err(error) => assert!(matches!(error, SubnetSpecError::ServerReserved { .. }), "{error}"),
            }
        }
    }
}

#[test]
fn the_first_guest_of_a_24_gets_its_second_host() {
    let subnet = subnet("10.1.0.0/24", &[]);
    let block = Block::fresh(&subnet, first_block(&subnet).unwrap());
    assert_eq!(
        (block.first(), block.lowest_free(), block.free()),
        (ip("10.1.0.0"), Some(ip("10.1.0.2")), 253)
    );
    assert_eq!(next_block(&subnet, block.first()), None);
}

#[test]
fn endless_subnets_are_instant() {
    let everything = subnet("0.0.0.0/0", &[]);
    assert_eq!(everything.gateway, Some(ip("1.0.0.0")));
    assert_eq!(first_block(&everything), Some(ip("1.0.0.0")));
    assert_eq!(Block::fresh(&everything, ip("1.0.0.0")).lowest_free(), Some(ip("1.0.0.1")));
    assert_eq!(next_block(&everything, ip("1.0.0.0")), Some(ip("1.0.1.0")));
    assert_eq!(next_block(&everything, ip("126.255.255.0")), Some(ip("128.0.0.0")), "loopback is skipped");
    assert_eq!(next_block(&everything, ip("223.255.254.7")), Some(ip("223.255.255.0")));
    assert_eq!(next_block(&everything, ip("223.255.255.0")), None);

    let last = "f0ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let everything = subnet("::/0", &[pool("a::5", "a::6"), pool("f000::", last)]);
    assert_eq!(first_block(&everything), Some(ip("a::")));
    assert_eq!(next_block(&everything, ip("a::")), Some(ip("f000::")), "the gap is skipped");
    assert_eq!(next_block(&everything, ip("f000::")), Some(ip("f000::100")));
    assert_eq!(next_block(&everything, ip(last)), None);
    assert_eq!(Block::fresh(&everything, ip(last)).free(), 256);
    assert_eq!(Block::fresh(&everything, ip("f000::")).free(), 256);
    assert_eq!(Block::fresh(&everything, ip("a::")).free(), 2);
    assert_eq!(Block::fresh(&everything, ip("b::")).free(), 0, "no pool is near");
}

#[test]
fn a_block_may_have_a_single_address_of_a_pool() {
    let subnet = subnet("10.0.0.0/8", &[pool("10.1.0.255", "10.1.1.0"), pool("10.9.0.7", "10.9.0.7")]);
    let found: Vec<_> =
        blocks(&subnet).iter().map(|block| (block.first(), block.lowest_free(), block.free())).collect();
    assert_eq!(
        found,
        [
            (ip("10.1.0.0"), Some(ip("10.1.0.255")), 1),
            (ip("10.1.1.0"), Some(ip("10.1.1.0")), 1),
            (ip("10.9.0.0"), Some(ip("10.9.0.7")), 1)
        ]
    );
}

#[test]
fn an_address_outside_the_pools_never_becomes_free() {
    let subnet = subnet("10.1.0.0/24", &[pool("10.1.0.0", "10.1.0.9")]);
    let mut block = Block::fresh(&subnet, ip("10.1.0.0"));
    assert_eq!(block.free(), 8);
    for address in ["10.1.0.0", "10.1.0.1", "10.1.0.10", "10.1.0.255", "10.1.1.2", "fd00::2"] {
        assert!(!block.take(ip(address)) && !block.release(&subnet, ip(address)), "{address}");
    }
    assert_eq!(block, Block::fresh(&subnet, ip("10.1.0.0")));
}

#[test]
fn a_subnet_with_addresses_from_macs_has_no_blocks() {
    let subnet = subnet("fd00::/64", &[]);
    assert_eq!((first_block(&subnet), next_block(&subnet, ip("fd00::"))), (None, None));
}

#[test]
fn the_stored_form_is_pinned() {
    let subnet = subnet("10.1.0.0/24", &[pool("10.1.0.0", "10.1.0.9")]);
    let mut stored = [0xff; Block::BYTES];
    stored[0] = 0b0000_0011;
    stored[1] = 0b1111_1100;
    assert_eq!(Block::fresh(&subnet, ip("10.1.0.0")).to_bytes(), stored);
}

/// A prefix of up to 1,024 addresses with any gateway and up to three pools.
fn any_subnet() -> impl Strategy<Value = Subnet> {
    let pools = prop::collection::vec((0_u16..1024, 0_u16..400), 0..3);
    (any::<bool>(), any::<u64>(), 0_u8..=10, any::<u16>(), pools).prop_filter_map(
        "not a valid subnet",
        |(is_v6, bits, host_bits, gateway, pools)| {
            let family = if is_v6 { AddressFamily::V6 } else { AddressFamily::V4 };
            let mask = (1_u128 << host_bits) - 1;
            let base =
                if is_v6 { (0xfd << 120) | u128::from(bits) } else { u128::from(bits) & 0x5fff_ffff } & !mask;
            let at = |offset: u16| address_at(family, base + (u128::from(offset) & mask)).unwrap();
            let gateway = match gateway % 3 {
                0 => Gateway::None,
                1 => Gateway::Default,
                _ => Gateway::At(at(gateway)),
            };
            let pools = pools
                .iter()
                .map(|&(first, length)| AddressPool { first: at(first), last: at(first + length) });
            let cidr = format!("{}/{}", at(0), family.bits() - host_bits).parse().unwrap();
            let spec = SubnetSpec { gateway, pools: pools.collect(), ..SubnetSpec::new(cidr) };
            spec.plan(Uuid::nil().into(), Uuid::nil().into()).ok()
        },
    )
}

#[derive(Clone, Debug)]
enum Step {
    TakeLowest,
    Take(u16),
    Release(u16),
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => Just(Step::TakeLowest),
        1 => any::<u16>().prop_map(Step::Take),
        1 => any::<u16>().prop_map(Step::Release),
    ];
    prop::collection::vec(step, 0..400)
}

proptest! {
    /// Whatever is taken and released, the blocks hold exactly what the model holds.
    #[test]
    fn blocks_agree_with_a_set_of_addresses(subnet in any_subnet(), steps in any_steps()) {
        let usable = usable(&subnet);
        let (mut free, mut blocks) = (usable.clone(), blocks(&subnet));
        let size = bits_of(subnet.cidr.last()) - bits_of(subnet.cidr.first()) + 1;
        let at = |number: u16| {
            address_at(subnet.family(), bits_of(subnet.cidr.first()) + u128::from(number) % size).unwrap()
        };
        for step in steps {
            match step {
                Step::TakeLowest => prop_assert_eq!(take_lowest(&mut blocks), free.pop_first()),
                Step::Take(number) => {
                    let was_free = of(&mut blocks, at(number)).is_some_and(|block| block.take(at(number)));
                    prop_assert_eq!(was_free, free.remove(&at(number)));
                }
                Step::Release(number) => {
                    let is_free = of(&mut blocks, at(number)).is_some_and(|block| block.release(&subnet, at(number)));
                    prop_assert_eq!(is_free, usable.contains(&at(number)));
                    free.extend(is_free.then(|| at(number)));
                }
            }
        }
        prop_assert_eq!(blocks.iter().map(|block| usize::from(block.free())).sum::<usize>(), free.len());
        let given: Vec<_> = std::iter::from_fn(|| take_lowest(&mut blocks)).collect();
        prop_assert!(given.into_iter().eq(free));
    }

    /// The blocks are those that hold an address of a pool, ascending, as found by looking at every address.
    #[test]
    fn the_blocks_are_those_with_an_address_in_a_pool(subnet in any_subnet()) {
        let in_a_pool = |address: &IpAddr| subnet.pools.iter().any(|pool| pool.contains(*address));
        let expected: BTreeSet<_> = addresses(subnet.cidr).filter(in_a_pool).map(Block::start_of).collect();
        prop_assert!(blocks(&subnet).iter().map(Block::first).eq(expected));
    }

    #[test]
    fn a_block_round_trips_through_its_stored_form(bytes in any::<[u8; Block::BYTES]>(), start in any::<u32>()) {
        let first = Block::start_of(IpAddr::V4(start.into()));
        let block = Block::from_bytes(Uuid::nil().into(), first, bytes);
        prop_assert_eq!(block.to_bytes(), bytes);
        prop_assert_eq!(u32::from(block.free()), bytes.iter().map(|byte| byte.count_zeros()).sum::<u32>());
        let lowest = (0..=u8::MAX).find(|offset| bytes[usize::from(offset / 8)] & (1 << (offset % 8)) == 0);
        prop_assert_eq!(block.lowest_free().map(low_octet), lowest);
    }
}
