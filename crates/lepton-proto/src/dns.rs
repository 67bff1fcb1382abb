//! `dns.proto`: domains and entries to the wire.

use lepton_types::{DnsDomain, DnsEntry, DnsScope, DomainName};

use crate::{timestamp, v1};

impl From<DnsDomain> for v1::DnsDomain {
    fn from(domain: DnsDomain) -> Self {
        let (scope, project_id, availability_zone) = match domain.scope {
            DnsScope::Public { project } => (v1::DnsDomainScope::Public, project.map(String::from), None),
            DnsScope::Private { availability_zone } => {
                (v1::DnsDomainScope::Private, None, availability_zone.map(String::from))
            }
        };
        Self {
            domain: domain.name.into(),
            scope: scope.into(),
            project_id: project_id.unwrap_or_default(),
            availability_zone: availability_zone.unwrap_or_default(),
            created_at: Some(timestamp(domain.created_at)),
        }
    }
}

/// An entry and the name of its domain as one message.
pub fn dns_entry(domain: DomainName, entry: DnsEntry) -> v1::DnsEntry {
    v1::DnsEntry {
        domain: domain.into(),
        r#type: entry.record_type().to_string(),
        address: entry.address.to_string(),
        name: entry.name.into(),
        subnet_id: entry.bound.map(|bond| bond.subnet.to_string()).unwrap_or_default(),
        port_id: entry.bound.and_then(|bond| bond.port).map(|port| port.to_string()).unwrap_or_default(),
        created_at: Some(timestamp(entry.created_at)),
    }
}
