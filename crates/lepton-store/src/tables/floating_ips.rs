//! `floating_ips`: whose a floating IP is, and where it leads.

use std::{collections::BTreeSet, net::IpAddr};

use lepton_ledger::{FloatingBy, FloatingFilter, FloatingOwner, Key, MOST_SEEN, View};
use lepton_types::{FloatingIp, FloatingTarget, NetworkId, PortId, SubnetId};
use uuid::Uuid;

use super::{enter, load_by, load_one_by_one, networks, ports};
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Row, Value, address_bytes, damaged},
    table::Stored,
};

/// The columns that [`Stored::read`] reads, in its order.
macro_rules! floating_ip_columns {
    () => {
        "address, subnet_id, pool_id, project_id, port_id, instance_id, network_id, fixed_subnet_id, fixed_address,
             is_auto_assigned, allocated_at, since"
    };
}

pub(super) use floating_ip_columns;

impl Stored for FloatingIp {
    const INSERT: &'static str = concat!("insert into floating_ips (", floating_ip_columns!(), ") {rows}");
    const UPDATE: &'static str =
        "update floating_ips set subnet_id = v.column2, pool_id = v.column3, project_id = v.column4,
             port_id = v.column5, instance_id = v.column6, network_id = v.column7, fixed_subnet_id = v.column8,
             fixed_address = v.column9, is_auto_assigned = v.column10, allocated_at = v.column11,
             since = v.column12
         from ({rows}) as v where floating_ips.address = v.column1";
    const DELETE: Option<&'static str> = Some("delete from floating_ips where address {in}");
    const INSERT_HISTORY: Option<&'static str> =
        Some(concat!("insert into floating_ip_history (", floating_ip_columns!(), ", ended_at) {rows}"));

    fn values(&self) -> Vec<Value> {
        let target = self.target;
        vec![
            self.address.into(),
            self.subnet.as_uuid().into(),
            self.pool.as_uuid().into(),
            self.project.as_str().into(),
            target.map(|target| target.port.as_uuid()).into(),
            target.map(|target| target.instance.as_uuid()).into(),
            target.map(|target| target.network.as_uuid()).into(),
            target.map(|target| target.subnet.as_uuid()).into(),
            target.map(|target| address_bytes(target.address)).into(),
            self.is_auto_assigned.into(),
            self.allocated_at.micros().into(),
            self.since.micros().into(),
        ]
    }

    fn key_values(&self) -> Vec<Value> {
        vec![self.address.into()]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            address: columns.address()?,
            subnet: columns.id()?,
            pool: columns.id()?,
            project: columns.parsed()?,
            target: read_target(columns)?,
            is_auto_assigned: columns.get()?,
            allocated_at: columns.get::<i64>()?.into(),
            since: columns.get::<i64>()?.into(),
        })
    }
}

fn read_target(columns: &mut Columns<'_>) -> Result<Option<FloatingTarget>, StoreError> {
    let mut id = || columns.get::<Option<Uuid>>();
    let ids = (id()?, id()?, id()?, id()?);
    match (ids, columns.address_option()?) {
        ((None, None, None, None), None) => Ok(None),
        ((Some(port), Some(instance), Some(network), Some(subnet)), Some(address)) => {
            Ok(Some(FloatingTarget {
                port: port.into(),
                instance: instance.into(),
                network: network.into(),
                subnet: subnet.into(),
                address,
            }))
        }
        other => Err(damaged("target of a floating IP", &other)),
    }
}

