//! `quotas`: what projects have, and may have.
//!
//! All managers count in the row of a project, so nobody may hold it while a batch is decided: it is read without a lock, and what
//! the batch spent is added to what stands there by then, if the project may have so much, when all else is written
//! ([`close`](crate::close)).

use lepton_ledger::View;
use lepton_types::{Amounts, Limit, ProjectId, Quota, Resource};

use super::{enter, load_by};
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Value, damaged},
    table::Stored,
    together::Part,
};

/// The columns, in the order in which [`Quota::read`] takes them.
macro_rules! quota_columns {
    () => {
        "project_id, networks_limit, ports_limit, fixed_ips_limit, floating_ips_limit,
             networks_used, ports_used, fixed_ips_used, floating_ips_used"
    };
}

/// What a limit is after the change: the new one, or, for [`AS_IT_IS`], the one that stands there.
macro_rules! limit {
    ($resource:literal, $new:literal) => {
        concat!("case ", $new, " when -2 then ", $resource, "_limit else ", $new, " end")
    };
}

/// Whether the project may have so much more. It may always have less, but not less than nothing: then another manager has given
/// back the same. Who also changes the limit has decided by the new one, and by what was used: no more may be by now. `bound` is what
/// was read then, and else the limit of who has none of its own.
macro_rules! may_have {
    ($resource:literal, $new:literal, $more:literal, $bound:literal) => {
        concat!(
            "case when ",
            $more,
            " <= 0 then ",
            $resource,
            "_used + ",
            $more,
            " >= 0 when ",
            $new,
            " is distinct from -2 then ",
            $resource,
            "_used <= ",
            $bound,
            " when coalesce(",
            $resource,
            "_limit, ",
            $bound,
            ") = -1 then true else ",
            $resource,
            "_used + ",
            $more,
            " <= coalesce(",
            $resource,
            "_limit, ",
            $bound,
            ") end"
        )
    };
}

/// Stands for a limit that a change leaves alone.
const AS_IT_IS: i64 = -2;

impl Stored for Quota {
    const INSERT: &'static str = concat!("insert into quotas (", quota_columns!(), ") {rows}");
    const UPDATE: &'static str = "update quotas set networks_limit = v.column2, ports_limit = v.column3,
             fixed_ips_limit = v.column4, floating_ips_limit = v.column5, networks_used = v.column6,
             ports_used = v.column7, fixed_ips_used = v.column8, floating_ips_used = v.column9
         from ({rows}) as v where quotas.project_id = v.column1";
    /// A project that has had something may have it again.
    const DELETE: Option<&'static str> = None;

    fn values(&self) -> Vec<Value> {
        let Self { project, limits, used } = self;
        vec![
            project.as_str().into(),
            limits.networks.map(number).into(),
            limits.ports.map(number).into(),
            limits.fixed_ips.map(number).into(),
            limits.floating_ips.map(number).into(),
            used.networks.into(),
            used.ports.into(),
            used.fixed_ips.into(),
            used.floating_ips.into(),
        ]
    }

    fn key_values(&self) -> Vec<Value> {
        vec![self.project.as_str().into()]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            project: columns.parsed()?,
            limits: Amounts {
                networks: limit(columns)?,
                ports: limit(columns)?,
                fixed_ips: limit(columns)?,
                floating_ips: limit(columns)?,
            },
            used: Amounts {
                networks: columns.number()?,
                ports: columns.number()?,
                fixed_ips: columns.number()?,
                floating_ips: columns.number()?,
            },
        })
    }
}

/// The limit as a number, -1 for none.
fn number(limit: Limit) -> i64 {
    match limit {
        Limit::Unlimited => -1,
        Limit::AtMost(most) => most.into(),
    }
}

fn limit(columns: &mut Columns<'_>) -> Result<Option<Limit>, StoreError> {
    Ok(match columns.get::<Option<i64>>()? {
        None => None,
        Some(-1) => Some(Limit::Unlimited),
        Some(most) => Some(Limit::AtMost(u32::try_from(most).map_err(|_| damaged("limit", &most))?)),
    })
}

