//! An instance's own names: made with its addresses, in the domain that an operator has set for guests.

use lepton_types::{
    AvailabilityZone, DnsDomain, DnsEntry, DnsScope, DomainName, Hostname, InstanceId, NameBond, PortId,
    RecordType,
};

use crate::{FixedIp, Instance, Key, Refusal, Row, Stop, View};

/// What an instance is called, and where its names are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Naming {
    /// What it calls itself.
    pub hostname: Option<Hostname>,
    /// The availability zone that it is in.
    pub availability_zone: Option<AvailabilityZone>,
    /// The domain of guests' own names; none: they get none. The manager's setting, not part of the request.
    pub domain: Option<DomainName>,
}

impl Naming {
    /// What naming in this domain needs, for the round before it.
    pub(crate) fn key(domain: Option<&DomainName>) -> Option<Key> {
        domain.cloned().map(Key::DnsDomain)
    }

    /// Names the first address of each family that the ports have, after the instance's id and its hostname; answers
    /// whether there are any names. A name has one address of each type, so further vNICs have none.
    pub(crate) fn name(
        &self,
        ledger: &mut View,
        instance: InstanceId,
        ports: &[PortId],
    ) -> Result<bool, Stop> {
        let Some(domain) = self.domain_for_it(ledger)? else { return Ok(false) };
        let names = self.names(&domain, instance)?;
        let entries = entries(ledger, &domain, &names, ports)?;
        let has_names = !entries.is_empty();
        for (field, entry) in entries {
            if let Some(other) = ledger.dns_entry(&entry.key())? {
                let (domain, name, address) = (domain.name.clone(), entry.name, other.address);
                return Err(Refusal::FloatingIpDnsExists { domain, name, address, field: Some(field) }.into());
            }
            ledger.insert(entry);
        }
        Ok(has_names)
    }

    /// How a living instance is called, in the domain that guests' names are in by now.
    pub(crate) fn of(instance: &Instance, domain: Option<&DomainName>) -> Self {
        Self {
            hostname: instance.hostname.clone(),
            availability_zone: instance.availability_zone.clone(),
            domain: domain.cloned(),
        }
    }

    /// Names the first address of each family that a living instance has, where none of that family has its names: whoever gives
    /// it an address or takes one calls this afterwards. A name that somebody else has by then stays theirs.
    pub(crate) fn name_where_none(&self, ledger: &mut View, instance: &Instance) -> Result<(), Stop> {
        let ports: Vec<PortId> = ledger.ports_of(instance)?.iter().map(|port| port.id).collect();
        if first_of_each_type(ledger, &ports).is_empty() {
            return Ok(());
        }
        let Some(domain) = self.domain_for_it(ledger)? else { return Ok(()) };
        // Of a domain that was set meanwhile, in which its hostname has no room, it gets no names.
        let Ok(names) = self.names(&domain, instance.id) else { return Ok(()) };
        for (_, entry) in entries(ledger, &domain, &names, &ports)? {
            if ledger.dns_entry(&entry.key())?.is_none() {
                ledger.insert(entry);
                ledger.replace(Instance { has_names: true, ..instance.clone() });
            }
        }
        Ok(())
    }

    /// The domain that the instance's names go into; none when names are off, or when the domain is another availability
    /// zone's (B57). A domain that is not there comes to be with the first name in it.
    fn domain_for_it(&self, ledger: &mut View) -> Result<Option<DnsDomain>, Stop> {
        let Some(name) = &self.domain else { return Ok(None) };
        let Some(domain) = ledger.dns_domain(name)?.cloned() else {
            return Ok(Some(ledger.insert_dns_domain(name, DnsScope::Private { availability_zone: None })));
        };
        let is_its = match &domain.scope {
            DnsScope::Private { availability_zone: Some(zone) } => {
                self.availability_zone.as_ref() == Some(zone)
            }
            DnsScope::Private { availability_zone: None } | DnsScope::Public { .. } => true,
        };
        Ok(Some(domain).filter(|_| is_its))
    }

    /// The instance's names, each with the field of the request that it comes from.
    fn names(
        &self,
        domain: &DnsDomain,
        instance: InstanceId,
    ) -> Result<Vec<(&'static str, Hostname)>, Refusal> {
        let id: Hostname = instance.to_string().parse().expect("a UUID is a label");
        let mut names = vec![("instance_id", id)];
        if let Some(hostname) = self.hostname.clone().filter(|hostname| *hostname != names[0].1) {
            let checked = hostname.within(&domain.name);
            checked.map_err(|error| Refusal::invalid_field("hostname", error.to_string()))?;
            names.push(("hostname", hostname));
        }
        Ok(names)
    }
}

/// The entries by which each name leads to the first address of each type, each with the field that its name comes from. What has
/// their keys is loaded.
fn entries(
    ledger: &mut View,
    domain: &DnsDomain,
    names: &[(&'static str, Hostname)],
    ports: &[PortId],
) -> Result<Vec<(&'static str, DnsEntry)>, Stop> {
    let addresses = first_of_each_type(ledger, ports);
    let (domain, created_at) = (domain.id, ledger.now());
    let to_each = |(field, name): &(&'static str, Hostname)| {
        let to = |(port, row): &(PortId, FixedIp)| {
            let bound = Some(NameBond { subnet: row.subnet, port: Some(*port) });
            (*field, DnsEntry { domain, name: name.clone(), address: row.address, bound, created_at })
        };
        addresses.iter().map(to).collect::<Vec<_>>()
    };
    let entries: Vec<_> = names.iter().flat_map(to_each).collect();
    ledger.need(entries.iter().map(|(_, entry)| Key::DnsEntry(entry.key())))?;
    Ok(entries)
}

/// The first address of each type that the ports have, in their order, each with its port.
fn first_of_each_type(ledger: &View, ports: &[PortId]) -> Vec<(PortId, FixedIp)> {
    let all =
        || ports.iter().flat_map(|port| ledger.usable_by(*port).into_iter().map(move |row| (*port, row)));
    let first = |one: RecordType| all().find(|(_, row)| RecordType::of(row.address) == one);
    RecordType::ALL.into_iter().filter_map(first).collect()
}

#[cfg(test)]
mod tests;
