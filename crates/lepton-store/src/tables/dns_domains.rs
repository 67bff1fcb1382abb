//! `dns_domains`: domains that a resolver is to serve.

use lepton_ledger::View;
use lepton_types::{DnsDomain, DnsDomainId, DnsScope, DomainName, ProjectId};

use super::{enter, load_by};
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Value, damaged},
    table::Stored,
};

/// The columns that [`Stored::read`] reads, in its order.
macro_rules! dns_domain_columns {
    () => {
        "id, name, is_private, project_id, availability_zone, created_at, version"
    };
}

impl Stored for DnsDomain {
    const INSERT: &'static str = concat!("insert into dns_domains (", dns_domain_columns!(), ") {rows}");
    /// Its name and when it was made never change.
    const UPDATE: &'static str =
        "update dns_domains set is_private = v.column3, project_id = v.column4, availability_zone = v.column5,
             version = v.column7
         from ({rows}) as v where dns_domains.id = v.column1 and dns_domains.version = v.column8";
    const DELETE: Option<&'static str> = Some("delete from dns_domains where (id, version) in ({rows})");

    fn values(&self) -> Vec<Value> {
        let (is_private, project, zone) = match &self.scope {
            DnsScope::Public { project } => (false, project.clone().map(String::from), None),
            DnsScope::Private { availability_zone } => {
                (true, None, availability_zone.clone().map(String::from))
            }
        };
        vec![
            self.id.as_uuid().into(),
            self.name.as_str().into(),
            is_private.into(),
            project.into(),
            zone.into(),
            self.created_at.micros().into(),
            self.version.into(),
        ]
    }

    fn key_values(&self) -> Vec<Value> {
        vec![self.id.as_uuid().into()]
    }

    fn guards(&self) -> Vec<Value> {
        vec![self.version.into()]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        let (id, name, is_private) = (columns.id()?, columns.parsed()?, columns.get()?);
        let (project, availability_zone) = (columns.parsed_option()?, columns.parsed_option()?);
        let scope = match (is_private, project, availability_zone) {
            (false, project, None) => DnsScope::Public { project },
            (true, None, availability_zone) => DnsScope::Private { availability_zone },
            other => return Err(damaged("scope of a DNS domain", &other)),
        };
        let (created_at, version) = (columns.get::<i64>()?.into(), columns.number()?);
        Ok(Self { id, name, scope, created_at, version })
    }
}

/// Loads the domains that have the names. Few change, and allocations read them: they carry a version instead of a lock.
pub(crate) async fn load(tx: &mut Tx, names: &[DomainName], view: &mut View) -> Result<(), Failure> {
    const SQL: &str = concat!("select ", dns_domain_columns!(), " from dns_domains where name {in}");
    load_by::<DnsDomain, _>(tx, SQL, names, |name| vec![name.as_str().into()], view).await
}

/// Loads domains by their ids.
pub(super) async fn load_by_id(tx: &mut Tx, ids: &[DnsDomainId], view: &mut View) -> Result<(), Failure> {
    const SQL: &str = concat!("select ", dns_domain_columns!(), " from dns_domains where id {in}");
    load_by::<DnsDomain, _>(tx, SQL, ids, |id| vec![id.as_uuid().into()], view).await
}

/// Loads a page of domains in the order of their names.
pub(crate) async fn load_page(
    tx: &mut Tx,
    project: Option<&ProjectId>,
    after: Option<&DomainName>,
    limit: u16,
    view: &mut View,
) -> Result<(), Failure> {
    const ALL: &str =
        concat!("select ", dns_domain_columns!(), " from dns_domains where name > $1 order by name limit $2");
    // Each half follows its own index, so that a page costs what it holds, not what the other projects have.
    const VISIBLE: &str = concat!(
        "select * from (
             select * from (select ",
        dns_domain_columns!(),
        " from dns_domains where project_id = $3 and not is_private and name > $1 order by name limit $2) as own
             union all
             select * from (select ",
        dns_domain_columns!(),
        " from dns_domains where project_id is null and not is_private and name > $1 order by name limit $2) as open
         ) as visible order by name limit $2"
    );
    let mut values = vec![after.map_or("", DomainName::as_str).into(), i64::from(limit).into()];
    let found = match project {
        None => tx.fetch(ALL, values).await?,
        Some(project) => {
            values.push(project.as_str().into());
            tx.fetch(VISIBLE, values).await?
        }
    };
    enter::<DnsDomain>(&found, view)
}
