//! Who held an address or a MAC: what is live, and what the history keeps of it.
//!
//! Of each kind as many are looked up as the page has at most, in the order of their ends; then they are put together.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use lepton_ledger::{End, Held, Holdable, Holding, HoldingFilter, HoldingPlace, PastPort, Shelf, View};
use lepton_types::{FloatingIp, MacAddr, PortId, ProjectId, SubnetId, Timestamp};
use uuid::Uuid;

use super::{floating_ips::floating_ip_columns, history};
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Row, Value, damaged},
    table::Stored,
};

/// Loads a page of holdings, and how far back the history goes.
pub(crate) async fn load(tx: &mut Tx, filter: &HoldingFilter, view: &mut View) -> Result<(), Failure> {
    let mut found = match filter.of {
        Held::Address(address) => {
            let mut found = fixed_ips(tx, address, filter).await?;
            found.extend(floating_ips(tx, address, filter).await?);
            found
        }
        Held::Mac(mac) => macs(tx, mac, filter).await?,
    };
    found.sort_unstable_by_key(Holding::place);
    found.truncate(filter.limit.into());
    view.note_remembered_since(history::remembered_since(tx).await?);
    view.note_holdings(filter.clone(), found);
    Ok(())
}

/// Behind which place the page begins, unless it begins with what ended first.
fn after(filter: &HoldingFilter) -> Option<HoldingPlace> {
    filter.after.filter(|after| after.until > End::At(filter.beyond))
}

/// Only what ended after this moment is behind the page's beginning; of what ended at it, nothing of the shelf. None: only what
/// lasts.
fn ended_after(filter: &HoldingFilter, shelf: Shelf) -> Option<i64> {
    match after(filter) {
        None => Some(filter.beyond.micros()),
        Some(HoldingPlace { until: End::NotYet, .. }) => None,
        Some(HoldingPlace { until: End::At(moment), shelf: behind }) if behind >= shelf => {
            Some(moment.micros())
        }
        Some(HoldingPlace { until: End::At(moment), .. }) => Some(moment.micros().saturating_sub(1)),
    }
}

/// The last subnet that there could be.
fn last_subnet() -> SubnetId {
    Uuid::max().into()
}

async fn fixed_ips(tx: &mut Tx, address: IpAddr, filter: &HoldingFilter) -> Result<Vec<Holding>, Failure> {
    const ENDED: &str = "select subnet_id, port_id, since, ended_at from fixed_ip_history
         where address = $1 and (ended_at, subnet_id) > ($2, $3) and since < ended_at
         order by ended_at, subnet_id limit $4";
    const LASTING: &str = "select subnet_id, port_id, since, null from fixed_ips
         where address = $1 and subnet_id > $2 and port_id is not null order by subnet_id limit $3";
    let limit = || Value::from(i64::from(filter.limit));
    let after = after(filter);
    let behind = match after.map(|after| after.shelf) {
        Some(Shelf::FixedIp(subnet)) => subnet,
        Some(Shelf::FloatingIp | Shelf::Mac) | None => last_subnet(),
    };
    let mut rows = Vec::new();
    if let Some(moment) = ended_after(filter, Shelf::FixedIp(behind)) {
        let values = vec![address.into(), moment.into(), behind.as_uuid().into(), limit()];
        rows = tx.fetch(ENDED, values).await?;
    }
    let lasts_behind = match after {
        Some(HoldingPlace { until: End::NotYet, .. }) => behind,
        Some(HoldingPlace { until: End::At(_), .. }) | None => Uuid::nil().into(),
    };
    rows.extend(tx.fetch(LASTING, vec![address.into(), lasts_behind.as_uuid().into(), limit()]).await?);

    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut columns = row.columns();
        found.push((columns.id()?, columns.id()?, columns.get::<i64>()?.into(), end(&mut columns)?));
    }
    let ports = ports(tx, found.iter().map(|(_, port, _, _)| *port)).await?;
    let holding = |(subnet, port, since, until): (SubnetId, PortId, Timestamp, End)| {
        let (port, project) = ports.get(&port)?.clone();
        let what = Holdable::FixedIp { address, subnet };
        Some(Holding { what, project, port: Some(port), since, until })
    };
    Ok(found.into_iter().filter_map(holding).collect())
}

