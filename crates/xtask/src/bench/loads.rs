//! Loads from `lepton-sim load`, a process of its own.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use lepton_proto::v1::{self, floating_ips_client::FloatingIpsClient};
use lepton_sim::{LoadReport, connect};
use tokio::process::Command;

/// The instances' project.
pub(super) const PROJECT: &str = "bench";

/// HTTP/2 connections that the callers share.
pub(super) const CONNECTIONS: u32 = 4;

/// Hosts that instances are spread over; they have no agent, so their ports stay pending.
const HOSTS: u32 = 1_000;

/// How many callers, and how many calls at most.
pub(super) const STAGES: [(u32, u64); 3] = [(1, 2_000), (32, 10_000), (256, 20_000)];

/// In how many turns (a) and (b) are measured.
pub(super) const TURNS: u64 = 4;

/// The pool of the floating IPs, its range, and how many of its addresses are moved about.
pub(super) const POOL: &str = "public";
const POOL_RANGE: &str = "172.16.0.0/16";
const FLOATING_IPS: u64 = 1_024;

/// How many move floating IPs at the same time, and how often at most.
const FLOATING_STAGES: [(u32, u64); 2] = [(1, 2_000), (64, 20_000)];

/// Instances that floating IPs are moved between: the youngest, which are not taken back.
const FLOATING_INSTANCES: u64 = 4_000;

/// Longest time of one load.
const AT_MOST: Duration = Duration::from_secs(20);

/// Longest time for making the ports of (b) and (i), and for taking some back.
const FILL_AT_MOST: Duration = Duration::from_secs(900);

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) is_quick: bool,
}

/// A client of one server; knows which instances it has made, so that no two are the same.
#[derive(Debug)]
pub(super) struct Loads {
    program: PathBuf,
    endpoint: String,
    scale: Scale,
    /// Numbers of the instances that were made: from 0 to here.
    made: u64,
    /// Numbers of the instances that were taken back: from 0 to here.
    taken_back: u64,
}

impl Scale {
    /// So much, or a tenth of it.
    pub(super) fn of(self, full: u64) -> u64 {
        if self.is_quick { full / 10 } else { full }
    }
}

impl Loads {
    pub(super) fn new(program: PathBuf, endpoint: String, scale: Scale) -> Self {
        Self { program, endpoint, scale, made: 0, taken_back: 0 }
    }

    /// Allocations at each concurrency, here and there in turns: what else happens on the machine meets both.
    pub(super) async fn allocate_in_turns_with(&mut self, other: &mut Self) -> Result<[Vec<LoadReport>; 2]> {
        let mut reports = [Vec::new(), Vec::new()];
        for (callers, calls) in STAGES {
            let calls = self.scale.of(calls) / TURNS;
            let mut rounds = [Vec::new(), Vec::new()];
            for _ in 0..TURNS {
                rounds[0].push(self.allocate_at_most(callers, calls, AT_MOST).await?);
                rounds[1].push(other.allocate_at_most(callers, calls, AT_MOST).await?);
            }
            for (reports, rounds) in reports.iter_mut().zip(&rounds) {
                let whole = LoadReport::of_rounds(rounds);
                reports.extend(whole.map(|report| LoadReport { latencies: Vec::new(), ..report }));
            }
        }
        Ok(reports)
    }

    /// Allocates until so many instances live.
    pub(super) async fn fill(&mut self, instances: u64) -> Result<()> {
        let missing = instances.saturating_sub(self.live());
        self.allocate_at_most(256, missing, FILL_AT_MOST).await?;
        ensure!(self.live() >= instances, "{instances} instances were not made within {FILL_AT_MOST:?}");
        Ok(())
    }

    /// Allocations by so many callers.
    pub(super) async fn allocate(&mut self, callers: u32, calls: u64) -> Result<LoadReport> {
        let report = self.allocate_at_most(callers, calls, AT_MOST).await?;
        Ok(LoadReport { latencies: Vec::new(), ..report })
    }

    /// Allocations by more callers than can be answered, over so many connections, some of which are told to come back; taken back again.
    pub(super) async fn overload(&self, callers: u32, connections: u32, calls: u64) -> Result<LoadReport> {
        // Far from all others: which of them are answered nobody knows.
        let first = (1_u64 << 40).to_string();
        let hosts = HOSTS.to_string();
        let more = ["--first", &first, "--hosts", &hosts, "--overload"];
        let report = self.load_over(connections, "allocate", callers, calls, FILL_AT_MOST, &more).await?;
        ensure!(report.summary.repeated > 0, "nobody was told to come back: {report:?}");
        self.load("deallocate", 256, calls, FILL_AT_MOST, &["--first", &first]).await?;
        Ok(report)
    }

