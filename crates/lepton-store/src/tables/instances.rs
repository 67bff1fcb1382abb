//! `instances`: the present life of each instance, the past ones in the history, and how many there were.

use std::collections::{BTreeMap, BTreeSet};

use lepton_ledger::{Instance, InstancePlace, Key, View};
use lepton_types::{HostId, InstanceId, Migration, PortId, ProjectId};
use uuid::Uuid;

use super::ports;
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Value, damaged, json_text},
    table::Stored,
    together::{Part, Together},
};

/// The columns that [`Stored::read`] reads, in its order.
macro_rules! instance_columns {
    () => {
        "id, incarnation, project_id, host_id, hostname, has_names, created_at, destination_id,
             destination_revision, arrivals, availability_zone, has_named_networks"
    };
}

pub(super) use instance_columns;

impl Stored for Instance {
    const INSERT: &'static str =
        "insert into instances (id, incarnation, project_id, host_id, hostname, has_names, created_at, destination_id,
             destination_revision, arrivals, availability_zone, has_named_networks)
         {rows}";
    const UPDATE: &'static str =
        "update instances set incarnation = v.column2, project_id = v.column3, host_id = v.column4,
             hostname = v.column5, has_names = v.column6, created_at = v.column7, destination_id = v.column8,
             destination_revision = v.column9, arrivals = v.column10,
             availability_zone = v.column11, has_named_networks = v.column12
         from ({rows}) as v where instances.id = v.column1";
    const DELETE: Option<&'static str> = Some("delete from instances where id {in}");
    const INSERT_HISTORY: Option<&'static str> = Some(
        "insert into instance_history
             (id, incarnation, project_id, host_id, hostname, has_names, created_at, ended_at)
         {rows}",
    );

    fn values(&self) -> Vec<Value> {
        let migration = self.migration.as_ref();
        vec![
            self.id.as_uuid().into(),
            self.incarnation.into(),
            self.project.as_str().into(),
            self.host.as_str().into(),
            self.hostname.clone().map(String::from).into(),
            self.has_names.into(),
            self.created_at.micros().into(),
            migration.map(|migration| migration.destination.to_string()).into(),
            migration.map(|migration| migration.revision.number()).into(),
            Some(&self.arrivals).filter(|arrivals| !arrivals.is_empty()).map(json_text).into(),
            self.availability_zone.clone().map(String::from).into(),
            self.has_named_networks.into(),
        ]
    }

    /// All but the moves, the zone and how its networks were chosen: what has ended is on its way no more, nobody waits for it, and
    /// it gets no name.
    fn history_values(&self) -> Vec<Value> {
        let mut values = self.values();
        values.truncate(values.len() - 5);
        values
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
            migration: migration(columns.parsed_option()?, columns.number_option()?)?,
            arrivals: columns.json_option()?.unwrap_or_default(),
            availability_zone: columns.parsed_option()?,
            has_named_networks: columns.get()?,
        })
    }
}

fn migration(destination: Option<HostId>, revision: Option<u64>) -> Result<Option<Migration>, StoreError> {
    match (destination, revision) {
        (None, None) => Ok(None),
        (Some(destination), Some(revision)) => Ok(Some(Migration { destination, revision: revision.into() })),
        other => Err(damaged("move of an instance", &other)),
    }
}

/// What instances that were loaded have.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Their hosts, those that they are being moved to included.
    pub(crate) hosts: Vec<HostId>,
    pub(crate) ports: Vec<PortId>,
}

/// Asks for instances.
pub(crate) fn question(ids: &[InstanceId]) -> Option<Part> {
    const SQL: &str =
        concat!("select ", instance_columns!(), " from instances where id {in} order by id {lock}");
    Part::new(SQL, ids, |id| vec![id.as_uuid().into()])
}

/// Asks for the last incarnations of instances that have ended before.
pub(crate) fn question_of_past_lives(ids: &[InstanceId]) -> Option<Part> {
    const SQL: &str = "select instance_id, last from incarnations where instance_id {in}";
    Part::new(SQL, ids, |id| vec![id.as_uuid().into()])
}

