//! [`Load`]: one operation, repeated as fast as a closed loop of callers can.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lepton_proto::v1::{
    self, floating_ips_client::FloatingIpsClient, network_manager_client::NetworkManagerClient,
};
use lepton_types::{InstanceId, ProjectId};
use rand::{RngExt, rngs::StdRng};
use serde::{Deserialize, Serialize};
use tokio::{task::JoinSet, time::Instant};
use tonic::{Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{
    CallSummary, RetryPolicy, identity,
    record::CallRecord,
    retry::{Outcome, is_of_full_queue},
};

/// Which operation a load repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Allocate the instances of the range, each once.
    Allocate,
    /// Deallocate the instances of the range, each once.
    Deallocate,
    /// Read the NetworkInfo of instances drawn from the range at random.
    NwInfo,
    /// Allocate floating IPs of the default pool.
    AllocateFloating,
    /// Move the project's floating IPs, one after the other, to instances drawn from the range at random.
    AssociateFloating,
    /// Ask for the server's health: a call that does nothing.
    Health,
}

/// A bounded, closed loop: each caller makes its next call when its last one was answered.
#[derive(Clone, Debug)]
pub struct Load {
    /// What is repeated.
    pub operation: Operation,
    /// Whose instances they are.
    pub project: ProjectId,
    /// Names the instances, together with their numbers.
    pub seed: u64,
    /// Number of the range's first instance.
    pub first: u64,
    /// Instances in the range.
    pub range: u64,
    /// Most calls.
    pub calls: u64,
    /// Longest time.
    pub at_most: Duration,
    /// Callers.
    pub concurrency: u32,
    /// Hosts, which do not exist, that allocations are spread over; 0 for the host of the server's own agent.
    pub hosts: u64,
    /// How long an allocation waits for its ports; none to take the answer at once.
    pub wait_for_active: Option<Duration>,
    /// The floating IPs that are moved.
    pub floating_ips: Vec<String>,
    /// Whether it is meant to be more than can be answered: calls that found the queue full to the last attempt are counted as
    /// refused, and are not what went wrong.
    pub is_overload: bool,
}

/// What a load found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadReport {
    /// What was repeated.
    pub operation: Operation,
    /// Callers.
    pub concurrency: u32,
    /// HTTP/2 connections that they shared.
    pub connections: usize,
    /// From the first call to the last answer.
    pub seconds: f64,
    /// Answers each second.
    pub per_second: f64,
    /// Counts and latencies.
    #[serde(flatten)]
    pub summary: CallSummary,
    /// The first refusal, in words; in an overload, the first one that is not of a full queue.
    pub first_refusal: Option<String>,
    /// How many answers took so many microseconds, to three digits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latencies: Vec<(u64, u64)>,
}

impl LoadReport {
    /// Rounds of one load as one: their calls, the time that they took together, and the latencies of all. None of no rounds.
    pub fn of_rounds(rounds: &[Self]) -> Option<Self> {
        let first = rounds.first()?;
        let mut record = CallRecord::default();
        for round in rounds {
            record.merge(&CallRecord::told(&round.summary, &round.latencies));
        }
        let (summary, latencies) = (record.summary(), record.latencies());
        let seconds = rounds.iter().map(|round| round.seconds).sum();
        Some(Self {
            seconds,
            per_second: per_second(summary.answered, seconds),
            summary,
            latencies,
            first_refusal: rounds.iter().find_map(|round| round.first_refusal.clone()),
            ..*first
        })
    }
}

/// What the callers share.
struct Course {
    load: Load,
    /// Calls that were begun.
    begun: AtomicU64,
    deadline: Instant,
}

/// What one caller saw.
#[derive(Default)]
struct Seen {
    record: CallRecord,
    first_refusal: Option<Status>,
}

/// One caller.
struct Caller {
    manager: NetworkManagerClient<Channel>,
    floating: FloatingIpsClient<Channel>,
    health: HealthClient<Channel>,
    random: StdRng,
}

