//! [`NetworkInfo`]: built from the rows, the same way for an allocation's answer and for every later question.

use lepton_types::{
    FloatingLink, InstanceId, NetworkInfo, Port, SubnetInfo, Vif, VifDestination, VifNetwork,
};

use crate::{Command, Instance, Key, Refusal, Scope, Stop, View};

/// Tells an instance's vNICs, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetInstanceNwInfo {
    /// Which instance.
    pub instance: InstanceId,
    /// What the caller may see.
    pub scope: Scope,
}

impl Command for GetInstanceNwInfo {
    type Answer = NetworkInfo;

    const NAME: &'static str = "GetInstanceNwInfo";

    fn decide(&self, ledger: &mut View) -> Result<NetworkInfo, Stop> {
        let instance = self.instance;
        // In one round, whatever the instance has.
        ledger.need([Key::NetworkInfo(instance)])?;
        let is_seen = |project| self.scope.owns(Some(project));
        if !ledger.instance(instance)?.is_some_and(|found| is_seen(&found.project)) {
            return Err(Refusal::InstanceNotFound { instance }.into());
        }
        ledger.network_info(instance)
    }
}

impl View {
    /// The instance's vNICs, in order.
    pub(crate) fn network_info(&mut self, id: InstanceId) -> Result<NetworkInfo, Stop> {
        let found = self.instance(id)?.cloned();
        let instance = found.ok_or(Refusal::InstanceNotFound { instance: id })?;
        let ports = self.ports_of(&instance)?;
        self.need(ports.iter().map(|port| Key::Network(port.network)))?;
        let vifs = ports.into_iter().map(|port| self.vif(port)).collect::<Result<_, _>>()?;
        let Instance { incarnation, host, migration, .. } = instance;
        Ok(NetworkInfo { instance: id, incarnation, host, migration, vifs })
    }

    fn vif(&mut self, port: Port) -> Result<Vif, Stop> {
        let found = self.network(port.network)?.cloned();
        let network = found.ok_or(Refusal::NetworkNotFound { network: port.network, field: None })?;
        let fixed_ips = self.usable_by(port.id);
        let floating_ips = self.floating_ips_of(port.id);
        let subnets = self.subnets_of(network.id).into_iter().filter_map(|subnet| {
            let held = fixed_ips.iter().filter(|row| row.subnet == subnet.id);
            let fixed_ips: Vec<_> = held.map(|row| row.address).collect();
            let links = floating_ips.iter().filter_map(|row| {
                let target = row.target.filter(|target| target.subnet == subnet.id)?;
                Some(FloatingLink { floating: row.address, fixed: target.address })
            });
            (!fixed_ips.is_empty()).then(|| SubnetInfo {
                id: subnet.id,
                cidr: subnet.cidr,
                gateway: subnet.gateway,
                dns: subnet.dns,
                fixed_ips,
                floating_ips: links.collect(),
                routes: subnet.routes,
                dhcp_server: subnet.dhcp_server,
            })
        });
        let network = VifNetwork {
            id: network.id,
            bridge: network.bridge(),
            mtu: network.mtu,
            is_injected: network.is_injected,
            subnets: subnets.collect(),
            label: network.label,
            project: network.project,
        };
        Ok(Vif {
            id: port.id,
            mac: port.mac,
            device: port.device(),
            destination: port
                .target
                .map(|target| VifDestination { binding: target.binding, status: target.status }),
            binding: port.binding,
            status: port.status,
            network,
        })
    }
}
