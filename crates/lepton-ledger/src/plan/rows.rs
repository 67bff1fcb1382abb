//! The rows of a plan: what of the ledger a command writes.

use std::{collections::BTreeMap, time::Duration};

use lepton_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::described::{Described, Said, Saying};
use crate::{Change, RowChange, change::coalesce};

/// A row that comes, changes or goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRow {
    /// What it is a row of, such as `port`.
    pub kind: String,
    /// What identifies it.
    pub key: String,
    /// Whether it was there before.
    pub is_before: bool,
    /// Whether it is there afterwards.
    pub is_after: bool,
    /// What it says: all of it if it comes or goes, else what changes.
    pub fields: Vec<PlannedField>,
}

/// What a row says in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedField {
    /// In which.
    pub name: String,
    /// What it says before; none: nothing.
    pub before: Option<PlannedValue>,
    /// What it says afterwards; none: nothing.
    pub after: Option<PlannedValue>,
}

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlannedValue {
    /// A text.
    Text(String),
    /// A moment that is known.
    At(Timestamp),
    /// So long after the moment at which the plan is applied.
    Later(Duration),
}

/// What is said of a row, before and afterwards.
pub(super) struct SaidOf {
    kind: &'static str,
    key: String,
    before: Option<Said>,
    after: Option<Said>,
}

/// What changes make of the rows that they are about, one of each row, by kind and key.
pub(super) fn said(changes: &[Change]) -> Vec<SaidOf> {
    let mut rows = Vec::new();
    macro_rules! kinds {
        ($($kind:ident)*) => {$({
            let changes = changes.iter().filter_map(|change| {
                if let Change::$kind(change) = change { Some(change) } else { None }
            });
            rows.extend(coalesce(changes).iter().filter_map(said_of));
        })*};
    }
    kinds!(
        Network Subnet Instance Port FixedIp FloatingRange FloatingIp Host DnsDomain DnsEntry PendingUnplug MacRange FreeMac Quota
    );
    rows
}

fn said_of<R: Described>(change: &RowChange<&R>) -> Option<SaidOf> {
    let said = |row: &R| {
        let mut said = Said::default();
        row.describe(&mut said);
        said
    };
    let key = change.after.or(change.before)?.name();
    Some(SaidOf { kind: R::KIND, key, before: change.before.map(said), after: change.after.map(said) })
}

/// The rows of a plan: what is said of them now, and would be said of them a moment later. What has moved until then is told as a span.
/// Rows of which nothing is said, such as where only what of a quota is used has changed, are left out.
pub(super) fn planned(said: Vec<SaidOf>, moved: Vec<SaidOf>, now: Timestamp) -> Vec<PlannedRow> {
    let moved: BTreeMap<_, _> =
        moved.into_iter().filter_map(|row| Some(((row.kind, row.key), row.after?))).collect();
    said.into_iter().filter_map(|row| row_of(row, &moved, now)).collect()
}

fn row_of(
    SaidOf { kind, key, before, after }: SaidOf,
    moved: &BTreeMap<(&'static str, String), Said>,
    now: Timestamp,
) -> Option<PlannedRow> {
    let (is_before, is_after) = (before.is_some(), after.is_some());
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    let moved = moved.get(&(kind, key.clone()));
    let told_after =
        |(name, saying): &(&'static str, Saying)| match (saying, moved.and_then(|said| said.get(name))) {
            (Saying::At(moment), Some(Saying::At(later))) if later > moment => {
                PlannedValue::Later(moment.since(now))
            }
            (saying, _) => saying.into(),
        };
    let new = after.0.iter().filter(|(name, _)| before.get(name).is_none());
    let names = before.0.iter().chain(new).map(|(name, _)| *name);
    let fields = names.filter(|name| before.get(name) != after.get(name)).map(|name| PlannedField {
        name: name.to_owned(),
        before: before.get(name).map(PlannedValue::from),
        after: after.0.iter().find(|(known, _)| *known == name).map(told_after),
    });
    let fields: Vec<_> = fields.collect();
    let is_told = !fields.is_empty();
    is_told.then(|| PlannedRow { kind: kind.to_owned(), key, is_before, is_after, fields })
}

impl From<&Saying> for PlannedValue {
    fn from(saying: &Saying) -> Self {
        match saying {
            Saying::Text(text) => Self::Text(text.clone()),
            Saying::At(moment) => Self::At(*moment),
        }
    }
}
