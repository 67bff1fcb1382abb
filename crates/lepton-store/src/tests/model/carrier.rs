//! [`Carrier`]: carries the model's steps out on a store.

use std::{fmt::Debug, net::IpAddr, time::Duration};

use lepton_ipam::SubnetSpec;
use lepton_ledger::{
    AddFixedIp, AllocateFloatingIp, AllocateForInstance, Command, CreateNetworks, DeleteNetwork, Envelope,
    NetworkSpec, Place, RemoveFixedIp, ReportHost, ReserveFixedIp, Scope, SetQuota, Sought, SweepQuarantine,
    UnreserveFixedIp, WantedAddress,
};
use lepton_types::{Amounts, HostReport, Limit, NetworkId, PortReport, PortStatus};
use lepton_vnic::RequestedNetwork;
use uuid::Uuid;

use super::{
    super::{
        floating_ips,
        harness::{Subject, allocation, deallocation, instance, network, reason, subnet},
    },
    step::{Shape, Step},
    world::Slot,
};

/// What a step needs to be carried out on a store.
pub(super) struct Carrier<'a> {
    pub(super) subject: &'a Subject,
    /// The networks' ids, by number.
    pub(super) networks: &'a mut Vec<NetworkId>,
    /// The step's request id.
    pub(super) id: String,
}

