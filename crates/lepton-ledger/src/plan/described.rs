//! What a plan tells of each kind of row, in the words of the API.

use std::{fmt::Display, time::Duration};

use lepton_types::{
    AddressMode, Amounts, DnsDomain, DnsEntry, DnsScope, FloatingIp, FloatingRange, Limit, MacRange, Network,
    Port, PortStatus, PortTarget, Quota, Subnet, Timestamp,
};

use crate::{FixedIp, FreeMac, Holder, Host, Instance, PendingUnplug, Row};

/// What a plan tells of a kind of row.
pub(super) trait Described: Row {
    /// What people call it.
    const KIND: &'static str;

    /// What identifies it.
    fn name(&self) -> String;

    /// All that it says and that nothing but a command about it changes.
    fn describe(&self, says: &mut Said);
}

/// What a row says.
#[derive(Default)]
pub(super) struct Said(pub(super) Vec<(&'static str, Saying)>);

#[derive(PartialEq)]
pub(super) enum Saying {
    Text(String),
    At(Timestamp),
}

impl Said {
    fn text(&mut self, name: &'static str, value: impl Display) {
        self.0.push((name, Saying::Text(value.to_string())));
    }

    fn some(&mut self, name: &'static str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// Only what is so is said.
    fn flag(&mut self, name: &'static str, is_so: bool) {
        self.some(name, is_so.then_some(true));
    }

    fn list(&mut self, name: &'static str, values: impl IntoIterator<Item: Display>) {
        let texts: Vec<_> = values.into_iter().map(|value| value.to_string()).collect();
        self.some(name, Some(texts.join(", ")).filter(|text| !text.is_empty()));
    }

    fn moment(&mut self, name: &'static str, moment: Option<Timestamp>) {
        self.0.extend(moment.map(|moment| (name, Saying::At(moment))));
    }

    pub(super) fn get(&self, name: &str) -> Option<&Saying> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, saying)| saying)
    }
}

impl Described for Network {
    const KIND: &'static str = "network";

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn describe(&self, says: &mut Said) {
        let Self { id: _, project, label, priority, mtu, sequence: _, created_at, host, is_injected, .. } =
            self;
        let Self { is_external, version: _, .. } = self;
        says.text("label", label);
        says.some("project_id", project.as_ref());
        says.text("priority", priority);
        says.text("mtu", mtu);
        says.some("host", host.as_ref());
        says.flag("injected", *is_injected);
        says.flag("external", *is_external);
        says.moment("created_at", Some(*created_at));
    }
}

impl Described for Subnet {
    const KIND: &'static str = "subnet";

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn describe(&self, says: &mut Said) {
        let Self { id: _, network, cidr, gateway, dns, mode, pools, quarantine, routes, .. } = self;
        let Self { dhcp_server, interface, version: _, .. } = self;
        says.text("network_id", network);
        says.text("cidr", cidr);
        says.some("gateway", gateway.as_ref());
        says.list("dns", dns);
        says.text("address_mode", mode_name(*mode));
        says.list("pools", pools.iter().map(|pool| format!("{}-{}", pool.first, pool.last)));
        says.text("quarantine", seconds(*quarantine));
        says.list("routes", routes);
        says.some("dhcp_server", dhcp_server.as_ref());
        says.some("interface", interface.as_ref());
    }
}

fn mode_name(mode: AddressMode) -> &'static str {
    match mode {
        AddressMode::Pool => "pool",
        AddressMode::Eui64 => "eui64",
        AddressMode::AccountIdentifier => "account_identifier",
    }
}

fn seconds(span: Duration) -> String {
    format!("{} s", span.as_secs_f64())
}

impl Described for Instance {
    const KIND: &'static str = "instance";

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn describe(&self, says: &mut Said) {
        let Self { id: _, incarnation, project, host, hostname, availability_zone, has_names: _, .. } = self;
        let Self { has_named_networks: _, created_at, migration, arrivals: _, .. } = self;
        says.text("incarnation", incarnation);
        says.text("project_id", project);
        says.text("host", host);
        says.some("hostname", hostname.as_ref());
        says.some("availability_zone", availability_zone.as_ref());
        says.some("moves_to", migration.as_ref().map(|migration| &migration.destination));
        says.moment("created_at", Some(*created_at));
    }
}

impl Described for Port {
    const KIND: &'static str = "port";

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn describe(&self, says: &mut Said) {
        let Self { id: _, instance, incarnation, network, project, host, position, mac, mac_range, .. } =
            self;
        let Self { binding, status, is_released, revision: _, created_at, has_moved: _, target, .. } = self;
        says.text("instance_id", instance);
        says.text("incarnation", incarnation);
        says.text("network_id", network);
        says.text("project_id", project);
        says.text("host", host);
        says.text("position", position);
        says.text("mac", mac);
        says.some("mac_range_id", mac_range.as_ref());
        says.text("binding", binding.to_string());
        says.text("status", status_name(status));
        says.flag("released", *is_released);
        if let Some(PortTarget { host, binding, status, revision: _ }) = target {
            says.text("target_host", host);
            says.text("target_binding", binding.to_string());
            says.text("target_status", status_name(status));
        }
        says.moment("created_at", Some(*created_at));
    }
}

fn status_name(status: &PortStatus) -> String {
    match status {
        PortStatus::Pending => "PENDING".to_owned(),
        PortStatus::Active => "ACTIVE".to_owned(),
        PortStatus::Error(words) => format!("ERROR: {words}"),
    }
}

