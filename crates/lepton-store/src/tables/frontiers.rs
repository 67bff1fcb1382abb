//! `frontiers`: where the blocks of a subnet's pools end that have a row.

use lepton_ledger::{Frontier, View};
use lepton_types::SubnetId;

use super::enter;
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Value, address_bytes},
    table::Stored,
};

impl Stored for Frontier {
    const INSERT: &'static str = "insert into frontiers (subnet_id, next) {rows}";
    const UPDATE: &'static str =
        "update frontiers set next = v.column2 from ({rows}) as v where frontiers.subnet_id = v.column1";
    /// A frontier goes with its subnet (`ended_subnets`).
    const DELETE: Option<&'static str> = None;

    fn values(&self) -> Vec<Value> {
        vec![self.subnet.as_uuid().into(), self.next.map(address_bytes).into()]
    }

    fn key_values(&self) -> Vec<Value> {
        vec![self.subnet.as_uuid().into()]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { subnet: columns.id()?, next: columns.address_option()? })
    }
}

/// Loads the frontiers of subnets. They are not locked: two managers that open the same block meet at its primary key. Who waited for
/// other rows meanwhile may write one that is lower than the one that is there: below it, too, a block that has a row is found by it.
///
/// # Errors
///
/// [`Failure::Conflict`] when a subnet has none: another manager has ended it since it was read here.
pub(crate) async fn load(tx: &mut Tx, subnets: &[SubnetId], view: &mut View) -> Result<(), Failure> {
    const SQL: &str = "select subnet_id, next from frontiers where subnet_id {in}";
    let found = tx.fetch_for(SQL, subnets, |id| vec![id.as_uuid().into()]).await?;
    enter::<Frontier>(&found, view)?;
    if subnets.iter().any(|id| view.row::<Frontier>(id).is_none()) {
        return Err(Failure::Conflict("a subnet ended while its addresses were asked for".into()));
    }
    Ok(())
}
