//! Who held an address or a MAC, and what an instance or a port held: what is live, and what the history keeps of it.
//!
//! Of each kind as many are looked up as the page has at most, in the order of their ends; then they are put together. What an
//! instance holds still is so little that it is looked up as a whole.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use lepton_ledger::{End, Held, Holdable, Holding, HoldingFilter, HoldingPlace, PastPort, Shelf, View};
use lepton_types::{FloatingIp, InstanceId, MacAddr, PortId, ProjectId, Timestamp};
use uuid::Uuid;

use super::{floating_ips::floating_ip_columns, history, ports::RELEASED};
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Row, Value, address_bytes, damaged},
    table::Stored,
};

/// The columns that [`read_port`] reads, in its order.
macro_rules! past_port_columns {
    () => {
        "id, instance_id, incarnation, network_id, host_id, has_moved, mac, project_id"
    };
}

/// Loads a page of holdings, and how far back the history goes.
pub(crate) async fn load(tx: &mut Tx, filter: &HoldingFilter, view: &mut View) -> Result<(), Failure> {
    let mut found = match filter.of {
        Held::Address(address) => {
            let mut found = fixed_ips(tx, FIXED_IPS_OF_ADDRESS, address.into(), filter).await?;
            found.extend(floating_ips(tx, FLOATING_IPS_OF_ADDRESS, address.into(), filter).await?);
            found
        }
        Held::Mac(mac) => macs(tx, MACS_OF_MAC, mac.to_bits().into(), filter).await?,
        Held::Instance(instance) => of_instance(tx, instance, filter).await?,
        Held::Port(port) => of_instance_of(tx, port, filter).await?,
    };
    found.sort_unstable_by_key(Holding::place);
    found.truncate(filter.limit.into());
    view.note_remembered_since(history::remembered_since(tx).await?);
    view.note_holdings(filter.clone(), found);
    Ok(())
}

async fn of_instance(
    tx: &mut Tx,
    instance: InstanceId,
    filter: &HoldingFilter,
) -> Result<Vec<Holding>, Failure> {
    let id = || Value::from(instance.as_uuid());
    let mut found = fixed_ips(tx, FIXED_IPS_OF_INSTANCE, id(), filter).await?;
    found.extend(floating_ips(tx, FLOATING_IPS_OF_INSTANCE, id(), filter).await?);
    found.extend(macs(tx, MACS_OF_INSTANCE, id(), filter).await?);
    if found.len() < filter.limit.into() {
        let lasting = held_by(tx, instance).await?;
        let is_behind = |holding: &Holding| filter.after.is_none_or(|after| holding.place() > after);
        found.extend(lasting.into_iter().filter(is_behind));
    }
    Ok(found)
}

/// What the instance's ports hold, released ones of former lives among them.
async fn held_by(tx: &mut Tx, instance: InstanceId) -> Result<Vec<Holding>, Failure> {
    const PORTS: &str = concat!(
        "select ",
        past_port_columns!(),
        ", created_at from ports
         where alive_since in ($2, (select created_at from instances where id = $1)) and instance_id = $1"
    );
    const FIXED_IPS: &str = "select subnet_id, address, port_id, since from fixed_ips where port_id {in}";
    const FLOATING_IPS: &str =
        concat!("select ", floating_ip_columns!(), " from floating_ips where port_id {in}");
    let (mut ports, mut found) = (BTreeMap::new(), Vec::new());
    for row in &tx.fetch(PORTS, vec![instance.as_uuid().into(), RELEASED.into()]).await? {
        let mut columns = row.columns();
        let (port, project) = read_port(&mut columns)?;
        let (what, since) = (Holdable::Mac(port.mac), columns.get::<i64>()?.into());
        ports.insert(port.id, (port.clone(), project.clone()));
        found.push(Holding { what, project, port: Some(port), since, until: End::NotYet });
    }
    let ids: Vec<PortId> = ports.keys().copied().collect();
    let id = |id: &PortId| vec![id.as_uuid().into()];
    for row in &tx.fetch_for(FIXED_IPS, &ids, id).await? {
        let mut columns = row.columns();
        let what = Holdable::FixedIp { subnet: columns.id()?, address: columns.address()? };
        let Some((port, project)) = ports.get(&columns.id()?).cloned() else { continue };
        let since = columns.get::<i64>()?.into();
        found.push(Holding { what, project, port: Some(port), since, until: End::NotYet });
    }
    for row in &tx.fetch_for(FLOATING_IPS, &ids, id).await? {
        let row = FloatingIp::read(&mut row.columns())?;
        let port = row.target.and_then(|target| Some(ports.get(&target.port)?.0.clone()));
        found.push(Holding { port, ..Holding::of_floating_ip(&row, End::NotYet) });
    }
    Ok(found)
}

