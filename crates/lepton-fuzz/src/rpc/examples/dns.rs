//! Calls about the domains and their names.

use lepton_proto::v1;

use super::{DOMAIN, Example, PROJECT, SPARE_DOMAIN, call, call_by};
use crate::callers::MEMBER;

/// The domains that there are.
pub(in crate::rpc) fn domains() -> [v1::CreateDnsDomainRequest; 2] {
    [DOMAIN.0, SPARE_DOMAIN].map(|domain| v1::CreateDnsDomainRequest {
        domain: domain.into(),
        scope: v1::DnsDomainScope::Public.into(),
        project_id: PROJECT.into(),
        ..Default::default()
    })
}

pub(super) fn entry(name: &str) -> v1::AddDnsEntryRequest {
    v1::AddDnsEntryRequest {
        domain: DOMAIN.0.into(),
        name: name.into(),
        address: "10.1.0.9".into(),
        ..Default::default()
    }
}

pub(super) fn calls() -> Vec<Example> {
    let domain = v1::CreateDnsDomainRequest {
        domain: "north.example".into(),
        scope: v1::DnsDomainScope::Private.into(),
        availability_zone: "north".into(),
        ..Default::default()
    };
    let change = v1::ModifyDnsEntryRequest {
        domain: DOMAIN.0.into(),
        name: DOMAIN.1.into(),
        address: "10.1.0.10".into(),
        ..Default::default()
    };
    let deletion = v1::DeleteDnsEntryRequest {
        domain: DOMAIN.0.into(),
        name: DOMAIN.1.into(),
        r#type: "A".into(),
        ..Default::default()
    };
    let list = v1::ListDnsEntriesRequest { domain: DOMAIN.0.into(), page_size: 1, ..Default::default() };
    vec![
        call("/lepton.v1.Dns/CreateDnsDomain", &domain),
        call(
            "/lepton.v1.Dns/DeleteDnsDomain",
            &v1::DeleteDnsDomainRequest { domain: SPARE_DOMAIN.into(), ..Default::default() },
        ),
        call(
            "/lepton.v1.Dns/ListDnsDomains",
            &v1::ListDnsDomainsRequest { page_size: 1, ..Default::default() },
        ),
        call_by(MEMBER, "/lepton.v1.Dns/AddDnsEntry", &entry("db.eu")),
        call_by(MEMBER, "/lepton.v1.Dns/ModifyDnsEntry", &change),
        call_by(MEMBER, "/lepton.v1.Dns/DeleteDnsEntry", &deletion),
        call_by(MEMBER, "/lepton.v1.Dns/ListDnsEntries", &list),
    ]
}