impl Load {
    /// Runs over `channels`, which the callers share evenly, until its calls are made or its time is over.
    pub async fn run(self, channels: &[Channel]) -> LoadReport {
        let started = Instant::now();
        let (operation, concurrency) = (self.operation, self.concurrency.max(1));
        let deadline = started + self.at_most;
        let course = Arc::new(Course { load: self, begun: AtomicU64::new(0), deadline });
        let mut callers = JoinSet::new();
        for (_, channel) in (0..concurrency).zip(channels.iter().cycle()) {
            let caller = Caller::new(channel);
            callers.spawn(caller.run(course.clone()));
        }
        let mut seen = Seen::default();
        for caller in callers.join_all().await {
            seen.record.merge(&caller.record);
            seen.first_refusal = seen.first_refusal.or(caller.first_refusal);
        }
        let seconds = started.elapsed().as_secs_f64();
        let summary = seen.record.summary();
        LoadReport {
            operation,
            concurrency,
            connections: channels.len(),
            seconds,
            per_second: per_second(summary.answered, seconds),
            latencies: seen.record.latencies(),
            summary,
            first_refusal: seen
                .first_refusal
                .map(|status| format!("{}: {}", crate::reason(&status), status.message())),
        }
    }

    fn allocation(&self, number: u64, random: &mut StdRng) -> v1::AllocateForInstanceRequest {
        v1::AllocateForInstanceRequest {
            instance_id: self.instance(number).to_string(),
            project_id: self.project.to_string(),
            host: number.checked_rem(self.hosts).map(|host| format!("sim-{host:05}")).unwrap_or_default(),
            request_id: identity::request_id(random).into(),
            wait_for_active: self.wait_for_active.and_then(|wait| wait.try_into().ok()),
            ..Default::default()
        }
    }

    fn deallocation(&self, number: u64, random: &mut StdRng) -> v1::DeallocateForInstanceRequest {
        v1::DeallocateForInstanceRequest {
            instance_id: self.instance(number).to_string(),
            request_id: identity::request_id(random).into(),
            ..Default::default()
        }
    }

    fn floating_ip(&self, random: &mut StdRng) -> v1::AllocateFloatingIpRequest {
        v1::AllocateFloatingIpRequest {
            project_id: self.project.to_string(),
            request_id: identity::request_id(random).into(),
            ..Default::default()
        }
    }

    fn association(&self, number: u64, random: &mut StdRng) -> v1::AssociateFloatingIpRequest {
        let addresses = self.floating_ips.len().max(1) as u64;
        let index = usize::try_from(number % addresses).expect("an index of a list fits");
        v1::AssociateFloatingIpRequest {
            // Without any the server says what is missing.
            address: self.floating_ips.get(index).cloned().unwrap_or_default(),
            instance_id: self.instance(random.random_range(0..self.range.max(1))).to_string(),
            request_id: identity::request_id(random).into(),
            ..Default::default()
        }
    }

    fn instance(&self, number: u64) -> InstanceId {
        identity::instance_id(self.seed, self.first + number)
    }
}

impl Course {
    /// The number of the next call, until there are enough or the time is over.
    fn next(&self) -> Option<u64> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        (number < self.load.calls && Instant::now() < self.deadline).then_some(number)
    }
}

impl Caller {
    fn new(channel: &Channel) -> Self {
        Self {
            manager: NetworkManagerClient::new(channel.clone()),
            floating: FloatingIpsClient::new(channel.clone()),
            health: HealthClient::new(channel.clone()),
            random: rand::make_rng(),
        }
    }

    async fn run(mut self, course: Arc<Course>) -> Seen {
        let mut seen = Seen::default();
        while let Some(number) = course.next() {
            let started = Instant::now();
            let Outcome { answer, attempts } = self.call(&course.load, number).await;
            seen.record.add(started.elapsed(), attempts, answer.is_ok());
            if let Err(status) = answer
                && !(course.load.is_overload && is_of_full_queue(&status))
            {
                seen.first_refusal.get_or_insert(status);
            }
        }
        seen
    }

    async fn call(&mut self, load: &Load, number: u64) -> Outcome<()> {
        match load.operation {
            Operation::Allocate => {
                let request = load.allocation(number, &mut self.random);
                self.allocate(request).await
            }
            Operation::Deallocate => {
                let request = load.deallocation(number, &mut self.random);
                self.deallocate(request).await
            }
            Operation::NwInfo => {
                let number = self.random.random_range(0..load.range.max(1));
                self.nw_info(load.instance(number)).await
            }
            Operation::AllocateFloating => {
                let request = load.floating_ip(&mut self.random);
                self.allocate_floating(request).await
            }
            Operation::AssociateFloating => {
                let request = load.association(number, &mut self.random);
                self.associate_floating(request).await
            }
            Operation::Health => self.check().await,
        }
    }

