//! `ports`: instances' vNICs and their plugs.

use lepton_ledger::{HostPortPlace, Key, MOST_SEEN, PortFilter, PortPlace, PortsBy, View};
use lepton_types::{
    HostId, InstanceId, MacAddr, MacPrefix, MacRangeId, NetworkId, Port, PortBinding, PortId, PortStatus,
    PortTarget, ProjectId, Revision, Timestamp,
};

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{enter, fixed_ips, networks, pending_unplugs};
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Row, Value, damaged, json, json_text},
    table::Stored,
    together::Part,
};

/// The columns that [`Stored::read`] reads, in its order.
macro_rules! port_columns {
    () => {
        "id, instance_id, incarnation, network_id, project_id, host_id, position, mac, binding,
             status, error, is_released, revision, created_at, has_moved, target_host_id, target_revision, target,
             mac_range_id"
    };
}

pub(super) use port_columns;

/// Where released ports stand among those of instances, which otherwise stand where their instance's life began.
pub(super) const RELEASED: i64 = 0;

impl Stored for Port {
    const INSERT: &'static str =
        "insert into ports (id, instance_id, incarnation, network_id, project_id, host_id,
             position, mac, device, binding, status, error, is_released, revision, created_at, has_moved,
             target_host_id, target_revision, target, mac_range_id)
         {rows}";
    /// What identifies a port and what it was made with never changes.
    const UPDATE: &'static str =
        "update ports set host_id = v.column6, binding = v.column10, status = v.column11, error = v.column12,
             is_released = v.column13, revision = v.column14, has_moved = v.column16, target_host_id = v.column17,
             target_revision = v.column18, target = v.column19
         from ({rows}) as v where ports.id = v.column1";
    const DELETE: Option<&'static str> = Some("delete from ports where id {in}");
    const INSERT_HISTORY: Option<&'static str> =
        Some("insert into port_history (id, instance_id, incarnation, network_id, project_id, host_id, position, mac,
             device, binding, status, error, is_released, revision, created_at, has_moved, ended_at)
         {rows}");

    fn values(&self) -> Vec<Value> {
        let (status, error) = match &self.status {
            PortStatus::Pending => ("PENDING", None),
            PortStatus::Active => ("ACTIVE", None),
            PortStatus::Error(error) => ("ERROR", Some(error.clone())),
        };
        let target = self.target.as_ref();
        vec![
            self.id.as_uuid().into(),
            self.instance.as_uuid().into(),
            self.incarnation.into(),
            self.network.as_uuid().into(),
            self.project.as_str().into(),
            self.host.as_str().into(),
            i64::from(self.position).into(),
            self.mac.to_bits().into(),
            String::from(self.device()).into(),
            json(&self.binding),
            status.into(),
            error.into(),
            self.is_released.into(),
            self.revision.number().into(),
            self.created_at.micros().into(),
            self.has_moved.into(),
            target.map(|target| target.host.to_string()).into(),
            target.map(|target| target.revision.number()).into(),
            target.map(|target| json_text(&(&target.binding, &target.status))).into(),
            self.mac_range.map(MacRangeId::as_uuid).into(),
        ]
    }

    /// All but the target, since what has ended is on its way no more, and the range of its MAC.
    fn history_values(&self) -> Vec<Value> {
        let mut values = self.values();
        values.truncate(values.len() - 4);
        values
    }

    fn key_values(&self) -> Vec<Value> {
        vec![self.id.as_uuid().into()]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id()?,
            instance: columns.id()?,
            incarnation: columns.number()?,
            network: columns.id()?,
            project: columns.parsed()?,
            host: columns.parsed()?,
            position: position(columns.number()?)?,
            mac: MacAddr::try_from(columns.number()?).map_err(|error| damaged("MAC", &error))?,
            binding: columns.json()?,
            status: status(&columns.get::<String>()?, columns.get()?)?,
            is_released: columns.get()?,
            revision: columns.number()?.into(),
            created_at: columns.get::<i64>()?.into(),
            has_moved: columns.get()?,
            target: target(columns.parsed_option()?, columns.number_option()?, columns.json_option()?)?,
            mac_range: columns.id_option()?,
        })
    }
}

