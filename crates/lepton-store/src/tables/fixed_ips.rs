//! `fixed_ips`: who has which address.

use std::net::IpAddr;

use lepton_ledger::{FixedIp, Holder, View};
use lepton_types::{PortId, SubnetId, Timestamp};

use super::{enter, load_by};
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Value, damaged},
    table::Stored,
};

/// Most resting addresses that one question loads.
const AT_ONCE: i64 = 1024;

impl Stored for FixedIp {
    const INSERT: &'static str =
        "insert into fixed_ips (subnet_id, address, port_id, quarantined_until, since) {rows}";
    const UPDATE: &'static str =
        "update fixed_ips set port_id = v.column3, quarantined_until = v.column4, since = v.column5
         from ({rows}) as v where fixed_ips.subnet_id = v.column1 and fixed_ips.address = v.column2";
    const DELETE: Option<&'static str> = Some("delete from fixed_ips where (subnet_id, address) in ({rows})");
    const INSERT_HISTORY: Option<&'static str> = Some(
        "insert into fixed_ip_history (subnet_id, address, port_id, quarantined_until, since, ended_at)
         {rows}",
    );

    fn values(&self) -> Vec<Value> {
        let (port, until) = match self.holder {
            Holder::Port(port) => (Some(port.as_uuid()), None),
            Holder::Quarantine(until) => (None, Some(until.micros())),
        };
        vec![
            self.subnet.as_uuid().into(),
            self.address.into(),
            port.into(),
            until.into(),
            self.since.micros().into(),
        ]
    }

    fn key_values(&self) -> Vec<Value> {
        vec![self.subnet.as_uuid().into(), self.address.into()]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        let (subnet, address) = (columns.id()?, columns.address()?);
        let (port, until): (Option<uuid::Uuid>, Option<i64>) = (columns.get()?, columns.get()?);
        let holder = match (port, until) {
            (Some(port), None) => Holder::Port(port.into()),
            (None, Some(until)) => Holder::Quarantine(until.into()),
            (Some(_), Some(_)) | (None, None) => return Err(damaged("holder of an address", &(port, until))),
        };
        Ok(Self { subnet, address, holder, since: columns.get::<i64>()?.into() })
    }
}

/// Loads the owner rows of addresses.
pub(crate) async fn load(tx: &mut Tx, keys: &[(SubnetId, IpAddr)], view: &mut View) -> Result<(), Failure> {
    const SQL: &str = "select subnet_id, address, port_id, quarantined_until, since from fixed_ips
         where (subnet_id, address) in ({rows}) order by subnet_id, address {lock}";
    load_by::<FixedIp, _>(tx, SQL, keys, |(subnet, at)| vec![subnet.as_uuid().into(), (*at).into()], view)
        .await
}

/// Loads the addresses of ports. The locks on the ports are enough: an address leaves a port only with its port's end.
pub(super) async fn load_of_ports(tx: &mut Tx, ports: &[PortId], view: &mut View) -> Result<(), Failure> {
    const SQL: &str = "select subnet_id, address, port_id, quarantined_until, since from fixed_ips
         where port_id {in}";
    load_by::<FixedIp, _>(tx, SQL, ports, |id| vec![id.as_uuid().into()], view).await
}

/// Loads addresses that have rested until `now`, the longest rested first: of one subnet, or of any.
pub(crate) async fn load_rested(
    tx: &mut Tx,
    subnet: Option<SubnetId>,
    now: Timestamp,
    view: &mut View,
) -> Result<(), Failure> {
    const IN_SUBNET: &str = "select subnet_id, address, port_id, quarantined_until, since from fixed_ips
         where subnet_id = $3 and quarantined_until <= $1 order by quarantined_until limit $2 {lock}";
    const ANYWHERE: &str = "select subnet_id, address, port_id, quarantined_until, since from fixed_ips
         where quarantined_until <= $1 order by quarantined_until limit $2 {lock}";
    let mut values = vec![now.micros().into(), AT_ONCE.into()];
    let sql = if subnet.is_some() { IN_SUBNET } else { ANYWHERE };
    values.extend(subnet.map(|subnet| subnet.as_uuid().into()));
    enter::<FixedIp>(&tx.fetch(sql, values).await?, view)
}
