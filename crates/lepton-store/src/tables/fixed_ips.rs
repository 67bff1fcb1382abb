//! `fixed_ips`: who has which address.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use lepton_ledger::{AddressPage, AddressPlace, FixedIp, FixedIpKind, Holder, MOST_SEEN, View};
use lepton_types::{InstanceId, Lease, MacAddr, Name, PortId, Revision, SubnetId, Timestamp};

use uuid::Uuid;

use super::{enter, load_by, load_one_by_one};
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Row, Value, address_bytes, damaged},
    table::Stored,
    together::{Part, Together},
};

/// Most resting addresses that one question finds.
const AT_ONCE: u16 = 1024;

/// The columns that [`Stored::read`] reads, in its order.
macro_rules! fixed_ip_columns {
    () => {
        "subnet_id, address, port_id, leaving_at, reserved_for, quarantined_until, since, lease_mac,
             leased_at, lease_secs, is_asked_for"
    };
}

pub(super) use fixed_ip_columns;

/// A row whose subnet has ended is of nobody any more (`ended_subnets`), which matters to whoever does not come from a subnet. A
/// scalar question, so that PostgreSQL makes no join of it that begins with the subnets.
macro_rules! of_a_subnet {
    () => {
        "(select is_there from subnets where subnets.id = fixed_ips.subnet_id)"
    };
}

impl Stored for FixedIp {
    const INSERT: &'static str = concat!("insert into fixed_ips (", fixed_ip_columns!(), ") {rows}");
    const UPDATE: &'static str =
        "update fixed_ips set port_id = v.column3, leaving_at = v.column4, reserved_for = v.column5,
             quarantined_until = v.column6, since = v.column7, lease_mac = v.column8, leased_at = v.column9,
             lease_secs = v.column10, is_asked_for = v.column11
         from ({rows}) as v where fixed_ips.subnet_id = v.column1 and fixed_ips.address = v.column2";
    const DELETE: Option<&'static str> = Some("delete from fixed_ips where (subnet_id, address) in ({rows})");

    fn values(&self) -> Vec<Value> {
        let (leaving_at, reserved_for, until) = match &self.holder {
            Holder::Port(_) => (None, None, None),
            Holder::Leaving { port: _, revision } => (Some(revision.number()), None, None),
            Holder::Reserved { reason, resting_until } => {
                (None, Some(String::from(reason.clone())), *resting_until)
            }
            Holder::Quarantine(until) => (None, None, Some(*until)),
        };
        vec![
            self.subnet.as_uuid().into(),
            self.address.into(),
            self.holder.port().map(PortId::as_uuid).into(),
            leaving_at.into(),
            reserved_for.into(),
            until.map(Timestamp::micros).into(),
            self.since.micros().into(),
            self.lease.map(|lease| lease.mac.to_bits()).into(),
            self.lease.map(|lease| lease.at.micros()).into(),
            self.lease.map(|lease| lease.time.as_secs()).into(),
            self.is_asked_for.into(),
        ]
    }

    fn key_values(&self) -> Vec<Value> {
        vec![self.subnet.as_uuid().into(), self.address.into()]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        let (subnet, address) = (columns.id()?, columns.address()?);
        let (holder, since) = (read_holder(columns)?, columns.get::<i64>()?.into());
        let lease = read_lease(columns)?;
        Ok(Self { subnet, address, holder, since, lease, is_asked_for: columns.get()? })
    }
}

fn read_holder(columns: &mut Columns<'_>) -> Result<Holder, StoreError> {
    let port = columns.get::<Option<Uuid>>()?.map(PortId::from);
    let leaving_at = columns.number_option()?.map(Revision::from);
    let reason: Option<Name> = columns.parsed_option()?;
    let resting_until = columns.get::<Option<i64>>()?.map(Timestamp::from);
    match (port, leaving_at, reason, resting_until) {
        (Some(port), None, None, None) => Ok(Holder::Port(port)),
        (Some(port), Some(revision), None, None) => Ok(Holder::Leaving { port, revision }),
        (None, None, Some(reason), resting_until) => Ok(Holder::Reserved { reason, resting_until }),
        (None, None, None, Some(until)) => Ok(Holder::Quarantine(until)),
        other => Err(damaged("holder of an address", &other)),
    }
}

