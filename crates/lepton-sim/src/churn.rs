//! [`Churn`]: the daily life of a fleet, at random from a seed.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::{StreamExt, TryStreamExt, stream};
use lepton_proto::v1;
use lepton_types::InstanceId;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde::Serialize;

use crate::{Boot, Hypervisor, KernelError, KernelInstance};

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
    /// The program of the guests, for instances in the kernel: they are killed in the end, as they would end with this
    /// process. None for instances in memory, which stay.
    pub guest_program: Option<&'a Path>,
    /// Names the run.
    pub seed: u64,
    /// Operations in all.
    pub operations: u64,
    /// Lanes.
    pub concurrency: u32,
    /// Most instances alive at once in a lane.
    pub alive_per_lane: usize,
    /// Ends the run early when it says so: then everything that lives is killed.
    pub stop: Stop,
}

/// Ends a [`Churn`] early. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Lets every lane finish what it is doing, and then clean up.
    pub fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
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
    /// Moves that were begun and aborted.
    pub aborts: u64,
    /// Instances that were still alive at the end.
    pub alive: u64,
}

/// An instance.
#[derive(Debug)]
struct Placed {
    /// The index of its host.
    host: usize,
    id: InstanceId,
    /// Its life in the kernel; none in memory.
    kernel: Option<KernelInstance>,
}

/// One lane under way.
struct Lane<'a> {
    churn: &'a Churn<'a>,
    random: StdRng,
    alive: Vec<Placed>,
    summary: ChurnSummary,
}

impl Churn<'_> {
    /// Runs to the end of its operations, or to the first answer that no operation can explain.
    pub async fn run(&self) -> Result<ChurnSummary, KernelError> {
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

    async fn lane(&self, lane: u64, operations: u64) -> Result<ChurnSummary, KernelError> {
        let random = StdRng::seed_from_u64(self.seed.rotate_left(32) ^ lane);
        let mut lane = Lane { churn: self, random, alive: Vec::new(), summary: ChurnSummary::default() };
        for _ in 0..operations {
            if self.stop.is_wanted() {
                break;
            }
            lane.step().await?;
        }
        while (self.guest_program.is_some() || self.stop.is_wanted()) && !lane.alive.is_empty() {
            lane.kill().await?;
        }
        lane.summary.alive = u64::try_from(lane.alive.len()).expect("a count fits");
        Ok(lane.summary)
    }
}

impl Lane<'_> {
    /// One operation: a boot as long as few are alive, else whatever comes.
    async fn step(&mut self) -> Result<(), KernelError> {
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

    async fn boot(&mut self) -> Result<(), KernelError> {
        let host = self.random.random_range(0..self.churn.hypervisors.len());
        let (hypervisor, boot) = (&self.churn.hypervisors[host], self.churn.boot.clone());
        let booted = match self.churn.guest_program {
            None => hypervisor.boot(boot).await.map(|info| (id_of(&info), None)).map_err(KernelError::from),
            Some(program) => {
                let booted = KernelInstance::boot(hypervisor, program, boot).await;
                booted.map(|instance| (instance.id, Some(instance)))
            }
        };
        match booted {
            Ok((id, kernel)) => {
                self.alive.push(Placed { host, id, kernel });
                self.summary.boots += 1;
                Ok(())
            }
            Err(error) => self.starve(error),
        }
    }

    async fn kill(&mut self) -> Result<(), KernelError> {
        let Placed { host, id, kernel } = self.take_any();
        let hypervisor = &self.churn.hypervisors[host];
        self.summary.kills += 1;
        match kernel {
            None => hypervisor.kill(id).await?,
            Some(instance) => instance.kill(hypervisor).await?,
        };
        Ok(())
    }

    async fn migrate(&mut self) -> Result<(), KernelError> {
        let Placed { host, id, kernel } = self.take_any();
        let target = self.random.random_range(0..self.churn.hypervisors.len());
        let (from, to) = (&self.churn.hypervisors[host], &self.churn.hypervisors[target]);
        // A guest in the kernel has one namespace, and where hosts have no names there is one host.
        let is_live = kernel.is_none() && from.host().is_some() && from.host() != to.host();
        if is_live {
            return self.move_live(host, target, id).await;
        }
        let moved = match (kernel, self.churn.guest_program) {
            (Some(instance), Some(program)) => instance.migrate(from, to, program).await.map(Some),
            (Some(_), None) | (None, _) => {
                from.migrate(id, to).await.map(|_| None).map_err(KernelError::from)
            }
        };
        match moved {
            Ok(kernel) => {
                self.alive.push(Placed { host: target, id, kernel });
                self.summary.migrations += 1;
                Ok(())
            }
            Err(error) => self.starve(error),
        }
    }

    /// Moves an instance without ending its life; every fourth time the guest stays after all.
    async fn move_live(&mut self, host: usize, target: usize, id: InstanceId) -> Result<(), KernelError> {
        let (from, to) = (&self.churn.hypervisors[host], &self.churn.hypervisors[target]);
        let abort = self.random.random_ratio(1, 4);
        from.move_live(id, to, abort).await?;
        let host = if abort { host } else { target };
        self.alive.push(Placed { host, id, kernel: None });
        *(if abort { &mut self.summary.aborts } else { &mut self.summary.migrations }) += 1;
        Ok(())
    }

    async fn reboot(&mut self) -> Result<(), KernelError> {
        let index = self.random.random_range(0..self.alive.len());
        let Placed { host, id, kernel } = &mut self.alive[index];
        let hypervisor = &self.churn.hypervisors[*host];
        self.summary.reboots += 1;
        match kernel {
            None => Ok(hypervisor.reboot(*id).await.map(drop)?),
            Some(instance) => instance.reboot(hypervisor).await,
        }
    }

    fn take_any(&mut self) -> Placed {
        let index = self.random.random_range(0..self.alive.len());
        self.alive.swap_remove(index)
    }

    /// An empty pool is part of life; any other refusal is not.
    fn starve(&mut self, error: KernelError) -> Result<(), KernelError> {
        if error.reason().as_deref() == Some("NO_MORE_FIXED_IPS") {
            self.summary.starved += 1;
            Ok(())
        } else {
            Err(error)
        }
    }
}

fn id_of(info: &v1::NetworkInfo) -> InstanceId {
    info.instance_id.parse().expect("the API answers with the id that it was asked for")
}

impl ChurnSummary {
    fn plus(self, other: Self) -> Self {
        Self {
            boots: self.boots + other.boots,
            starved: self.starved + other.starved,
            reboots: self.reboots + other.reboots,
            kills: self.kills + other.kills,
            migrations: self.migrations + other.migrations,
            aborts: self.aborts + other.aborts,
            alive: self.alive + other.alive,
        }
    }
}
