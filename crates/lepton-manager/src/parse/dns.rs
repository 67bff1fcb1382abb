//! Requests about DNS.

use std::net::IpAddr;

use lepton_ledger::{
    AddDnsEntry, CreateDnsDomain, DeleteDnsDomain, DeleteDnsEntry, DnsPlace, EntryKey, ListDnsDomains,
    ListDnsEntries, ModifyDnsEntry, Refusal, Scope,
};
use lepton_proto::v1;
use lepton_types::{DnsScope, DomainName, Hostname, RecordType};

use super::{Fields, page};

/// Parses `CreateDnsDomain`.
pub(crate) fn create_dns_domain(
    mut fields: Fields,
    request: &v1::CreateDnsDomainRequest,
) -> Result<CreateDnsDomain, Refusal> {
    let name = fields.required("domain", &request.domain);
    let scope = dns_scope(&mut fields, request);
    fields.finish(name.zip(scope).map(|(name, scope)| CreateDnsDomain { name, scope }))
}

fn dns_scope(fields: &mut Fields, request: &v1::CreateDnsDomainRequest) -> Option<DnsScope> {
    let project = fields.optional("project_id", &request.project_id);
    let availability_zone = fields.optional("availability_zone", &request.availability_zone);
    match v1::DnsDomainScope::try_from(request.scope) {
        Ok(v1::DnsDomainScope::Public) => {
            if !request.availability_zone.is_empty() {
                fields.wrong("availability_zone", "is for private domains; a public one has a project");
            }
            Some(DnsScope::Public { project })
        }
        Ok(v1::DnsDomainScope::Private) => {
            if !request.project_id.is_empty() {
                fields.wrong("project_id", "is for public domains; a private one has an availability zone");
            }
            Some(DnsScope::Private { availability_zone })
        }
        Ok(v1::DnsDomainScope::Unspecified) => {
            fields.wrong("scope", "is required");
            None
        }
        Err(_) => {
            let known = "expected DNS_DOMAIN_SCOPE_PUBLIC or DNS_DOMAIN_SCOPE_PRIVATE";
            fields.wrong("scope", format!("{} is no scope of a domain ({known})", request.scope));
            None
        }
    }
}

/// Parses `DeleteDnsDomain`.
pub(crate) fn delete_dns_domain(
    mut fields: Fields,
    request: &v1::DeleteDnsDomainRequest,
) -> Result<DeleteDnsDomain, Refusal> {
    let name = fields.required("domain", &request.domain);
    fields.finish(name.map(|name| DeleteDnsDomain { name }))
}

/// Parses `ListDnsDomains`.
pub(crate) fn list_dns_domains(
    request: &v1::ListDnsDomainsRequest,
    scope: Scope,
) -> Result<ListDnsDomains, Refusal> {
    let mut fields = Fields::default();
    let limit = page::limit(&mut fields, request.page_size);
    let after = page::after(&mut fields, &request.page_token, |token| token.parse().ok());
    fields.finish(Some(ListDnsDomains { scope, after, limit }))
}

/// Parses `AddDnsEntry`.
pub(crate) fn add_dns_entry(
    mut fields: Fields,
    request: &v1::AddDnsEntryRequest,
    scope: Scope,
) -> Result<AddDnsEntry, Refusal> {
    let names = full_name(&mut fields, &request.domain, &request.name);
    let address = fields.address("address", &request.address);
    let record_type = fields.optional("type", &request.r#type);
    check_type(&mut fields, record_type, address);
    let instance = fields.optional("instance_id", &request.instance_id);
    fields.finish(names.zip(address).map(|((domain, name), address)| AddDnsEntry {
        scope,
        domain,
        name,
        address,
        instance,
    }))
}

/// A domain and a name in it, which together are a name that DNS has room for.
fn full_name(fields: &mut Fields, domain: &str, name: &str) -> Option<(DomainName, Hostname)> {
    let (domain, name) = (fields.required("domain", domain), fields.required("name", name));
    let (domain, name): (DomainName, Hostname) = domain.zip(name)?;
    match name.within(&domain) {
        Ok(_) => Some((domain, name)),
        Err(error) => {
            fields.wrong("name", error.to_string());
            None
        }
    }
}

fn check_type(fields: &mut Fields, given: Option<RecordType>, address: Option<IpAddr>) {
    let Some((given, address)) = given.zip(address) else { return };
    let right = RecordType::of(address);
    if given != right {
        fields.wrong("type", format!("{given} is not the type of {address}, which is {right}"));
    }
}

/// Parses `ModifyDnsEntry`.
pub(crate) fn modify_dns_entry(
    mut fields: Fields,
    request: &v1::ModifyDnsEntryRequest,
    scope: Scope,
) -> Result<ModifyDnsEntry, Refusal> {
    let names = full_name(&mut fields, &request.domain, &request.name);
    let address = fields.address("address", &request.address);
    let instance = fields.optional("instance_id", &request.instance_id);
    fields.finish(names.zip(address).map(|((domain, name), address)| ModifyDnsEntry {
        scope,
        domain,
        name,
        address,
        instance,
    }))
}

/// Parses `DeleteDnsEntry`.
pub(crate) fn delete_dns_entry(
    mut fields: Fields,
    request: &v1::DeleteDnsEntryRequest,
    scope: Scope,
) -> Result<DeleteDnsEntry, Refusal> {
    let names = full_name(&mut fields, &request.domain, &request.name);
    let record_type = fields.optional("type", &request.r#type);
    fields.finish(names.map(|(domain, name)| DeleteDnsEntry { scope, domain, name, record_type }))
}

/// Parses `ListDnsEntries`.
pub(crate) fn list_dns_entries(
    request: &v1::ListDnsEntriesRequest,
    scope: Scope,
) -> Result<ListDnsEntries, Refusal> {
    let mut fields = Fields::default();
    let place = place(&mut fields, request, &scope);
    let limit = page::limit(&mut fields, request.page_size);
    let after = page::after(&mut fields, &request.page_token, entry_key);
    fields.finish(place.map(|place| ListDnsEntries { scope, place, after, limit }))
}

fn place(fields: &mut Fields, request: &v1::ListDnsEntriesRequest, scope: &Scope) -> Option<DnsPlace> {
    let address = if request.address.is_empty() { None } else { fields.address("address", &request.address) };
    let name = fields.optional("name", &request.name);
    if !request.domain.is_empty() {
        let domain = fields.required("domain", &request.domain)?;
        return Some(DnsPlace::Domain { domain, name, address });
    }
    if scope.project().is_some() || !request.name.is_empty() {
        let whose = if request.name.is_empty() { "of a tenant" } else { "with a name" };
        fields.wrong("domain", format!("is required {whose}"));
    } else if request.address.is_empty() {
        fields.wrong("domain", "is required, or address");
    }
    address.map(DnsPlace::Address)
}

/// The token of the page behind an entry.
pub(crate) fn page_token((domain, name, record_type): &EntryKey) -> String {
    format!("{domain}/{name}/{record_type}")
}

fn entry_key(token: &str) -> Option<EntryKey> {
    let (domain, rest) = token.split_once('/')?;
    let (name, record_type) = rest.split_once('/')?;
    Some((domain.parse().ok()?, name.parse().ok()?, record_type.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_round_trips() {
        let domain = "11111111-2222-4333-8444-555555555555".parse().unwrap();
        let key = (domain, "www.eu".parse().unwrap(), RecordType::Aaaa);
        assert_eq!(entry_key(&page_token(&key)), Some(key));
        assert_eq!(entry_key("www"), None);
    }
}
