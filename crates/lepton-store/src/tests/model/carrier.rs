//! [`Carrier`]: carries the model's steps out on a store.

use std::{fmt::Debug, net::IpAddr, time::Duration};

use lepton_ipam::SubnetSpec;
use lepton_ledger::{
    AddFixedIp, AllocateFloatingIp, AllocateForInstance, ApplyPlan, Command, CreateNetworks, DeleteNetwork,
    Envelope, NetworkSpec, Place, PlanOf, PlannedRequest, RemoveFixedIp, ReportHost, ReserveFixedIp, Scope,
    SetQuota, Sought, SweepQuarantine, UnreserveFixedIp, WantedAddress,
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
use crate::SubmitError;

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

    /// Carries the command out as it was planned, at every other step, or as it was rehearsed.
    async fn submit<C: Command + Clone + Debug>(&self, command: C) -> Result<C::Answer, &'static str> {
        let is_planned = self.id.bytes().last().is_some_and(|digit| digit % 2 == 0);
        if is_planned { self.by_plan(command).await } else { self.at_once(command).await }
    }

    /// Rehearses the command, carries it out, and sends it once more.
    async fn at_once<C: Command + Clone + Debug>(&self, command: C) -> Result<C::Answer, &'static str> {
        let before = self.subject.dump().await;
        let rehearsed = self.subject.store().rehearse(command.clone(), Envelope::anonymous()).await.map(drop);
        assert_eq!(self.subject.dump().await, before, "a rehearsal has changed something: {command:?}");
        match rehearsed {
            Ok(()) => Ok(self.twice(command).await),
            Err(foretold) => Err(self.refused(command, foretold).await),
        }
    }

    /// Plans the command, carries it out as it was planned, a little later, and sends it once more.
    async fn by_plan<C: Command + Clone + Debug>(&self, command: C) -> Result<C::Answer, &'static str> {
        // At no moment two things happen: what is set to this moment is told apart from what was set before.
        self.subject.advance(Duration::from_micros(1));
        let before = self.subject.dump().await;
        let request = PlannedRequest::of::<C>("model", b"");
        let planned = PlanOf { command: command.clone(), request };
        let planned = self.subject.store().rehearse(planned, Envelope::anonymous()).await;
        assert_eq!(self.subject.dump().await, before, "a plan has changed something: {command:?}");
        self.subject.advance(Duration::from_micros(1));
        match planned {
            Ok((_, plan)) => Ok(self.twice(ApplyPlan { command, request, plan: plan.hash }).await),
            Err(foretold) => Err(self.refused(command, foretold).await),
        }
    }

    /// Carries out what must succeed, and then once more, which changes nothing.
    async fn twice<C: Command + Clone + Debug>(&self, command: C) -> C::Answer {
        let done = self.subject.submit_as("model", &self.id, command.clone()).await;
        let answer = done.unwrap_or_else(|error| panic!("{command:?} was to succeed: {error}"));
        let after = self.subject.dump().await;
        let again = self.subject.submit_as("model", &self.id, command.clone()).await.unwrap();
        let text = |answer: &C::Answer| serde_json::to_string(answer).unwrap();
        assert_eq!(text(&again), text(&answer), "{command:?}");
        assert_eq!(self.subject.dump().await, after, "a repetition has changed something: {command:?}");
        answer
    }

    /// For what reason the command is refused, as was foretold, and nothing is changed.
    async fn refused<C: Command + Clone + Debug>(&self, command: C, foretold: SubmitError) -> &'static str {
        let before = self.subject.dump().await;
        let refused = reason(self.subject.submit_as("model", &self.id, command.clone()).await.map(drop));
        assert_eq!(self.subject.dump().await, before, "a refusal has changed something: {command:?}");
        assert_eq!(reason::<()>(Err(foretold)), refused, "{command:?}");
        refused
    }
}
