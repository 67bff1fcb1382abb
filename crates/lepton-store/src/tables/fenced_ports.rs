//! `fenced_ports`: what fenced hosts have not unplugged.

use lepton_ledger::{FencedPort, View};
use lepton_types::{HostId, PortId, Revision};

use super::{enter, load_by};
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Value},
    table::Stored,
};

impl Stored for FencedPort {
    const INSERT: &'static str = "insert into fenced_ports (id, host_id, revision) {rows}";
    const UPDATE: &'static str =
        "update fenced_ports set host_id = v.column2, revision = v.column3 from ({rows}) as v
         where fenced_ports.id = v.column1";
    const DELETE: Option<&'static str> = Some("delete from fenced_ports where id {in}");

    fn values(&self) -> Vec<Value> {
        vec![self.id.as_uuid().into(), self.host.as_str().into(), self.revision.number().into()]
    }

    fn key_values(&self) -> Vec<Value> {
        vec![self.id.as_uuid().into()]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { id: columns.id()?, host: columns.parsed()?, revision: columns.number()?.into() })
    }
}

/// Loads what is left of ports.
pub(crate) async fn load(tx: &mut Tx, ids: &[PortId], view: &mut View) -> Result<(), Failure> {
    const SQL: &str = "select id, host_id, revision from fenced_ports where id {in} order by id {lock}";
    load_by::<FencedPort, _>(tx, SQL, ids, |id| vec![id.as_uuid().into()], view).await
}

/// Loads what a host's fencing has ended after a revision.
pub(crate) async fn load_of_host(
    tx: &mut Tx,
    host: &HostId,
    after: Revision,
    view: &mut View,
) -> Result<(), Failure> {
    const SQL: &str = "select id, host_id, revision from fenced_ports where host_id = $1 and revision > $2";
    let values = vec![host.as_str().into(), after.number().into()];
    enter::<FencedPort>(&tx.fetch(SQL, values).await?, view)
}
