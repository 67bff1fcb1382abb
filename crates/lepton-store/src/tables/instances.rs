//! `instances`: the present life of each instance, the past ones in the history, and how many there were.

use std::collections::BTreeMap;

use lepton_ledger::{Instance, View};
use lepton_types::{HostId, InstanceId};

use super::ports;
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Value},
    table::Stored,
};

impl Stored for Instance {
    const INSERT: &'static str = "insert into instances (id, incarnation, project_id, host_id, hostname, has_names, created_at) {rows}";
    const UPDATE: &'static str =
        "update instances set incarnation = v.column2, project_id = v.column3, host_id = v.column4,
             hostname = v.column5, has_names = v.column6, created_at = v.column7
         from ({rows}) as v where instances.id = v.column1";
    const DELETE: Option<&'static str> = Some("delete from instances where id {in}");
    const INSERT_HISTORY: Option<&'static str> = Some(
        "insert into instance_history
             (id, incarnation, project_id, host_id, hostname, has_names, created_at, ended_at)
         {rows}",
    );

    fn values(&self) -> Vec<Value> {
        vec![
            self.id.as_uuid().into(),
            self.incarnation.into(),
            self.project.as_str().into(),
            self.host.as_str().into(),
            self.hostname.clone().map(String::from).into(),
            self.has_names.into(),
            self.created_at.micros().into(),
        ]
    }

    fn key_values(&self) -> Vec<Value> {
        vec![self.id.as_uuid().into()]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id()?,
            incarnation: columns.number()?,
            project: columns.parsed()?,
            host: columns.parsed()?,
            hostname: columns.parsed_option()?,
            has_names: columns.get()?,
            created_at: columns.get::<i64>()?.into(),
        })
    }
}

/// Loads instances with their ports of any incarnation and the ports' addresses; answers the instances' hosts.
pub(crate) async fn load(tx: &mut Tx, ids: &[InstanceId], view: &mut View) -> Result<Vec<HostId>, Failure> {
    const SQL: &str = "select id, incarnation, project_id, host_id, hostname, has_names, created_at
         from instances where id {in} order by id {lock}";
    let mut hosts = Vec::new();
    for row in tx.fetch_for(SQL, ids, |id| vec![id.as_uuid().into()]).await? {
        let instance = Instance::read(&mut row.columns())?;
        hosts.push(instance.host.clone());
        view.load(instance);
    }
    ports::load_of_instances(tx, ids, view).await?;
    Ok(hosts)
}

/// Loads the last incarnations of instances that have ended before. They outlive the history.
pub(crate) async fn load_past_lives(tx: &mut Tx, ids: &[InstanceId], view: &mut View) -> Result<(), Failure> {
    const SQL: &str = "select instance_id, last from incarnations where instance_id {in}";
    for row in tx.fetch_for(SQL, ids, |id| vec![id.as_uuid().into()]).await? {
        let mut columns = row.columns();
        view.note_incarnation(columns.id()?, columns.number()?);
    }
    Ok(())
}

/// Notes the incarnations of lives that end.
pub(crate) async fn note_past_lives(tx: &mut Tx, ended: &[&Instance]) -> Result<(), Failure> {
    const SQL: &str = "insert into incarnations (instance_id, last) {rows}
         on conflict (instance_id) do update set last = excluded.last";
    let mut newest = BTreeMap::new();
    for life in ended {
        let last = newest.entry(life.id).or_default();
        *last = life.incarnation.max(*last);
    }
    let newest: Vec<(InstanceId, u64)> = newest.into_iter().collect();
    tx.execute_for(SQL, &newest, |(id, last)| vec![id.as_uuid().into(), (*last).into()]).await.map(drop)
}
