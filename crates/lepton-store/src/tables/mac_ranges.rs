//! `mac_ranges` and `free_macs`: ranges of MACs, and those of their MACs that came back.

use lepton_ledger::{FREE_MACS_AT_ONCE, FreeMac, FreeMacPlace, View};
use lepton_types::{MacAddr, MacPrefix, MacRange, MacRangeId};

use super::enter;
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Row, Value, damaged},
    table::Stored,
};

/// A range, and behind which of its free MACs those are that are asked for.
pub(crate) type FreeKey = (MacRangeId, Option<FreeMacPlace>);

impl Stored for MacRange {
    const INSERT: &'static str =
        "insert into mac_ranges (id, first, last, length, number, drawn, is_ending, created_at) {rows}";
    /// Which MACs it has never changes.
    const UPDATE: &'static str = "update mac_ranges set drawn = v.column6, is_ending = v.column7
         from ({rows}) as v where mac_ranges.id = v.column1";
    /// Its free MACs have gone before it.
    const DELETE: Option<&'static str> = Some("delete from mac_ranges where id {in}");

    fn values(&self) -> Vec<Value> {
        vec![
            self.id.as_uuid().into(),
            self.prefix.first().to_bits().into(),
            self.prefix.last().to_bits().into(),
            u64::from(self.prefix.length()).into(),
            self.number.into(),
            self.drawn.into(),
            self.is_ending.into(),
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
            is_ending: columns.get()?,
            created_at: columns.get::<i64>()?.into(),
        })
    }
}

impl Stored for FreeMac {
    const INSERT: &'static str = "insert into free_macs (mac, mac_range_id, since) {rows}";
    const UPDATE: &'static str = "update free_macs set mac_range_id = v.column2, since = v.column3
         from ({rows}) as v where free_macs.mac = v.column1";
    const DELETE: Option<&'static str> = Some("delete from free_macs where mac {in}");

    fn values(&self) -> Vec<Value> {
        vec![self.mac.to_bits().into(), self.range.as_uuid().into(), self.since.micros().into()]
    }

    fn key_values(&self) -> Vec<Value> {
        vec![self.mac.to_bits().into()]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { mac: mac(columns.number()?)?, range: columns.id()?, since: columns.get::<i64>()?.into() })
    }
}

fn mac(bits: u64) -> Result<MacAddr, StoreError> {
    MacAddr::try_from(bits).map_err(|error| damaged("MAC", &error))
}

fn prefix(first: MacAddr, length: u64) -> Result<MacPrefix, StoreError> {
    format!("{first}/{length}").parse().map_err(|error| damaged("range of MACs", &error))
}

/// Loads all ranges, a bounded number of them. Whoever draws or makes one takes turns with others. Whoever gives a MAC back, whose
/// row refers to the range, does not: else one manager that draws and one that gives back would wait for each other.
pub(crate) async fn load(tx: &mut Tx, view: &mut View) -> Result<(), Failure> {
    const SQL: &str = "select id, first, length, number, drawn, is_ending, created_at from mac_ranges
         where number >= 0 order by number {lock referred}";
    enter::<MacRange>(&tx.fetch(SQL, Vec::new()).await?, view)
}

/// Loads those MACs of each range that are free for longest, behind one. They need no lock: who draws or drops one has its range.
pub(crate) async fn load_free(tx: &mut Tx, keys: &[FreeKey], view: &mut View) -> Result<(), Failure> {
    let mut found: Vec<Vec<FreeMac>> = keys.iter().map(|_| Vec::new()).collect();
    for row in fetch_free(tx, keys).await? {
        let mut columns = row.columns();
        let asked = usize::try_from(columns.number()?).map_err(|error| damaged("number of a key", &error))?;
        let free = FreeMac::read(&mut columns)?;
        found.get_mut(asked).expect("it is the number of a key").push(free);
    }
    for ((range, _), free) in keys.iter().zip(found) {
        let is_full = free.len() == FREE_MACS_AT_ONCE;
        view.note_free_macs(*range, free.last().filter(|_| is_full).map(|last| (last.since, last.mac)));
        free.into_iter().for_each(|row| view.load(row));
    }
    Ok(())
}

/// For each key its number, and the MACs behind it: the index leads to them, and no others are read.
async fn fetch_free(tx: &mut Tx, keys: &[FreeKey]) -> Result<Vec<Row>, Failure> {
    const OF_ONE: &str = "select $4, mac, mac_range_id, since from free_macs
         where mac_range_id = $1 and (since, mac) > ($2, $3) order by since, mac limit $5";
    const OF_ALL: &str = "select wanted.column4, longest.* from ({rows}) as wanted, lateral (
             select mac, mac_range_id, since from free_macs
             where mac_range_id = wanted.column1 and (since, mac) > (wanted.column2, wanted.column3)
             order by since, mac limit wanted.column5) as longest";
    let numbered: Vec<(u64, FreeKey)> = (0..).zip(keys.iter().copied()).collect();
    let values_of = |(number, (range, after)): &(u64, FreeKey)| {
        let (since, mac) = after.map_or((i64::MIN, 0), |(since, mac)| (since.micros(), mac.to_bits()));
        let most = FREE_MACS_AT_ONCE as u64;
        vec![range.as_uuid().into(), since.into(), mac.into(), (*number).into(), most.into()]
    };
    if tx.is_shared() {
        return tx.fetch_for(OF_ALL, &numbered, values_of).await;
    }
    let mut found = Vec::new();
    for key in &numbered {
        found.extend(tx.fetch(OF_ONE, values_of(key)).await?);
    }
    Ok(found)
}