    async fn allocate(&self, request: v1::AllocateForInstanceRequest) -> Outcome<()> {
        let attempt = || {
            let (mut client, request) = (self.manager.clone(), request.clone());
            async move { client.allocate_for_instance(request).await }
        };
        RetryPolicy::default().run(attempt).await.without_answer()
    }

    async fn deallocate(&self, request: v1::DeallocateForInstanceRequest) -> Outcome<()> {
        let attempt = || {
            let (mut client, request) = (self.manager.clone(), request.clone());
            async move { client.deallocate_for_instance(request).await }
        };
        RetryPolicy::default().run(attempt).await.without_answer()
    }

    async fn nw_info(&self, instance: InstanceId) -> Outcome<()> {
        let instance_id = instance.to_string();
        let attempt = || {
            let mut client = self.manager.clone();
            let request = v1::GetInstanceNwInfoRequest { instance_id: instance_id.clone() };
            async move { client.get_instance_nw_info(request).await }
        };
        RetryPolicy::default().run(attempt).await.without_answer()
    }

    async fn allocate_floating(&self, request: v1::AllocateFloatingIpRequest) -> Outcome<()> {
        let attempt = || {
            let (mut client, request) = (self.floating.clone(), request.clone());
            async move { client.allocate_floating_ip(request).await }
        };
        RetryPolicy::default().run(attempt).await.without_answer()
    }

    async fn associate_floating(&self, request: v1::AssociateFloatingIpRequest) -> Outcome<()> {
        let attempt = || {
            let (mut client, request) = (self.floating.clone(), request.clone());
            async move { client.associate_floating_ip(request).await }
        };
        RetryPolicy::default().run(attempt).await.without_answer()
    }

    async fn check(&self) -> Outcome<()> {
        let attempt = || {
            let mut client = self.health.clone();
            async move { client.check(HealthCheckRequest::default()).await }
        };
        RetryPolicy::default().run(attempt).await.without_answer()
    }
}

/// The project's floating IPs, all of them.
///
/// # Errors
///
/// What the server answers when it does not list them.
pub async fn floating_ips_of(channel: &Channel, project: &ProjectId) -> Result<Vec<String>, Status> {
    let (mut client, mut found, mut page_token) =
        (FloatingIpsClient::new(channel.clone()), Vec::new(), String::new());
    loop {
        let request = v1::ListFloatingIpsRequest {
            project_id: project.to_string(),
            page_size: 1_000,
            page_token,
            ..Default::default()
        };
        let page = client.list_floating_ips(request).await?.into_inner();
        found.extend(page.floating_ips.into_iter().map(|floating_ip| floating_ip.address));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(found);
        }
    }
}

/// Answers each second.
#[expect(clippy::cast_precision_loss, reason = "a count of calls is far below 2^52")]
fn per_second(answered: u64, seconds: f64) -> f64 {
    answered as f64 / seconds.max(f64::EPSILON)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(seconds: f64, latencies: &[u64]) -> LoadReport {
        let mut record = CallRecord::default();
        latencies.iter().for_each(|millis| record.add(Duration::from_millis(*millis), 1, true));
        LoadReport {
            operation: Operation::Allocate,
            concurrency: 32,
            connections: 4,
            seconds,
            per_second: per_second(record.summary().answered, seconds),
            latencies: record.latencies(),
            summary: record.summary(),
            first_refusal: None,
        }
    }

    #[test]
    fn rounds_are_one_load() {
        let whole = LoadReport::of_rounds(&[report(1.0, &[1, 2]), report(3.0, &[30, 40])]).unwrap();
        assert_eq!((whole.summary.answered, whole.concurrency), (4, 32));
        assert!((whole.per_second - 1.0).abs() < 1e-9, "{}", whole.per_second);
        assert_eq!(whole.summary, report(4.0, &[1, 2, 30, 40]).summary);
        assert!(LoadReport::of_rounds(&[]).is_none());
    }
}