fn read_lease(columns: &mut Columns<'_>) -> Result<Option<Lease>, StoreError> {
    let (mac, at, secs) = (columns.number_option()?, columns.get::<Option<i64>>()?, columns.number_option()?);
    match (mac, at, secs) {
        (None, None, None) => Ok(None),
        (Some(mac), Some(at), Some(secs)) => {
            let mac = MacAddr::try_from(mac).map_err(|error| damaged("MAC", &error))?;
            Ok(Some(Lease { mac, at: at.into(), time: Duration::from_secs(secs) }))
        }
        other => Err(damaged("lease of an address", &other)),
    }
}

/// Appends addresses to the history: which ports had them, of which instances, from when on and until when.
pub(crate) fn remember(
    together: &mut Together,
    rows: &[(&FixedIp, Option<InstanceId>, Timestamp)],
) -> Result<(), StoreError> {
    const SQL: &str =
        "insert into fixed_ip_history (subnet_id, address, port_id, instance_id, since, ended_at) {rows}";
    if let Some((row, ..)) = rows.iter().find(|(_, instance, _)| instance.is_none()) {
        return Err(StoreError::Internal(format!("{} leaves a port that is not known", row.address)));
    }
    together.add(SQL, rows, |(row, instance, ended_at)| {
        vec![
            row.subnet.as_uuid().into(),
            row.address.into(),
            row.holder.port().map(PortId::as_uuid).into(),
            instance.map(InstanceId::as_uuid).into(),
            row.since.micros().into(),
            ended_at.micros().into(),
        ]
    });
    Ok(())
}

/// Asks for the owner rows of addresses.
pub(crate) fn question(keys: &[(SubnetId, IpAddr)]) -> Option<Part> {
    const SQL: &str = concat!(
        "select ",
        fixed_ip_columns!(),
        " from fixed_ips
         where (subnet_id, address) in ({rows}) order by subnet_id, address {lock}"
    );
    Part::new(SQL, keys, |(subnet, at)| vec![subnet.as_uuid().into(), (*at).into()])
}

/// Loads the owner rows of addresses.
pub(crate) async fn load(tx: &mut Tx, keys: &[(SubnetId, IpAddr)], view: &mut View) -> Result<(), Failure> {
    enter::<FixedIp>(&tx.fetch_part(question(keys)).await?, view)
}

/// The keys of addresses that DHCP servers have leased to MACs and not taken back, and that no port has any more, found without
/// locks: what became of them meanwhile is seen when they are loaded. What a port has comes with the port.
pub(crate) async fn leased(
    tx: &mut Tx,
    leases: &[(MacAddr, IpAddr)],
) -> Result<Vec<(SubnetId, IpAddr)>, Failure> {
    const SQL: &str = concat!(
        "select subnet_id, address, port_id from fixed_ips where (lease_mac, address) in ({rows}) and ",
        of_a_subnet!()
    );
    let values = |(mac, address): &(MacAddr, IpAddr)| vec![mac.to_bits().into(), (*address).into()];
    let mut keys = Vec::new();
    for row in &tx.fetch_for(SQL, leases, values).await? {
        let mut columns = row.columns();
        let key = (columns.id()?, columns.address()?);
        let port: Option<Uuid> = columns.get()?;
        keys.extend(Some(key).filter(|_| port.is_none()));
    }
    Ok(keys)
}