/// What changes quotas, if any do; of each pair, the first is what was read and the second what it was to become. A row is not found,
/// and the batch decided again, when others have spent meanwhile what it spends.
pub(crate) fn spend(changes: &[(&Quota, &Quota)], defaults: &Amounts<Limit>) -> Option<Part> {
    const SQL: &str = concat!(
        "update quotas set networks_limit = ",
        limit!("networks", "v.column2"),
        ", ports_limit = ",
        limit!("ports", "v.column3"),
        ", fixed_ips_limit = ",
        limit!("fixed_ips", "v.column4"),
        ", floating_ips_limit = ",
        limit!("floating_ips", "v.column5"),
        ", networks_used = networks_used + v.column6, ports_used = ports_used + v.column7,
             fixed_ips_used = fixed_ips_used + v.column8, floating_ips_used = floating_ips_used + v.column9
         from ({rows}) as v where quotas.project_id = v.column1 and ",
        may_have!("networks", "v.column2", "v.column6", "v.column10"),
        " and ",
        may_have!("ports", "v.column3", "v.column7", "v.column11"),
        " and ",
        may_have!("fixed_ips", "v.column4", "v.column8", "v.column12"),
        " and ",
        may_have!("floating_ips", "v.column5", "v.column9", "v.column13")
    );
    let values_of = |(before, after): &(&Quota, &Quota)| {
        let limit = |resource: Resource| {
            let limit = after.limits.of(resource);
            if limit == before.limits.of(resource) { Some(AS_IT_IS) } else { limit.map(number) }
        };
        let more = |resource: Resource| {
            after.used.of(resource).cast_signed() - before.used.of(resource).cast_signed()
        };
        let bound = |resource: Resource| match limit(resource) {
            Some(AS_IT_IS) => number(*defaults.of(resource)),
            _ => before.used.of(resource).cast_signed(),
        };
        let mut values = after.key_values();
        values.extend(Resource::ALL.map(|resource| limit(resource).into()));
        values.extend(Resource::ALL.map(|resource| more(resource).into()));
        values.extend(Resource::ALL.map(|resource| bound(resource).into()));
        values
    };
    Part::overwriting(SQL, changes, values_of)
}

/// Locks quotas in the order of their projects, lest two managers wait for each other; for one project there is no order.
pub(crate) async fn lock(tx: &mut Tx, changes: &[(&Quota, &Quota)]) -> Result<(), Failure> {
    const SQL: &str = "select project_id from quotas where project_id {in} order by project_id {lock}";
    if tx.is_shared() && changes.len() > 1 {
        tx.fetch_for(SQL, changes, |(before, _)| before.key_values()).await?;
    }
    Ok(())
}

/// Loads the quotas of projects, without locks.
pub(crate) async fn load(tx: &mut Tx, projects: &[ProjectId], view: &mut View) -> Result<(), Failure> {
    const SQL: &str =
        concat!("select ", quota_columns!(), " from quotas where project_id {in} order by project_id");
    load_by::<Quota, _>(tx, SQL, projects, |project| vec![project.as_str().into()], view).await
}

/// The same, locked: what is counted behind that is what they should say.
pub(crate) async fn load_to_count(
    tx: &mut Tx,
    projects: &[ProjectId],
    view: &mut View,
) -> Result<(), Failure> {
    const SQL: &str =
        concat!("select ", quota_columns!(), " from quotas where project_id {in} order by project_id {lock}");
    load_by::<Quota, _>(tx, SQL, projects, |project| vec![project.as_str().into()], view).await
}

/// Loads a page of quotas in the order of their projects.
pub(crate) async fn load_page(
    tx: &mut Tx,
    after: Option<&ProjectId>,
    limit: u16,
    view: &mut View,
) -> Result<(), Failure> {
    const SQL: &str = concat!(
        "select ",
        quota_columns!(),
        " from quotas where project_id > $1 order by project_id limit $2"
    );
    // No project's name is empty.
    let after = after.map_or("", ProjectId::as_str);
    enter::<Quota>(&tx.fetch(SQL, vec![after.into(), i64::from(limit).into()]).await?, view)
}
