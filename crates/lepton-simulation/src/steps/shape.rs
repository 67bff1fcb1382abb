//! What there is in a ledger, but for what is drawn at random and which life an instance is in: so two rehearsals of one operation can
//! be compared.

use std::collections::BTreeMap;

use lepton_ledger::{FixedIp, Holder, Host, Instance, PendingUnplug, View};
use lepton_types::{
    DnsDomain, DnsEntry, FloatingIp, FloatingRange, MacRange, Network, NetworkId, Port, Quota, Subnet,
    SubnetId,
};

/// A line for each row.
pub(super) fn of(ledger: &View) -> Vec<String> {
    let labels: BTreeMap<NetworkId, String> =
        ledger.rows::<Network>().map(|row| (row.id, row.label.to_string())).collect();
    let prefixes: BTreeMap<SubnetId, String> =
        ledger.rows::<Subnet>().map(|row| (row.id, row.cidr.to_string())).collect();
    let networks = ledger
        .rows::<Network>()
        .map(|row| format!("network {} {:?} {:?} {}", row.label, row.project, row.host, row.priority));
    let subnets = ledger.rows::<Subnet>().map(|row| {
        let routes: Vec<_> = row.routes.iter().map(|route| (route.destination, route.gateway)).collect();
        format!("subnet {} {:?} {:?} {routes:?}", row.cidr, row.gateway, row.dns)
    });
    let hosts = ledger.rows::<Host>().map(|row| format!("host {} {}", row.id, row.is_registered));
    let unplugs = ledger.rows::<PendingUnplug>().map(|row| format!("to unplug on {}", row.host));
    let instances = ledger.rows::<Instance>().map(|row| {
        let destination = row.migration.as_ref().map(|migration| &migration.destination);
        format!("instance {} {} {destination:?}", row.id, row.host)
    });
    let ports = ledger.rows::<Port>().map(|row| {
        let Port { instance, host, status, is_released, .. } = row;
        let target = row.target.as_ref().map(|target| (&target.host, &target.status));
        format!("port of {instance} on {} {host} {status:?} {is_released} {target:?}", labels[&row.network])
    });
    let fixed_ips = ledger.rows::<FixedIp>().map(|row| {
        let holder = match &row.holder {
            Holder::Port(port) => {
                ledger.row::<Port>(port).map_or("nobody".to_owned(), |port| port.instance.to_string())
            }
            Holder::Reserved { reason, .. } => format!("reserved: {reason}"),
            Holder::Leaving { .. } => "leaving".to_owned(),
            Holder::Quarantine(_) => "resting".to_owned(),
        };
        let has_lease = row.lease.is_some();
        format!("address {} of {} {holder} leased {has_lease}", row.address, prefixes[&row.subnet])
    });
    let floating_ips = ledger.rows::<FloatingIp>().map(|row| {
        format!("floating IP {} {} {:?}", row.address, row.project, row.target.map(|target| target.address))
    });
    let ranges = ledger
        .rows::<FloatingRange>()
        .map(|row| format!("range {:?} of {} {}", row.addresses, labels[&row.pool], row.allocated));
    let domains = ledger.rows::<DnsDomain>().map(|row| format!("domain {} {:?}", row.name, row.scope));
    let entries = ledger
        .rows::<DnsEntry>()
        .map(|row| format!("name {} {} bound {}", row.name, row.address, row.bound.is_some()));
    let macs = ledger.rows::<MacRange>().map(|row| format!("MACs {}", row.prefix));
    let quotas =
        ledger.rows::<Quota>().map(|row| format!("quota {} {:?} {:?}", row.project, row.limits, row.used));
    let mut lines: Vec<String> = networks
        .chain(subnets)
        .chain(hosts)
        .chain(unplugs)
        .chain(instances)
        .chain(ports)
        .chain(fixed_ips)
        .chain(floating_ips)
        .chain(ranges)
        .chain(domains)
        .chain(entries)
        .chain(macs)
        .chain(quotas)
        .collect();
    lines.sort();
    lines
}