impl Described for FixedIp {
    const KIND: &'static str = "fixed_ip";

    fn name(&self) -> String {
        format!("{} in {}", self.address, self.subnet)
    }

    fn describe(&self, says: &mut Said) {
        let Self { subnet, address: _, holder, since, lease, is_asked_for } = self;
        says.text("subnet_id", subnet);
        match holder {
            Holder::Port(port) => {
                says.text("state", "ALLOCATED");
                says.text("port_id", port);
            }
            Holder::Leaving { port, revision: _ } => {
                says.text("state", "LEAVING");
                says.text("port_id", port);
            }
            Holder::Reserved { reason, resting_until } => {
                says.text("state", "RESERVED");
                says.text("reason", reason);
                says.moment("resting_until", *resting_until);
            }
            Holder::Quarantine(until) => {
                says.text("state", "RESTING");
                says.moment("resting_until", Some(*until));
            }
        }
        says.flag("asked_for", *is_asked_for);
        if let Some(lease) = lease {
            says.text("leased_to", lease.mac);
            says.text("lease_time", seconds(lease.time));
            says.moment("leased_at", Some(lease.at));
        }
        says.moment("since", Some(*since));
    }
}

impl Described for FloatingRange {
    const KIND: &'static str = "floating_range";

    fn name(&self) -> String {
        self.addresses.to_string()
    }

    fn describe(&self, says: &mut Said) {
        let Self { subnet, pool, addresses: _, total, allocated: _ } = self;
        says.text("subnet_id", subnet);
        says.text("pool_id", pool);
        says.text("total_addresses", total);
    }
}

impl Described for FloatingIp {
    const KIND: &'static str = "floating_ip";

    fn name(&self) -> String {
        self.address.to_string()
    }

    fn describe(&self, says: &mut Said) {
        let Self { address: _, subnet, pool, project, target, is_auto_assigned, allocated_at, since } = self;
        says.text("pool_id", pool);
        says.text("subnet_id", subnet);
        says.text("project_id", project);
        if let Some(target) = target {
            says.text("instance_id", target.instance);
            says.text("port_id", target.port);
            says.text("network_id", target.network);
            says.text("fixed_subnet_id", target.subnet);
            says.text("fixed_address", target.address);
        }
        says.flag("auto_assigned", *is_auto_assigned);
        says.moment("allocated_at", Some(*allocated_at));
        says.moment("since", Some(*since));
    }
}

impl Described for Host {
    const KIND: &'static str = "host";

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn describe(&self, says: &mut Said) {
        let Self { id: _, revision: _, is_registered } = self;
        says.flag("registered", *is_registered);
    }
}

impl Described for DnsDomain {
    const KIND: &'static str = "dns_domain";

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn describe(&self, says: &mut Said) {
        let Self { id: _, name, scope, created_at, version: _ } = self;
        says.text("name", name);
        match scope {
            DnsScope::Public { project } => {
                says.text("scope", "public");
                says.some("project_id", project.as_ref());
            }
            DnsScope::Private { availability_zone } => {
                says.text("scope", "private");
                says.some("availability_zone", availability_zone.as_ref());
            }
        }
        says.moment("created_at", Some(*created_at));
    }
}

impl Described for DnsEntry {
    const KIND: &'static str = "dns_entry";

    fn name(&self) -> String {
        format!("{} {} in {}", self.name, self.record_type(), self.domain)
    }

    fn describe(&self, says: &mut Said) {
        let Self { domain: _, name: _, address, bound, created_at } = self;
        says.text("address", address);
        if let Some(bound) = bound {
            says.text("bound_to_subnet_id", bound.subnet);
            says.some("bound_to_port_id", bound.port);
        }
        says.moment("created_at", Some(*created_at));
    }
}

impl Described for PendingUnplug {
    const KIND: &'static str = "pending_unplug";

    fn name(&self) -> String {
        format!("{} from {}", self.port, self.host)
    }

    fn describe(&self, says: &mut Said) {
        let Self { port, host, revision: _, is_fenced } = self;
        says.text("port_id", port);
        says.text("host", host);
        says.flag("fenced", *is_fenced);
    }
}

impl Described for MacRange {
    const KIND: &'static str = "mac_range";

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn describe(&self, says: &mut Said) {
        let Self { id: _, prefix, number: _, drawn: _, is_ending, created_at } = self;
        says.text("prefix", prefix);
        says.flag("ending", *is_ending);
        says.moment("created_at", Some(*created_at));
    }
}

impl Described for FreeMac {
    const KIND: &'static str = "free_mac";

    fn name(&self) -> String {
        self.mac.to_string()
    }

    fn describe(&self, says: &mut Said) {
        let Self { mac: _, range, since } = self;
        says.text("mac_range_id", range);
        says.moment("since", Some(*since));
    }
}

impl Described for Quota {
    const KIND: &'static str = "quota";

    fn name(&self) -> String {
        self.project.to_string()
    }

    fn describe(&self, says: &mut Said) {
        let Self { project: _, limits, used: _ } = self;
        let Amounts { networks, ports, fixed_ips, floating_ips } = limits;
        let mut limit = |name, limit: &Option<Limit>| says.some(name, limit.as_ref());
        limit("networks", networks);
        limit("ports", ports);
        limit("fixed_ips", fixed_ips);
        limit("floating_ips", floating_ips);
    }
}