/// The ports that have addresses, found without locks: whether they still have them is seen when the ports are loaded.
pub(crate) async fn ports_with(
    tx: &mut Tx,
    addresses: &[(SubnetId, IpAddr)],
) -> Result<Vec<PortId>, Failure> {
    const SQL: &str =
        "select port_id from fixed_ips where (subnet_id, address) in ({rows}) and port_id is not null";
    let values = |(subnet, at): &(SubnetId, IpAddr)| vec![subnet.as_uuid().into(), (*at).into()];
    let found = tx.fetch_for(SQL, addresses, values).await?;
    found.iter().map(|row| Ok(row.columns().id()?)).collect()
}

/// Loads a page of the owner rows of a kind of addresses in subnets, one subnet after the other; of the first those behind an
/// address alone. Each kind has an index in this order.
pub(crate) async fn load_page(
    tx: &mut Tx,
    subnets: &[SubnetId],
    kind: FixedIpKind,
    after: Option<IpAddr>,
    limit: u16,
    view: &mut View,
) -> Result<(), Failure> {
    macro_rules! page_of {
        ($index:literal, $kind:literal) => {
            concat!(
                "select ",
                fixed_ip_columns!(),
                " from fixed_ips ",
                $index,
                " where subnet_id = $1 and address > $2 ",
                $kind,
                " order by address limit $3"
            )
        };
    }
    let sql = match kind {
        FixedIpKind::Any => page_of!("", ""),
        FixedIpKind::Reserved => page_of!("{index fixed_ips_reserved}", "and reserved_for is not null"),
        FixedIpKind::Resting => page_of!(
            "{index fixed_ips_resting_in_order}",
            "and quarantined_until is not null and reserved_for is null"
        ),
        FixedIpKind::Leased => {
            page_of!("{index fixed_ips_leased}", "and lease_mac is not null and port_id is not null")
        }
    };
    let owners = subnets.iter().map(|subnet| subnet.as_uuid());
    load_one_by_one::<FixedIp>(tx, sql, owners, after, limit, view).await
}

/// Loads the addresses of ports. The locks on the ports are enough: whoever changes what a port has has locked the port.
pub(super) async fn load_of_ports(tx: &mut Tx, ports: &[PortId], view: &mut View) -> Result<(), Failure> {
    const SQL: &str = concat!(
        "select ",
        fixed_ip_columns!(),
        " from fixed_ips
         where port_id {in}"
    );
    load_by::<FixedIp, _>(tx, SQL, ports, |id| vec![id.as_uuid().into()], view).await
}

/// Loads the owner rows of a page of addresses. It looks at so many rows and no more: those of a subnet that has ended are among
/// them, and there may be millions of these.
pub(crate) async fn load_in_range(tx: &mut Tx, page: AddressPage, view: &mut View) -> Result<(), Failure> {
    // Bytes of one family may begin as those of the other one.
    const SQL: &str = concat!(
        "select ",
        fixed_ip_columns!(),
        ", ",
        of_a_subnet!(),
        " from fixed_ips where (address, subnet_id) > ($1, $2) and address <= $3 and length(address) = $4
         order by address, subnet_id limit $5"
    );
    let AddressPage { range, after, limit } = page;
    let (address, subnet) = after.unwrap_or((range.first(), Uuid::nil().into()));
    let length = i64::from(range.family().bits() / 8);
    let values = vec![
        address.into(),
        subnet.as_uuid().into(),
        range.last().into(),
        length.into(),
        i64::from(limit).into(),
    ];
    let found = tx.fetch(SQL, values).await?;
    let last = enter_those_of_a_subnet(&found, view)?;
    if let Some(up_to) = last.filter(|_| found.len() == usize::from(limit)) {
        view.note_addresses(page, up_to);
    }
    Ok(())
}

/// Enters rows into the view, each of which says behind its columns whether it is [`of_a_subnet`]; answers where the last of all is.
fn enter_those_of_a_subnet(rows: &[Row], view: &mut View) -> Result<Option<AddressPlace>, Failure> {
    let mut last = None;
    for row in rows {
        let mut columns = row.columns();
        let row = FixedIp::read(&mut columns)?;
        last = Some(row.place());
        if columns.get::<Option<bool>>()? == Some(true) {
            view.load(row);
        }
    }
    Ok(last)
}

