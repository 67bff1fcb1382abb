use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use lepton_types::FloatingIp;
use proptest::prelude::*;

use super::{
    super::tests::{allocation, pool, range, ranges, told},
    *,
};
use crate::{
    AllocateFloatingIp, CreateFloatingPool, ReleaseFloatingIp, Scope,
    example::{changes, decided, empty, loaded, missing, unloaded},
};

fn without(ranges: &[&str]) -> DeleteFloatingRanges {
    DeleteFloatingRanges {
        pool: "nova".parse().unwrap(),
        ranges: ranges.iter().map(|text| range(text)).collect(),
    }
}

fn with_pool(ranges: &[&str]) -> View {
    let mut ledger = empty();
    decided(&mut ledger, &pool("nova", ranges)).unwrap();
    ledger
}

/// Each range with what was withdrawn of it and how many addresses it has.
fn shown(pool: &FloatingPool) -> Vec<String> {
    let texts = |ranges: &[Ipv4Range]| ranges.iter().map(Ipv4Range::to_string).collect::<Vec<_>>().join(" ");
    let ranges = pool.ranges.iter().flatten();
    let lines =
        ranges.map(|range| format!("{} -[{}] {}", range.addresses, texts(&range.withdrawn), range.total));
    lines.collect()
}

fn take(ledger: &mut View, address: Option<&str>) -> Result<String, Refusal> {
    let address = address.map(|address| address.parse().unwrap());
    let taken = decided(ledger, &AllocateFloatingIp { address, ..allocation("nova") });
    taken.map(|info| info.floating_ip.address.to_string())
}

/// The addresses that the pool gives until it is dry, each to another project, lest a quota end it.
fn take_all(ledger: &mut View) -> Vec<String> {
    let projects = (0..).map(|number| Some(format!("p-{number}").parse().unwrap()));
    let taken = projects
        .map_while(|project| decided(ledger, &AllocateFloatingIp { project, ..allocation("nova") }).ok());
    taken.map(|info| info.floating_ip.address.to_string()).collect()
}

#[test]
fn a_part_at_an_end_makes_the_range_shorter_and_one_inside_leaves_a_gap() {
    let mut ledger = with_pool(&["172.24.4.0/29"]);
    let before = ledger.changes().len();
    let left = decided(&mut ledger, &without(&["172.24.4.1", "172.24.4.4"])).unwrap();
    assert_eq!(shown(&left), ["172.24.4.2-172.24.4.6 -[172.24.4.4] 4"]);
    assert_eq!(
        changes(&ledger, before),
        ["+block", "~range", "~subnet"],
        "its block says so, and its subnet"
    );
    assert_eq!(take_all(&mut ledger), ["172.24.4.2", "172.24.4.3", "172.24.4.5", "172.24.4.6"]);
}

#[test]
fn what_was_withdrawn_is_not_given_to_who_asks_for_it() {
    let mut ledger = with_pool(&["172.24.4.0/29"]);
    decided(&mut ledger, &without(&["172.24.4.3"])).unwrap();
    let refused = take(&mut ledger, Some("172.24.4.3")).unwrap_err();
    assert_eq!(refused.to_string(), "floating IP 172.24.4.3 is not found in pool nova");
    assert_eq!(take(&mut ledger, Some("172.24.4.4")).unwrap(), "172.24.4.4");
}

#[test]
fn what_a_project_has_is_not_withdrawn() {
    let mut ledger = with_pool(&["172.24.4.0/28"]);
    take(&mut ledger, Some("172.24.4.9")).unwrap();
    let before = ledger.changes().len();
    let refused = told(decided(&mut ledger, &without(&["172.24.4.2", "172.24.4.8-172.24.4.11"])));
    assert_eq!(
        refused,
        "FLOATING_POOL_IN_USE: floating IP 172.24.4.9 of pool nova is allocated; release it first"
    );
    assert_eq!(changes(&ledger, before), [""; 0], "all or none");
    decided(&mut ledger, &without(&["172.24.4.10-172.24.4.11", "172.24.4.8"])).unwrap();
    let release = ReleaseFloatingIp {
        address: "172.24.4.9".parse().unwrap(),
        disassociates: false,
        affects_auto_assigned: false,
        scope: Scope::Everything,
    };
    decided(&mut ledger, &release).unwrap();
    let left = decided(&mut ledger, &without(&["172.24.4.9"])).unwrap();
    assert_eq!(shown(&left), ["172.24.4.0/28 -[172.24.4.8-172.24.4.11] 10"]);
}

