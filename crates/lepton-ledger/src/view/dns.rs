//! What commands ask a view about DNS: domains, their entries, and the names that are bound to addresses.

use std::{net::IpAddr, ops::Bound};

use lepton_types::{DnsDomain, DnsDomainId, DnsEntry, DomainName, Hostname, ProjectId, RecordType, SubnetId};
use uuid::Uuid;

use super::View;
use crate::{EntryKey, Key, NamedEntry, Scope, Selection, Stop};

impl View {
    /// The domain of this name.
    pub(crate) fn dns_domain(&mut self, name: &DomainName) -> Result<Option<&DnsDomain>, Stop> {
        self.need([Key::DnsDomain(name.clone())])?;
        let start = (name.clone(), Uuid::nil().into());
        let entry = self.indexes.dns_domains_by_name.range(start..).next().filter(|entry| entry.0 == *name);
        let id = entry.map(|entry| entry.1);
        Ok(id.and_then(|id| self.row(&id)))
    }

    /// Domains in the order of their names.
    pub(crate) fn dns_domain_page(
        &mut self,
        project: Option<&ProjectId>,
        after: Option<&DomainName>,
        limit: u16,
    ) -> Result<Vec<DnsDomain>, Stop> {
        self.need([Key::Select(Selection::DnsDomainPage {
            project: project.cloned(),
            after: after.cloned(),
            limit,
        })])?;
        let later =
            after.map_or(Bound::Unbounded, |name| Bound::Excluded((name.clone(), Uuid::max().into())));
        let scope = project.cloned().map_or(Scope::Everything, Scope::Project);
        let entries = self.indexes.dns_domains_by_name.range((later, Bound::Unbounded));
        let domains = entries.filter_map(|(_, id)| self.row::<DnsDomain>(id));
        Ok(domains.filter(|domain| scope.sees_domain(domain)).take(limit.into()).cloned().collect())
    }

    pub(crate) fn dns_entry(&mut self, key: &EntryKey) -> Result<Option<&DnsEntry>, Stop> {
        self.need([Key::DnsEntry(key.clone())])?;
        Ok(self.row(key))
    }

    /// Entries of a domain in the order of their names.
    pub(crate) fn dns_entry_page(
        &mut self,
        domain: DnsDomainId,
        address: Option<IpAddr>,
        after: Option<&(Hostname, RecordType)>,
        limit: u16,
    ) -> Result<Vec<DnsEntry>, Stop> {
        self.need([Key::Select(Selection::DnsEntryPage { domain, address, after: after.cloned(), limit })])?;
        let (name, record_type) = after.cloned().unwrap_or_else(|| (first_name(), RecordType::A));
        let key = (domain, name, record_type);
        let start = if after.is_some() { Bound::Excluded(&key) } else { Bound::Included(&key) };
        let entries = self.tables.dns_entries.rows_from(start).take_while(|entry| entry.domain == domain);
        let wanted = entries.filter(|entry| address.is_none_or(|address| entry.address == address));
        Ok(wanted.take(limit.into()).cloned().collect())
    }

    /// The entries of any domain that lead to an address, in the order of their domains' ids and of their names.
    pub(crate) fn dns_names(
        &mut self,
        address: IpAddr,
        after: Option<(DnsDomainId, Hostname)>,
        limit: u16,
    ) -> Result<Vec<NamedEntry>, Stop> {
        self.need([Key::Select(Selection::DnsNames { address, after: after.clone(), limit })])?;
        let start = match after {
            Some((domain, name)) => Bound::Excluded((address, domain, name)),
            None => Bound::Included((address, Uuid::nil().into(), first_name())),
        };
        let entries = self.indexes.dns_entries_by_address.range((start, Bound::Unbounded));
        let found = entries.take_while(|entry| entry.0 == address).filter_map(|(_, domain, name)| {
            let entry = self.row::<DnsEntry>(&(*domain, name.clone(), RecordType::of(address)))?;
            // A domain that has ended in this batch has taken its entries along.
            let domain = self.row::<DnsDomain>(domain)?.name.clone();
            Some(NamedEntry { domain, entry: entry.clone() })
        });
        Ok(found.take(limit.into()).collect())
    }

    /// The entries that end with an address.
    pub(crate) fn bound_names(&mut self, subnet: SubnetId, address: IpAddr) -> Result<Vec<EntryKey>, Stop> {
        self.need([Key::BoundNames(subnet, address)])?;
        let start = (subnet, address, (Uuid::nil().into(), first_name(), RecordType::A));
        let entries = self.indexes.dns_entries_by_bond.range(start..);
        let bound = entries.take_while(|entry| (entry.0, entry.1) == (subnet, address));
        // A domain that has ended in this batch has taken its entries along.
        let bound = bound.filter(|entry| self.row::<DnsDomain>(&entry.2.0).is_some());
        Ok(bound.map(|entry| entry.2.clone()).collect())
    }
}

/// The name before which there is no other: digits are before letters, and what begins with a 0 is behind it.
fn first_name() -> Hostname {
    "0".parse().expect("a digit is a label")
}
