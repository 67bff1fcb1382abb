//! [`Hypervisor`]: one host's compute agent, without the virtual machines.

mod moving;

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use lepton_proto::v1::{self, network_manager_client::NetworkManagerClient};
use lepton_types::{HostId, InstanceId, ProjectId};
use rand::{SeedableRng, rngs::StdRng};
use tokio::time::Instant;
use tonic::{Response, Status, transport::Channel};

use crate::{Call, Record, RetryPolicy, SimError, identity};

/// What an instance is booted with.
#[derive(Clone, Debug)]
pub struct Boot {
    /// Whose instance it is.
    pub project: ProjectId,
    /// Its identity; a fresh one when none is given.
    pub instance: Option<InstanceId>,
    /// The networks to ask for; none for what the project has.
    pub networks: Vec<v1::RequestedNetwork>,
    /// The kind of port; none for taps.
    pub binding: Option<v1::PortBinding>,
    /// How long to wait for the ports; none to take the answer at once.
    pub wait_for_active: Option<Duration>,
}

/// One host's compute agent: knows the instances that it booted, and what it was told of their vNICs.
///
/// Every call carries a request id and is repeated when the server was away, so a repetition is a replay. Ids come
/// from a seed, and time from tokio's clock alone, so a run under a paused clock can be repeated exactly.
#[derive(Debug)]
pub struct Hypervisor {
    host: Option<HostId>,
    client: NetworkManagerClient<Channel>,
    retry: RetryPolicy,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    random: StdRng,
    instances: BTreeMap<InstanceId, Instance>,
    record: Record,
}

#[derive(Clone, Debug)]
struct Instance {
    boot: Boot,
    info: v1::NetworkInfo,
}

impl Boot {
    /// An instance of `project` on the networks that the project has, with taps, without waiting for them.
    pub fn new(project: ProjectId) -> Self {
        Self { project, instance: None, networks: Vec::new(), binding: None, wait_for_active: None }
    }
}

impl Hypervisor {
    /// A compute agent on `host` that speaks over `channel` and draws its ids from `seed`.
    ///
    /// Without a host it stands on that of the server's own agent.
    pub fn new(host: Option<HostId>, channel: Channel, seed: u64) -> Self {
        let state = State {
            random: StdRng::seed_from_u64(seed),
            instances: BTreeMap::new(),
            record: Record::default(),
        };
        Self {
            host,
            client: NetworkManagerClient::new(channel),
            retry: RetryPolicy::default(),
            state: Mutex::new(state),
        }
    }

    /// The host that it stands for; none for that of the server's own agent.
    pub fn host(&self) -> Option<&HostId> {
        self.host.as_ref()
    }

    /// Boots an instance: allocates its vNICs and remembers what the answer said.
    pub async fn boot(&self, boot: Boot) -> Result<v1::NetworkInfo, SimError> {
        let (instance, request) = self.allocation(&boot);
        let info = self
            .call(Call::Allocate, instance, || {
                let mut client = self.client.clone();
                let request = request.clone();
                async move { client.allocate_for_instance(request).await }
            })
            .await?;
        self.state().instances.insert(instance, Instance { boot, info: info.clone() });
        Ok(info)
    }

    /// Reboots an instance: reads its vNICs again and checks that they are what they were.
    pub async fn reboot(&self, instance: InstanceId) -> Result<v1::NetworkInfo, SimError> {
        let before = self.instance(instance)?.info;
        let request = v1::GetInstanceNwInfoRequest { instance_id: instance.to_string() };
        let after = self
            .call(Call::NwInfo, instance, || {
                let mut client = self.client.clone();
                let request = request.clone();
                async move { client.get_instance_nw_info(request).await }
            })
            .await?;
        Self::check(instance, &before, &after)?;
        Ok(after)
    }

    /// Fails when what lasts of an instance's vNICs is not what it was.
    fn check(
        instance: InstanceId,
        before: &v1::NetworkInfo,
        after: &v1::NetworkInfo,
    ) -> Result<(), SimError> {
        if without_status(before) == without_status(after) {
            return Ok(());
        }
        let (before, after) = (before.clone().into(), after.clone().into());
        Err(SimError::Changed { instance, before, after })
    }

