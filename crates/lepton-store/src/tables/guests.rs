//! The guests of a network, as a DHCP server must know them: one statement over ports, addresses and instances.

use std::net::IpAddr;

use lepton_ledger::{View, dhcp::DhcpGuest};
use lepton_types::{MacAddr, NetworkId};

use super::ports::position;
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Row, damaged},
};

/// Loads the guests of a network. It starts from the network's ports, so it costs what they are, whatever else the ledger
/// holds (B33).
pub(crate) async fn load_on(tx: &mut Tx, network: NetworkId, view: &mut View) -> Result<(), Failure> {
    const SQL: &str =
        "select ports.mac, fixed_ips.address, instances.hostname, ports.position, instances.created_at
         from ports
             join fixed_ips on fixed_ips.port_id = ports.id
             join instances on instances.id = ports.instance_id
         where ports.network_id = $1 and not ports.is_released and fixed_ips.leaving_at is null
             and length(fixed_ips.address) = 4";
    let found = tx.fetch(SQL, vec![network.as_uuid().into()]).await?;
    view.note_guests(network, found.iter().map(guest).collect::<Result<_, _>>()?);
    Ok(())
}

fn guest(row: &Row) -> Result<DhcpGuest, StoreError> {
    let mut columns = row.columns();
    let mac = MacAddr::try_from(columns.number()?).map_err(|error| damaged("MAC", &error))?;
    let address = match columns.address()? {
        IpAddr::V4(address) => address,
        other @ IpAddr::V6(_) => return Err(damaged("IPv4 address", &other)),
    };
    let (hostname, position) = (columns.parsed_option()?, position(columns.number()?)?);
    Ok(DhcpGuest::new(mac, address, hostname, position, columns.get::<i64>()?.into()))
}