#[test]
fn what_was_withdrawn_can_be_given_to_any_pool_as_a_range_of_its_own() {
    let mut ledger = with_pool(&["172.24.4.0/29"]);
    decided(&mut ledger, &without(&["172.24.4.1-172.24.4.2", "172.24.4.4"])).unwrap();
    let other = decided(&mut ledger, &pool("blue", &["172.24.4.1", "172.24.4.4"])).unwrap();
    assert_eq!(ranges(&other), ["172.24.4.1", "172.24.4.4"]);
    let back = decided(&mut ledger, &pool("nova", &["172.24.4.2"])).unwrap();
    assert_eq!(shown(&back), ["172.24.4.2 -[] 1", "172.24.4.3-172.24.4.6 -[172.24.4.4] 3"]);

    let whole = told(decided(&mut ledger, &pool("nova", &["172.24.4.0/29"])));
    assert_eq!(
        whole,
        "FLOATING_RANGE_OVERLAPS: 172.24.4.0/29 overlaps 172.24.4.1 of pool blue; leave the common addresses out"
    );
    let piece = decided(&mut ledger, &pool("nova", &["172.24.4.5-172.24.4.6"])).unwrap();
    assert_eq!(shown(&piece), shown(&back), "a piece that is there changes nothing");
    decided(&mut ledger, &pool("nova", &["172.24.4.2-172.24.4.3"])).unwrap();
    assert_eq!(take_all(&mut ledger), ["172.24.4.2", "172.24.4.3", "172.24.4.5", "172.24.4.6"]);
    let in_gap = take(&mut ledger, Some("172.24.4.4")).unwrap_err();
    assert_eq!(in_gap.reason(), "FLOATING_IP_NOT_FOUND", "it is another pool's now");
}

#[test]
fn what_the_pool_has_of_a_range_goes_whatever_ranges_it_is_of() {
    let mut ledger = with_pool(&["172.24.4.1-172.24.4.4", "172.24.4.7", "172.24.4.9-172.24.4.12"]);
    decided(&mut ledger, &without(&["172.24.4.10"])).unwrap();
    let left = decided(&mut ledger, &without(&["172.24.4.3-172.24.4.11"])).unwrap();
    assert_eq!(shown(&left), ["172.24.4.0/30 -[] 2", "172.24.4.12 -[] 1"]);
    for gone in ["172.24.4.3-172.24.4.11", "10.0.0.1"] {
        let refused = told(decided(&mut ledger, &without(&[gone])));
        let expected = format!("FLOATING_RANGE_NOT_FOUND: pool nova has no address of {gone}");
        assert!(refused.starts_with(&expected), "{refused}");
    }
    let nothing = decided(&mut ledger, &without(&["172.24.0.0/16"])).unwrap();
    assert_eq!(shown(&nothing), [""; 0]);
    assert_eq!(ledger.rows::<FloatingRange>().count(), 0);
}

#[test]
fn blocks_that_were_not_open_are_withdrawn_from_as_well() {
    let mut ledger = with_pool(&["172.24.4.0-172.24.7.255"]);
    let left =
        decided(&mut ledger, &without(&["172.24.5.0-172.24.6.254", "172.24.7.9-172.24.7.255"])).unwrap();
    assert_eq!(shown(&left), ["172.24.4.0-172.24.7.8 -[172.24.5.0-172.24.6.254] 266"]);
    let given = take_all(&mut ledger);
    assert_eq!(given.len(), 266);
    assert_eq!(given[255..258], ["172.24.4.255", "172.24.6.255", "172.24.7.0"]);
}

