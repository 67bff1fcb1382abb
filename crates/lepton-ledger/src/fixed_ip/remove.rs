//! `RemoveFixedIp`: an address is taken from its vNIC now, and free when the host has proved that the vNIC cannot use it.

use std::net::IpAddr;

use lepton_types::{DomainName, HostId, InstanceId, NetworkId, NetworkInfo, Port};

use crate::{Command, FixedIp, Holder, Instance, Key, Naming, Refusal, Scope, Stop, View, host::proof};

/// Takes an address from an instance.
///
/// NetworkInfo and the host's feed no longer name it from now on, and no floating IP leads to it any more. It stays the
/// port's all the same, and in nobody's reach, until the host reports that it filters the port by this revision or a later
/// one ([`crate::ReportHost`]), or that the port is unplugged; or it is free at once, if no host was told of the port yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveFixedIp {
    /// Which instance.
    pub instance: InstanceId,
    /// Which address.
    pub address: IpAddr,
    /// On which network; none: whichever the instance has it on.
    pub network: Option<NetworkId>,
    /// The only host on which the caller may change an instance; none: any. Follows from its credentials, so it is not
    /// part of the request.
    pub only_on: Option<HostId>,
    /// What the caller may see and change.
    pub scope: Scope,
    /// The domain of guests' own names; none: they get none. The manager's setting, not part of the request.
    pub domain: Option<DomainName>,
}

impl Command for RemoveFixedIp {
    type Answer = NetworkInfo;

    const NAME: &'static str = "RemoveFixedIp";

    fn keys(&self) -> Vec<Key> {
        Naming::key(self.domain.as_ref()).into_iter().chain([Key::Instance(self.instance)]).collect()
    }

    fn decide(&self, ledger: &mut View) -> Result<NetworkInfo, Stop> {
        let instance = ledger.instance_in(self.instance, &self.scope)?;
        Refusal::unless_allowed(self.only_on.as_ref(), &instance.host)?;
        let (port, row) = self.held(ledger, &instance)?;
        if instance.has_names {
            ledger.forget_names(row.subnet, row.address)?;
        }
        ledger.detach_floating_ips(port.id, Some((row.subnet, row.address)))?;
        if proof::is_nowhere(ledger, &port)? {
            proof::free(ledger, &[row])?;
        } else {
            let Port { id: port, revision, .. } = ledger.tell_hosts_of(&port)?;
            ledger.replace(FixedIp { holder: Holder::Leaving { port, revision }, ..row });
        }
        Naming::of(&instance, self.domain.as_ref()).name_where_none(ledger, &instance)?;
        ledger.network_info(self.instance)
    }
}

impl RemoveFixedIp {
    /// The port that has the address, and the address's row.
    fn held(&self, ledger: &mut View, instance: &Instance) -> Result<(Port, FixedIp), Stop> {
        let (address, id) = (self.address, instance.id);
        let ports = ledger.ports_of(instance)?;
        let of_port = |port: Port| ledger.usable_by(port.id).into_iter().map(move |row| (port.clone(), row));
        let all: Vec<(Port, FixedIp)> = ports.into_iter().flat_map(of_port).collect();
        if all.is_empty() {
            return Err(Refusal::FixedIpNotFoundForInstance { instance: id }.into());
        }
        let mut meant = all.into_iter().filter(|(port, row)| {
            row.address == address && self.network.is_none_or(|network| network == port.network)
        });
        let Some(first) = meant.next() else {
            return Err(Refusal::FixedIpNotFoundForSpecificInstance { instance: id, address }.into());
        };
        if meant.next().is_some() {
            let problem = format!("instance {id} has {address} on several networks; say on which");
            return Err(Refusal::invalid_field("network_id", problem).into());
        }
        Ok(first)
    }
}
