//! [`Churn`]: the daily life of a fleet, at random from a seed.

use futures_util::{StreamExt, TryStreamExt, stream};
use lepton_types::InstanceId;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::Serialize;

use crate::{Boot, Hypervisor, SimError};

/// Random boots, reboots, kills and migrations over some hypervisors, bounded in number.
///
/// The work is shared among lanes that run at the same time. A lane owns the instances that it booted, so that no
/// two operations on one instance meet; which operation comes next depends on the seed and the lane alone.
#[derive(Debug)]
pub struct Churn<'a> {
    /// The hosts.
    pub hypervisors: &'a [Hypervisor],
    /// What every instance is booted with.
    pub boot: Boot,
    /// Names the run.
    pub seed: u64,
    /// Operations in all.
    pub operations: u64,
    /// Lanes.
    pub concurrency: u32,
    /// Most instances alive at once in a lane.
    pub alive_per_lane: usize,
}

/// What a churn did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChurnSummary {
    /// Instances booted.
    pub boots: u64,
    /// Instances that could not be booted or moved, since an address pool was empty.
    pub starved: u64,
    /// Instances rebooted.
    pub reboots: u64,
    /// Instances killed.
    pub kills: u64,
    /// Instances moved to another host.
    pub migrations: u64,
    /// Instances that were still alive at the end.
    pub alive: u64,
}

/// An instance and the index of its host.
type Placed = (usize, InstanceId);

/// One lane under way.
struct Lane<'a> {
    churn: &'a Churn<'a>,
    random: StdRng,
    alive: Vec<Placed>,
    summary: ChurnSummary,
}

impl Churn<'_> {
    /// Runs to the end of its operations, or to the first answer that no operation can explain.
    pub async fn run(&self) -> Result<ChurnSummary, SimError> {
        assert!(!self.hypervisors.is_empty(), "a churn needs a host");
        let lanes = u64::from(self.concurrency.max(1));
        stream::iter(0..lanes)
            .map(|lane| {
                let extra = u64::from(lane < self.operations % lanes);
                self.lane(lane, self.operations / lanes + extra)
            })
            .buffer_unordered(usize::try_from(lanes).expect("a u32 fits"))
            .try_fold(ChurnSummary::default(), async |sum, lane| Ok(sum.plus(lane)))
            .await
    }

    async fn lane(&self, lane: u64, operations: u64) -> Result<ChurnSummary, SimError> {
        let random = StdRng::seed_from_u64(self.seed.rotate_left(32) ^ lane);
        let mut lane = Lane { churn: self, random, alive: Vec::new(), summary: ChurnSummary::default() };
        for _ in 0..operations {
            lane.step().await?;
        }
        lane.summary.alive = u64::try_from(lane.alive.len()).expect("a count fits");
        Ok(lane.summary)
    }
}

impl Lane<'_> {
    /// One operation: a boot as long as few are alive, else whatever comes.
    async fn step(&mut self) -> Result<(), SimError> {
        if self.alive.is_empty() {
            return self.boot().await;
        }
        let is_full = self.alive.len() >= self.churn.alive_per_lane;
        match self.random.random_range(0..10) {
            0..4 if !is_full => self.boot().await,
            0..6 => self.kill().await,
            6..8 => self.migrate().await,
            _ => self.reboot().await,
        }
    }

    async fn boot(&mut self) -> Result<(), SimError> {
        let host = self.random.random_range(0..self.churn.hypervisors.len());
        match self.churn.hypervisors[host].boot(self.churn.boot.clone()).await {
            Ok(info) => {
                let instance =
                    info.instance_id.parse().expect("the API answers with the id that it was asked for");
                self.alive.push((host, instance));
                self.summary.boots += 1;
                Ok(())
            }
            Err(error) => self.starve(error),
        }
    }

    async fn kill(&mut self) -> Result<(), SimError> {
        let (host, instance) = self.take_any();
        self.summary.kills += 1;
        self.churn.hypervisors[host].kill(instance).await.map(drop)
    }

    async fn migrate(&mut self) -> Result<(), SimError> {
        let (host, instance) = self.take_any();
        let target = self.random.random_range(0..self.churn.hypervisors.len());
        let hypervisors = self.churn.hypervisors;
        match hypervisors[host].migrate(instance, &hypervisors[target]).await {
            Ok(_) => {
                self.alive.push((target, instance));
                self.summary.migrations += 1;
                Ok(())
            }
            Err(error) => self.starve(error),
        }
    }

    async fn reboot(&mut self) -> Result<(), SimError> {
        let (host, instance) = self.alive[self.random.random_range(0..self.alive.len())];
        self.summary.reboots += 1;
        self.churn.hypervisors[host].reboot(instance).await.map(drop)
    }

    fn take_any(&mut self) -> Placed {
        let index = self.random.random_range(0..self.alive.len());
        self.alive.swap_remove(index)
    }

    /// An empty pool is part of life; any other refusal is not.
    fn starve(&mut self, error: SimError) -> Result<(), SimError> {
        if error.reason().as_deref() == Some("NO_MORE_FIXED_IPS") {
            self.summary.starved += 1;
            Ok(())
        } else {
            Err(error)
        }
    }
}

impl ChurnSummary {
    fn plus(self, other: Self) -> Self {
        Self {
            boots: self.boots + other.boots,
            starved: self.starved + other.starved,
            reboots: self.reboots + other.reboots,
            kills: self.kills + other.kills,
            migrations: self.migrations + other.migrations,
            alive: self.alive + other.alive,
        }
    }
}
