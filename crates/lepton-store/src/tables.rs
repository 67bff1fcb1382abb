//! The tables of the ledger, a file each: how its rows are written, and which statements find them.

pub(crate) mod blocks;
pub(crate) mod dns_domains;
pub(crate) mod dns_entries;
pub(crate) mod ended_subnets;
pub(crate) mod fixed_ips;
pub(crate) mod floating_ips;
pub(crate) mod floating_ranges;
pub(crate) mod frontiers;
pub(crate) mod guests;
pub(crate) mod history;
pub(crate) mod holdings;
pub(crate) mod hosts;
pub(crate) mod instances;
pub(crate) mod journal;
pub(crate) mod mac_ranges;
pub(crate) mod network_info;
pub(crate) mod networks;
pub(crate) mod pending_unplugs;
pub(crate) mod ports;
pub(crate) mod quotas;
pub(crate) mod requests;
pub(crate) mod subnets;

use lepton_ledger::View;

use crate::{
    engine::Tx,
    failure::Failure,
    sql::{Row, Value},
    table::Stored,
};

/// Enters rows into the view.
fn enter<R: Stored>(rows: &[Row], view: &mut View) -> Result<(), Failure> {
    for row in rows {
        view.load(R::read(&mut row.columns())?);
    }
    Ok(())
}

/// Finds the rows that have one of the keys, and enters them into the view.
async fn load_by<R: Stored, K: Clone>(
    tx: &mut Tx,
    sql: &'static str,
    keys: &[K],
    values_of: impl Fn(&K) -> Vec<Value>,
    view: &mut View,
) -> Result<(), Failure> {
    enter::<R>(&tx.fetch_for(sql, keys, values_of).await?, view)
}
