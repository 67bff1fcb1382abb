//! `hosts`: how often what a host must have has changed, and whether its agent was ever there.

use lepton_ledger::{Host, View};
use lepton_types::HostId;

use super::load_by;
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
