//! `floating_ranges`: the ranges of pools of floating IPs.

use std::net::IpAddr;

use lepton_ledger::{Key, View};
use lepton_types::{FloatingRange, Ipv4Range, Name, SubnetId};

use super::{load_by, networks};
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Row, Value, damaged},
    table::Stored,
};

/// The columns that [`Stored::read`] reads, in its order.
macro_rules! floating_range_columns {
    () => {
        "subnet_id, pool_id, first, last, total, allocated"
    };
}

impl Stored for FloatingRange {
    const INSERT: &'static str =
        concat!("insert into floating_ranges (", floating_range_columns!(), ") {rows}");
    const UPDATE: &'static str =
        "update floating_ranges set first = v.column3, last = v.column4, total = v.column5, allocated = v.column6
         from ({rows}) as v where floating_ranges.subnet_id = v.column1";
    const DELETE: Option<&'static str> = Some("delete from floating_ranges where subnet_id {in}");

    fn values(&self) -> Vec<Value> {
        vec![
            self.subnet.as_uuid().into(),
            self.pool.as_uuid().into(),
            IpAddr::from(self.addresses.first()).into(),
            IpAddr::from(self.addresses.last()).into(),
            self.total.into(),
            self.allocated.into(),
        ]
    }

    fn key_values(&self) -> Vec<Value> {
        vec![self.subnet.as_uuid().into()]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            subnet: columns.id()?,
            pool: columns.id()?,
            addresses: addresses(columns.address()?, columns.address()?)?,
            total: columns.number()?,
            allocated: columns.number()?,
        })
    }
}

fn addresses(first: IpAddr, last: IpAddr) -> Result<Ipv4Range, StoreError> {
    let impossible = || damaged("range", &(first, last));
    let (IpAddr::V4(first), IpAddr::V4(last)) = (first, last) else { return Err(impossible()) };
    Ipv4Range::try_from((first, last)).map_err(|_| impossible())
}

/// Loads the ranges that subnets are.
pub(crate) async fn load(tx: &mut Tx, subnets: &[SubnetId], view: &mut View) -> Result<(), Failure> {
    const SQL: &str = concat!(
        "select ",
        floating_range_columns!(),
        " from floating_ranges where subnet_id {in} order by first {lock}"
    );
    load_by::<FloatingRange, _>(tx, SQL, subnets, |id| vec![id.as_uuid().into()], view).await
}

/// Loads the pools of these names with their ranges and the subnets that these are. The ranges are locked first, so that the
/// rest is as whoever had them has left it.
pub(crate) async fn load_pools(tx: &mut Tx, names: &[Name], view: &mut View) -> Result<(), Failure> {
    const SQL: &str = concat!(
        "select ",
        floating_range_columns!(),
        " from floating_ranges
         where pool_id in (select id from networks where is_external and label {in}) order by first {lock}"
    );
    let found = tx.fetch_for(SQL, names, |name| vec![name.as_str().into()]).await?;
    enter(&found, view)?;
    networks::load_pools(tx, names, view).await.map(drop)
}

/// Loads a page of pools in the order of creation, with their ranges and the subnets that these are.
pub(crate) async fn load_page(tx: &mut Tx, after: u64, limit: u16, view: &mut View) -> Result<(), Failure> {
    const SQL: &str = concat!(
        "select ",
        floating_range_columns!(),
        " from floating_ranges where pool_id {in} order by first"
    );
    let pools = networks::load_pool_page(tx, after, limit, view).await?;
    let found = tx.fetch_for(SQL, &pools, |id| vec![id.as_uuid().into()]).await?;
    enter(&found, view)
}

/// Loads the ranges of any pools that have an address of this range.
pub(crate) async fn load_in(tx: &mut Tx, addresses: Ipv4Range, view: &mut View) -> Result<(), Failure> {
    const SQL: &str = concat!(
        "select ",
        floating_range_columns!(),
        " from floating_ranges where last >= $1 and first <= $2 order by first {lock}"
    );
    let (first, last) = (IpAddr::from(addresses.first()), IpAddr::from(addresses.last()));
    let found = tx.fetch(SQL, vec![first.into(), last.into()]).await?;
    enter(&found, view)
}

fn enter(rows: &[Row], view: &mut View) -> Result<(), Failure> {
    for row in rows {
        let range = FloatingRange::read(&mut row.columns())?;
        view.mark_loaded(Key::FloatingRange(range.subnet));
        view.load(range);
    }
    Ok(())
}
