//! What a batch writes last, since all managers that share a ledger meet there: what projects have, and the journal's counter.
//!
//! A project's quota is the one row that all of the project's batches change, and the counter that of all batches. Whoever waits for
//! one of them has written everything else, so whoever has one waits for nothing but the next one, and then for the commit: quotas of
//! projects that have none yet, those of all others, each in the order of their projects, and then the counter. Who counts a quota anew
//! ([`Change::RecountedQuota`]) has it from the beginning, and waits for nothing else that others change behind theirs.

use lepton_ledger::Change;
use lepton_types::{Amounts, Limit};

use crate::{
    engine::Tx,
    failure::Failure,
    table,
    tables::{journal::Entries, quotas},
    together::{Part, Together, all_there},
    write::Net,
};

/// Writes what projects have and what happened. Nothing may be written after it.
///
/// `default_limits` are those of projects whose limits nobody has set.
///
/// # Errors
///
/// [`Failure::Conflict`] when others have spent meanwhile what the batch spends.
pub(crate) async fn close(
    tx: &mut Tx,
    changes: &[Change],
    default_limits: &Amounts<Limit>,
) -> Result<(), Failure> {
    let spent = spend(tx, changes, default_limits).await?;
    let entries = Entries::of(changes);
    let Some(spent) = spent else { return entries.append(tx).await };
    let quotas = spent.rows;
    if !tx.is_shared() {
        let parts = [spent].into_iter().chain(entries.count_then_insert()).collect();
        let found = tx.execute_in_order(parts).await?;
        return all_there(found[0], quotas);
    }
    // One way there and back less, while other managers wait.
    match entries.counting_behind(quotas) {
        Some(counting) => {
            let inserted = tx.execute_behind(spent, counting).await?;
            if inserted == 0 {
                Err(Failure::Conflict("others have spent what it spends".into()))
            } else {
                Ok(())
            }
        }
        None => all_there(tx.execute_part(spent).await?, quotas),
    }
}

/// Writes quotas that are new or were counted anew, and locks all others; answers what changes these.
async fn spend(
    tx: &mut Tx,
    changes: &[Change],
    default_limits: &Amounts<Limit>,
) -> Result<Option<Part>, Failure> {
    let (mut spent, mut recounted) = (Vec::new(), Vec::new());
    for change in changes {
        if let Change::Quota(change) = change {
            spent.push(change);
        } else if let Change::RecountedQuota(change) = change {
            recounted.push(change);
        }
    }
    // What is spent is the difference, which what was counted in between would be part of.
    debug_assert!(spent.is_empty() || recounted.is_empty(), "who counts anew is alone in its batch");
    let (spent, recounted) = (Net::new(spent), Net::new(recounted));
    let mut together = Together::default();
    table::insert(&mut together, &spent.born());
    table::update(&mut together, &recounted.changed());
    together.carry_out(tx).await?;
    let spent = spent.changed();
    quotas::lock(tx, &spent).await?;
    Ok(quotas::spend(&spent, default_limits))
}