fn target(
    host: Option<HostId>,
    revision: Option<u64>,
    plug: Option<(PortBinding, PortStatus)>,
) -> Result<Option<PortTarget>, StoreError> {
    match (host, revision, plug) {
        (None, None, None) => Ok(None),
        (Some(host), Some(revision), Some((binding, status))) => {
            Ok(Some(PortTarget { host, binding, status, revision: revision.into() }))
        }
        other => Err(damaged("port target", &other)),
    }
}

/// Where a port stands among its instance's.
pub(super) fn position(number: u64) -> Result<u16, StoreError> {
    u16::try_from(number).map_err(|error| damaged("position", &error))
}

pub(super) fn status(status: &str, error: Option<String>) -> Result<PortStatus, StoreError> {
    match (status, error) {
        ("PENDING", None) => Ok(PortStatus::Pending),
        ("ACTIVE", None) => Ok(PortStatus::Active),
        ("ERROR", error) => Ok(PortStatus::Error(error.unwrap_or_default())),
        other => Err(damaged("port status", &other)),
    }
}

/// Loads ports with their addresses; answers the projects of those that are released.
pub(crate) async fn load(tx: &mut Tx, ids: &[PortId], view: &mut View) -> Result<Vec<ProjectId>, Failure> {
    const SQL: &str = concat!("select ", port_columns!(), " from ports where id {in} order by id {lock}");
    let mut owners = Vec::new();
    for row in tx.fetch_for(SQL, ids, |id| vec![id.as_uuid().into()]).await? {
        let port = Port::read(&mut row.columns())?;
        owners.extend(port.is_released.then(|| port.project.clone()));
        view.load(port);
    }
    fixed_ips::load_of_ports(tx, ids, view).await?;
    Ok(owners)
}

/// Loads the ports of instances, of any incarnation, with their addresses; answers which they are.
///
/// `alive` are those of the instances that live and are in the view.
pub(super) async fn load_of_instances(
    tx: &mut Tx,
    ids: &[InstanceId],
    alive: &[(InstanceId, Timestamp)],
    view: &mut View,
) -> Result<Vec<PortId>, Failure> {
    const SQL: &str = concat!(
        "select ",
        port_columns!(),
        " from ports where (alive_since, instance_id) in ({rows}) order by id {lock}"
    );
    let released = ids.iter().map(|id| (RELEASED, *id));
    let places: Vec<(i64, InstanceId)> =
        released.chain(alive.iter().map(|(id, since)| (since.micros(), *id))).collect();
    let found = tx.fetch_for(SQL, &places, |(since, id)| vec![(*since).into(), id.as_uuid().into()]).await?;
    enter_with_addresses(tx, &found, view).await
}

async fn enter_with_addresses(tx: &mut Tx, found: &[Row], view: &mut View) -> Result<Vec<PortId>, Failure> {
    enter::<Port>(found, view)?;
    let ids = found.iter().map(|row| row.columns().id()).collect::<Result<Vec<PortId>, _>>()?;
    fixed_ips::load_of_ports(tx, &ids, view).await?;
    for id in &ids {
        view.mark_loaded(Key::Port(*id));
    }
    Ok(ids)
}

/// Notes which ports have the MACs, without keeping others from them.
pub(crate) async fn note_macs(tx: &mut Tx, macs: &[MacAddr], view: &mut View) -> Result<(), Failure> {
    for row in &tx.fetch_part(question_of_macs(macs)).await? {
        let mut columns = row.columns();
        let mac = MacAddr::try_from(columns.number()?).map_err(|error| damaged("MAC", &error))?;
        view.note_port_with(mac, columns.id()?);
    }
    Ok(())
}

/// Asks which ports have MACs.
pub(crate) fn question_of_macs(macs: &[MacAddr]) -> Option<Part> {
    Part::new("select mac, id from ports where mac {in}", macs, |mac| vec![mac.to_bits().into()])
}

