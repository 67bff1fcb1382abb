//! `mac_ranges` and `free_macs`: ranges of MACs, and those of their MACs that came back.

use lepton_ledger::{FreeMac, View};
use lepton_types::{MacAddr, MacPrefix, MacRange};

use super::enter;
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Value, damaged},
    table::Stored,
};

/// How many free MACs are loaded at once: more than the vNICs of a batch, mostly.
const FREE_AT_ONCE: u16 = 1024;

impl Stored for MacRange {
    const INSERT: &'static str =
        "insert into mac_ranges (id, first, last, length, number, drawn, created_at) {rows}";
    /// Which MACs it has never changes.
    const UPDATE: &'static str = "update mac_ranges set drawn = v.column6
         from ({rows}) as v where mac_ranges.id = v.column1";
    /// Its free MACs go with it.
    const DELETE: Option<&'static str> = Some("delete from mac_ranges where id {in}");

    fn values(&self) -> Vec<Value> {
        vec![
            self.id.as_uuid().into(),
            self.prefix.first().to_bits().into(),
            self.prefix.last().to_bits().into(),
            u64::from(self.prefix.length()).into(),
            self.number.into(),
            self.drawn.into(),
            self.created_at.micros().into(),
        ]
    }

    fn key_values(&self) -> Vec<Value> {
        vec![self.id.as_uuid().into()]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id()?,
            prefix: prefix(mac(columns.number()?)?, columns.number()?)?,
            number: columns.number()?,
            drawn: columns.number()?,
            created_at: columns.get::<i64>()?.into(),
        })
    }
}

impl Stored for FreeMac {
    const INSERT: &'static str = "insert into free_macs (mac, mac_range_id) {rows}";
    /// Nothing about it changes.
    const UPDATE: &'static str = "update free_macs set mac_range_id = v.column2
         from ({rows}) as v where free_macs.mac = v.column1";
    const DELETE: Option<&'static str> = Some("delete from free_macs where mac {in}");

    fn values(&self) -> Vec<Value> {
        vec![self.mac.to_bits().into(), self.range.as_uuid().into()]
    }

    fn key_values(&self) -> Vec<Value> {
        vec![self.mac.to_bits().into()]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { mac: mac(columns.number()?)?, range: columns.id()? })
    }
}

fn mac(bits: u64) -> Result<MacAddr, StoreError> {
    MacAddr::try_from(bits).map_err(|error| damaged("MAC", &error))
}

fn prefix(first: MacAddr, length: u64) -> Result<MacPrefix, StoreError> {
    format!("{first}/{length}").parse().map_err(|error| damaged("range of MACs", &error))
}

/// Loads all ranges, a bounded number of them. Whoever draws or makes one takes turns with others.
pub(crate) async fn load(tx: &mut Tx, view: &mut View) -> Result<(), Failure> {
    const SQL: &str =
        "select id, first, length, number, drawn, created_at from mac_ranges order by number {lock}";
    enter::<MacRange>(&tx.fetch(SQL, Vec::new()).await?, view)
}

/// Loads the lowest free MACs behind this one. They need no lock: who draws one has its range.
pub(crate) async fn load_free(tx: &mut Tx, after: Option<MacAddr>, view: &mut View) -> Result<(), Failure> {
    const SQL: &str = "select mac, mac_range_id from free_macs where mac > $1 order by mac limit $2";
    let after = after.map_or(0, MacAddr::to_bits);
    let found = tx.fetch(SQL, vec![after.into(), i64::from(FREE_AT_ONCE).into()]).await?;
    let rows = found.iter().map(|row| FreeMac::read(&mut row.columns())).collect::<Result<Vec<_>, _>>()?;
    let is_full = rows.len() == usize::from(FREE_AT_ONCE);
    view.note_free_macs(rows.last().filter(|_| is_full).map(|row| row.mac));
    rows.into_iter().for_each(|row| view.load(row));
    Ok(())
}