impl Carrier<'_> {
    pub(super) async fn carry_out(&mut self, step: &Step) -> Result<(), &'static str> {
        let scope = Scope::Everything;
        match step.clone() {
            Step::CreateNetwork { shapes, owner, priority } => {
                self.create_network(shapes, owner, priority).await
            }
            Step::DeleteNetwork(slot) => {
                self.change(DeleteNetwork { network: self.id_of(slot), scope }).await
            }
            Step::Allocate { instance, project, host, wanted, may_repeat } => {
                let networks = wanted.into_iter().map(|(slot, wish)| RequestedNetwork {
                    network: self.id_of(slot),
                    fixed_ips: wish.into_iter().collect(),
                });
                let command = AllocateForInstance {
                    project: project.parse().unwrap(),
                    host: host.parse().ok(),
                    allow_duplicate_networks: may_repeat,
                    ..allocation(instance.into(), networks.collect())
                };
                self.change(command).await
            }
            Step::Deallocate(number) => self.change(deallocation(number.into())).await,
            Step::Follow(host) => self.change(self.followed(host).await).await,
            Step::Add { instance, network, address } => self.add(instance, network, address).await,
            Step::Remove { instance: number, network, address } => {
                let (instance, network) = (instance(number.into()), Some(self.id_of(network)));
                self.change(RemoveFixedIp { instance, address, network, only_on: None, scope, domain: None })
                    .await
            }
            Step::Reserve { network, address, reason } => {
                let place = Place::Network(self.id_of(network));
                self.change(ReserveFixedIp { place, address, reason: reason.parse().unwrap() }).await
            }
            Step::Unreserve { network, address } => {
                self.change(UnreserveFixedIp { place: Place::Network(self.id_of(network)), address }).await
            }
            Step::Limit { project, ports, addresses } => {
                let at_most = |count| Some(Some(Limit::AtMost(count)));
                let limits =
                    Amounts { ports: at_most(ports), fixed_ips: at_most(addresses), ..Amounts::default() };
                self.change(SetQuota { project: project.parse().unwrap(), limits }).await
            }
            Step::Wait(seconds) => {
                self.subject.advance(Duration::from_secs(seconds));
                Ok(())
            }
            Step::Sweep => self.change(SweepQuarantine).await,
            Step::AllocateFloating(project) => {
                let wish = floating_ips::wish();
                self.change(AllocateFloatingIp { project: project.parse().ok(), ..wish }).await
            }
            Step::ReleaseFloating(address) => self.change(floating_ips::release(address)).await,
            Step::Associate(address, number) => {
                self.change(floating_ips::associate(address, number.into())).await
            }
            Step::Disassociate(address) => self.change(floating_ips::disassociate(address)).await,
        }
    }

    async fn create_network(
        &mut self,
        shapes: &[Shape],
        owner: Option<&str>,
        priority: i32,
    ) -> Result<(), &'static str> {
        let subnets = shapes.iter().map(|shape| SubnetSpec {
            quarantine: Duration::from_secs(shape.quarantine()),
            ..subnet(shape.cidr())
        });
        let spec = NetworkSpec {
            project: owner.map(|owner| owner.parse().unwrap()),
            priority,
            ..network("net", subnets.collect())
        };
        let create = CreateNetworks { networks: vec![spec], scope: Scope::Everything };
        let made = self.submit(create).await?;
        self.networks.push(made[0].network.id);
        Ok(())
    }

    async fn add(&self, number: u8, network: Slot, address: Option<IpAddr>) -> Result<(), &'static str> {
        let place = Place::Network(self.id_of(network));
        let wanted = match address {
            None => WantedAddress::Lowest(place),
            Some(address) => WantedAddress::Chosen(address, Sought::At(place)),
        };
        let scope = Scope::Everything;
        self.change(AddFixedIp {
            instance: instance(number.into()),
            wanted,
            only_on: None,
            scope,
            domain: None,
        })
        .await
    }

    /// The network's id; of one that was never made any.
    fn id_of(&self, slot: Slot) -> NetworkId {
        let made = self.networks.get(usize::from(slot)).copied();
        made.unwrap_or_else(|| Uuid::from_u128(u128::from(slot) + 1).into())
    }

    /// What a host says that has done all it was told.
    async fn followed(&self, host: &str) -> ReportHost {
        let dump = self.subject.dump().await;
        let revision = dump.hosts.iter().find(|row| row.id.as_str() == host).map(|row| row.revision);
        let here = || dump.ports.iter().filter(|port| port.host.as_str() == host);
        let plugged = here().filter(|port| !port.is_released).map(|port| PortReport {
            id: port.id,
            status: PortStatus::Active,
            filtered_at: Some(port.revision),
        });
        let report = HostReport {
            revision: revision.unwrap(),
            ports: plugged.collect(),
            unplugged: here().filter(|port| port.is_released).map(|port| port.id).collect(),
        };
        ReportHost { host: host.parse().unwrap(), report }
    }

    async fn change<C: Command + Clone + Debug>(&self, command: C) -> Result<(), &'static str> {
        self.submit(command).await.map(drop)
    }

    /// Rehearses the command, carries it out, and sends it once more.
    async fn submit<C: Command + Clone + Debug>(&self, command: C) -> Result<C::Answer, &'static str> {
        let before = self.subject.dump().await;
        let store = self.subject.store();
        let rehearsed = store.rehearse(command.clone(), Envelope::anonymous()).await;
        assert_eq!(self.subject.dump().await, before, "a rehearsal has changed something: {command:?}");
        let done = self.subject.submit_as("model", &self.id, command.clone()).await;
        let answer = match done {
            Ok(answer) => answer,
            Err(error) => {
                assert_eq!(self.subject.dump().await, before, "a refusal has changed something: {command:?}");
                let foretold = reason(rehearsed.map(drop));
                let reason = reason::<()>(Err(error));
                assert_eq!(foretold, reason, "{command:?}");
                return Err(reason);
            }
        };
        assert!(rehearsed.is_ok(), "{command:?} was not to succeed");
        let after = self.subject.dump().await;
        let again = self.subject.submit_as("model", &self.id, command.clone()).await.unwrap();
        let text = |answer: &C::Answer| serde_json::to_string(answer).unwrap();
        assert_eq!(text(&again), text(&answer), "{command:?}");
        assert_eq!(self.subject.dump().await, after, "a repetition has changed something: {command:?}");
        Ok(answer)
    }
}