/// Which ports have the MACs, found without locks: what became of them meanwhile is seen when they are loaded.
pub(crate) async fn with_macs(tx: &mut Tx, macs: &[MacAddr]) -> Result<Vec<PortId>, Failure> {
    const SQL: &str = "select id from ports where mac {in}";
    let found = tx.fetch_for(SQL, macs, |mac| vec![mac.to_bits().into()]).await?;
    Ok(found.iter().map(|row| row.columns().id()).collect::<Result<Vec<PortId>, _>>()?)
}

/// Notes some ports that have one of these MACs, if there are any, without keeping others from them.
pub(crate) async fn note_some_with(tx: &mut Tx, macs: MacPrefix, view: &mut View) -> Result<(), Failure> {
    const SQL: &str =
        concat!("select ", port_columns!(), " from ports where mac between $1 and $2 order by mac limit $3");
    let values =
        vec![macs.first().to_bits().into(), macs.last().to_bits().into(), i64::from(MOST_SEEN).into()];
    for row in &tx.fetch(SQL, values).await? {
        view.note_port_of_macs(macs, Port::read(&mut row.columns())?);
    }
    Ok(())
}

/// Notes some ports of a network, if there are any, without keeping others from them.
pub(crate) async fn note_some_on(tx: &mut Tx, network: NetworkId, view: &mut View) -> Result<(), Failure> {
    const SQL: &str = concat!("select ", port_columns!(), " from ports where network_id = $1 limit $2");
    for row in &tx.fetch(SQL, vec![network.as_uuid().into(), i64::from(MOST_SEEN).into()]).await? {
        view.note_port_on(Port::read(&mut row.columns())?);
    }
    Ok(())
}

/// A page of those for which `$of` holds, behind the place `$1`, `$2`: at most `$3`.
macro_rules! page_of {
    ($index:literal, $of:literal) => {
        concat!(
            "select ",
            port_columns!(),
            " from ports",
            $index,
            " where ",
            $of,
            " and (network_id, id) > ($1, $2) order by network_id, id limit $3"
        )
    };
}

/// The same on the network `$1`: a network that is given beside the place would not bound the walk, which ended neither where the
/// network does nor began behind the place.
macro_rules! page_on {
    ($of:literal) => {
        concat!(
            "select ",
            port_columns!(),
            " from ports where ",
            $of,
            "network_id = $1 and id > $2 order by id limit $3"
        )
    };
}

/// Loads a page of ports with their addresses and networks.
///
/// Instances have so few ports that theirs are sorted; the others' pages follow an index.
pub(crate) async fn load_page(
    tx: &mut Tx,
    filter: &PortFilter,
    after: Option<PortPlace>,
    limit: u16,
    view: &mut View,
) -> Result<(), Failure> {
    const ALL: &str = page_of!("", "true");
    const OF_PROJECT: &str = page_of!("", "project_id = $4");
    const ON_NETWORK: &str = page_on!("");
    const OF_PROJECT_ON_NETWORK: &str = page_on!("project_id = $4 and ");
    // SQLite would take the index that is in order, and walk over everybody's.
    const OF_INSTANCE: &str = page_of!(
        " {index ports_by_instance}",
        "alive_since in ($6, (select created_at from instances where id = $4)) and instance_id = $4
             and ($5 is null or project_id = $5)"
    );
    let project = || Value::from(filter.project.clone().map(String::from));
    let (network, port) = after.unwrap_or((Uuid::nil().into(), Uuid::nil().into()));
    let place = match filter.by {
        PortsBy::Network(on) if on < network => return Ok(()),
        PortsBy::Network(on) if on > network => (on, Uuid::nil().into()),
        PortsBy::Any | PortsBy::Network(_) | PortsBy::Instance(_) => (network, port),
    };
    let (sql, of) = match (&filter.by, &filter.project) {
        (PortsBy::Any, None) => (ALL, vec![]),
        (PortsBy::Any, Some(own)) => (OF_PROJECT, vec![own.as_str().into()]),
        (PortsBy::Network(_), None) => (ON_NETWORK, vec![]),
        (PortsBy::Network(_), Some(own)) => (OF_PROJECT_ON_NETWORK, vec![own.as_str().into()]),
        (PortsBy::Instance(instance), _) => {
            (OF_INSTANCE, vec![instance.as_uuid().into(), project(), RELEASED.into()])
        }
    };
    let (network, port) = place;
    let place = vec![network.as_uuid().into(), port.as_uuid().into(), i64::from(limit).into()];
    let found = tx.fetch(sql, [place, of].concat()).await?;
    enter_with_addresses(tx, &found, view).await?;
    let of_row = |row: &Row| Port::read(&mut row.columns()).map(|port| port.network);
    let ids = found.iter().map(of_row).collect::<Result<BTreeSet<NetworkId>, _>>()?;
    let ids: Vec<NetworkId> = ids.into_iter().collect();
    networks::load(tx, &ids, view).await?;
    ids.into_iter().for_each(|network| view.mark_loaded(Key::Network(network)));
    Ok(())
}

