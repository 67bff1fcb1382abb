//! What is told of instances' vNICs, in two statements: for questions, which lock nothing.
//!
//! What a command decides on is loaded a table at a time and in one order instead, see `load`, and so is what many ask at once.

use std::collections::BTreeSet;

use lepton_ledger::{FixedIp, Instance, Key, View};
use lepton_types::{FloatingIp, InstanceId, Network, NetworkId, Port, PortId, Subnet};

use super::{
    fixed_ips::fixed_ip_columns, floating_ips::floating_ip_columns, instances::instance_columns,
    networks::network_columns, ports::port_columns, subnets::subnet_columns,
};
use crate::{engine::Tx, error::StoreError, failure::Failure, sql::Columns, table::Stored};

/// Most instances for which this takes less time than table by table. Each statement is a way to the engine and back, but a join
/// repeats the columns of an instance in each of its rows: for one instance the ways cost more, for dozens the columns do.
pub(crate) const FEW: usize = 8;

/// Loads instances with their ports of any incarnation, the ports' addresses, the floating IPs that lead to these, and the
/// networks with their subnets.
pub(crate) async fn load(tx: &mut Tx, ids: &[InstanceId], view: &mut View) -> Result<(), Failure> {
    load_ports(tx, ids, view).await?;
    load_networks(tx, ids, view).await
}

async fn load_ports(tx: &mut Tx, ids: &[InstanceId], view: &mut View) -> Result<(), Failure> {
    const SQL: &str = concat!(
        "select * from (select ",
        instance_columns!(),
        " from instances where id {in}) as i
             left join (select ",
        port_columns!(),
        ", alive_since from ports) as p on p.instance_id = i.id and p.alive_since = i.created_at
             left join (select ",
        fixed_ip_columns!(),
        " from fixed_ips) as f on f.port_id = p.id
             left join (select ",
        floating_ip_columns!(),
        " from floating_ips) as l on l.port_id = p.id and l.fixed_subnet_id = f.subnet_id
                 and l.fixed_address = f.address"
    );
    let mut ports: BTreeSet<PortId> = BTreeSet::new();
    for row in tx.fetch_for(SQL, ids, |id| vec![id.as_uuid().into()]).await? {
        let mut columns = row.columns();
        let instance = Instance::read(&mut columns)?;
        // Of lives that ended there may be ports still, which are no part of this.
        view.mark_loaded(Key::Instance(instance.id));
        view.load(instance);
        if let Some(port) = joined::<Port>(&mut columns, width(port_columns!()))? {
            ports.insert(port.id);
            view.load(port);
        }
        // What it was joined by.
        columns.skip(1);
        if let Some(fixed_ip) = joined::<FixedIp>(&mut columns, width(fixed_ip_columns!()))? {
            view.load(fixed_ip);
        }
        if let Some(floating_ip) = joined::<FloatingIp>(&mut columns, width(floating_ip_columns!()))? {
            view.load(floating_ip);
        }
    }
    for port in ports {
        view.mark_loaded(Key::FloatingIpsOf(port));
    }
    Ok(())
}

async fn load_networks(tx: &mut Tx, ids: &[InstanceId], view: &mut View) -> Result<(), Failure> {
    const SQL: &str = concat!(
        "select * from (select ",
        network_columns!(),
        " from networks where id in (
                 select ports.network_id from ports join instances on instances.id = ports.instance_id
                     and instances.created_at = ports.alive_since
                 where instances.id {in}
             )) as n
             left join (select ",
        subnet_columns!(),
        " from subnets) as s on s.network_id = n.id"
    );
    let mut networks: BTreeSet<NetworkId> = BTreeSet::new();
    for row in tx.fetch_for(SQL, ids, |id| vec![id.as_uuid().into()]).await? {
        let mut columns = row.columns();
        let network = Network::read(&mut columns)?;
        networks.insert(network.id);
        view.load(network);
        if let Some(subnet) = joined::<Subnet>(&mut columns, width(subnet_columns!()))? {
            view.mark_loaded(Key::Subnet(subnet.id));
            view.load(subnet);
        }
    }
    for network in networks {
        view.mark_loaded(Key::Network(network));
    }
    Ok(())
}

/// The row that an outer join has found, if any. Its first column is part of its key, and so never null.
fn joined<R: Stored>(columns: &mut Columns<'_>, width: usize) -> Result<Option<R>, StoreError> {
    if columns.is_null()? {
        columns.skip(width);
        return Ok(None);
    }
    R::read(columns).map(Some)
}

/// How many columns a list of them has.
const fn width(columns: &str) -> usize {
    let (mut width, mut at) = (1, 0);
    while at < columns.len() {
        width += (columns.as_bytes()[at] == b',') as usize;
        at += 1;
    }
    width
}