#[test]
fn a_part_and_the_pieces_of_a_range_are_bounded() {
    let mut ledger = with_pool(&["10.0.0.0/8", "172.24.4.0/24"]);
    let refused = told(decided(&mut ledger, &without(&["10.0.0.0/15"])));
    assert_eq!(
        refused,
        "INVALID_FIELD: ranges: they take 131070 addresses of ranges that keep others (expected at most 65536); take them in turns"
    );
    let gaps: Vec<String> = (1..MOST_PIECES).map(|at| format!("172.24.4.{}", 2 * at)).collect();
    decided(&mut ledger, &without(&gaps.iter().map(String::as_str).collect::<Vec<_>>())).unwrap();
    let refused = told(decided(&mut ledger, &without(&["172.24.4.200"])));
    assert_eq!(
        refused,
        "INVALID_FIELD: ranges: 172.24.4.0/24 would be left in 65 pieces (expected at most 64); take more of it at once"
    );
    decided(&mut ledger, &without(&["172.24.4.130-172.24.4.254"])).unwrap();
    let left = decided(&mut ledger, &without(&["10.0.0.0-10.128.0.0", "10.128.0.0-10.255.255.255"])).unwrap();
    assert_eq!(ranges(&left), ["172.24.4.1-172.24.4.129"], "a whole range may have any number");
}

#[test]
fn all_blocks_are_asked_for_at_once() {
    let ledger = with_pool(&["172.24.4.0-172.24.9.255", "10.0.0.1"]);
    let ranges = ledger.rows::<FloatingRange>().cloned().collect::<Vec<_>>();
    let command = without(&["172.24.4.255-172.24.5.0", "172.24.8.9", "10.0.0.1"]);
    let mut view = unloaded();
    let keys = missing(&mut view, &command);
    for row in ledger.rows::<Network>() {
        view.load(row.clone());
    }
    for range in ranges {
        view.load(ledger.row::<Subnet>(&range.subnet).unwrap().clone());
        view.load(range);
    }
    loaded(&mut view, keys);
    let subnets: Vec<_> = view.rows::<Subnet>().map(|subnet| subnet.id).collect();
    loaded(&mut view, subnets.into_iter().flat_map(|id| [Key::Subnet(id), Key::FloatingRange(id)]).collect());
    let blocks = missing(&mut view, &command);
    assert_eq!(blocks.len(), 3, "those of the part, none of the whole range: {blocks:?}");
    loaded(&mut view, blocks);
    decided(&mut view, &command).unwrap();
}

#[derive(Clone, Debug)]
enum Step {
    Withdraw(Vec<(u8, u8)>),
    Give(usize, u8, u8),
    Take,
    TakeThis(u8),
    Release(u8),
}

const POOLS: [&str; 2] = ["nova", "blue"];

fn any_step() -> impl Strategy<Value = Step> {
    let ends = || (0..24_u8, 0..4_u8).prop_map(|(first, more)| (first, first + more));
    prop_oneof![
        prop::collection::vec(ends(), 1..4).prop_map(Step::Withdraw),
        (0..2_usize, ends()).prop_map(|(pool, (first, last))| Step::Give(pool, first, last)),
        Just(Step::Take),
        (0..28_u8).prop_map(Step::TakeThis),
        (0..28_u8).prop_map(Step::Release),
    ]
}

