//! `hosts`: how often what a host must have has changed, and whether its agent was ever there.

use std::collections::BTreeMap;

use lepton_ledger::{Host, HostFigures, View};
use lepton_types::{HostId, PortBinding, PortStatus, Timestamp};

use super::{load_by, ports};
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Value},
    table::Stored,
};

impl Stored for Host {
    const INSERT: &'static str = "insert into hosts (id, revision, is_registered) {rows}";
    const UPDATE: &'static str =
        "update hosts set revision = v.column2, is_registered = v.column3 from ({rows}) as v
         where hosts.id = v.column1";
    /// A host's revision must never start anew, so its row stays.
    const DELETE: Option<&'static str> = None;

    fn values(&self) -> Vec<Value> {
        vec![self.id.as_str().into(), self.revision.number().into(), self.is_registered.into()]
    }

    fn key_values(&self) -> Vec<Value> {
        vec![self.id.as_str().into()]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { id: columns.parsed()?, revision: columns.number()?.into(), is_registered: columns.get()? })
    }
}

/// Loads hosts.
pub(crate) async fn load(tx: &mut Tx, ids: &[HostId], view: &mut View) -> Result<(), Failure> {
    const SQL: &str = "select id, revision, is_registered from hosts where id {in} order by id {lock}";
    load_by::<Host, _>(tx, SQL, ids, |id| vec![id.as_str().into()], view).await
}

/// Counts the ports of the first hosts behind one, by what those have said of them.
pub(crate) async fn load_figures(
    tx: &mut Tx,
    after: Option<&HostId>,
    limit: u16,
    view: &mut View,
) -> Result<(), Failure> {
    const HOSTS: &str = "select id from hosts where id > $1 and is_registered order by id limit $2";
    const PORTS: &str = "select host_id, is_released, status, count(*),
             min(case when has_moved then null else created_at end)
         from ports where host_id {in} group by host_id, is_released, status";
    const ON_THEIR_WAY: &str = "select target_host_id, target from ports where target_host_id {in}";
    const LEFT: &str = "select host_id, count(*) from pending_unplugs
         where host_id {in} and not is_fenced group by host_id";
    // No host's name is empty.
    let place = after.map_or("", HostId::as_str);
    let mut figures = BTreeMap::new();
    for row in &tx.fetch(HOSTS, vec![place.into(), i64::from(limit).into()]).await? {
        let host: HostId = row.columns().parsed()?;
        figures.insert(host.clone(), HostFigures::of(host));
    }
    let ids: Vec<HostId> = figures.keys().cloned().collect();
    let name = |id: &HostId| vec![Value::from(id.as_str())];
    for row in &tx.fetch_for(PORTS, &ids, name).await? {
        let mut columns = row.columns();
        let Some(of_host) = figures.get_mut(&columns.parsed::<HostId>()?) else { continue };
        let (is_released, status): (bool, String) = (columns.get()?, columns.get()?);
        let (count, since) = (columns.number()?, columns.get::<Option<i64>>()?.map(Timestamp::from));
        if is_released {
            of_host.to_unplug += count;
        } else {
            of_host.add(&ports::status(&status, None)?, count, since);
        }
    }
    for row in &tx.fetch_for(ON_THEIR_WAY, &ids, name).await? {
        let mut columns = row.columns();
        let Some(of_host) = figures.get_mut(&columns.parsed::<HostId>()?) else { continue };
        let (_, status): (PortBinding, PortStatus) = columns.json()?;
        of_host.add(&status, 1, None);
    }
    for row in &tx.fetch_for(LEFT, &ids, name).await? {
        let mut columns = row.columns();
        let Some(of_host) = figures.get_mut(&columns.parsed::<HostId>()?) else { continue };
        of_host.to_unplug += columns.number()?;
    }
    view.note_host_figures(after.cloned(), figures.into_values().collect());
    Ok(())
}
