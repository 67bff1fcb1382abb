//! `AllocateForInstance`: a vNIC on each of the instance's networks, or nothing at all.

use lepton_ipam::MacBase;
use lepton_types::{HostId, InstanceId, Name, NetworkInfo, Port, PortId, PortStatus, ProjectId, Resource};
use lepton_vnic::RequestedNetwork;

use crate::{Command, Instance, Key, Naming, Refusal, Stop, View, host};

mod binding;
mod macs;
mod places;
mod seats;
#[cfg(test)]
mod tests;

pub use binding::BindingRequest;
pub(crate) use macs::draw_macs;
pub use places::MOST_VNICS;
pub(crate) use places::{choose, keys_of_networks};
pub(crate) use seats::{Seat, give_addresses};

/// Gives an instance its vNICs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocateForInstance {
    /// Which instance.
    pub instance: InstanceId,
    /// Its project.
    pub project: ProjectId,
    /// The host that is to plug its ports, as the request names it; none: the one of the manager that carries it out.
    pub host: Option<HostId>,
    /// The networks to plug into, in order; none: the project's own and the global ones.
    pub networks: Vec<RequestedNetwork>,
    /// Whether a network may be named more than once.
    pub allow_duplicate_networks: bool,
    /// What kind of devices the host makes.
    pub binding: BindingRequest,
    /// The host of the manager's own agent: its setting, not part of the request.
    pub own_host: Option<HostId>,
    /// Whether the host must be one that the ledger has met: the manager's setting, not part of the request.
    pub only_known_hosts: bool,
    /// The only host that the caller may allocate on, and its choice when it names none; none: any. Follows from its
    /// credentials, so it is not part of the request.
    pub only_on: Option<HostId>,
    /// What MACs start with: the manager's setting, not part of the request.
    pub mac_base: MacBase,
    /// What the instance is called.
    pub naming: Naming,
    /// The pool that its first IPv4 address gets a floating IP of, by itself; none: it gets none. The manager's setting, not
    /// part of the request.
    pub floating_pool: Option<Name>,
}

impl AllocateForInstance {
    /// Which host plugs the ports.
    fn place(&self) -> Result<&HostId, Refusal> {
        let named = self.host.as_ref().or(self.only_on.as_ref()).or(self.own_host.as_ref());
        let host = named.ok_or_else(|| {
            Refusal::invalid_field("host", "is required: this manager has no agent of its own")
        })?;
        Refusal::unless_allowed(self.only_on.as_ref(), host)?;
        Ok(host)
    }
}

impl Command for AllocateForInstance {
    type Answer = NetworkInfo;

    const NAME: &'static str = "AllocateForInstance";

    fn keys(&self) -> Vec<Key> {
        let mut keys = keys_of_networks(&self.project, &self.networks);
        keys.extend([Key::Instance(self.instance), Key::PastLives(self.instance)]);
        keys.push(Key::Quota(self.project.clone()));
        keys.extend(self.place().ok().cloned().map(Key::Host));
        keys.extend(Naming::key(self.naming.domain.as_ref()));
        keys.extend(self.floating_pool.clone().map(Key::FloatingPool));
        keys
    }

    /// The MACs and the addresses, where the networks are there already.
    fn look_ahead(&self, ledger: &mut View) {
        let wanted = choose(ledger, &self.project, &self.networks, self.allow_duplicate_networks);
        let _ = wanted.and_then(|wanted| draw_macs(ledger, &self.mac_base, &wanted));
    }

    /// Gives the instance a port on each of its networks, or nothing at all.
    fn decide(&self, ledger: &mut View) -> Result<NetworkInfo, Stop> {
        let host = self.place()?;
        if let Some(live) = ledger.instance(self.instance)?.cloned() {
            let Instance { id: instance, incarnation, host, .. } = live;
            return Err(Refusal::InstanceAlreadyAllocated { instance, incarnation, host }.into());
        }
        if self.only_known_hosts {
            host::must_be_registered(ledger, host, "host")?;
        }
        let wanted = choose(ledger, &self.project, &self.networks, self.allow_duplicate_networks)?;
        self.binding.must_be_for(wanted.len())?;
        ledger.spend(&self.project, Resource::Ports, wanted.len())?;
        let macs = draw_macs(ledger, &self.mac_base, &wanted)?;
        let incarnation = ledger.next_incarnation(self.instance)?;
        let mut seats = Vec::with_capacity(wanted.len());
        for (position, (wanted, drawn)) in (0..).zip(wanted.iter().zip(macs)) {
            let port = Port {
                id: ledger.draws().port_id(position),
                instance: self.instance,
                incarnation,
                network: wanted.network,
                project: self.project.clone(),
                host: host.clone(),
                position,
                mac: drawn.mac,
                mac_range: drawn.range,
                binding: self.binding.at(position)?,
                status: PortStatus::Pending,
                is_released: false,
                revision: ledger.touch_host(host)?,
                created_at: ledger.now(),
                has_moved: false,
                target: None,
            };
            seats.push(Seat { port: port.id, mac: drawn.mac, wanted });
            ledger.insert(port);
        }
        give_addresses(ledger, &seats)?;
        let ports: Vec<PortId> = seats.iter().map(|seat| seat.port).collect();
        let has_names = self.naming.name(ledger, self.instance, &ports)?;
        let addresses = seats.iter().map(|seat| ledger.fixed_ips_of(seat.port).len()).sum();
        ledger.spend(&self.project, Resource::FixedIps, addresses)?;
        ledger.insert(Instance {
            id: self.instance,
            incarnation,
            project: self.project.clone(),
            host: host.clone(),
            hostname: self.naming.hostname.clone(),
            availability_zone: self.naming.availability_zone.clone(),
            has_names,
            has_named_networks: !self.networks.is_empty(),
            created_at: ledger.now(),
            migration: None,
            arrivals: Vec::new(),
        });
        if let Some(pool) = &self.floating_pool {
            ledger.assign_floating_ip(self.instance, pool)?;
        }
        ledger.network_info(self.instance)
    }
}