/// What the port's instance held while the port was there.
async fn of_instance_of(tx: &mut Tx, port: PortId, filter: &HoldingFilter) -> Result<Vec<Holding>, Failure> {
    const LIVE: &str = "select instance_id, created_at, null from ports where id = $1";
    const ENDED: &str = "select instance_id, created_at, ended_at from port_history where id = $1";
    for sql in [LIVE, ENDED] {
        let rows = tx.fetch(sql, vec![port.as_uuid().into()]).await?;
        if let Some(row) = rows.first() {
            let mut columns = row.columns();
            let (instance, since) = (columns.id()?, columns.get::<i64>()?.into());
            let until = end(&mut columns)?;
            let filter = HoldingFilter { beyond: filter.beyond.max(since), ..filter.clone() };
            let mut found = of_instance(tx, instance, &filter).await?;
            found.retain(|holding| holding.until <= until);
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// As what something is held, in the order of [`Shelf`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    FixedIp,
    FloatingIp,
    Mac,
}

/// From where on things of one kind are looked for.
#[derive(Clone, Copy, Debug)]
enum Edge {
    First,
    Behind(Shelf),
    Nowhere,
}

/// How holdings of one kind are found. `$1` is whose they are; behind that come a key, of one column or two, and how many there are
/// at most.
#[derive(Clone, Copy, Debug)]
struct Sql {
    /// What has ended, behind the moment that comes last, or at it and behind the key.
    ended: &'static str,
    /// What lasts, behind the key, where it is looked up so.
    lasting: Option<&'static str>,
}

macro_rules! ended_fixed_ips {
    ($of:literal) => {
        concat!(
            "select subnet_id, address, port_id, since, ended_at from fixed_ip_history where ",
            $of,
            " = $1 and (ended_at, subnet_id, address) > ($5, $2, $3) and since < ended_at
             order by ended_at, subnet_id, address limit $4"
        )
    };
}

const FIXED_IPS_OF_ADDRESS: Sql = Sql {
    ended: ended_fixed_ips!("address"),
    lasting: Some(
        "select subnet_id, address, port_id, since, null from fixed_ips
         where address = $1 and port_id is not null and (subnet_id, address) > ($2, $3)
         order by subnet_id, address limit $4",
    ),
};

const FIXED_IPS_OF_INSTANCE: Sql = Sql { ended: ended_fixed_ips!("instance_id"), lasting: None };

async fn fixed_ips(
    tx: &mut Tx,
    sql: Sql,
    of: Value,
    filter: &HoldingFilter,
) -> Result<Vec<Holding>, Failure> {
    let rows = rows(tx, sql, of, filter, Kind::FixedIp).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut columns = row.columns();
        let what = Holdable::FixedIp { subnet: columns.id()?, address: columns.address()? };
        let (port, since): (PortId, Timestamp) = (columns.id()?, columns.get::<i64>()?.into());
        found.push((what, port, since, end(&mut columns)?));
    }
    let ports = ports(tx, found.iter().map(|(_, port, ..)| *port)).await?;
    let holding = |(what, port, since, until): (Holdable, PortId, Timestamp, End)| {
        let (port, project) = ports.get(&port)?.clone();
        Some(Holding { what, project, port: Some(port), since, until })
    };
    Ok(found.into_iter().filter_map(holding).collect())
}

macro_rules! ended_floating_ips {
    ($of:literal) => {
        concat!(
            "select ",
            floating_ip_columns!(),
            ", ended_at from floating_ip_history where ",
            $of,
            " = $1 and (ended_at, address) > ($4, $2) and since < ended_at order by ended_at, address limit $3"
        )
    };
}

const FLOATING_IPS_OF_ADDRESS: Sql = Sql {
    ended: ended_floating_ips!("address"),
    lasting: Some(concat!(
        "select ",
        floating_ip_columns!(),
        ", null from floating_ips where address = $1 and address > $2 order by address limit $3"
    )),
};

const FLOATING_IPS_OF_INSTANCE: Sql = Sql { ended: ended_floating_ips!("instance_id"), lasting: None };

async fn floating_ips(
    tx: &mut Tx,
    sql: Sql,
    of: Value,
    filter: &HoldingFilter,
) -> Result<Vec<Holding>, Failure> {
    let rows = rows(tx, sql, of, filter, Kind::FloatingIp).await?;
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

macro_rules! ended_macs {
    ($of:literal) => {
        concat!(
            "select ",
            past_port_columns!(),
            ", created_at, ended_at from port_history where ",
            $of,
            " = $1 and (ended_at, mac) > ($4, $2) and created_at < ended_at order by ended_at, mac limit $3"
        )
    };
}

const MACS_OF_MAC: Sql = Sql {
    ended: ended_macs!("mac"),
    lasting: Some(concat!(
        "select ",
        past_port_columns!(),
        ", created_at, null from ports where mac = $1 and mac > $2 order by mac limit $3"
    )),
};

const MACS_OF_INSTANCE: Sql = Sql { ended: ended_macs!("instance_id"), lasting: None };

async fn macs(tx: &mut Tx, sql: Sql, of: Value, filter: &HoldingFilter) -> Result<Vec<Holding>, Failure> {
    let rows = rows(tx, sql, of, filter, Kind::Mac).await?;
    let read = |row: &Row| {
        let mut columns = row.columns();
        let (port, project) = read_port(&mut columns)?;
        let (what, since) = (Holdable::Mac(port.mac), columns.get::<i64>()?.into());
        Ok(Holding { what, project, port: Some(port), since, until: end(&mut columns)? })
    };
    rows.iter().map(read).collect()
}

/// What the page may have of one kind: what has ended, and where there is room behind that, what lasts.
async fn rows(
    tx: &mut Tx,
    sql: Sql,
    of: Value,
    filter: &HoldingFilter,
    kind: Kind,
) -> Result<Vec<Row>, Failure> {
    let (ended, lasting) = span(filter, kind);
    let values = |from: Edge, last: Option<i64>| {
        let page = [vec![of.clone()], kind.key(from), vec![i64::from(filter.limit).into()]].concat();
        page.into_iter().chain(last.map(Value::from)).collect::<Vec<_>>()
    };
    let mut rows = Vec::new();
    if let Some((moment, from)) = ended {
        rows = tx.fetch(sql.ended, values(from, Some(moment.micros()))).await?;
    }
    if let Some(sql) = sql.lasting
        && rows.len() < filter.limit.into()
        && !matches!(lasting, Edge::Nowhere)
    {
        rows.extend(tx.fetch(sql, values(lasting, None)).await?);
    }
    Ok(rows)
}

/// Where the page begins among what ended of one kind, behind a moment or at it, if it begins there; and among what lasts.
fn span(filter: &HoldingFilter, kind: Kind) -> (Option<(Timestamp, Edge)>, Edge) {
    match filter.after.filter(|after| after.until > End::At(filter.beyond)) {
        // Nothing that ended at the moment itself.
        None => (Some((filter.beyond, Edge::Nowhere)), Edge::First),
        Some(HoldingPlace { until: End::At(moment), shelf }) => {
            (Some((moment, kind.behind(shelf))), Edge::First)
        }
        Some(HoldingPlace { until: End::NotYet, shelf }) => (None, kind.behind(shelf)),
    }
}

impl Kind {
    fn of(shelf: Shelf) -> Self {
        match shelf {
            Shelf::FixedIp(..) => Self::FixedIp,
            Shelf::FloatingIp(_) => Self::FloatingIp,
            Shelf::Mac(_) => Self::Mac,
        }
    }

    /// Where what is of this kind begins behind a shelf.
    fn behind(self, shelf: Shelf) -> Edge {
        match Self::of(shelf).cmp(&self) {
            Ordering::Less => Edge::First,
            Ordering::Equal => Edge::Behind(shelf),
            Ordering::Greater => Edge::Nowhere,
        }
    }

    /// The key behind which there is what begins there.
    fn key(self, from: Edge) -> Vec<Value> {
        // No address is as short or as long.
        let (before_all, behind_all) = (Value::Bytes(Vec::new()), Value::Bytes(vec![u8::MAX; 17]));
        match (from, self) {
            (Edge::Behind(Shelf::FixedIp(subnet, address)), _) => {
                vec![subnet.as_uuid().into(), address_bytes(address).into()]
            }
            (Edge::Behind(Shelf::FloatingIp(address)), _) => vec![address.into()],
            (Edge::Behind(Shelf::Mac(mac)), _) => vec![mac.to_bits().into()],
            (Edge::First, Self::FixedIp) => vec![Uuid::nil().into(), before_all],
            (Edge::First, Self::FloatingIp) => vec![before_all],
            (Edge::First, Self::Mac) => vec![(-1_i64).into()],
            (Edge::Nowhere, Self::FixedIp) => vec![Uuid::max().into(), behind_all],
            (Edge::Nowhere, Self::FloatingIp) => vec![behind_all],
            (Edge::Nowhere, Self::Mac) => vec![i64::MAX.into()],
        }
    }
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