    /// Deallocations of the oldest instances, until so many live.
    pub(super) async fn deallocate_down_to(&mut self, instances: u64) -> Result<LoadReport> {
        let first = self.taken_back.to_string();
        let calls = self.live().saturating_sub(instances);
        let report = self.load("deallocate", 256, calls, FILL_AT_MOST, &["--first", &first]).await?;
        self.taken_back += report.summary.answered;
        Ok(report)
    }

    fn live(&self) -> u64 {
        self.made - self.taken_back
    }

    /// Deallocations at each concurrency.
    pub(super) async fn deallocate(&mut self) -> Result<Vec<LoadReport>> {
        let mut reports = Vec::new();
        for (callers, calls) in STAGES {
            let first = self.taken_back.to_string();
            let report =
                self.load("deallocate", callers, self.scale.of(calls), AT_MOST, &["--first", &first]).await?;
            self.taken_back += report.summary.answered;
            reports.push(report);
        }
        ensure!(self.taken_back <= self.made, "more instances were taken back than made");
        Ok(reports)
    }

    /// Reads of instances drawn at random, at each concurrency.
    pub(super) async fn nw_info(&self) -> Result<Vec<LoadReport>> {
        let mut reports = Vec::new();
        for (callers, calls) in STAGES {
            // Reads are many times quicker than writes, so it takes more of them for the same time.
            reports.push(self.read(callers, self.scale.of(calls * 5)).await?);
        }
        Ok(reports)
    }

    /// Reads of instances drawn at random, by so many callers.
    pub(super) async fn read(&self, callers: u32, calls: u64) -> Result<LoadReport> {
        let (first, range) = (self.taken_back.to_string(), self.live().to_string());
        self.load("nw-info", callers, calls, AT_MOST, &["--first", &first, "--range", &range]).await
    }

    /// Floating IPs moved between instances, once there are some.
    pub(super) async fn associate(&self) -> Result<Vec<LoadReport>> {
        let mut client = FloatingIpsClient::new(connect(&self.endpoint).await?);
        let pool = v1::CreateFloatingPoolRequest {
            name: POOL.to_owned(),
            ranges: vec![POOL_RANGE.to_owned()],
            ..Default::default()
        };
        client.create_floating_pool(pool).await?;
        self.load("allocate-floating", 64, self.scale.of(FLOATING_IPS), AT_MOST, &[]).await?;
        let instances = FLOATING_INSTANCES.min(self.made);
        let (first, range) = ((self.made - instances).to_string(), instances.to_string());
        let mut reports = Vec::new();
        for (callers, calls) in FLOATING_STAGES {
            let youngest = ["--first", &first, "--range", &range];
            let calls = self.scale.of(calls);
            reports.push(self.load("associate-floating", callers, calls, AT_MOST, &youngest).await?);
        }
        Ok(reports)
    }

    /// Calls that do nothing.
    pub(super) async fn health(&self) -> Result<Vec<LoadReport>> {
        let mut reports = Vec::new();
        for (callers, calls) in STAGES {
            reports.push(self.load("health", callers, self.scale.of(calls * 5), AT_MOST, &[]).await?);
        }
        Ok(reports)
    }

    async fn allocate_at_most(&mut self, callers: u32, calls: u64, time: Duration) -> Result<LoadReport> {
        let (first, hosts) = (self.made.to_string(), HOSTS.to_string());
        let more = ["--first", &first, "--hosts", &hosts, "--latencies"];
        let report = self.load("allocate", callers, calls, time, &more).await?;
        self.made += report.summary.answered;
        Ok(report)
    }

    async fn load(
        &self,
        operation: &str,
        callers: u32,
        calls: u64,
        time: Duration,
        more: &[&str],
    ) -> Result<LoadReport> {
        self.load_over(CONNECTIONS, operation, callers, calls, time, more).await
    }

    async fn load_over(
        &self,
        connections: u32,
        operation: &str,
        callers: u32,
        calls: u64,
        time: Duration,
        more: &[&str],
    ) -> Result<LoadReport> {
        eprintln!("bench: {operation}, {callers} callers, {calls} calls");
        let output = Command::new(&self.program)
            .args(["--endpoint", &self.endpoint, "--output", "json", "load", operation, "--project", PROJECT])
            .args(["--calls", &calls.to_string(), "--seconds", &time.as_secs().to_string()])
            .args(["--concurrency", &callers.to_string(), "--connections", &connections.to_string()])
            .args(more)
            .kill_on_drop(true)
            .output()
            .await
            .context("cannot run lepton-sim")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the load '{operation}' failed: {}", errors.trim_end());
        serde_json::from_slice(&output.stdout).context("cannot read the report of lepton-sim")
    }

    /// Allocations whose ports are plugged into this host before they are answered.
    pub(super) async fn plug(&mut self, callers: u32, calls: u64) -> Result<LoadReport> {
        let first = self.made.to_string();
        let report =
            self.load("allocate", callers, calls, FILL_AT_MOST, &["--first", &first, "--wait", "60"]).await?;
        self.made += report.summary.answered;
        Ok(report)
    }
}
