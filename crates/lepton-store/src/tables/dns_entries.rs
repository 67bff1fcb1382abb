//! `dns_entries`: names in domains, and where they lead.

use std::{collections::BTreeSet, net::IpAddr};

use lepton_ledger::{EntryKey, View};
use lepton_types::{DnsDomainId, DnsEntry, Hostname, NameBond, RecordType, SubnetId};
use uuid::Uuid;

use super::{dns_domains, enter, load_by};
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Row, Value, damaged},
    table::Stored,
};

/// The columns that [`Stored::read`] reads, in its order.
macro_rules! dns_entry_columns {
    () => {
        "domain_id, name, type, address, subnet_id, port_id, created_at"
    };
}

impl Stored for DnsEntry {
    const INSERT: &'static str = concat!("insert into dns_entries (", dns_entry_columns!(), ") {rows}");
    const UPDATE: &'static str =
        "update dns_entries set address = v.column4, subnet_id = v.column5, port_id = v.column6,
             created_at = v.column7
         from ({rows}) as v
         where dns_entries.domain_id = v.column1 and dns_entries.name = v.column2 and dns_entries.type = v.column3";
    const DELETE: Option<&'static str> =
        Some("delete from dns_entries where (domain_id, name, type) in ({rows})");

    fn values(&self) -> Vec<Value> {
        let mut values = self.key_values();
        values.extend([
            self.address.into(),
            self.bound.map(|bond| bond.subnet.as_uuid()).into(),
            self.bound.and_then(|bond| bond.port).map(|port| port.as_uuid()).into(),
            self.created_at.micros().into(),
        ]);
        values
    }

    fn key_values(&self) -> Vec<Value> {
        key_values(&(self.domain, self.name.clone(), self.record_type()))
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        let (domain, name) = (columns.id()?, columns.parsed()?);
        let record_type = columns.get::<String>()?;
        let address = columns.address()?;
        if record_type != RecordType::of(address).as_str() {
            return Err(damaged("address of a DNS entry", &(record_type, address)));
        }
        let (subnet, port): (Option<Uuid>, Option<Uuid>) = (columns.get()?, columns.get()?);
        let bound = subnet.map(|subnet| NameBond { subnet: subnet.into(), port: port.map(Into::into) });
        Ok(Self { domain, name, address, bound, created_at: columns.get::<i64>()?.into() })
    }
}

fn key_values((domain, name, record_type): &EntryKey) -> Vec<Value> {
    vec![domain.as_uuid().into(), name.as_str().into(), record_type.as_str().into()]
}

/// Loads single entries.
pub(crate) async fn load(tx: &mut Tx, keys: &[EntryKey], view: &mut View) -> Result<(), Failure> {
    const SQL: &str = concat!(
        "select ",
        dns_entry_columns!(),
        " from dns_entries
         where (domain_id, name, type) in ({rows}) order by domain_id, name, type {lock}"
    );
    load_by::<DnsEntry, _>(tx, SQL, keys, key_values, view).await
}

/// Loads the entries that end with addresses, with their domains, which events tell.
pub(crate) async fn load_bound(
    tx: &mut Tx,
    addresses: &[(SubnetId, IpAddr)],
    view: &mut View,
) -> Result<(), Failure> {
    const SQL: &str = concat!(
        "select ",
        dns_entry_columns!(),
        " from dns_entries
         where (subnet_id, address) in ({rows}) order by domain_id, name, type {lock}"
    );
    let values_of = |(subnet, at): &(SubnetId, IpAddr)| vec![subnet.as_uuid().into(), (*at).into()];
    let found = tx.fetch_for(SQL, addresses, values_of).await?;
    enter_with_domains(tx, &found, view).await
}

/// Loads a page of a domain's entries in the order of their names, of all of them or of those that lead to an address.
pub(crate) async fn load_page(
    tx: &mut Tx,
    domain: DnsDomainId,
    address: Option<IpAddr>,
    after: Option<&(Hostname, RecordType)>,
    limit: u16,
    view: &mut View,
) -> Result<(), Failure> {
    const ALL: &str = concat!(
        "select ",
        dns_entry_columns!(),
        " from dns_entries where domain_id = $1 and (name, type) > ($2, $3) order by name, type limit $4"
    );
    // All of an address's entries are of one type. SQLite would rather go through all of the domain by the key, in the same order.
    const OF_ADDRESS: &str = concat!(
        "select ",
        dns_entry_columns!(),
        " from dns_entries {index dns_entries_by_address} where address = $1 and domain_id = $2 and name > $3 order by name limit $4"
    );
    let name = after.map_or("", |(name, _)| name.as_str());
    let found = match address {
        None => {
            let record_type = after.map_or("", |(_, record_type)| record_type.as_str());
            let values =
                vec![domain.as_uuid().into(), name.into(), record_type.into(), i64::from(limit).into()];
            tx.fetch(ALL, values).await?
        }
        Some(address) => {
            let values = vec![address.into(), domain.as_uuid().into(), name.into(), i64::from(limit).into()];
            tx.fetch(OF_ADDRESS, values).await?
        }
    };
    enter::<DnsEntry>(&found, view)
}

/// Loads a page of the entries of any domain that lead to an address, with their domains.
pub(crate) async fn load_names(
    tx: &mut Tx,
    address: IpAddr,
    after: Option<&(DnsDomainId, Hostname)>,
    limit: u16,
    view: &mut View,
) -> Result<(), Failure> {
    const SQL: &str = concat!(
        "select ",
        dns_entry_columns!(),
        " from dns_entries where address = $1 and (domain_id, name) > ($2, $3) order by domain_id, name limit $4"
    );
    let (domain, name) = after.map_or((Uuid::nil(), ""), |(domain, name)| (domain.as_uuid(), name.as_str()));
    let values = vec![address.into(), domain.into(), name.into(), i64::from(limit).into()];
    let found = tx.fetch(SQL, values).await?;
    enter_with_domains(tx, &found, view).await
}

async fn enter_with_domains(tx: &mut Tx, found: &[Row], view: &mut View) -> Result<(), Failure> {
    enter::<DnsEntry>(found, view)?;
    let domains = found.iter().map(|row| row.columns().id());
    let domains: BTreeSet<DnsDomainId> = domains.collect::<Result<_, _>>()?;
    dns_domains::load_by_id(tx, &domains.into_iter().collect::<Vec<_>>(), view).await
}

/// Deletes what is left in domains that end.
pub(crate) async fn delete_in(tx: &mut Tx, domains: &[DnsDomainId]) -> Result<(), Failure> {
    const SQL: &str = "delete from dns_entries where domain_id {in}";
    tx.execute_for(SQL, domains, |id| vec![id.as_uuid().into()]).await.map(drop)
}
