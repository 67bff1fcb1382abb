//! Floating IPs against a model: whatever is done, the ledger agrees with a dozen lines.

use std::collections::{BTreeMap, BTreeSet};

use lepton_types::InstanceId;
use proptest::prelude::*;

use super::*;
use crate::AllocateForInstance;

/// What a floating IP of the model is like: whose it is, and where it leads.
type Model = BTreeMap<IpAddr, (String, Option<u128>)>;

#[derive(Clone, Debug)]
enum Step {
    Live(u128),
    End(u128),
    Allocate(&'static str),
    Release(usize),
    Associate(usize, u128),
    Disassociate(usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..4_u128).prop_map(Step::Live),
        (0..4_u128).prop_map(Step::End),
        prop_oneof![Just("p1"), Just("p2")].prop_map(Step::Allocate),
        (0..8_usize).prop_map(Step::Release),
        (0..8_usize, 0..4_u128).prop_map(|(at, number)| Step::Associate(at, number)),
        (0..8_usize).prop_map(Step::Disassociate),
    ]
}

proptest! {
    /// Whatever is done, the ledger agrees with a model of a dozen lines, and its counts with its rows.
    #[test]
    fn floating_ips_follow_their_model(steps in prop::collection::vec(any_step(), 1..60)) {
        let mut ledger = with_pool(&["172.24.4.0/29", "172.24.5.1-172.24.5.2"]);
        let (mut model, mut live) = (Model::new(), BTreeSet::new());
        let whose = |number: u128| if number.is_multiple_of(2) { "p1" } else { "p2" };
        let at = |index: usize| address(["172.24.4.1", "172.24.4.2", "172.24.4.3", "172.24.4.4", "172.24.4.5", "172.24.4.6", "172.24.5.1", "172.24.5.2"][index]);
        for step in steps {
            match step {
                Step::Live(number) => {
                    let allocation = AllocateForInstance { project: project(whose(number)), ..allocation(number, vec![]) };
                    prop_assert_eq!(decided(&mut ledger, &allocation).is_ok(), live.insert(number));
                }
                Step::End(number) => {
                    decided(&mut ledger, &deallocation(number)).unwrap();
                    live.remove(&number);
                    model.values_mut().filter(|(_, target)| *target == Some(number)).for_each(|(_, target)| *target = None);
                }
                Step::Allocate(owner) => {
                    let outcome = decided(&mut ledger, &AllocateFloatingIp { project: Some(project(owner)), ..wish() });
                    let lowest = (0..8).map(at).find(|address| !model.contains_key(address));
                    prop_assert_eq!(outcome.ok().map(|info| info.floating_ip.address), lowest);
                    model.extend(lowest.map(|address| (address, (owner.to_owned(), None))));
                }
                Step::Release(index) => {
                    let is_free = model.get(&at(index)).is_some_and(|(_, target)| target.is_none());
                    prop_assert_eq!(decided(&mut ledger, &release(at(index))).is_ok(), is_free);
                    if is_free {
                        model.remove(&at(index));
                    }
                }
                Step::Associate(index, number) => {
                    let outcome = decided(&mut ledger, &associate(at(index), number, None));
                    let row = model.get_mut(&at(index)).filter(|(owner, _)| live.contains(&number) && owner == whose(number));
                    prop_assert_eq!(outcome.is_ok(), row.is_some());
                    if let (Some((_, target)), Ok(done)) = (row, outcome) {
                        let previous = target.replace(number).filter(|previous| *previous != number);
                        prop_assert_eq!(done.previous_instance, previous.map(instance));
                    }
                }
                Step::Disassociate(index) => {
                    let previous = model.get_mut(&at(index)).and_then(|(_, target)| target.take());
                    let outcome = decided(&mut ledger, &disassociate(at(index)));
                    prop_assert_eq!(outcome.ok().and_then(|done| done.previous_instance), previous.map(instance));
                }
            }
        }
        let rows = ledger.rows::<FloatingIp>().map(|row| {
            let leads_to: Option<InstanceId> = row.target.map(|target| target.instance);
            (row.address, (row.project.to_string(), leads_to))
        });
        let modelled = model.into_iter().map(|(address, (owner, target))| (address, (owner, target.map(instance))));
        prop_assert!(rows.eq(modelled));
        for range in ledger.rows::<FloatingRange>() {
            let rows = ledger.rows::<FloatingIp>().filter(|row| row.subnet == range.subnet);
            prop_assert_eq!(rows.count() as u64, range.allocated);
        }
    }
}
