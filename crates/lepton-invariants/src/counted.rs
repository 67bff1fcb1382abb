//! What is counted: quotas and the events of the journal.

use std::collections::BTreeMap;

use lepton_ledger::JournalBounds;
use lepton_types::{ProjectId, Quota, Resource};

use crate::Dump;

/// What a project has of each resource is counted again.
pub(crate) fn quotas_agree_with_the_rows(dump: &Dump) {
    let mut counted: BTreeMap<&ProjectId, [u64; 4]> = BTreeMap::new();
    for project in dump.networks.iter().filter_map(|network| network.project.as_ref()) {
        counted.entry(project).or_default()[0] += 1;
    }
    let ports: BTreeMap<_, _> = dump.ports.iter().map(|port| (port.id, &port.project)).collect();
    for project in ports.values() {
        counted.entry(project).or_default()[1] += 1;
    }
    for row in &dump.fixed_ips {
        if let Some(port) = row.holder.port() {
            counted.entry(ports[&port]).or_default()[2] += 1;
        }
    }
    for row in &dump.floating_ips {
        counted.entry(&row.project).or_default()[3] += 1;
    }
    let used = |quota: &Quota| Resource::ALL.map(|resource| *quota.used.of(resource));
    let mut kept: BTreeMap<_, _> = dump.quotas.iter().map(|quota| (&quota.project, used(quota))).collect();
    kept.retain(|_, used| *used != [0; 4]);
    assert_eq!(kept, counted);
}

/// Each event has the revision behind that of the one before it, and the last one has the newest.
pub(crate) fn the_journal_has_no_gaps(dump: &Dump) {
    let JournalBounds { oldest, newest } = dump.journal_bounds;
    let mut next = oldest;
    for row in &dump.journal {
        assert_eq!(row.first(), next, "{row:?}");
        next = row.last + 1;
    }
    assert_eq!(next, newest + 1, "the counter and the rows agree");
}
