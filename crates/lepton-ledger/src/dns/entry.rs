//! Entries: taken away and shown.

use std::net::IpAddr;

use lepton_types::{DnsDomainId, DnsEntry, DomainName, Hostname, NameBond, ProjectId, RecordType};
use serde::{Deserialize, Serialize};

use crate::{Command, Key, Refusal, Scope, Stop, View, page, row::EntryKey};

/// Takes a name from a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteDnsEntry {
    /// Whose domains the caller may change.
    pub scope: Scope,
    /// The domain.
    pub domain: DomainName,
    /// The name within it.
    pub name: Hostname,
    /// Only its entry of this type; none: of either.
    pub record_type: Option<RecordType>,
}

impl Command for DeleteDnsEntry {
    type Answer = ();

    const NAME: &'static str = "DeleteDnsEntry";

    fn keys(&self) -> Vec<Key> {
        vec![Key::DnsDomain(self.domain.clone())]
    }

    fn decide(&self, ledger: &mut View) -> Result<(), Stop> {
        let domain = ledger.own_dns_domain(&self.scope, &self.domain)?.id;
        let types =
            RecordType::ALL.into_iter().filter(|one| self.record_type.is_none_or(|only| only == *one));
        let keys: Vec<EntryKey> = types.map(|one| (domain, self.name.clone(), one)).collect();
        ledger.need(keys.iter().cloned().map(Key::DnsEntry))?;
        let mut is_found = false;
        for key in &keys {
            is_found |= ledger.dns_entry(key)?.is_some();
            ledger.end::<DnsEntry>(key);
        }
        if !is_found {
            let (domain, name) = (self.domain.clone(), self.name.clone());
            return Err(Refusal::DnsEntryNotFound { domain, name, record_type: self.record_type }.into());
        }
        Ok(())
    }
}

/// Shows a page of entries: of a domain, of one of its names, or of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListDnsEntries {
    /// Which domains the caller may see.
    pub scope: Scope,
    /// Where to look.
    pub place: DnsPlace,
    /// Only entries behind this one, as [`DnsEntryPage::next`] names it.
    pub after: Option<EntryKey>,
    /// Most entries to show; not zero.
    pub limit: u16,
}

/// Where to look for entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsPlace {
    /// In a domain.
    Domain {
        /// Its name.
        domain: DomainName,
        /// Only this name.
        name: Option<Hostname>,
        /// Only what leads to this address.
        address: Option<IpAddr>,
    },
    /// In all domains, for what leads to an address. For who may see them all.
    Address(IpAddr),
}

/// An entry with the name of its domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedEntry {
    /// The domain's name.
    pub domain: DomainName,
    /// The entry.
    pub entry: DnsEntry,
}

/// A page of entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsEntryPage {
    /// The entries.
    pub entries: Vec<NamedEntry>,
    /// The entry behind which the next page starts; none on the last page.
    pub next: Option<EntryKey>,
}

impl Command for ListDnsEntries {
    type Answer = DnsEntryPage;

    const NAME: &'static str = "ListDnsEntries";

    fn decide(&self, ledger: &mut View) -> Result<DnsEntryPage, Stop> {
        let mut entries = match &self.place {
            DnsPlace::Address(address) => self.of_address(ledger, *address)?,
            DnsPlace::Domain { domain, name, address } => {
                let domain = ledger.seen_dns_domain(&self.scope, domain)?;
                let found = match name {
                    Some(name) => named(ledger, domain.id, name, *address)?,
                    None => self.of_domain(ledger, domain.id, *address)?,
                };
                found.into_iter().map(|entry| NamedEntry { domain: domain.name.clone(), entry }).collect()
            }
        };
        let next = page::cut(&mut entries, self.limit, |NamedEntry { entry, .. }| {
            (entry.domain, entry.name.clone(), entry.record_type())
        });
        self.hide_others(ledger, &mut entries)?;
        Ok(DnsEntryPage { entries, next })
    }
}

impl ListDnsEntries {
    fn of_domain(
        &self,
        ledger: &mut View,
        domain: DnsDomainId,
        address: Option<IpAddr>,
    ) -> Result<Vec<DnsEntry>, Stop> {
        let after = self.after.clone().map(|(_, name, record_type)| (name, record_type));
        ledger.dns_entry_page(domain, address, after.as_ref(), page::looks(self.limit))
    }

    fn of_address(&self, ledger: &mut View, address: IpAddr) -> Result<Vec<NamedEntry>, Stop> {
        let after = self.after.clone().map(|(domain, name, _)| (domain, name));
        ledger.dns_names(address, after, page::looks(self.limit))
    }

    /// Hides what entries end with that is another project's: a domain of no project leads to whatever operators say.
    fn hide_others(&self, ledger: &mut View, entries: &mut [NamedEntry]) -> Result<(), Stop> {
        let Some(own) = self.scope.project() else { return Ok(()) };
        ledger.need(entries.iter().filter_map(|named| key_of_owner(&named.entry)))?;
        for NamedEntry { entry, .. } in entries {
            if owner(ledger, entry)?.as_ref() != Some(own) {
                entry.bound = None;
            }
        }
        Ok(())
    }
}

/// What says whose it is that an entry ends with.
fn key_of_owner(entry: &DnsEntry) -> Option<Key> {
    Some(entry.bound?.port.map_or(Key::FloatingOwner(entry.address), Key::Port))
}

/// Whose it is that an entry ends with: a port's fixed IP, or a floating IP.
fn owner(ledger: &mut View, entry: &DnsEntry) -> Result<Option<ProjectId>, Stop> {
    Ok(match entry.bound {
        None => None,
        Some(NameBond { port: Some(port), .. }) => ledger.port(port)?.map(|port| port.project.clone()),
        Some(NameBond { port: None, .. }) => ledger.floating_owner(entry.address)?.map(|owner| owner.project),
    })
}

/// What a name leads to: one address of each family at most.
fn named(
    ledger: &mut View,
    domain: DnsDomainId,
    name: &Hostname,
    address: Option<IpAddr>,
) -> Result<Vec<DnsEntry>, Stop> {
    let keys = RecordType::ALL.map(|record_type| (domain, name.clone(), record_type));
    ledger.need(keys.iter().cloned().map(Key::DnsEntry))?;
    let mut found = Vec::new();
    for key in &keys {
        let entry = ledger.dns_entry(key)?.filter(|entry| address.is_none_or(|only| entry.address == only));
        found.extend(entry.cloned());
    }
    Ok(found)
}