async fn floating_ips(tx: &mut Tx, address: IpAddr, filter: &HoldingFilter) -> Result<Vec<Holding>, Failure> {
    const ENDED: &str = concat!(
        "select ",
        floating_ip_columns!(),
        ", ended_at from floating_ip_history where address = $1 and ended_at > $2 and since < ended_at
         order by ended_at limit $3"
    );
    const LASTING: &str =
        concat!("select ", floating_ip_columns!(), ", null from floating_ips where address = $1");
    let rows = both(tx, [ENDED, LASTING], address.into(), filter, Shelf::FloatingIp).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut columns = row.columns();
        found.push((FloatingIp::read(&mut columns)?, end(&mut columns)?));
    }
    let led_to = found.iter().filter_map(|(row, _)| Some(row.target?.port));
    let ports = ports(tx, led_to).await?;
    let holding = |(row, until): (FloatingIp, End)| {
        let port = row.target.and_then(|target| Some(ports.get(&target.port)?.0.clone()));
        Holding { port, ..Holding::of_floating_ip(&row, until) }
    };
    Ok(found.into_iter().map(holding).collect())
}

/// The columns that [`read_port`] reads, in its order.
macro_rules! past_port_columns {
    () => {
        "id, instance_id, incarnation, network_id, host_id, has_moved, mac, project_id"
    };
}

async fn macs(tx: &mut Tx, mac: MacAddr, filter: &HoldingFilter) -> Result<Vec<Holding>, Failure> {
    const ENDED: &str = concat!(
        "select ",
        past_port_columns!(),
        ", created_at, ended_at from port_history where mac = $1 and ended_at > $2 and created_at < ended_at
         order by ended_at limit $3"
    );
    const LASTING: &str =
        concat!("select ", past_port_columns!(), ", created_at, null from ports where mac = $1");
    let rows = both(tx, [ENDED, LASTING], mac.to_bits().into(), filter, Shelf::Mac).await?;
    let read = |row: &Row| {
        let mut columns = row.columns();
        let (port, project) = read_port(&mut columns)?;
        let since = columns.get::<i64>()?.into();
        Ok(Holding { what: Holdable::Mac, project, port: Some(port), since, until: end(&mut columns)? })
    };
    rows.iter().map(read).collect()
}

/// Of what one alone has at a time: who had it and what has ended, and who has it.
async fn both(
    tx: &mut Tx,
    [ended, lasting]: [&'static str; 2],
    what: Value,
    filter: &HoldingFilter,
    shelf: Shelf,
) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    if let Some(moment) = ended_after(filter, shelf) {
        let limit = i64::from(filter.limit);
        rows = tx.fetch(ended, vec![what.clone(), moment.into(), limit.into()]).await?;
    }
    if after(filter) != Some(HoldingPlace { until: End::NotYet, shelf }) {
        rows.extend(tx.fetch(lasting, vec![what]).await?);
    }
    Ok(rows)
}

/// Ports that are or were, each with its project.
async fn ports(
    tx: &mut Tx,
    ids: impl Iterator<Item = PortId>,
) -> Result<BTreeMap<PortId, (PastPort, ProjectId)>, Failure> {
    const LIVE: &str = concat!("select ", past_port_columns!(), " from ports where id {in}");
    const ENDED: &str = concat!("select ", past_port_columns!(), " from port_history where id {in}");
    let ids: Vec<PortId> = ids.collect::<BTreeSet<_>>().into_iter().collect();
    let mut ports = BTreeMap::new();
    for sql in [LIVE, ENDED] {
        for row in &tx.fetch_for(sql, &ids, |id| vec![id.as_uuid().into()]).await? {
            let (port, project) = read_port(&mut row.columns())?;
            ports.insert(port.id, (port, project));
        }
    }
    Ok(ports)
}

fn read_port(columns: &mut Columns<'_>) -> Result<(PastPort, ProjectId), StoreError> {
    let port = PastPort {
        id: columns.id()?,
        instance: columns.id()?,
        incarnation: columns.number()?,
        network: columns.id()?,
        host: columns.parsed()?,
        has_moved: columns.get()?,
        mac: MacAddr::try_from(columns.number()?).map_err(|error| damaged("MAC", &error))?,
    };
    Ok((port, columns.parsed()?))
}

/// When a holding ended; what has no end lasts.
fn end(columns: &mut Columns<'_>) -> Result<End, StoreError> {
    Ok(columns.get::<Option<i64>>()?.map_or(End::NotYet, |moment| End::At(moment.into())))
}
