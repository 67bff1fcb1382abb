//! `networks`: layer-2 networks.

use lepton_ledger::{Key, View};
use lepton_types::{HostId, Mtu, Name, Network, NetworkId, ProjectId, Timestamp};

use super::{enter, subnets};
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Value, damaged},
    table::Stored,
};

/// The counter of the networks' sequence numbers.
const NETWORKS: &str = "networks";

/// The columns that [`Stored::read`] reads, in its order.
macro_rules! network_columns {
    () => {
        "id, project_id, label, priority, mtu, sequence, created_at, host_id, is_injected, is_external, version"
    };
}

pub(super) use network_columns;

/// The number of the newest range of MACs, null when there is none: whoever plugs into networks needs MACs, and learns with them
/// whether there are ranges to draw from, without a statement for it.
macro_rules! mac_ranges {
    () => {
        ", (select max(number) from mac_ranges)"
    };
}

impl Stored for Network {
    const INSERT: &'static str =
        "insert into networks (id, project_id, label, priority, mtu, sequence, created_at, host_id, is_injected,
             is_external, version, bridge)
         {rows}";
    const UPDATE: &'static str =
        "update networks set project_id = v.column2, label = v.column3, priority = v.column4, mtu = v.column5,
             sequence = v.column6, created_at = v.column7, host_id = v.column8, is_injected = v.column9,
             is_external = v.column10, version = v.column11
         from ({rows}) as v where networks.id = v.column1 and networks.version = v.column13";
    const DELETE: Option<&'static str> = Some("delete from networks where (id, version) in ({rows})");
    const INSERT_HISTORY: Option<&'static str> = Some(
        "insert into network_history
             (id, project_id, label, priority, mtu, sequence, created_at, host_id, is_injected, is_external, version,
              bridge, ended_at)
         {rows}",
    );

    fn values(&self) -> Vec<Value> {
        vec![
            self.id.as_uuid().into(),
            self.project.clone().map(String::from).into(),
            self.label.as_str().into(),
            i64::from(self.priority).into(),
            i64::from(self.mtu.bytes()).into(),
            self.sequence.into(),
            self.created_at.micros().into(),
            self.host.clone().map(String::from).into(),
            self.is_injected.into(),
            self.is_external.into(),
            self.version.into(),
            String::from(self.bridge()).into(),
        ]
    }

    fn key_values(&self) -> Vec<Value> {
        vec![self.id.as_uuid().into()]
    }

    fn guards(&self) -> Vec<Value> {
        vec![self.version.into()]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id()?,
            project: columns.parsed_option()?,
            label: columns.parsed()?,
            priority: narrow(columns.get()?, "priority")?,
            mtu: Mtu::try_from(narrow::<u32>(columns.get()?, "mtu")?)
                .map_err(|error| damaged("mtu", &error))?,
            sequence: columns.number()?,
            created_at: Timestamp::from(columns.get::<i64>()?),
            host: columns.parsed_option()?,
            is_injected: columns.get()?,
            is_external: columns.get()?,
            version: columns.number()?,
        })
    }
}

fn narrow<T: TryFrom<i64>>(number: i64, what: &str) -> Result<T, StoreError> {
    T::try_from(number).map_err(|_| damaged(what, &number))
}

/// Loads networks with their subnets.
pub(crate) async fn load(tx: &mut Tx, ids: &[NetworkId], view: &mut View) -> Result<(), Failure> {
    const SQL: &str = concat!("select ", network_columns!(), mac_ranges!(), " from networks where id {in}");
    let found = tx.fetch_for(SQL, ids, |id| vec![id.as_uuid().into()]).await?;
    enter_noting_mac_ranges(&found, view)?;
    subnets::load_of_networks(tx, ids, view).await?;
    for id in ids {
        view.mark_loaded(Key::Network(*id));
    }
    Ok(())
}

/// Enters networks that were read with `mac_ranges!`.
fn enter_noting_mac_ranges(found: &[crate::sql::Row], view: &mut View) -> Result<(), Failure> {
    for row in found {
        let columns = &mut row.columns();
        view.load(Network::read(columns)?);
        view.note_mac_ranges(columns.number_option()?.is_some());
    }
    Ok(())
}

/// Loads the networks that the projects may use, with their subnets.
pub(crate) async fn load_of_projects(
    tx: &mut Tx,
    projects: &[ProjectId],
    view: &mut View,
) -> Result<(), Failure> {
    const SQL: &str = concat!(
        "select ",
        network_columns!(),
        mac_ranges!(),
        " from networks where project_id {in} and not is_external
         union all
         select ",
        network_columns!(),
        mac_ranges!(),
        " from networks where project_id is null and not is_external"
    );
    let found = tx.fetch_for(SQL, projects, |project| vec![project.as_str().into()]).await?;
    enter_noting_mac_ranges(&found, view)?;
    load_their_subnets(tx, &found, view).await.map(drop)
}

