//! An instance's own names: made with its addresses, in the domain that an operator has set for guests.

use lepton_types::{
    AvailabilityZone, DnsDomain, DnsEntry, DnsScope, DomainName, Hostname, InstanceId, NameBond, PortId,
    RecordType,
};

use crate::{FixedIp, Instance, Key, Refusal, Stop, View, row::EntryKey};

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
    /// What naming needs, for the round before it.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        self.domain.clone().map(Key::DnsDomain).into_iter()
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
        let addresses = first_of_each_type(ledger, ports);
        let names = self.names(&domain, instance)?;
        let key = |name: &Hostname, row: &FixedIp| (domain.id, name.clone(), RecordType::of(row.address));
        let pairs =
            || names.iter().flat_map(|name| addresses.iter().map(move |(port, row)| (name, *port, row)));
        let keys: Vec<EntryKey> = pairs().map(|((_, name), _, row)| key(name, row)).collect();
        ledger.need(keys.into_iter().map(Key::DnsEntry))?;
        for ((field, name), port, row) in pairs() {
            if let Some(other) = ledger.dns_entry(&key(name, row))? {
                let (address, field) = (other.address, Some(*field));
                let (domain, name) = (domain.name.clone(), name.clone());
                return Err(Refusal::FloatingIpDnsExists { domain, name, address, field }.into());
            }
            insert(ledger, &domain, name, port, row);
        }
        Ok(!addresses.is_empty())
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
        let addresses = first_of_each_type(ledger, &ports);
        if addresses.is_empty() {
            return Ok(());
        }
        let Some(domain) = self.domain_for_it(ledger)? else { return Ok(()) };
        // Of a domain that was set meanwhile, in which its hostname has no room, it gets no names.
        let Ok(names) = self.names(&domain, instance.id) else { return Ok(()) };
        let of_each =
            addresses.iter().flat_map(|(port, row)| names.iter().map(move |(_, name)| (name, *port, row)));
        let of_each: Vec<_> = of_each.collect();
        let key = |name: &Hostname, row: &FixedIp| (domain.id, name.clone(), RecordType::of(row.address));
        ledger.need(of_each.iter().map(|(name, _, row)| Key::DnsEntry(key(name, row))))?;
        for (name, port, row) in of_each {
            if ledger.dns_entry(&key(name, row))?.is_none() {
                insert(ledger, &domain, name, port, row);
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

fn insert(ledger: &mut View, domain: &DnsDomain, name: &Hostname, port: PortId, row: &FixedIp) {
    let bound = Some(NameBond { subnet: row.subnet, port: Some(port) });
    let (name, address, created_at) = (name.clone(), row.address, ledger.now());
    ledger.insert(DnsEntry { domain: domain.id, name, address, bound, created_at });
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
