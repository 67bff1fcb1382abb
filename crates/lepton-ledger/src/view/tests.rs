//! Whatever is refused or rehearsed leaves the view as it was; the pool is what a set of numbers would be.

use std::{collections::BTreeSet, net::Ipv4Addr, time::Duration};

use lepton_ipam::SubnetSpec;
use lepton_types::{AddressPool, HostReport, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::{
    AllocateForInstance, Command, CreateNetworks, DeallocateForInstance, DeleteNetwork, Holder, NetworkSpec,
    Refusal, ReportHost, Scope, Selection, SweepQuarantine, UndoAllocation,
    example::{
        NOW, allocation, deallocation, decided, empty, fixed_ips, host, instance, made, network, requested,
    },
};

/// A request to a small ledger, by small numbers, so that requests meet.
#[derive(Clone, Debug)]
enum Request {
    Create,
    Delete(usize),
    Allocate(u128),
    AllocateAt(u128, usize, u8),
    Deallocate(u128),
    Undo(u128),
    Unplug,
    Sweep,
    Wait(u8),
}

fn any_request() -> impl Strategy<Value = Request> {
    prop_oneof![
        1 => Just(Request::Create),
        1 => (0..4_usize).prop_map(Request::Delete),
        6 => (1..8_u128).prop_map(Request::Allocate),
        3 => (1..8_u128, 0..4_usize, 0..20_u8).prop_map(|(number, at, last)| Request::AllocateAt(number, at, last)),
        4 => (1..8_u128).prop_map(Request::Deallocate),
        1 => (1..8_u128).prop_map(Request::Undo),
        3 => Just(Request::Unplug),
        1 => Just(Request::Sweep),
        1 => (1..200_u8).prop_map(Request::Wait),
    ]
}

/// Runs the request for good, or rehearses it.
fn run(ledger: &mut View, request: &Request, is_rehearsal: bool) {
    let network_at = |ledger: &View, at: usize| ledger.rows::<Network>().nth(at).map(|network| network.id);
    match request {
        Request::Create => {
            let quarantine = Duration::from_secs(100);
            let resting = SubnetSpec { quarantine, ..SubnetSpec::new("10.0.0.0/29".parse().unwrap()) };
            let spec = NetworkSpec { subnets: vec![resting], ..network("more", &[]) };
            submit(ledger, &CreateNetworks { networks: vec![spec], scope: Scope::Everything }, is_rehearsal);
        }
        Request::Delete(at) => {
            if let Some(network) = network_at(ledger, *at) {
                submit(ledger, &DeleteNetwork { network, scope: Scope::Everything }, is_rehearsal);
            }
        }
        Request::Allocate(number) => submit(ledger, &allocation(*number, vec![]), is_rehearsal),
        Request::AllocateAt(number, at, last) => {
            if let Some(network) = network_at(ledger, *at) {
                let wish = requested(network, &[&format!("10.0.0.{last}")]);
                submit(ledger, &allocation(*number, vec![wish]), is_rehearsal);
            }
        }
        Request::Deallocate(number) => submit(ledger, &deallocation(*number), is_rehearsal),
        Request::Undo(number) => {
            let undo =
                UndoAllocation { instance: instance(*number), incarnation: 1, host: host(), request: None };
            submit(ledger, &undo, is_rehearsal);
        }
        Request::Unplug => {
            let unplugged = ledger.rows::<Port>().map(|port| port.id).collect();
            let report = HostReport { unplugged, ..HostReport::default() };
            submit(ledger, &ReportHost { host: host(), report }, is_rehearsal);
        }
        Request::Sweep => submit(ledger, &SweepQuarantine, is_rehearsal),
        Request::Wait(seconds) => {
            if !is_rehearsal {
                let now = ledger.now().after(Duration::from_secs((*seconds).into()));
                next_batch(ledger, now);
            }
        }
    }
}

/// Keeps what was decided and starts a batch with a seed that no earlier one had.
fn next_batch(ledger: &mut View, now: Timestamp) {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&now.micros().to_le_bytes());
    ledger.keep();
    ledger.restart(now, seed);
}

