//! What happens to DNS domains and their entries. With a domain go its entries, without events of their own.

use lepton_types::{DnsDomain, DnsEntry, DnsScope, Event};

use super::Facts;
use crate::RowChange;

/// What became of a domain.
pub(super) fn domain_event(change: &RowChange<&DnsDomain>) -> Option<Event> {
    match (change.before, change.after) {
        (None, Some(after)) => Some(about_domain("dns_domain.created", after)),
        (Some(before), None) => Some(about_domain("dns_domain.deleted", before)),
        (Some(_), Some(after)) => Some(about_domain("dns_domain.modified", after)),
        (None, None) => None,
    }
}

fn about_domain(kind: &'static str, domain: &DnsDomain) -> Event {
    let event = Event::new(kind);
    let event = match &domain.scope {
        DnsScope::Public { project } => event.of_owner(project.as_ref()),
        DnsScope::Private { availability_zone } => {
            event.with_some("availability_zone", availability_zone.as_ref())
        }
    };
    event.with("domain", &domain.name)
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