/// Notes some addresses of the subnet that ports have, if there are any, without keeping others from them.
pub(crate) async fn note_some_held_in(tx: &mut Tx, subnet: SubnetId, view: &mut View) -> Result<(), Failure> {
    const SQL: &str = "select address from fixed_ips where subnet_id = $1 and port_id is not null order by address limit $2";
    for row in &tx.fetch(SQL, vec![subnet.as_uuid().into(), i64::from(MOST_SEEN).into()]).await? {
        view.note_held_in(subnet, row.columns().address()?);
    }
    Ok(())
}

/// Where addresses of any subnet are that have rested long enough, the longest rested first.
///
/// It looks at so many rows and no more. Those of a subnet that has ended are among them, and keep others waiting until they are
/// dropped: going on behind them would hold up the writers for as long as there are any.
pub(crate) async fn rested(tx: &mut Tx, now: Timestamp) -> Result<Vec<(SubnetId, IpAddr)>, Failure> {
    const SQL: &str = concat!(
        "select subnet_id, address, ",
        of_a_subnet!(),
        " from fixed_ips where quarantined_until <= $1 and reserved_for is null
         order by quarantined_until limit $2"
    );
    let mut places = Vec::new();
    for row in &tx.fetch(SQL, vec![now.micros().into(), i64::from(AT_ONCE).into()]).await? {
        let mut columns = row.columns();
        let place = (columns.id()?, columns.address()?);
        if columns.get::<Option<bool>>()? == Some(true) {
            places.push(place);
        }
    }
    Ok(places)
}

/// Which of these subnets have an address that has rested long enough.
pub(crate) async fn with_rested(
    tx: &mut Tx,
    subnets: &[SubnetId],
    now: Timestamp,
) -> Result<BTreeSet<SubnetId>, Failure> {
    const SQL: &str = "select wanted.column1 from ({rows}) as wanted, lateral (
             select address from fixed_ips
             where subnet_id = wanted.column1 and quarantined_until <= wanted.column2 and reserved_for is null
             order by quarantined_until, address limit 1) as rested";
    let values_of = |subnet: &SubnetId| vec![subnet.as_uuid().into(), now.micros().into()];
    let found = tx.fetch_for(SQL, subnets, values_of).await?;
    Ok(found.iter().map(|row| row.columns().id()).collect::<Result<_, _>>()?)
}

/// Where addresses of a subnet are that have rested long enough, the longest rested first, from behind one on. What of them is taken
/// before they are loaded is loaded as what it is then.
pub(crate) async fn rested_in(
    tx: &mut Tx,
    subnet: SubnetId,
    after: Option<(Timestamp, IpAddr)>,
    view: &mut View,
) -> Result<Vec<(SubnetId, IpAddr)>, Failure> {
    const SQL: &str = "select address, quarantined_until from fixed_ips
         where subnet_id = $1 and quarantined_until <= $2 and (quarantined_until, address) > ($3, $4)
             and reserved_for is null
         order by quarantined_until, address limit $5";
    let (until, address) =
        after.map_or((i64::MIN, Vec::new()), |(until, address)| (until.micros(), address_bytes(address)));
    let values = vec![
        subnet.as_uuid().into(),
        view.now().micros().into(),
        until.into(),
        address.into(),
        i64::from(AT_ONCE).into(),
    ];
    let (mut places, mut last) = (Vec::new(), None);
    for row in &tx.fetch(SQL, values).await? {
        let mut columns = row.columns();
        let address = columns.address()?;
        last = Some((columns.get::<i64>()?.into(), address));
        places.push((subnet, address));
    }
    let is_all = places.len() < AT_ONCE.into();
    view.note_rested(subnet, last.filter(|_| !is_all));
    Ok(places)
}
