//! `pending_unplugs`: what hosts must unplug that ports have left, or that were fenced.

use lepton_ledger::{Key, PendingUnplug, View};
use lepton_types::{HostId, PortId, Revision};

use super::{enter, load_by};
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Value},
    table::Stored,
};

impl Stored for PendingUnplug {
    const INSERT: &'static str = "insert into pending_unplugs (port_id, host_id, revision, is_fenced) {rows}";
    const UPDATE: &'static str =
        "update pending_unplugs set revision = v.column3, is_fenced = v.column4 from ({rows}) as v
         where pending_unplugs.port_id = v.column1 and pending_unplugs.host_id = v.column2";
    const DELETE: Option<&'static str> =
        Some("delete from pending_unplugs where (port_id, host_id) in ({rows})");

    fn values(&self) -> Vec<Value> {
        vec![
            self.port.as_uuid().into(),
            self.host.as_str().into(),
            self.revision.number().into(),
            self.is_fenced.into(),
        ]
    }

    fn key_values(&self) -> Vec<Value> {
        vec![self.port.as_uuid().into(), self.host.as_str().into()]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            port: columns.id()?,
            host: columns.parsed()?,
            revision: columns.number()?.into(),
            is_fenced: columns.get()?,
        })
    }
}

/// Loads from which hosts ports must still go.
pub(crate) async fn load(tx: &mut Tx, ports: &[PortId], view: &mut View) -> Result<(), Failure> {
    const SQL: &str = "select port_id, host_id, revision, is_fenced from pending_unplugs
         where port_id {in} order by port_id, host_id {lock}";
    load_by::<PendingUnplug, _>(tx, SQL, ports, |id| vec![id.as_uuid().into()], view).await?;
    for port in ports {
        view.mark_loaded(Key::PendingUnplugs(*port));
    }
    Ok(())
}

/// The first ports that have left a host and wait for it. Nothing is locked or entered yet.
pub(super) async fn waited_for(
    tx: &mut Tx,
    host: &HostId,
    limit: u16,
    view: &mut View,
) -> Result<Vec<PortId>, Failure> {
    const SQL: &str =
        "select port_id from pending_unplugs where host_id = $1 and not is_fenced order by port_id limit $2";
    // One more than wanted tells whether there are more.
    let values = vec![host.as_str().into(), (i64::from(limit) + 1).into()];
    let found = tx.fetch(SQL, values).await?;
    let mut ids = found.iter().map(|row| row.columns().id()).collect::<Result<Vec<PortId>, _>>()?;
    if ids.len() > limit.into() {
        ids.truncate(limit.into());
        view.note_more_have_left(host.clone());
    }
    Ok(ids)
}

/// Loads what must go from a host since after a revision.
pub(crate) async fn load_of_host(
    tx: &mut Tx,
    host: &HostId,
    after: Revision,
    view: &mut View,
) -> Result<(), Failure> {
    const SQL: &str = "select port_id, host_id, revision, is_fenced from pending_unplugs
         where host_id = $1 and revision > $2";
    let values = vec![host.as_str().into(), after.number().into()];
    enter::<PendingUnplug>(&tx.fetch(SQL, values).await?, view)
}
