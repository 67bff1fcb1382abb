//! The guests of a network, as a DHCP server must know them: pages over ports, addresses and instances.

use std::{collections::BTreeSet, net::IpAddr};

use lepton_ledger::{View, dhcp::DhcpGuest};
use lepton_types::{MacAddr, NetworkId, PortId};
use uuid::Uuid;

use super::ports::position;
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, damaged},
};

/// How many of a network's ports one statement goes through: a bounded one, however many there are.
const AT_ONCE: u16 = 1024;

/// Loads the guests of a network. It starts from the network's ports, so it costs what they are, whatever else the ledger
/// holds (B33); page by page, since a statement has little time, over one snapshot.
pub(crate) async fn load_on(tx: &mut Tx, network: NetworkId, view: &mut View) -> Result<(), Failure> {
    const SQL: &str =
        "select page.id, page.mac, fixed_ips.address, instances.hostname, page.position, instances.created_at
         from (select id, mac, instance_id, position, is_released from ports
                 where network_id = $1 and id > $2 order by id limit $3) as page
             left join fixed_ips on fixed_ips.port_id = page.id and fixed_ips.leaving_at is null
                 and length(fixed_ips.address) = 4 and not page.is_released
             left join instances on instances.id = page.instance_id";
    let (mut guests, mut after) = (Vec::new(), Some(PortId::from(Uuid::nil())));
    while let Some(behind) = after {
        let values = vec![network.as_uuid().into(), behind.as_uuid().into(), i64::from(AT_ONCE).into()];
        let found = tx.fetch(SQL, values).await?;
        let mut ports = BTreeSet::new();
        for row in &found {
            let mut columns = row.columns();
            ports.insert(columns.id::<PortId>()?);
            guests.extend(guest(&mut columns)?);
        }
        after = ports.last().copied().filter(|_| ports.len() == usize::from(AT_ONCE));
    }
    view.note_guests(network, guests);
    Ok(())
}

/// The guest, unless it is a port without an address that it may use.
fn guest(columns: &mut Columns<'_>) -> Result<Option<DhcpGuest>, StoreError> {
    let mac = MacAddr::try_from(columns.number()?).map_err(|error| damaged("MAC", &error))?;
    let address = match columns.address_option()? {
        Some(IpAddr::V4(address)) => address,
        Some(other @ IpAddr::V6(_)) => return Err(damaged("IPv4 address", &other)),
        None => return Ok(None),
    };
    let (hostname, position) = (columns.parsed_option()?, position(columns.number()?)?);
    let Some(created_at) = columns.get::<Option<i64>>()? else { return Ok(None) };
    Ok(Some(DhcpGuest::new(mac, address, hostname, position, created_at.into())))
}