/// Loads a page of a host's ports in the order in which they changed, with their addresses.
///
/// The index that agents ask by serves: one in another order would cost each allocation pages of its own (ADR 10). Each port of
/// a host that changes has a revision of its own, so hardly anything is left to be sorted by the ids.
pub(crate) async fn load_host_page(
    tx: &mut Tx,
    host: &HostId,
    after: Option<HostPortPlace>,
    limit: u16,
    view: &mut View,
) -> Result<(), Failure> {
    const SQL: &str = concat!(
        "select ",
        port_columns!(),
        " from ports where host_id = $1 and (revision, id) > ($2, $3) order by revision, id limit $4"
    );
    let (revision, port) = after.unwrap_or((Revision::default(), Uuid::nil().into()));
    let values =
        vec![host.as_str().into(), revision.number().into(), port.as_uuid().into(), i64::from(limit).into()];
    let found = tx.fetch(SQL, values).await?;
    enter_with_addresses(tx, &found, view).await.map(drop)
}

/// Loads the first ports of a host, released ones before the others, with their addresses; those on their way to it; and the
/// first of those that have left it and wait for it.
pub(crate) async fn load_to_fence(
    tx: &mut Tx,
    host: &HostId,
    limit: u16,
    view: &mut View,
) -> Result<(), Failure> {
    const ON_IT: &str = "select id from ports where host_id = $1 order by is_released desc, id limit $2";
    const ON_THEIR_WAY: &str = "select id from ports where target_host_id = $1 order by id limit $2";
    let mut ids = Vec::new();
    for sql in [ON_IT, ON_THEIR_WAY] {
        // One more than wanted tells whether there are more.
        let values = vec![host.as_str().into(), (i64::from(limit) + 1).into()];
        let found = tx.fetch(sql, values).await?;
        ids.extend(found.iter().map(|row| row.columns().id()).collect::<Result<Vec<PortId>, _>>()?);
        if ids.len() > limit.into() {
            ids.truncate(limit.into());
            view.note_more_to_fence(host.clone());
            break;
        }
    }
    let left = pending_unplugs::waited_for(tx, host, limit, view).await?;
    // They are locked in the order in which reports lock them; what has ended since is not there any more. A port that has
    // left and comes to wait for this host meanwhile is seen as one of the host's own.
    let all: BTreeSet<PortId> = ids.iter().chain(&left).copied().collect();
    load(tx, &all.into_iter().collect::<Vec<_>>(), view).await?;
    pending_unplugs::load(tx, &left, view).await?;
    for id in ids {
        view.mark_loaded(Key::Port(id));
    }
    Ok(())
}

/// Loads the ports of a host, and those on their way to it, that changed there after a revision, with their addresses.
pub(crate) async fn load_of_host(
    tx: &mut Tx,
    host: &HostId,
    after: Revision,
    view: &mut View,
) -> Result<(), Failure> {
    const SQL: &str = concat!(
        "select ",
        port_columns!(),
        " from ports where host_id = $1 and revision > $2
         union all
         select ",
        port_columns!(),
        " from ports where target_host_id = $1 and target_revision > $2"
    );
    let found = tx.fetch(SQL, vec![host.as_str().into(), after.number().into()]).await?;
    enter_with_addresses(tx, &found, view).await.map(drop)
}
