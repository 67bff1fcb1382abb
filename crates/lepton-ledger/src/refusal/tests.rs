//! Tests of the table of refusals.

use std::collections::BTreeSet;

use super::*;

#[test]
fn no_two_refusals_have_one_reason() {
    let reasons: BTreeSet<&str> = REASONS.iter().copied().collect();
    assert_eq!(reasons.len(), REASONS.len());
}
