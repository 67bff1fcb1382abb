//! What happens to DNS domains and their entries. With a domain go its entries, without events of their own.

use lepton_types::{DnsDomain, DnsEntry, DnsScope, Event};

use super::Facts;
use crate::RowChange;

/// What became of a domain. Where it is for others now, both who had it and who has it hear of it, and neither of the other.
pub(super) fn domain_events(change: &RowChange<&DnsDomain>) -> Vec<Event> {
    match (change.before, change.after) {
        (None, Some(after)) => vec![about_domain("dns_domain.created", after)],
        (Some(before), None) => vec![about_domain("dns_domain.deleted", before)],
        (Some(before), Some(after)) => changed_domain(before, after),
        (None, None) => Vec::new(),
    }
}

fn changed_domain(before: &DnsDomain, after: &DnsDomain) -> Vec<Event> {
    match (&before.scope, &after.scope) {
        (DnsScope::Private { availability_zone: old }, DnsScope::Private { availability_zone: new }) => {
            let modified = about_domain("dns_domain.modified", after);
            vec![modified.changed("availability_zone", old.as_ref(), new.as_ref())]
        }
        _ => vec![
            about_domain("dns_domain.disassociated", before),
            about_domain("dns_domain.associated", after),
        ],
    }
}

/// Of a private domain only operators hear.
fn about_domain(kind: &'static str, domain: &DnsDomain) -> Event {
    let event = Event::new(kind).with("domain", &domain.name);
    match &domain.scope {
        DnsScope::Public { project } => event.of_owner(project.as_ref()),
        DnsScope::Private { availability_zone } => {
            event.with("private", true).with_some("availability_zone", availability_zone.as_ref())
        }
    }
}

/// What became of an entry. Who may see its domain may see it: of a private one only operators, whoever's the address is.
pub(super) fn entry_event(change: &RowChange<&DnsEntry>, facts: &Facts<'_>) -> Option<Event> {
    match (change.before, change.after) {
        (None, Some(after)) => Some(about_entry("dns_entry.created", after, facts)),
        (Some(before), None) => Some(about_entry("dns_entry.deleted", before, facts)),
        (Some(before), Some(after)) => {
            let event = about_entry("dns_entry.modified", after, facts);
            Some(event.changed("address", Some(&before.address), Some(&after.address)))
        }
        (None, None) => None,
    }
}

/// The port that the entry ends with may be anybody's, so only operators hear of it.
fn about_entry(kind: &'static str, entry: &DnsEntry, facts: &Facts<'_>) -> Event {
    let domain = facts.dns_domain(entry.domain);
    let event = Event::new(kind);
    let event = match domain.map(|domain| &domain.scope) {
        Some(DnsScope::Public { project }) => event.of_owner(project.as_ref()),
        Some(DnsScope::Private { .. }) | None => {
            event.with_some("port_id", entry.bound.and_then(|bond| bond.port))
        }
    };
    event
        .with_some("domain", domain.map(|domain| &domain.name))
        .with("name", &entry.name)
        .with("type", entry.record_type())
        .with("address", entry.address)
}
