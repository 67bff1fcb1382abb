//! `floating_ip.proto`: floating IPs to the wire.

use lepton_types::{FloatingIp, HostId, IfName, Name};

use crate::{timestamp, v1};

/// Why no floating IP is carried.
const NO_ROUTER: &str = "no router carries floating IPs yet: the ledger holds where they are to lead";

/// A floating IP as a message, with its pool's name, its device and the host that is to carry it.
pub fn floating_ip(
    row: FloatingIp,
    pool: Name,
    interface: Option<IfName>,
    host: Option<HostId>,
) -> v1::FloatingIp {
    let target = row.target;
    v1::FloatingIp {
        address: row.address.to_string(),
        pool: pool.into(),
        project_id: row.project.into(),
        fixed_ip: target.map(|target| target.address.to_string()).unwrap_or_default(),
        instance_id: target.map(|target| target.instance.to_string()).unwrap_or_default(),
        port_id: target.map(|target| target.port.to_string()).unwrap_or_default(),
        network_id: target.map(|target| target.network.to_string()).unwrap_or_default(),
        host: host.map(String::from).unwrap_or_default(),
        interface: interface.map(String::from).unwrap_or_default(),
        auto_assigned: row.is_auto_assigned,
        status: v1::FloatingIpStatus::Pending.into(),
        status_reason: NO_ROUTER.into(),
        allocated_at: Some(timestamp(row.allocated_at)),
        associated_at: target.map(|_| timestamp(row.since)),
    }
}
