//! `subnets`: CIDRs of networks.

use std::{net::IpAddr, time::Duration};

use lepton_ledger::{Key, View};
use lepton_types::{AddressMode, NetworkId, Subnet, SubnetId};

use uuid::Uuid;

use super::{enter, load_by};
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Value, damaged, json},
    table::Stored,
};

/// The columns that [`Stored::read`] reads, in its order.
macro_rules! subnet_columns {
    () => {
        "id, network_id, cidr, gateway, dns, mode, pools, quarantine_secs, routes, dhcp_server, interface,
         version"
    };
}

pub(super) use subnet_columns;

impl Stored for Subnet {
    const INSERT: &'static str =
        "insert into subnets (id, network_id, cidr, gateway, dns, mode, pools, quarantine_secs, routes, dhcp_server,
             interface, version)
         {rows}";
    const UPDATE: &'static str =
        "update subnets set network_id = v.column2, cidr = v.column3, gateway = v.column4, dns = v.column5,
             mode = v.column6, pools = v.column7, quarantine_secs = v.column8, routes = v.column9,
             dhcp_server = v.column10, interface = v.column11, version = v.column12
         from ({rows}) as v where subnets.id = v.column1 and subnets.version = v.column13";
    const DELETE: Option<&'static str> = Some("delete from subnets where (id, version) in ({rows})");
    const INSERT_HISTORY: Option<&'static str> = Some(
        "insert into subnet_history (id, network_id, cidr, gateway, dns, mode, pools, quarantine_secs, routes,
             dhcp_server, interface, version, ended_at)
         {rows}",
    );

    fn values(&self) -> Vec<Value> {
        let mode = match self.mode {
            AddressMode::Pool => "pool",
            AddressMode::Eui64 => "eui64",
            AddressMode::AccountIdentifier => "account_identifier",
        };
        vec![
            self.id.as_uuid().into(),
            self.network.as_uuid().into(),
            self.cidr.to_string().into(),
            self.gateway.map(|gateway| gateway.to_string()).into(),
            json(&self.dns),
            mode.into(),
            json(&self.pools),
            self.quarantine.as_secs().into(),
            json(&self.routes),
            self.dhcp_server.map(|server| server.to_string()).into(),
            self.interface.clone().map(String::from).into(),
            self.version.into(),
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
            network: columns.id()?,
            cidr: columns.parsed()?,
            gateway: address(columns.get()?, "gateway")?,
            dns: columns.json()?,
            mode: match columns.get::<String>()?.as_str() {
                "pool" => AddressMode::Pool,
                "eui64" => AddressMode::Eui64,
                "account_identifier" => AddressMode::AccountIdentifier,
                other => return Err(damaged("address mode", &other)),
            },
            pools: columns.json()?,
            quarantine: Duration::from_secs(columns.number()?),
            routes: columns.json()?,
            dhcp_server: address(columns.get()?, "DHCP server")?,
            interface: columns.parsed_option()?,
            version: columns.number()?,
        })
    }
}

fn address(text: Option<String>, what: &str) -> Result<Option<IpAddr>, StoreError> {
    text.map(|text| text.parse().map_err(|_| damaged(what, &text))).transpose()
}

/// Loads subnets.
pub(crate) async fn load(tx: &mut Tx, ids: &[SubnetId], view: &mut View) -> Result<(), Failure> {
    const SQL: &str = concat!("select ", subnet_columns!(), " from subnets where id {in}");
    load_by::<Subnet, _>(tx, SQL, ids, |id| vec![id.as_uuid().into()], view).await
}

/// Loads a page of subnets in the order of their ids.
pub(crate) async fn load_page(
    tx: &mut Tx,
    after: Option<SubnetId>,
    limit: u16,
    view: &mut View,
) -> Result<(), Failure> {
    const SQL: &str =
        concat!("select ", subnet_columns!(), " from subnets where id > $1 order by id limit $2");
    // No subnet has the nil UUID.
    let after = after.map_or(Uuid::nil(), SubnetId::as_uuid);
    enter::<Subnet>(&tx.fetch(SQL, vec![after.into(), i64::from(limit).into()]).await?, view)
}

/// Loads the subnets of networks.
pub(super) async fn load_of_networks(
    tx: &mut Tx,
    networks: &[NetworkId],
    view: &mut View,
) -> Result<(), Failure> {
    const SQL: &str = concat!("select ", subnet_columns!(), " from subnets where network_id {in}");
    for row in tx.fetch_for(SQL, networks, |id| vec![id.as_uuid().into()]).await? {
        let subnet = Subnet::read(&mut row.columns())?;
        view.mark_loaded(Key::Subnet(subnet.id));
        view.load(subnet);
    }
    Ok(())
}
