//! Commands about ranges of MACs, decided over views in memory.

use lepton_types::{MacAddr, MacRange, Subnet, Timestamp};

use super::*;
use crate::{
    FREE_MACS_AT_ONCE, FixedIp, FreeMac, Holder,
    example::{allocation, decided, derived, empty, loaded, missing, unloaded, with_network},
};

fn range(prefix: &str) -> CreateMacRange {
    CreateMacRange { prefix: prefix.parse().unwrap(), mac_base: MacBase::default() }
}

fn reason(ledger: &mut View, command: &CreateMacRange) -> &'static str {
    decided(ledger, command).unwrap_err().reason()
}

#[test]
fn a_range_is_apart_from_others_and_from_the_base() {
    let mut ledger = empty();
    let made = decided(&mut ledger, &range("02:16:3e:40:00:00/28")).unwrap();
    assert_eq!((made.number, made.drawn), (0, 0));
    assert_eq!(reason(&mut ledger, &range("02:16:3e:00:00:00/24")), "MAC_RANGE_OVERLAPS");
    assert_eq!(reason(&mut ledger, &range("fa:16:3e:40:00:00/28")), "INVALID_FIELD");
    assert_eq!(decided(&mut ledger, &range("02:16:3e:50:00:00/28")).unwrap().number, 1);
    assert_eq!(decided(&mut ledger, &GetMacRange { range: made.id }).unwrap(), made);
    assert_eq!(decided(&mut ledger, &ListMacRanges).unwrap().len(), 2);
}

#[test]
fn a_range_of_which_a_port_has_a_mac_already_is_refused() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    let of_another_base =
        crate::AllocateForInstance { mac_base: "02:16:3e".parse().unwrap(), ..allocation(1, vec![]) };
    decided(&mut ledger, &of_another_base).unwrap();
    assert_eq!(reason(&mut ledger, &range("02:16:3e:00:00:00/24")), "MAC_RANGE_IN_USE");
}

#[test]
fn a_mac_whose_address_is_taken_is_kept_for_others() {
    let (mut ledger, made) = with_network(&["fd00:1::/64"]);
    decided(&mut ledger, &range("02:16:3e:00:00:00/46")).unwrap();
    // Somebody with the lowest MAC has the address that follows from the next one.
    let taken: MacAddr = "02:16:3e:00:00:01".parse().unwrap();
    let address = derived(&made.subnets[0], taken);
    let wish = lepton_vnic::RequestedNetwork { network: made.network.id, fixed_ips: vec![address] };
    let first = decided(&mut ledger, &allocation(1, vec![wish])).unwrap();
    let second = decided(&mut ledger, &allocation(2, vec![])).unwrap();
    assert_eq!(first.vifs[0].mac.to_string(), "02:16:3e:00:00:00");
    assert_eq!(second.vifs[0].mac.to_string(), "02:16:3e:00:00:02");
    assert_eq!(ledger.rows::<FreeMac>().map(|free| free.mac).collect::<Vec<_>>(), [taken]);
}

#[test]
fn of_what_came_back_to_all_ranges_the_mac_that_is_free_for_longest_is_drawn() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    for (prefix, since) in [("02:16:3e:00:00:00/46", 2), ("02:16:3f:00:00:00/46", 1)] {
        let made = decided(&mut ledger, &range(prefix)).unwrap();
        let mac = made.prefix.first();
        ledger.load(FreeMac { mac, range: made.id, since: Timestamp::from(since) });
        ledger.replace(MacRange { drawn: 1, ..made });
    }
    for (number, wanted) in (1..).zip(["02:16:3f:00:00:00", "02:16:3e:00:00:00", "02:16:3e:00:00:01"]) {
        let info = decided(&mut ledger, &allocation(number, vec![])).unwrap();
        assert_eq!(info.vifs[0].mac.to_string(), wanted);
    }
}

/// A ledger with an EUI-64 subnet.
fn with_eui64() -> (View, Subnet) {
    let (ledger, mut made) = with_network(&["fd00:1::/64"]);
    (ledger, made.subnets.remove(0))
}