/// Loads floating IPs by their addresses, and those that lead to ports, in one order whoever asks for them by what.
///
/// Which of them lead to a port is asked without locks: whoever lets another one lead there has the port's lock, which its
/// asker holds, and what leads elsewhere by the time that it is locked is loaded as it is then.
pub(crate) async fn load(
    tx: &mut Tx,
    addresses: &[IpAddr],
    ports: &[PortId],
    view: &mut View,
) -> Result<(), Failure> {
    const LEADING: &str = "select address from floating_ips where port_id {in}";
    const SQL: &str = concat!(
        "select ",
        floating_ip_columns!(),
        " from floating_ips where address {in} order by address {lock}"
    );
    let mut wanted: BTreeSet<IpAddr> = addresses.iter().copied().collect();
    for row in tx.fetch_for(LEADING, ports, |id| vec![id.as_uuid().into()]).await? {
        wanted.insert(row.columns().address()?);
    }
    let wanted: Vec<IpAddr> = wanted.into_iter().collect();
    load_by::<FloatingIp, _>(tx, SQL, &wanted, |address| vec![(*address).into()], view).await?;
    ports.iter().for_each(|port| view.mark_loaded(Key::FloatingIpsOf(*port)));
    Ok(())
}

/// Notes whose floating IPs are and where they lead, without keeping others from them.
pub(crate) async fn note_owners(tx: &mut Tx, addresses: &[IpAddr], view: &mut View) -> Result<(), Failure> {
    const SQL: &str =
        "select address, project_id, fixed_subnet_id, fixed_address from floating_ips where address {in}";
    for row in &tx.fetch_for(SQL, addresses, |address| vec![(*address).into()]).await? {
        let mut columns = row.columns();
        let (address, project) = (columns.address()?, columns.parsed()?);
        let subnet = columns.get::<Option<Uuid>>()?.map(SubnetId::from);
        let leads_to = subnet.zip(columns.address_option()?);
        view.note_floating_owner(address, FloatingOwner { project, leads_to });
    }
    Ok(())
}

/// Notes some addresses of the range that projects have, if there are any, without keeping others from them.
pub(crate) async fn note_some_in(tx: &mut Tx, subnet: SubnetId, view: &mut View) -> Result<(), Failure> {
    const SQL: &str = "select address from floating_ips where subnet_id = $1 order by address limit $2";
    for row in &tx.fetch(SQL, vec![subnet.as_uuid().into(), i64::from(MOST_SEEN).into()]).await? {
        view.note_floating_ip_in(subnet, row.columns().address()?);
    }
    Ok(())
}