fn submit<C: Command>(ledger: &mut View, command: &C, is_rehearsal: bool) {
    let number = ledger.changes().len();
    let before = rows(ledger);
    let decide = |ledger: &mut View| command.decide(ledger).map(drop);
    let outcome = if is_rehearsal { ledger.rehearse(number, decide) } else { ledger.attempt(number, decide) };
    assert_ne!(outcome, Err(Stop::Missing), "a complete view misses nothing");
    if is_rehearsal || outcome.is_err() {
        assert!(rows(ledger) == before, "something is left of what was not to be");
    }
}

/// All rows and the indexes over them.
fn rows(ledger: &View) -> String {
    format!("{:?} {:?}", ledger.tables, ledger.indexes)
}

/// What the indexes of these rows would be if they were made anew.
fn reindexed(ledger: &View) -> String {
    let mut fresh = empty();
    ledger.rows::<Network>().for_each(|row| fresh.load(row.clone()));
    ledger.rows::<Subnet>().for_each(|row| fresh.load(row.clone()));
    ledger.rows::<Block>().for_each(|row| fresh.load(row.clone()));
    ledger.rows::<Instance>().for_each(|row| fresh.load(row.clone()));
    ledger.rows::<Port>().for_each(|row| fresh.load(row.clone()));
    ledger.rows::<FixedIp>().for_each(|row| fresh.load(row.clone()));
    format!("{:?}", fresh.indexes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_refused_or_rehearsed_leaves_no_trace(
        requests in prop::collection::vec((any_request(), any::<bool>()), 1..60)
    ) {
        let mut ledger = empty();
        run(&mut ledger, &Request::Create, false);
        for (request, is_rehearsal) in &requests {
            run(&mut ledger, request, *is_rehearsal);
            prop_assert!(format!("{:?}", ledger.indexes) == reindexed(&ledger), "the indexes are not the rows'");
        }
        // What is not kept is taken back as a whole.
        let later = ledger.now().after(Duration::from_secs(1));
        next_batch(&mut ledger, later);
        let kept = rows(&ledger);
        for (request, _) in requests.iter().filter(|(request, _)| !matches!(request, Request::Wait(_))) {
            run(&mut ledger, request, false);
        }
        ledger.restart(later, [9; 32]);
        prop_assert!(rows(&ledger) == kept, "something is left of what was not kept");
    }

    #[test]
    fn a_pool_gives_its_lowest_free_address_whatever_came_and_went(
        steps in prop::collection::vec((0..3_u8, any::<u16>()), 1..120)
    ) {
        let pool = |first: &str, last: &str| AddressPool { first: first.parse().unwrap(), last: last.parse().unwrap() };
        let pools = vec![pool("10.1.0.250", "10.1.1.3"), pool("10.1.4.0", "10.1.4.9")];
        let in_pools = |address: Ipv4Addr| pools.iter().any(|pool| pool.contains(address.into()));
        let mut ledger = empty();
        let spec = SubnetSpec { pools: pools.clone(), ..SubnetSpec::new("10.1.0.0/16".parse().unwrap()) };
        let made = made(&mut ledger, NetworkSpec { subnets: vec![spec], ..network("churned", &[]) });
        let whole = (0_u32..0x600).map(|low| Ipv4Addr::from_bits(0x0a01_0000 + low));
        let mut free: BTreeSet<Ipv4Addr> = whole.filter(|address| in_pools(*address)).collect();
        let mut live: Vec<(u128, Ipv4Addr)> = Vec::new();
        for (number, (step, choice)) in (1..).zip(steps) {
            match step {
                0 if !live.is_empty() => {
                    let (gone, address) = live.swap_remove(usize::from(choice) % live.len());
                    let ports = decided(&mut ledger, &deallocation(gone)).unwrap().ports;
                    let report = HostReport { unplugged: ports, ..HostReport::default() };
                    decided(&mut ledger, &ReportHost { host: host(), report }).unwrap();
                    if in_pools(address) {
                        free.insert(address);
                    }
                }
                1 => {
                    let wish = Ipv4Addr::from_bits(0x0a01_0002 + u32::from(choice % 0x600));
                    let command = allocation(number, vec![requested(made.network.id, &[&wish.to_string()])]);
                    let is_taken = live.iter().any(|(_, address)| *address == wish);
                    prop_assert_eq!(decided(&mut ledger, &command).is_err(), is_taken);
                    if !is_taken {
                        live.push((number, wish));
                        free.remove(&wish);
                    }
                }
                _ => match (decided(&mut ledger, &allocation(number, vec![])), free.pop_first()) {
                    (Ok(info), Some(lowest)) => {
                        prop_assert_eq!(fixed_ips(&info), vec![lowest.to_string()]);
                        live.push((number, lowest));
                    }
                    (Err(Refusal::NoMoreFixedIps { .. }), None) => {}
                    other => prop_assert!(false, "{:?}", other),
                },
            }
        }
    }
}

#[test]
fn an_attempt_draws_the_same_however_often_it_is_made() {
    let draw =
        |ledger: &mut View, number| ledger.attempt(number, |ledger| Ok(ledger.draws().port_id(0))).unwrap();
    let mut ledger = empty();
    let first = draw(&mut ledger, 1);
    assert_eq!(draw(&mut ledger, 1), first);
    assert_ne!(draw(&mut ledger, 2), first);
    ledger.restart(Timestamp::from(NOW), [8; 32]);
    assert_ne!(draw(&mut ledger, 1), first, "another batch has another seed");
}

#[test]
fn a_loaded_row_never_overrules_what_the_batch_decided() {
    let mut ledger = View::partial(Timestamp::from(NOW), [7; 32]);
    let row = |revision: u64| Host { id: host(), revision: revision.into(), is_registered: true };
    ledger.mark_loaded(Key::Host(host()));
    ledger.load(row(1));
    ledger.touch_host(&host()).unwrap();
    ledger.load(row(1));
    assert_eq!(ledger.row::<Host>(&host()), Some(&row(2)));
    ledger.end::<Host>(&host());
    ledger.load(row(1));
    assert_eq!(ledger.row::<Host>(&host()), None);
}

#[test]
fn a_partial_view_asks_for_the_blocks_above_those_it_knows() {
    let mut whole = empty();
    let made = made(&mut whole, network("private", &["10.1.0.0/16"]));
    let subnet = &made.subnets[0];
    let mut ledger = View::partial(Timestamp::from(NOW), [7; 32]);
    let block = |first: &str| Block::fresh(subnet, first.parse().unwrap());
    assert_eq!(ledger.lowest_free_block(subnet.id), Err(Stop::Missing));
    assert_eq!(ledger.take_missing(), [Key::FreeBlocks { subnet: subnet.id, after: None }]);

    // Somebody's wish loaded a block high up: it may be the lowest, or not.
    ledger.load(block("10.1.9.0"));
    assert_eq!(ledger.lowest_free_block(subnet.id), Err(Stop::Missing));
    ledger.load(block("10.1.2.0"));
    ledger.note_free_blocks(subnet.id, Some("10.1.2.0".parse().unwrap()));
    ledger.mark_loaded(Key::FreeBlocks { subnet: subnet.id, after: None });
    let lowest = |ledger: &mut View| ledger.lowest_free_block(subnet.id).map(|block| block.map(Block::first));
    assert_eq!(lowest(&mut ledger), Ok(Some("10.1.2.0".parse().unwrap())));

    ledger.take_missing();
    ledger.end::<Block>(&(subnet.id, "10.1.2.0".parse().unwrap()));
    assert_eq!(lowest(&mut ledger), Err(Stop::Missing), "a lower one than 10.1.9.0 may be unknown");
    let next = Key::FreeBlocks { subnet: subnet.id, after: Some("10.1.2.0".parse().unwrap()) };
    assert_eq!(ledger.take_missing(), [next]);
    ledger.note_free_blocks(subnet.id, None);
    assert_eq!(lowest(&mut ledger), Ok(Some("10.1.9.0".parse().unwrap())));
}

#[test]
fn a_partial_view_asks_for_more_rested_addresses_until_there_are_none() {
    let subnet = SubnetId::from(uuid::Uuid::from_u128(1));
    let mut ledger = View::partial(Timestamp::from(NOW), [7; 32]);
    let asks = |ledger: &mut View, after| {
        assert_eq!(ledger.rested_in(subnet), Err(Stop::Missing));
        assert_eq!(ledger.take_missing(), [Key::Select(Selection::RestedIn { subnet, after })]);
        ledger.mark_loaded(Key::Select(Selection::RestedIn { subnet, after }));
    };
    asks(&mut ledger, None);
    let (address, until): (IpAddr, _) = ("10.1.0.9".parse().unwrap(), Timestamp::from(NOW));
    let row = FixedIp {
        subnet,
        address,
        holder: Holder::Quarantine(until),
        since: until,
        lease: None,
        is_asked_for: false,
    };
    ledger.load(row.clone());
    ledger.note_rested(subnet, Some((until, address)));
    assert_eq!(ledger.rested_in(subnet), Ok(vec![row]));
    ledger.end::<FixedIp>(&(subnet, address));
    asks(&mut ledger, Some((until, address)));
    ledger.note_rested(subnet, None);
    assert_eq!(ledger.rested_in(subnet), Ok(vec![]));
}

#[test]
fn a_page_of_addresses_ends_where_the_store_has_looked() {
    let subnet = SubnetId::from(uuid::Uuid::from_u128(1));
    let mut ledger = View::partial(Timestamp::from(NOW), [7; 32]);
    let page = AddressPage { range: "10.0.0.0/8".parse().unwrap(), after: None, limit: 9 };
    ledger.mark_loaded(Key::Select(Selection::AddressPage(page)));
    let row = |address: [u8; 4]| {
        let until = Timestamp::from(NOW);
        FixedIp {
            subnet,
            address: address.into(),
            holder: Holder::Quarantine(until),
            since: until,
            lease: None,
            is_asked_for: false,
        }
    };
    // The second one was loaded for somebody else of the batch; between it and where the store has looked there may be others.
    for address in [[10, 1, 0, 9], [10, 3, 0, 9]] {
        ledger.load(row(address));
    }
    let up_to = ([10, 2, 0, 1].into(), subnet);
    ledger.note_addresses(page, up_to);
    assert_eq!(ledger.address_page(page), Ok((vec![row([10, 1, 0, 9])], Some(up_to))));
}

#[test]
fn a_row_that_was_only_seen_counts_until_the_view_knows_better() {
    let subnet = SubnetId::from(uuid::Uuid::from_u128(1));
    let mut ledger = View::partial(Timestamp::from(NOW), [7; 32]);
    ledger.mark_loaded(Key::Select(Selection::HeldIn(subnet)));
    assert_eq!(ledger.held_in(subnet), Ok(None));
    let (address, until): (IpAddr, _) = ("10.1.0.9".parse().unwrap(), Timestamp::from(NOW));
    ledger.note_held_in(subnet, address);
    assert_eq!(ledger.held_in(subnet), Ok(Some(address)));
    assert_eq!(ledger.row::<FixedIp>(&(subnet, address)), None);
    let row = FixedIp {
        subnet,
        address,
        holder: Holder::Quarantine(until),
        since: until,
        lease: None,
        is_asked_for: false,
    };
    ledger.load(row.clone());
    assert_eq!(ledger.held_in(subnet), Ok(None), "it rests by now");
    let other = "10.1.0.10".parse().unwrap();
    ledger.note_held_in(subnet, other);
    assert_eq!(ledger.held_in(subnet), Ok(Some(other)));
    ledger.load(FixedIp { address: other, ..row });
    assert_eq!(ledger.held_in(subnet), Ok(Some(other)), "a store looks for no more, and there may be others");
}

#[test]
fn instances_of_every_command_are_rehearsed_by_value() {
    let (mut ledger, command): (View, AllocateForInstance) = (empty(), allocation(1, vec![]));
    let rehearsed = ledger.rehearse(3, |ledger| command.decide(ledger)).unwrap();
    assert_eq!(ledger.attempt(3, |ledger| command.decide(ledger)).unwrap(), rehearsed);
    let end = DeallocateForInstance { instance: instance(1), incarnation: Some(1), only_on: None };
    ledger.rehearse(4, |ledger| end.decide(ledger)).unwrap();
    assert_eq!(ledger.rows::<Instance>().count(), 1);
}