/// Makes a range without a fresh MAC to which so many came back whose EUI-64 addresses rest, and then one that suits.
fn with_one_behind(ledger: &mut View, subnet: &Subnet, prefix: &str, unsuitable: u64) -> MacAddr {
    let of = decided(ledger, &range(prefix)).unwrap();
    for place in 0..=unsuitable {
        let mac = of.prefix.nth(place).unwrap();
        let since = Timestamp::from(i64::try_from(place).unwrap());
        ledger.load(FreeMac { mac, range: of.id, since });
        if place < unsuitable {
            let address = derived(subnet, mac);
            let holder = Holder::Quarantine(Timestamp::from(i64::MAX));
            ledger.load(FixedIp {
                subnet: subnet.id,
                address,
                holder,
                since,
                lease: None,
                is_asked_for: false,
            });
        }
    }
    let suits = of.prefix.nth(unsuitable).unwrap();
    ledger.replace(MacRange { drawn: of.fresh(), ..of });
    suits
}

/// Where no MAC is fresh, 32 pages of each range are looked through: a batch that looked through all would hold up the others.
#[test]
fn a_bounded_number_of_macs_that_do_not_suit_is_looked_through() {
    let bound = 32 * FREE_MACS_AT_ONCE as u64;
    let (mut ledger, subnet) = with_eui64();
    let suits = with_one_behind(&mut ledger, &subnet, "02:16:3e:00:00:00/34", bound - 1);
    assert_eq!(decided(&mut ledger, &allocation(1, vec![])).unwrap().vifs[0].mac, suits);
    let (mut ledger, subnet) = with_eui64();
    with_one_behind(&mut ledger, &subnet, "02:16:3e:00:00:00/34", bound);
    let refused = decided(&mut ledger, &allocation(1, vec![])).unwrap_err();
    assert_eq!(refused.reason(), "MAC_RANGES_EXHAUSTED");
}

/// 64 pages of all ranges together, a page of each in turn.
#[test]
fn one_range_whose_macs_do_not_suit_does_not_hide_another_and_all_are_bounded() {
    let pages = |count: u64| count * FREE_MACS_AT_ONCE as u64;
    for (behind, is_found) in [(pages(16) - 1, true), (pages(16), false)] {
        let (mut ledger, subnet) = with_eui64();
        for prefix in ["02:16:3e:00:00:00/34", "02:16:3e:00:40:00/34", "02:16:3e:00:80:00/34"] {
            with_one_behind(&mut ledger, &subnet, prefix, pages(32));
        }
        let suits = with_one_behind(&mut ledger, &subnet, "02:16:3e:00:c0:00/34", behind);
        let found = decided(&mut ledger, &allocation(1, vec![])).map(|info| info.vifs[0].mac);
        match found {
            Ok(mac) => assert!(is_found && mac == suits),
            Err(refused) => assert!(!is_found && refused.reason() == "MAC_RANGES_EXHAUSTED"),
        }
    }
}

/// Ranges of which nothing is free, as many as pages are looked through of all together, hide no other one.
#[test]
fn a_range_behind_many_of_which_nothing_is_free_is_looked_through() {
    let (mut ledger, subnet) = with_eui64();
    for number in 0..64 {
        let used_up = decided(&mut ledger, &range(&format!("02:17:00:00:{number:02x}:00/46"))).unwrap();
        ledger.replace(MacRange { drawn: used_up.fresh(), ..used_up });
    }
    let suits = with_one_behind(&mut ledger, &subnet, "02:16:3e:00:00:00/34", 40);
    assert_eq!(decided(&mut ledger, &allocation(1, vec![])).unwrap().vifs[0].mac, suits);
}

#[test]
fn ranges_are_asked_for_only_where_the_store_has_some() {
    let (_, made) = with_network(&["10.1.0.0/24"]);
    let mut ledger = unloaded();
    ledger.load(made.network);
    made.subnets.into_iter().for_each(|subnet| ledger.load(subnet));
    let command = allocation(1, vec![]);
    let keys = missing(&mut ledger, &command);
    loaded(&mut ledger, keys);
    assert!(!missing(&mut ledger, &command).contains(&Key::MacRanges));
    ledger.note_mac_ranges(true);
    assert!(missing(&mut ledger, &command).contains(&Key::MacRanges));
}
