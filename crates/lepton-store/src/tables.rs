//! The tables of the ledger, a file each: how its rows are written, and which statements find them.

pub(crate) mod audit;
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

use std::net::IpAddr;

use lepton_ledger::View;
use uuid::Uuid;

use crate::{
    engine::Tx,
    failure::Failure,
    sql::{Row, Value, address_bytes},
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

/// Loads a page of rows that are in order of their addresses within owners, one owner after the other; of the first those behind an
/// address alone. `sql` takes the owner, that address and how many rows there may be.
///
/// One statement for all would read and sort all rows of every owner before it takes the first so many, and SQLite has no `lateral`,
/// which would take the first so many of each. So this ends with the owner that fills the page: of few owners it asks few times.
async fn load_one_by_one<R: Stored>(
    tx: &mut Tx,
    sql: &'static str,
    owners: impl Iterator<Item = Uuid>,
    after: Option<IpAddr>,
    limit: u16,
    view: &mut View,
) -> Result<(), Failure> {
    let (mut after, mut left) = (after.map_or_else(Vec::new, address_bytes), usize::from(limit));
    for owner in owners {
        let most = i64::try_from(left).unwrap_or(i64::MAX);
        let behind = std::mem::take(&mut after);
        let found = tx.fetch(sql, vec![owner.into(), behind.into(), most.into()]).await?;
        enter::<R>(&found, view)?;
        left = left.saturating_sub(found.len());
        if left == 0 {
            break;
        }
    }
    Ok(())
}
