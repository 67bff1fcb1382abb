//! Entries: added, and changed to lead elsewhere.

use std::net::IpAddr;

use lepton_types::{DnsEntry, DomainName, Hostname, InstanceId, NameBond, RecordType};

use super::NamedEntry;
use crate::{Command, Instance, Key, Refusal, Scope, Stop, View};

/// Gives a name in a domain an address. That the full name is short enough was checked when it was parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddDnsEntry {
    /// Whose domains and instances the caller may touch.
    pub scope: Scope,
    /// The domain.
    pub domain: DomainName,
    /// The name within it, which must have no entry of the address's family yet.
    pub name: Hostname,
    /// Where it leads.
    pub address: IpAddr,
    /// An instance that has the address as a fixed IP, with which the entry ends then.
    pub instance: Option<InstanceId>,
}

impl Command for AddDnsEntry {
    type Answer = NamedEntry;

    const NAME: &'static str = "AddDnsEntry";

    fn keys(&self) -> Vec<Key> {
        keys(&self.domain, self.address, self.instance)
    }

    fn decide(&self, ledger: &mut View) -> Result<NamedEntry, Stop> {
        let domain = ledger.own_dns_domain(&self.scope, &self.domain)?;
        let key = (domain.id, self.name.clone(), RecordType::of(self.address));
        if let Some(other) = ledger.dns_entry(&key)? {
            let (domain, name, address) = (self.domain.clone(), self.name.clone(), other.address);
            return Err(Refusal::FloatingIpDnsExists { domain, name, address, field: None }.into());
        }
        let bound = bond(ledger, &self.scope, self.address, self.instance)?;
        let (name, address, created_at) = (self.name.clone(), self.address, ledger.now());
        let entry = DnsEntry { domain: domain.id, name, address, bound, created_at };
        ledger.insert(entry.clone());
        Ok(NamedEntry { domain: domain.name, entry })
    }
}

/// Lets a name lead to another address of the same family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModifyDnsEntry {
    /// Whose domains and instances the caller may touch.
    pub scope: Scope,
    /// The domain.
    pub domain: DomainName,
    /// The name within it, which must have an entry of the address's family.
    pub name: Hostname,
    /// Where it is to lead.
    pub address: IpAddr,
    /// An instance that has the address as a fixed IP, with which the entry ends from now on.
    pub instance: Option<InstanceId>,
}

impl Command for ModifyDnsEntry {
    type Answer = NamedEntry;

    const NAME: &'static str = "ModifyDnsEntry";

    fn keys(&self) -> Vec<Key> {
        keys(&self.domain, self.address, self.instance)
    }

    fn decide(&self, ledger: &mut View) -> Result<NamedEntry, Stop> {
        let domain = ledger.own_dns_domain(&self.scope, &self.domain)?;
        let record_type = RecordType::of(self.address);
        let found = ledger.dns_entry(&(domain.id, self.name.clone(), record_type))?.cloned();
        let Some(found) = found else {
            let (domain, name) = (self.domain.clone(), self.name.clone());
            return Err(Refusal::DnsEntryNotFound { domain, name, record_type: Some(record_type) }.into());
        };
        let bound = bond(ledger, &self.scope, self.address, self.instance)?;
        let entry = DnsEntry { address: self.address, bound, ..found };
        ledger.replace(entry.clone());
        Ok(NamedEntry { domain: domain.name, entry })
    }
}

fn keys(domain: &DomainName, address: IpAddr, instance: Option<InstanceId>) -> Vec<Key> {
    let ends_with = instance.map_or(Key::FloatingIp(address), Key::Instance);
    vec![Key::DnsDomain(domain.clone()), ends_with]
}

/// With what an entry for this address ends: with the instance's fixed IP, if an instance is given, whose end has to look for
/// names from then on; else with the floating IP, if it is one that is the caller's to release. Another project's is an address
/// like any other: a bond would tell that somebody has it, and be work for whoever releases it.
fn bond(
    ledger: &mut View,
    scope: &Scope,
    address: IpAddr,
    instance: Option<InstanceId>,
) -> Result<Option<NameBond>, Stop> {
    let Some(id) = instance else {
        let floating_ip = ledger.floating_ip(address)?.filter(|row| scope.owns(Some(&row.project)));
        return Ok(floating_ip.map(|row| NameBond { subnet: row.subnet, port: None }));
    };
    let found = ledger.instance(id)?.filter(|instance| scope.owns(Some(&instance.project))).cloned();
    let instance = found.ok_or(Refusal::InstanceNotFound { instance: id })?;
    for port in ledger.ports_of(&instance)? {
        let held = ledger.usable_by(port.id).into_iter().find(|row| row.address == address);
        if let Some(held) = held {
            ledger.replace(Instance { has_names: true, ..instance });
            return Ok(Some(NameBond { subnet: held.subnet, port: Some(port.id) }));
        }
    }
    let problem = format!(
        "{address} is no fixed IP of instance {id}; an entry for a floating IP ends with that, and is added without an instance"
    );
    Err(Refusal::invalid_field("address", problem).into())
}