proptest! {
    /// Whose each address is, and which are given, as a map says it.
    #[test]
    fn pools_have_what_they_were_given_and_was_not_withdrawn(steps in prop::collection::vec(any_step(), 1..60)) {
        // Across the border of two blocks.
        let at = |offset: u8| Ipv4Addr::from_bits(Ipv4Addr::new(172, 24, 4, 244).to_bits() + u32::from(offset));
        let span = |first: u8, last: u8| Ipv4Range::try_from((at(first), at(last))).unwrap();
        // Another one for each, lest a quota refuse it.
        let somebody = |number: usize| Some(format!("p-{number}").parse().unwrap());
        let mut ledger = empty();
        let (mut had, mut given) = (BTreeMap::<u8, usize>::new(), BTreeSet::<u8>::new());
        for pool_name in POOLS {
            decided(&mut ledger, &pool(pool_name, &[])).unwrap();
        }
        for step in steps {
            match step {
                Step::Withdraw(spans) => {
                    let ranges = spans.iter().map(|(first, last)| span(*first, *last)).collect();
                    let command = DeleteFloatingRanges { pool: "nova".parse().unwrap(), ranges };
                    let of_pool = |(first, last): &(u8, u8)| {
                        (*first..=*last).filter(|at| had.get(at) == Some(&0)).collect::<Vec<u8>>()
                    };
                    let each: Vec<_> = spans.iter().map(of_pool).collect();
                    let is_free = !each.iter().flatten().any(|at| given.contains(at));
                    let goes = is_free && each.iter().all(|of_pool| !of_pool.is_empty());
                    prop_assert_eq!(decided(&mut ledger, &command).is_ok(), goes);
                    if goes {
                        had.retain(|at, _| !each.iter().flatten().any(|gone| gone == at));
                    }
                }
                Step::Give(whose, first, last) => {
                    let command = CreateFloatingPool { ranges: vec![span(first, last)], ..pool(POOLS[whose], &[]) };
                    let is_free = (first..=last).all(|at| !had.contains_key(&at));
                    let done = decided(&mut ledger, &command).is_ok();
                    let is_there = (first..=last).all(|at| had.get(&at) == Some(&whose));
                    prop_assert_eq!(done, is_free || is_there, "{:?}", command);
                    if done {
                        had.extend((first..=last).map(|at| (at, whose)));
                    }
                }
                Step::Take => {
                    let taken = decided(&mut ledger, &AllocateFloatingIp { project: somebody(given.len()), ..allocation("nova") }).ok().map(|info| info.floating_ip.address);
                    let free: BTreeSet<IpAddr> =
                        had.iter().filter(|(at, whose)| **whose == 0 && !given.contains(at)).map(|(offset, _)| at(*offset).into()).collect();
                    prop_assert!(taken.is_none() == free.is_empty() && taken.is_none_or(|taken| free.contains(&taken)));
                    given.extend((0..28).filter(|offset| taken == Some(at(*offset).into())));
                }
                Step::TakeThis(offset) => {
                    let command = AllocateFloatingIp { address: Some(at(offset).into()), project: somebody(given.len()), ..allocation("nova") };
                    let is_free = had.get(&offset) == Some(&0) && !given.contains(&offset);
                    prop_assert_eq!(decided(&mut ledger, &command).is_ok(), is_free);
                    if is_free {
                        given.insert(offset);
                    }
                }
                Step::Release(offset) => {
                    let command = ReleaseFloatingIp {
                        address: at(offset).into(), disassociates: false, affects_auto_assigned: false, scope: Scope::Everything,
                    };
                    prop_assert_eq!(decided(&mut ledger, &command).is_ok(), given.remove(&offset));
                }
            }
        }
        prop_assert_eq!(ledger.rows::<FloatingIp>().count(), given.len());
        for (whose, name) in POOLS.iter().enumerate() {
            let network = ledger.found_pool(&name.parse().unwrap()).unwrap();
            let ranges = ledger.ranges_of(network.id);
            let subnets = ranges.iter().map(|range| ledger.row::<Subnet>(&range.subnet).unwrap());
            let addresses: BTreeSet<_> = subnets.flat_map(pieces).flat_map(Ipv4Range::addresses).collect();
            let modelled = had.iter().filter(|(_, owner)| **owner == whose).map(|(offset, _)| at(*offset));
            prop_assert!(addresses.into_iter().eq(modelled));
            prop_assert_eq!(ranges.iter().map(|range| range.total).sum::<u64>(), had.values().filter(|owner| **owner == whose).count() as u64);
        }
    }
}