    /// Kills an instance: gives its vNICs back; answers with the ports that were released.
    pub async fn kill(&self, instance: InstanceId) -> Result<Vec<String>, SimError> {
        let incarnation = self.instance(instance)?.info.incarnation;
        let request = v1::DeallocateForInstanceRequest {
            instance_id: instance.to_string(),
            incarnation,
            request_id: self.request_id(),
            validate_only: false,
        };
        let answer = self
            .call(Call::Deallocate, instance, || {
                let mut client = self.client.clone();
                let request = request.clone();
                async move { client.deallocate_for_instance(request).await }
            })
            .await?;
        self.state().instances.remove(&instance);
        Ok(answer.released_port_ids)
    }

    /// Moves an instance to another host without its network: ends its life here and begins its next one there.
    pub async fn migrate(&self, instance: InstanceId, target: &Self) -> Result<v1::NetworkInfo, SimError> {
        let Instance { boot, info } = self.instance(instance)?;
        self.kill(instance).await?;
        let moved = target.boot(Boot { instance: Some(instance), ..boot }).await?;
        if moved.incarnation <= info.incarnation {
            return Err(SimError::SameLife { instance, before: info.incarnation, now: moved.incarnation });
        }
        Ok(moved)
    }

    /// The instances that run here, in the order of their ids.
    pub fn instances(&self) -> Vec<InstanceId> {
        self.state().instances.keys().copied().collect()
    }

    /// What the API said of an instance's vNICs when it booted.
    pub fn network_info(&self, instance: InstanceId) -> Result<v1::NetworkInfo, SimError> {
        Ok(self.instance(instance)?.info)
    }

    /// What an instance was booted with.
    pub(crate) fn boot_of(&self, instance: InstanceId) -> Result<Boot, SimError> {
        Ok(self.instance(instance)?.boot)
    }

    /// Counts and latencies of the calls so far.
    pub fn record(&self) -> Record {
        self.state().record.clone()
    }

    fn allocation(&self, boot: &Boot) -> (InstanceId, v1::AllocateForInstanceRequest) {
        let instance = boot.instance.unwrap_or_else(|| identity::uuid(&mut self.state().random).into());
        let wait_for_active = boot.wait_for_active.map(to_wire);
        let request = v1::AllocateForInstanceRequest {
            instance_id: instance.to_string(),
            project_id: boot.project.to_string(),
            host: self.host.as_ref().map(HostId::to_string).unwrap_or_default(),
            networks: boot.networks.clone(),
            binding: boot.binding.clone(),
            wait_for_active,
            request_id: self.request_id(),
            ..Default::default()
        };
        (instance, request)
    }

    fn request_id(&self) -> String {
        identity::request_id(&mut self.state().random).into()
    }

    /// Makes one call, with its repetitions, and records it.
    async fn call<T, F, A>(&self, call: Call, instance: InstanceId, attempt: F) -> Result<T, SimError>
    where
        F: FnMut() -> A,
        A: Future<Output = Result<Response<T>, Status>>,
    {
        let started = Instant::now();
        let outcome = self.retry.run(attempt).await;
        let attempts = outcome.attempts;
        self.state().record.add(call, started.elapsed(), attempts, outcome.answer.is_ok());
        outcome.answer.map_err(|status| SimError::Refused { call, instance, attempts, status: status.into() })
    }

    fn instance(&self, instance: InstanceId) -> Result<Instance, SimError> {
        self.state().instances.get(&instance).cloned().ok_or(SimError::NotHere(instance))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the state")
    }
}

fn to_wire(wait: Duration) -> prost_types::Duration {
    wait.try_into().expect("a wait is far below what a protobuf Duration can hold")
}

/// A host's name; empty for that of the server's own agent.
fn name_of(host: Option<&HostId>) -> String {
    host.map(HostId::to_string).unwrap_or_default()
}

/// The facts that last: all but what is known of the plugs, and of a move under way.
fn without_status(info: &v1::NetworkInfo) -> v1::NetworkInfo {
    let mut info = info.clone();
    info.destination.clear();
    for vif in &mut info.vifs {
        vif.destination = None;
        vif.status = v1::PortStatus::Unspecified.into();
        vif.error.clear();
    }
    info
}