/// A page of those for which `$of` holds. Both halves follow an index in the order of the addresses, so that a page costs what
/// it holds: the second half, of those that allocations assigned, is left out unless `$3` is true. To SQLite only a comparison is
/// an equality, by which an index can be followed.
macro_rules! page_of {
    ($of:literal) => {
        concat!(
            "select * from (
                 select * from (select ",
            floating_ip_columns!(),
            " from floating_ips where ",
            $of,
            " and is_auto_assigned = false and address > $1 order by address limit $2) as chosen
                 union all
                 select * from (select ",
            floating_ip_columns!(),
            " from floating_ips where ",
            $of,
            " and is_auto_assigned = true and $3 and address > $1 order by address limit $2) as assigned
             ) as both_kinds order by address limit $2"
        )
    };
}

/// A page of those that lead to an address, for whose `$of` an index is in order.
macro_rules! page_to_address {
    ($of:literal) => {
        concat!(
            "select ",
            floating_ip_columns!(),
            " from floating_ips where fixed_address = $3",
            $of,
            " and address > $1 order by address limit $2"
        )
    };
}

/// Loads a page of floating IPs with what telling of them needs: their pools, and the ports and networks that they lead to.
pub(crate) async fn load_page(
    tx: &mut Tx,
    filter: &FloatingFilter,
    after: Option<IpAddr>,
    limit: u16,
    view: &mut View,
) -> Result<(), Failure> {
    let after = after.map_or_else(Vec::new, address_bytes);
    let (sql, values) = page(filter);
    let values = [vec![after.into(), i64::from(limit).into()], values].concat();
    let found = tx.fetch(sql, values).await?;
    enter::<FloatingIp>(&found, view)?;
    load_surroundings(tx, &found, view).await
}

/// The statement that finds the page, and its parameters behind the first two.
fn page(filter: &FloatingFilter) -> (&'static str, Vec<Value>) {
    const ALL: &str = concat!(
        "select ",
        floating_ip_columns!(),
        " from floating_ips where address > $1 order by address limit $2"
    );
    const ALL_CHOSEN: &str = concat!(
        "select ",
        floating_ip_columns!(),
        " from floating_ips {index floating_ips_chosen}
         where not is_auto_assigned and address > $1 order by address limit $2"
    );
    const OF_PROJECT: &str = page_of!("project_id = $4");
    const OF_POOL: &str = page_of!("pool_id = $4");
    const OF_PROJECT_IN_POOL: &str = page_of!("project_id = $4 and pool_id = $5");
    const TO_ADDRESS: &str = page_to_address!("");
    const OF_PROJECT_TO_ADDRESS: &str = page_to_address!(" and project_id = $4");
    // So few lead to an instance that they are sorted, whosever they are.
    const TO_INSTANCE: &str = concat!(
        "select ",
        floating_ip_columns!(),
        " from floating_ips {index floating_ips_by_port} where port_id in
             (select ports.id from instances join ports on ports.instance_id = instances.id
                 and ports.alive_since = instances.created_at where instances.id = $3)
             and address > $1 and ($4 is null or project_id = $4) order by address limit $2"
    );
    let shows_auto_assigned = || Value::from(filter.shows_auto_assigned);
    let project = filter.project.as_ref().map(|project| Value::from(project.as_str()));
    match (&filter.by, project) {
        (FloatingBy::Any, None) if filter.shows_auto_assigned => (ALL, vec![]),
        (FloatingBy::Any, None) => (ALL_CHOSEN, vec![]),
        (FloatingBy::Any, Some(own)) => (OF_PROJECT, vec![shows_auto_assigned(), own]),
        (FloatingBy::Pool(pool), None) => (OF_POOL, vec![shows_auto_assigned(), pool.as_uuid().into()]),
        (FloatingBy::Pool(pool), Some(own)) => {
            (OF_PROJECT_IN_POOL, vec![shows_auto_assigned(), own, pool.as_uuid().into()])
        }
        (FloatingBy::FixedIp(address), None) => (TO_ADDRESS, vec![(*address).into()]),
        (FloatingBy::FixedIp(address), Some(own)) => (OF_PROJECT_TO_ADDRESS, vec![(*address).into(), own]),
        (FloatingBy::Instance(id), _) => {
            let project = filter.project.clone().map(String::from);
            (TO_INSTANCE, vec![id.as_uuid().into(), project.into()])
        }
    }
}

/// Loads a page of the floating IPs that lead to networks, one network after the other; of the first those behind an address
/// alone.
pub(crate) async fn load_on(
    tx: &mut Tx,
    networks: &[NetworkId],
    after: Option<IpAddr>,
    limit: u16,
    view: &mut View,
) -> Result<(), Failure> {
    const SQL: &str = concat!(
        "select ",
        floating_ip_columns!(),
        " from floating_ips where network_id = $1 and address > $2 order by address limit $3"
    );
    let owners = networks.iter().map(|network| network.as_uuid());
    load_one_by_one::<FloatingIp>(tx, SQL, owners, after, limit, view).await
}

/// Loads the pools of floating IPs, and the ports and networks that they lead to.
async fn load_surroundings(tx: &mut Tx, found: &[Row], view: &mut View) -> Result<(), Failure> {
    let (mut ids, mut port_ids): (BTreeSet<NetworkId>, BTreeSet<PortId>) = Default::default();
    for row in found {
        let row = FloatingIp::read(&mut row.columns())?;
        ids.insert(row.pool);
        ids.extend(row.target.map(|target| target.network));
        port_ids.extend(row.target.map(|target| target.port));
    }
    networks::load(tx, &ids.into_iter().collect::<Vec<_>>(), view).await?;
    let port_ids: Vec<PortId> = port_ids.into_iter().collect();
    ports::load(tx, &port_ids, view).await?;
    port_ids.into_iter().for_each(|port| view.mark_loaded(Key::Port(port)));
    Ok(())
}
