//! Every operation, with each thing that can go wrong at each of its steps.

use std::{collections::BTreeSet, fmt::Write as _};

use lepton_proto::FILE_DESCRIPTOR_SET;
use lepton_simulation::{Mishap, OPERATIONS, Operation, rehearse};
use prost::Message;
use prost_types::FileDescriptorSet;

/// Calls that change something and have no rehearsal, and why.
const NONE: [(&str, &str); 1] =
    [("Audits/RepairFinding", "mends what nothing here can break: the store's tests of the audit do")];

fn operations() -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter().copied().flatten()
}

/// Whatever goes wrong, in the end there is what there would be if nothing had.
fn survives(part: usize, parts: usize) {
    let mut problems = String::new();
    for (_, operation) in operations().enumerate().filter(|(number, _)| number % parts == part) {
        let name = operation.name;
        let undisturbed = rehearse(operation, None).unwrap_or_else(|failure| panic!("{name}: {failure}"));
        assert!(!undisturbed.steps.is_empty(), "{name} has no step");
        println!("{name}: {} steps", undisturbed.steps.len());
        for (number, step) in undisturbed.steps.iter().enumerate() {
            for mishap in Mishap::ALL {
                let chosen = format!("{name}: {mishap:?} at step {number}, {step}");
                match rehearse(operation, Some((number, mishap))) {
                    Err(failure) => drop(writeln!(problems, "{failure}\n{chosen}\n")),
                    Ok(done) if done.steps.get(number) != Some(step) => {
                        let _ = writeln!(problems, "{chosen}: but it is {:?}", done.steps.get(number));
                    }
                    Ok(done) if done.shape != undisturbed.shape => {
                        let _ = writeln!(
                            problems,
                            "{chosen}: {:#?} and not {:#?}",
                            done.shape, undisturbed.shape
                        );
                    }
                    Ok(_) => {}
                }
            }
        }
    }
    assert!(problems.is_empty(), "{problems}");
}

#[test]
fn the_first_operations_survive_whatever_goes_wrong_at_a_step() {
    survives(0, 4);
}

#[test]
fn the_second_operations_survive_whatever_goes_wrong_at_a_step() {
    survives(1, 4);
}

#[test]
fn the_third_operations_survive_whatever_goes_wrong_at_a_step() {
    survives(2, 4);
}

#[test]
fn the_fourth_operations_survive_whatever_goes_wrong_at_a_step() {
    survives(3, 4);
}

/// Whose request can be a dry run is a call that changes something.
#[test]
fn no_call_that_changes_something_is_left_out() {
    let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap().file;
    let changing: BTreeSet<String> = files
        .iter()
        .flat_map(|file| &file.message_type)
        .filter(|message| message.field.iter().any(|field| field.name() == "validate_only"))
        .map(|message| format!(".lepton.v1.{}", message.name()))
        .collect();
    let calls = files.iter().flat_map(|file| &file.service).flat_map(|service| {
        let changes = service.method.iter().filter(|method| changing.contains(method.input_type()));
        changes.map(|method| format!("{}/{}", service.name(), method.name()))
    });
    let calls: BTreeSet<String> = calls.collect();
    let rehearsed = operations().map(|operation| operation.name).filter(|name| name.contains('/'));
    let listed = rehearsed.chain(NONE.map(|(name, _)| name)).map(str::to_owned);
    assert_eq!(listed.collect::<BTreeSet<_>>(), calls);
}
