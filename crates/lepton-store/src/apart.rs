//! What a guest has and what a subnet keeps for itself are apart, though no lock stands between them.
//!
//! An address of a pool has a block, whose row two managers cannot change at once. Of any other address that somebody asks for
//! by name, only the subnet says whether it is its gateway or its DHCP server, and subnets are not locked as they are loaded.
//! So whoever has written looks once more, and whoever comes second sees what the first one wrote. So does whoever reserves an
//! address, in a pool or not: no foreign key keeps the subnet that it is of.
//!
//! And so does whoever gives an address back to a pool: whether it is free then, or kept as a route's next hop, the subnet says too.
//! Routes come and go under the lock of the address's block, behind which it is given back, so it is enough to look: a route that
//! changes later finds the address as it was left, since addresses are loaded behind their blocks.
//!
//! ```text
//! gives an address:  insert fixed_ips ─▶ subnet as it was read? (for share)   waits for who changes the subnet
//! moves a gateway:   update subnets ───▶ is the address somebody's?           waited for who gave the address
//! gives one back:    update blocks ────▶ subnet as it was read?               waited for who changed a route, at the block
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use lepton_ledger::{Change, FixedIp, RowChange, View, derived};
use lepton_types::{Port, PortId, Subnet, SubnetId};

use crate::{engine::Tx, failure::Failure};

/// Looks at what the batch has written.
///
/// # Errors
///
/// [`Failure::Conflict`] when another manager has made the decision wrong.
pub(crate) async fn check(tx: &mut Tx, view: &View) -> Result<(), Failure> {
    if !tx.is_shared() {
        return Ok(());
    }
    let (mut new, mut given_in, mut kept) = (BTreeSet::new(), BTreeMap::new(), Vec::new());
    let mut given_back_in = BTreeMap::new();
    for change in view.changes() {
        match change {
            // A port is there before its addresses are.
            Change::Port(change) => new.extend(new_port(change)),
            Change::FixedIp(change) => {
                given_in.extend(given_by_name(change, view, &new));
                given_back_in.extend(given_back(change, view));
            }
            Change::Subnet(change) => kept.extend(newly_kept(change)),
            Change::Network(_)
            | Change::Frontier(_)
            | Change::Block(_)
            | Change::RecountedBlock(_)
            | Change::Instance(_)
            | Change::FloatingRange(_)
            | Change::FloatingIp(_)
            | Change::Host(_)
            | Change::DnsDomain(_)
            | Change::DnsEntry(_)
            | Change::PendingUnplug(_)
            | Change::MacRange(_)
            | Change::FreeMac(_)
            | Change::Quota(_)
            | Change::RecountedQuota(_)
            | Change::RequestRecord(_)
            | Change::Journal(_) => {}
        }
    }
    subnets_are_as_read(tx, &given_in.into_iter().collect::<Vec<_>>()).await?;
    no_subnet_has_changed(tx, &given_back_in.into_iter().collect::<Vec<_>>()).await?;
    nobody_has(tx, &kept).await
}

/// The subnet of an address that was given back to a pool, with the version that was read.
fn given_back(change: &RowChange<FixedIp>, view: &View) -> Option<(SubnetId, u64)> {
    let before = change.before.as_ref().filter(|_| change.after.is_none())?;
    let subnet = view.row::<Subnet>(&before.subnet)?;
    subnet.pools.iter().any(|pool| pool.contains(before.address)).then_some((subnet.id, subnet.version))
}

/// The subnet of an address that was given by its name and is in no pool, or that was reserved, with the version that was read.
fn given_by_name(
    change: &RowChange<FixedIp>,
    view: &View,
    new: &BTreeSet<PortId>,
) -> Option<(SubnetId, u64)> {
    let given = change.after.as_ref().filter(|_| change.before.is_none())?;
    let subnet = view.row::<Subnet>(&given.subnet)?;
    let is_held_in_pool =
        given.holder.port().is_some() && subnet.pools.iter().any(|pool| pool.contains(given.address));
    (!is_held_in_pool && !follows_from_new_mac(given, view, new)).then_some((subnet.id, subnet.version))
}

/// Whether it follows from the MAC of a port that this very batch has made and whose MAC was drawn at random. Nobody knew that MAC
/// before, so nobody has chosen the address, for a guest or for a gateway. Which MAC of a range is next, everybody can know.
fn follows_from_new_mac(given: &FixedIp, view: &View, new: &BTreeSet<PortId>) -> bool {
    let port = given.holder.port().filter(|port| new.contains(port));
    let Some(port) = port.and_then(|port| view.row::<Port>(&port)) else { return false };
    let Some(subnet) = view.row::<Subnet>(&given.subnet) else { return false };
    port.mac_range.is_none() && derived(subnet, &port.project, port.mac) == Some(given.address)
}

fn new_port(change: &RowChange<Port>) -> Option<PortId> {
    change.after.as_ref().filter(|_| change.before.is_none()).map(|port| port.id)
}

/// The addresses that a subnet keeps for itself now and did not before.
fn newly_kept(change: &RowChange<Subnet>) -> Vec<(SubnetId, IpAddr)> {
    let (Some(before), Some(after)) = (&change.before, &change.after) else { return Vec::new() };
    let own = |subnet: &Subnet| [subnet.gateway, subnet.dhcp_server];
    let new = own(after).into_iter().flatten().filter(|&address| !own(before).contains(&Some(address)));
    new.map(|address| (after.id, address)).collect()
}

async fn subnets_are_as_read(tx: &mut Tx, subnets: &[(SubnetId, u64)]) -> Result<(), Failure> {
    const SQL: &str = "select id from subnets where (id, version) in ({rows}) order by id for share";
    let found = tx.fetch_for(SQL, subnets, |(id, version)| vec![id.as_uuid().into(), (*version).into()]);
    if found.await?.len() < subnets.len() {
        return Err(Failure::Conflict("a subnet changed while one of its addresses was given".into()));
    }
    Ok(())
}

async fn no_subnet_has_changed(tx: &mut Tx, subnets: &[(SubnetId, u64)]) -> Result<(), Failure> {
    const SQL: &str = "select id from subnets, ({rows}) as v where id = v.column1 and version <> v.column2";
    let found = tx.fetch_for(SQL, subnets, |(id, version)| vec![id.as_uuid().into(), (*version).into()]);
    if !found.await?.is_empty() {
        return Err(Failure::Conflict("a subnet changed while one of its addresses was given back".into()));
    }
    Ok(())
}

async fn nobody_has(tx: &mut Tx, addresses: &[(SubnetId, IpAddr)]) -> Result<(), Failure> {
    const SQL: &str = "select address from fixed_ips where (subnet_id, address) in ({rows})";
    let found = tx.fetch_for(SQL, addresses, |(id, address)| vec![id.as_uuid().into(), (*address).into()]);
    if !found.await?.is_empty() {
        return Err(Failure::Conflict("an address was given while its subnet took it for itself".into()));
    }
    Ok(())
}