/// Loads instances with their ports of any incarnation and the ports' addresses, and of `of_past_lives`, how many lives they
/// had that ended. Those that never lived have no ports, which is what most allocations ask.
pub(crate) async fn load(
    tx: &mut Tx,
    ids: &[InstanceId],
    of_past_lives: &[InstanceId],
    view: &mut View,
) -> Result<Found, Failure> {
    let (mut hosts, mut alive) = (Vec::new(), Vec::new());
    let mut strangers: BTreeSet<InstanceId> = of_past_lives.iter().copied().collect();
    for row in tx.fetch_part(question(ids)).await? {
        let instance = Instance::read(&mut row.columns())?;
        hosts.push(instance.host.clone());
        hosts.extend(instance.migration.as_ref().map(|migration| migration.destination.clone()));
        strangers.remove(&instance.id);
        alive.push((instance.id, instance.created_at));
        view.load(instance);
    }
    for dead in load_past_lives(tx, of_past_lives, view).await? {
        strangers.remove(&dead);
    }
    let known: Vec<InstanceId> = ids.iter().copied().filter(|id| !strangers.contains(id)).collect();
    let ports = ports::load_of_instances(tx, &known, &alive, view).await?;
    Ok(Found { hosts, ports })
}

/// Loads instances behind a place, by project and in the order of their allocation, with their ports of any incarnation and
/// the ports' addresses.
pub(crate) async fn load_page(
    tx: &mut Tx,
    project: Option<&ProjectId>,
    after: Option<&InstancePlace>,
    limit: u16,
    view: &mut View,
) -> Result<(), Failure> {
    const ALL: &str = concat!(
        "select ",
        instance_columns!(),
        " from instances where (project_id, created_at, id) > ($4, $1, $2)
         order by project_id, created_at, id limit $3"
    );
    const OF_PROJECT: &str = concat!(
        "select ",
        instance_columns!(),
        " from instances where project_id = $4 and (created_at, id) > ($1, $2)
         order by created_at, id limit $3"
    );
    let (created_at, id) =
        after.map_or((i64::MIN, Uuid::nil()), |after| (after.created_at.micros(), after.id.as_uuid()));
    // Nothing has an empty name, so the empty one is before the first.
    let behind = after.map_or("", |after| after.project.as_str());
    let (sql, project) = project.map_or((ALL, behind), |project| (OF_PROJECT, project.as_str()));
    let values = vec![created_at.into(), id.into(), i64::from(limit).into(), project.into()];
    let found = tx.fetch(sql, values).await?;
    let mut alive = Vec::with_capacity(found.len());
    for row in &found {
        let instance = Instance::read(&mut row.columns())?;
        alive.push((instance.id, instance.created_at));
        view.load(instance);
    }
    let ids: Vec<InstanceId> = alive.iter().map(|(id, _)| *id).collect();
    ports::load_of_instances(tx, &ids, &alive, view).await?;
    for id in ids {
        view.mark_loaded(Key::Instance(id));
    }
    Ok(())
}

/// Loads the last incarnations of instances that have ended before, and answers which have. They outlive the history.
async fn load_past_lives(
    tx: &mut Tx,
    ids: &[InstanceId],
    view: &mut View,
) -> Result<Vec<InstanceId>, Failure> {
    let mut dead = Vec::new();
    for row in tx.fetch_part(question_of_past_lives(ids)).await? {
        let mut columns = row.columns();
        let id = columns.id()?;
        view.note_incarnation(id, columns.number()?);
        dead.push(id);
    }
    Ok(dead)
}

/// Makes sure that no earlier life has the number of one whose row has just been inserted. An instance that is not there cannot be
/// locked: after this manager saw that there is none, another one may have begun and ended a whole life. Now that the row is in,
/// nobody else can begin a life, and every one that ended before has its number in `incarnations`.
pub(crate) async fn must_be_new(tx: &mut Tx, born: &[&Instance]) -> Result<(), Failure> {
    if born.is_empty() || !tx.is_shared() {
        return Ok(());
    }
    const SQL: &str = "select v.column1 from ({rows}) as v join incarnations p on p.instance_id = v.column1 and p.last >= v.column2";
    let values = |life: &&Instance| vec![life.id.as_uuid().into(), life.incarnation.into()];
    let taken = tx.fetch_for(SQL, born, values).await?;
    if taken.is_empty() {
        return Ok(());
    }
    Err(Failure::Conflict(format!("{} of {} lives had their numbers already", taken.len(), born.len())))
}

/// Notes the incarnations of lives that end.
pub(crate) fn note_past_lives<'l>(together: &mut Together, ended: impl Iterator<Item = &'l Instance>) {
    const SQL: &str = "insert into incarnations (instance_id, last) {rows}
         on conflict (instance_id) do update set last = excluded.last";
    let mut newest = BTreeMap::new();
    for life in ended {
        let last = newest.entry(life.id).or_default();
        *last = life.incarnation.max(*last);
    }
    let newest: Vec<(InstanceId, u64)> = newest.into_iter().collect();
    together.add(SQL, &newest, |(id, last)| vec![id.as_uuid().into(), (*last).into()]);
}
