//! `quotas`: what projects have, and may have.

use lepton_ledger::View;
use lepton_types::{Amounts, Limit, ProjectId, Quota};

use super::{enter, load_by};
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Value, damaged},
    table::Stored,
};

/// The columns, in the order in which [`Quota::read`] takes them.
macro_rules! quota_columns {
    () => {
        "project_id, networks_limit, ports_limit, fixed_ips_limit, floating_ips_limit,
             networks_used, ports_used, fixed_ips_used, floating_ips_used"
    };
}

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

/// Loads the quotas of projects.
pub(crate) async fn load(tx: &mut Tx, projects: &[ProjectId], view: &mut View) -> Result<(), Failure> {
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