/// Loads the global networks with their subnets.
pub(crate) async fn load_global(tx: &mut Tx, view: &mut View) -> Result<(), Failure> {
    const SQL: &str =
        concat!("select ", network_columns!(), " from networks where project_id is null and not is_external");
    let found = tx.fetch(SQL, Vec::new()).await?;
    enter_with_subnets(tx, &found, view).await.map(drop)
}

/// Loads a page of networks in the order of creation, with their subnets.
pub(crate) async fn load_page(
    tx: &mut Tx,
    project: Option<&ProjectId>,
    after: u64,
    limit: u16,
    view: &mut View,
) -> Result<(), Failure> {
    const ALL: &str = concat!(
        "select ",
        network_columns!(),
        " from networks where sequence > $1 and not is_external order by sequence limit $2"
    );
    // Each half follows its own index, so that a page costs what it holds, not what the other projects have.
    const VISIBLE: &str = concat!(
        "select * from (
             select * from (select ",
        network_columns!(),
        " from networks where project_id = $3 and sequence > $1 and not is_external order by sequence limit $2) as own
             union all
             select * from (select ",
        network_columns!(),
        " from networks where project_id is null and sequence > $1 and not is_external order by sequence limit $2) as global
         ) as visible order by sequence limit $2"
    );
    let mut values = vec![after.into(), i64::from(limit).into()];
    let found = match project {
        None => tx.fetch(ALL, values).await?,
        Some(project) => {
            values.push(project.as_str().into());
            tx.fetch(VISIBLE, values).await?
        }
    };
    enter_with_subnets(tx, &found, view).await.map(drop)
}

/// Loads a page of the networks whose own host this is, in the order of their ids, from one on. Nobody asks for their subnets.
pub(crate) async fn load_on_host(
    tx: &mut Tx,
    host: &HostId,
    from: NetworkId,
    limit: u16,
    view: &mut View,
) -> Result<(), Failure> {
    const SQL: &str = concat!(
        "select ",
        network_columns!(),
        " from networks where host_id = $1 and id >= $2 order by id limit $3"
    );
    let values = vec![host.as_str().into(), from.as_uuid().into(), i64::from(limit).into()];
    enter::<Network>(&tx.fetch(SQL, values).await?, view)
}

async fn enter_with_subnets(
    tx: &mut Tx,
    found: &[crate::sql::Row],
    view: &mut View,
) -> Result<Vec<NetworkId>, Failure> {
    enter::<Network>(found, view)?;
    load_their_subnets(tx, found, view).await
}

/// Loads the subnets of networks that were entered; answers their ids.
async fn load_their_subnets(
    tx: &mut Tx,
    found: &[crate::sql::Row],
    view: &mut View,
) -> Result<Vec<NetworkId>, Failure> {
    let ids = found.iter().map(|row| row.columns().id()).collect::<Result<Vec<NetworkId>, _>>()?;
    subnets::load_of_networks(tx, &ids, view).await?;
    for id in &ids {
        view.mark_loaded(Key::Network(*id));
    }
    Ok(ids)
}

/// Loads pools of floating IPs by their names, with their subnets; answers which they are.
pub(super) async fn load_pools(
    tx: &mut Tx,
    names: &[Name],
    view: &mut View,
) -> Result<Vec<NetworkId>, Failure> {
    const SQL: &str =
        concat!("select ", network_columns!(), " from networks where is_external and label {in}");
    let found = tx.fetch_for(SQL, names, |name| vec![name.as_str().into()]).await?;
    enter_with_subnets(tx, &found, view).await
}

/// Loads a page of pools of floating IPs in the order of creation, with their subnets; answers which they are.
pub(super) async fn load_pool_page(
    tx: &mut Tx,
    after: u64,
    limit: u16,
    view: &mut View,
) -> Result<Vec<NetworkId>, Failure> {
    const SQL: &str = concat!(
        "select ",
        network_columns!(),
        " from networks where is_external and sequence > $1 order by sequence limit $2"
    );
    let found = tx.fetch(SQL, vec![after.into(), i64::from(limit).into()]).await?;
    enter_with_subnets(tx, &found, view).await
}

/// Loads the sequence number of the newest network, deleted ones included: no number is given twice, though the history
/// forgets.
pub(crate) async fn load_newest(tx: &mut Tx, view: &mut View) -> Result<(), Failure> {
    const SQL: &str = "select last from counters where name = $1 {lock}";
    for row in tx.fetch(SQL, vec![NETWORKS.into()]).await? {
        view.note_newest_network(row.columns().number()?);
    }
    Ok(())
}

/// Notes the sequence number of the newest network.
pub(crate) async fn note_newest(tx: &mut Tx, sequence: u64) -> Result<(), Failure> {
    const SQL: &str = "insert into counters (name, last) values ($1, $2)
         on conflict (name) do update set last = excluded.last";
    tx.execute(SQL, vec![NETWORKS.into(), sequence.into()]).await.map(drop)
}
