//! The rows O1 to O17 of the specification's table in section 2, as Lepton decides them, and properties.
//!
//! Where a row's order is not the original's, the test says what differs and why.

use std::collections::BTreeSet;

use lepton_types::{Mtu, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

/// Owner's name (empty: global), label and priority, in the order of creation.
type Fixture = &'static [(&'static str, &'static str, i32)];

const U: Fixture = &[
    ("project1", "project1-net1", 1),
    ("project2", "project2-net1", 1),
    ("", "public", 0),
    ("project2", "project2-net2", 2),
];

/// Lepton has no NULL priority: the fixture's two NULLs (`g-b`, `p1-c`) are the default, 0.
const X: Fixture = &[
    ("p1", "p1-a", 5),
    ("", "g-a", 1),
    ("p1", "p1-b", 1),
    ("", "g-b", 0),
    ("p1", "p1-c", 0),
    ("p2", "p2-a", 0),
    ("p1", "p1-d", -3),
    ("", "g-c", 5),
];

fn project(name: &str) -> ProjectId {
    name.parse().unwrap()
}

fn network(number: u64, owner: &str, label: &str, priority: i32) -> Network {
    Network {
        id: Uuid::from_u128(u128::from(number)).into(),
        project: (!owner.is_empty()).then(|| project(owner)),
        label: label.parse().unwrap(),
        priority,
        mtu: Mtu::ETHERNET,
        sequence: number,
        created_at: Timestamp::default(),
        host: None,
        is_injected: false,
        is_external: false,
        version: 0,
    }
}

fn networks(fixture: Fixture) -> Vec<Network> {
    (1..)
        .zip(fixture)
        .map(|(number, &(owner, label, priority))| network(number, owner, label, priority))
        .collect()
}

fn label(networks: &[Network], id: NetworkId) -> String {
    networks.iter().find(|network| network.id == id).unwrap().label.to_string()
}

fn ask(networks: &[Network], label: &str) -> RequestedNetwork {
    let network = networks.iter().find(|network| network.label.as_str() == label).unwrap();
    RequestedNetwork { network: network.id, fixed_ips: Vec::new() }
}

/// The labels of what an instance of `of` gets without asking.
fn unasked(fixture: Fixture, of: &str) -> Vec<String> {
    let networks = networks(fixture);
    let choices = order(&project(of), &networks, &[], false).unwrap();
    choices.iter().map(|choice| label(&networks, choice.network)).collect()
}

/// The labels of what an instance of `of` gets when it asks.
fn asked(
    fixture: Fixture,
    of: &str,
    labels: &[&str],
    allow_duplicates: bool,
) -> Result<Vec<String>, OrderError> {
    let networks = networks(fixture);
    let requested: Vec<_> = labels.iter().map(|label| ask(&networks, label)).collect();
    let choices = order(&project(of), &networks, &requested, allow_duplicates)?;
    assert!(choices.iter().all(|choice| choice.reason == Reason::Requested));
    Ok(choices.iter().map(|choice| label(&networks, choice.network)).collect())
}

#[test]
fn o1_a_smaller_priority_stands_first_also_when_it_is_global() {
    assert_eq!(unasked(U, "project1"), ["public", "project1-net1"]);
}

#[test]
fn o2_a_project_gets_its_own_and_the_global_networks() {
    assert_eq!(unasked(U, "project2"), ["public", "project2-net1", "project2-net2"]);
}

#[test]
fn o3_asking_for_what_one_would_get_anyway_changes_nothing() {
    let labels = ["public", "project2-net1", "project2-net2"];
    assert_eq!(asked(U, "project2", &labels, false).unwrap(), labels);
}

/// Differs: the original put the NULLs (p1-c, g-b) before -3. Here they are 0, so p1-d stands first.
#[test]
fn o4_negative_priorities_stand_before_the_default_of_zero() {
    assert_eq!(unasked(X, "p1"), ["p1-d", "p1-c", "g-b", "p1-b", "g-a", "p1-a", "g-c"]);
}

#[test]
fn o5_a_project_without_networks_gets_the_global_ones() {
    assert_eq!(unasked(X, "p3"), ["g-b", "g-a", "g-c"]);
}

#[test]
fn o6_an_empty_request_is_no_request() {
    assert_eq!(unasked(X, "p1").len(), 7);
    assert_eq!(
        order(&project("p1"), &networks(X), &[], true),
        order(&project("p1"), &networks(X), &[], false)
    );
}

#[test]
fn o7_a_request_is_taken_verbatim_whatever_the_priorities() {
    let labels = ["g-a", "p1-a", "p1-d"];
    assert_eq!(asked(X, "p1", &labels, false).unwrap(), labels);
}

/// Differs: the original made two vNICs unasked (bug B5); here that needs leave.
#[test]
fn o8_a_network_twice_needs_leave() {
    let labels = ["p1-a", "g-b", "p1-a", "g-a"];
    let id = networks(X)[0].id;
    assert_eq!(
        asked(X, "p1", &labels, false),
        Err(OrderError::Duplicate { first: 0, index: 2, network: id })
    );
    assert_eq!(asked(X, "p1", &labels, true).unwrap(), labels);
}

/// Differs: the original discarded the address (bug B3); here it stays with the choice, for IPAM to honour or refuse.
#[test]
fn o9_requested_addresses_stay_with_their_vnic() {
    let networks = networks(X);
    let addresses = [vec!["10.1.0.50".parse().unwrap()], vec![], vec!["fd00::1".parse().unwrap()]];
    let requested: Vec<_> = ["p1-a", "g-a", "p1-a"]
        .iter()
        .zip(&addresses)
        .map(|(label, fixed_ips)| RequestedNetwork { fixed_ips: fixed_ips.clone(), ..ask(&networks, label) })
        .collect();
    let choices = order(&project("p1"), &networks, &requested, true).unwrap();
    assert!(choices.iter().map(|choice| &choice.fixed_ips).eq(&addresses));
}

/// Differs: the original took a vif and an address first (bug B4); here everything is resolved before anything is taken.
#[test]
fn o10_another_projects_network_does_not_exist() {
    let id = networks(X)[5].id;
    let error = asked(X, "p1", &["p1-a", "p2-a"], false).unwrap_err();
    assert_eq!(error, OrderError::NotFound { index: 1, network: id });
    assert_eq!(error.to_string(), format!("network {id} (number 2 of the request) does not exist"));
}

#[test]
fn o11_an_unknown_network_is_named_in_the_error() {
    let unknown = NetworkId::from(Uuid::from_u128(99));
    let request = [RequestedNetwork { network: unknown, fixed_ips: Vec::new() }];
    let error = order(&project("p1"), &networks(X), &request, true).unwrap_err();
    assert_eq!((error.index(), error.network()), (0, unknown));
}

/// Rows O12 and O15 differ: the original's NULL project got every global network twice, or an error by back end.
/// Here a project is required by its type; the administrative project gets each global network once.
#[test]
fn o12_and_o15_every_caller_has_a_project_and_gets_each_network_once() {
    assert_eq!(unasked(X, "admin"), ["g-b", "g-a", "g-c"]);
}

/// Differs from row O14, Melange's rule: an equal priority was broken by the id's text, whoever owned the network.
/// One rule serves all back ends here, row O13's.
#[test]
fn o13_and_o14_equal_priorities_put_the_projects_own_first_then_the_older() {
    const TIES: Fixture = &[
        ("", "g-old", 1),
        ("p1", "own-old", 1),
        ("p1", "own-new", 1),
        ("", "g-new", 1),
        ("p1", "own-first", 0),
    ];
    assert_eq!(unasked(TIES, "p1"), ["own-first", "own-old", "own-new", "g-old", "g-new"]);
}

#[test]
fn o16_no_network_at_all_is_an_empty_answer() {
    assert_eq!(unasked(&[], "p1"), [""; 0]);
    assert_eq!(unasked(&[("p2", "theirs", 0)], "p1"), [""; 0]);
}

/// The base managers fell back to row order until 2013-04; here the request's order always holds.
#[test]
fn o17_a_request_is_not_sorted_by_creation() {
    let labels = ["g-c", "p1-b", "p1-a"];
    assert_eq!(asked(X, "p1", &labels, false).unwrap(), labels);
}

#[test]
fn a_reason_is_words() {
    let networks = networks(U);
    let choices = order(&project("project1"), &networks, &[], false).unwrap();
    let reasons: Vec<_> = choices.iter().map(|choice| choice.reason.to_string()).collect();
    assert_eq!(reasons, ["a global network, priority 0", "the project's own network, priority 1"]);
}

#[test]
fn a_duplicate_is_refused_with_both_places_and_the_way_out() {
    let error = asked(X, "p1", &["p1-a", "p1-a"], false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "network 00000000-0000-0000-0000-000000000001 is requested twice (numbers 1 and 2); \
         allow duplicate networks to get a vNIC for each"
    );
}

/// Up to 12 networks, each number once, in any order, owned by one of two projects or by nobody.
fn any_candidates() -> impl Strategy<Value = Vec<Network>> {
    let owner_and_priority = (prop_oneof![Just(""), Just("p1"), Just("p2")], -2_i32..=2);
    let made = |rows: Vec<(&str, i32)>| {
        (1..)
            .zip(rows)
            .map(|(number, (owner, priority))| network(number, owner, "n", priority))
            .collect::<Vec<_>>()
    };
    prop::collection::vec(owner_and_priority, 0..12).prop_map(made).prop_shuffle()
}

/// What the rule says, by comparing pairs instead of sorting keys.
fn stands_before(left: &Network, right: &Network) -> bool {
    if left.priority != right.priority {
        return left.priority < right.priority;
    }
    if left.project.is_some() != right.project.is_some() {
        return left.project.is_some();
    }
    left.sequence < right.sequence
}

proptest! {
    /// The order is total, by the rule, and the same however the candidates come.
    #[test]
    fn the_order_does_not_depend_on_the_candidates_order(candidates in any_candidates()) {
        let p1 = project("p1");
        let choices = order(&p1, &candidates, &[], false).unwrap();

        let chosen: Vec<&Network> = choices
            .iter()
            .map(|choice| candidates.iter().find(|network| network.id == choice.network).unwrap())
            .collect();
        prop_assert!(chosen.windows(2).all(|pair| stands_before(pair[0], pair[1])));

        let usable = candidates.iter().filter(|network| network.project.as_ref().is_none_or(|owner| *owner == p1));
        let usable: BTreeSet<_> = usable.map(|network| network.id).collect();
        prop_assert_eq!(chosen.iter().map(|network| network.id).collect::<BTreeSet<_>>(), usable);

        let mut by_age = candidates;
        by_age.sort_by_key(|network| network.sequence);
        prop_assert_eq!(order(&p1, &by_age, &[], false).unwrap(), choices);
    }

    /// A request is answered verbatim or refused; another project's network is never part of an answer.
    #[test]
    fn a_request_is_verbatim_or_refused(
        candidates in any_candidates(),
        numbers in prop::collection::vec(1_u128..14, 1..6),
        allow_duplicates in any::<bool>(),
    ) {
        let p1 = project("p1");
        let requested: Vec<_> = numbers
            .iter()
            .map(|&number| RequestedNetwork { network: Uuid::from_u128(number).into(), fixed_ips: Vec::new() })
            .collect();
        let is_usable = |id: NetworkId| {
            candidates.iter().any(|network| network.id == id && network.project.as_ref().is_none_or(|owner| *owner == p1))
        };
        match order(&p1, &candidates, &requested, allow_duplicates) {
            Ok(choices) => {
                prop_assert!(choices.iter().map(|choice| choice.network).eq(requested.iter().map(|wish| wish.network)));
                prop_assert!(choices.iter().all(|choice| is_usable(choice.network)));
                let distinct: BTreeSet<_> = numbers.iter().collect();
                prop_assert!(allow_duplicates || distinct.len() == numbers.len());
            }
            Err(OrderError::NotFound { index, network }) => {
                prop_assert_eq!(requested[index].network, network);
                prop_assert!(!is_usable(network));
            }
            Err(OrderError::Duplicate { first, index, network }) => {
                prop_assert!(!allow_duplicates && first < index);
                prop_assert_eq!((requested[first].network, requested[index].network), (network, network));
            }
        }
    }
}
