//! The auditor: whether what the ledger keeps twice agrees, and what of it can be mended on proof.
//!
//! ```text
//!   AuditLedger ──a step──▶ PoolLook, Counted, …  ──judge──▶ Finding: class, thing, proof, repair
//!                           (one snapshot)                       │
//!   RepairFinding ──the same look, under locks──▶ judge ──▶ is it still there? proven? ──▶ Change
//! ```
//!
//! A question goes through the ledger step by step: subnets in the order of their ids and each from its lowest address, then ranges
//! of floating IPs, then quotas. Whatever the ledger holds, a step reads a bounded number of rows of one snapshot, so no finding of it
//! comes from a change that was under way. What is true of a row, the commands say that write it; here is only what must hold
//! between rows (ADR 19).

mod finding;
mod judge;
mod last_holder;
mod look;
mod repair;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use lepton_types::{Amounts, FloatingRange, NetworkId, ProjectId, Quota, SubnetId, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::{
    finding::{
        AddressOwner, AuditedThing, Finding, FindingClass, FindingClassError, Proof, Repair, Unproven,
    },
    last_holder::LastHolder,
    look::{Counted, CountedBlock, JournalAbout, PoolLook, PoolSpan, Which},
    repair::{RepairFinding, Repaired},
};
use crate::{Command, Key, Selection, Stop, View, page};

/// How many subnets a step looks at, as long as they are small.
const SUBNETS_AT_ONCE: u16 = 16;

/// How many blocks of each of them. What a larger subnet has beyond is looked at by steps of its own.
const FEW_BLOCKS: u16 = 4;

/// How many blocks a step looks at of one subnet: 16,384 addresses.
const MANY_BLOCKS: u16 = 64;

/// After how many findings a step goes on to no further subnet. Each costs a look into the history.
const ENOUGH: usize = 256;

/// How many ranges, or quotas, a step counts again.
const COUNTERS_AT_ONCE: u16 = 16;

/// Looks at the next part of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLedger {
    /// Behind which place; none: from the beginning.
    pub after: Option<AuditPlace>,
}

/// How far an audit has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuditPlace {
    /// Behind this subnet.
    Subnet(SubnetId),
    /// In this subnet, before this address.
    Address(SubnetId, IpAddr),
    /// Behind all subnets, and behind this range of floating IPs; none: before the first.
    Range(Option<SubnetId>),
    /// Behind all ranges, and behind this project's quota; none: before the first.
    Quota(Option<ProjectId>),
}

/// What a step of an audit has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditStep {
    /// Of which moment it tells.
    pub at: Timestamp,
    /// What does not agree.
    pub findings: Vec<Finding>,
    /// What the subnets have, or the parts of them that the step looked at: a large subnet is told in parts that add up.
    pub subnets: Vec<SubnetFigures>,
    /// How much it looked at.
    pub looked_at: LookedAt,
    /// From where to go on; none when the audit is complete.
    pub next: Option<AuditPlace>,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookedAt {
    /// Subnets that were looked at to their ends.
    pub subnets: u64,
    /// Blocks of addresses.
    pub blocks: u64,
    /// Rows of addresses that somebody has, or that are kept or rest.
    pub addresses: u64,
    /// Counters of ranges of floating IPs.
    pub ranges: u64,
    /// Projects whose quotas were counted again.
    pub quotas: u64,
}

/// How many addresses a subnet has, or a part of it, by what they are. In a sound ledger
/// `free + held + reserved + resting + floating + kept - outside = size`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetFigures {
    /// The subnet.
    pub subnet: SubnetId,
    /// Its network, or the pool of floating IPs whose range it is.
    pub network: NetworkId,
    /// That network's label.
    pub label: String,
    /// Whether it gives addresses from pools. Otherwise they follow from MACs, and there is no number of them.
    pub is_pooled: bool,
    /// Addresses in its pools.
    pub size: u128,
    /// Of these, what may still be given out.
    pub free: u128,
    /// What ports have, or are to give up and have not yet.
    pub held: u64,
    /// What operators keep.
    pub reserved: u64,
    /// What rests before it is given out again.
    pub resting: u64,
    /// What projects have as floating IPs.
    pub floating: u64,
    /// What the subnet keeps for itself in its pools: the network's address, routers, and the like.
    pub kept: u64,
    /// Of what somebody has or keeps and what rests: what is in no pool.
    pub outside: u64,
}

impl SubnetFigures {
    /// The same with what another part of the subnet has.
    pub fn add(&mut self, part: &Self) {
        self.size += part.size;
        self.free += part.free;
        self.held += part.held;
        self.reserved += part.reserved;
        self.resting += part.resting;
        self.floating += part.floating;
        self.kept += part.kept;
        self.outside += part.outside;
    }
}

impl LookedAt {
    /// The same with what another step looked at.
    pub fn add(&mut self, step: &Self) {
        self.subnets += step.subnets;
        self.blocks += step.blocks;
        self.addresses += step.addresses;
        self.ranges += step.ranges;
        self.quotas += step.quotas;
    }
}

impl Command for AuditLedger {
    type Answer = AuditStep;

    const NAME: &'static str = "AuditLedger";

    const IS_LONG: bool = true;

    fn decide(&self, ledger: &mut View) -> Result<AuditStep, Stop> {
        let mut step = AuditStep { at: ledger.now(), ..AuditStep::default() };
        step.next = match &self.after {
            None => subnets(ledger, None, &mut step)?,
            Some(AuditPlace::Subnet(id)) => subnets(ledger, Some(*id), &mut step)?,
            Some(AuditPlace::Address(id, from)) => rest_of_subnet(ledger, *id, *from, &mut step)?,
            Some(AuditPlace::Range(after)) => ranges(ledger, *after, &mut step)?,
            Some(AuditPlace::Quota(after)) => quotas(ledger, after.as_ref(), &mut step)?,
        };
        last_holder::look_up(ledger, &mut step.findings)?;
        Ok(step)
    }
}

/// Looks at subnets behind one, each from its beginning, until one is too large.
fn subnets(
    ledger: &mut View,
    after: Option<SubnetId>,
    step: &mut AuditStep,
) -> Result<Option<AuditPlace>, Stop> {
    let ids = ledger.subnets_behind(after, SUBNETS_AT_ONCE)?;
    let spans: Vec<PoolSpan> = ids.iter().map(|id| PoolSpan::of(*id, FEW_BLOCKS)).collect();
    ledger.need(spans.iter().map(|span| Key::Select(Selection::AuditPool(*span))))?;
    for span in &spans {
        if let Some(end) = step.look_at(ledger, span)? {
            return Ok(Some(AuditPlace::Address(span.subnet, end)));
        }
        if step.findings.len() >= ENOUGH {
            return Ok(Some(AuditPlace::Subnet(span.subnet)));
        }
    }
    Ok(Some(page::last(&ids, SUBNETS_AT_ONCE).map_or(AuditPlace::Range(None), |id| AuditPlace::Subnet(*id))))
}

/// Looks at the next part of a large subnet.
fn rest_of_subnet(
    ledger: &mut View,
    subnet: SubnetId,
    from: IpAddr,
    step: &mut AuditStep,
) -> Result<Option<AuditPlace>, Stop> {
    let span = PoolSpan { from: Some(from), ..PoolSpan::of(subnet, MANY_BLOCKS) };
    let end = step.look_at(ledger, &span)?;
    Ok(Some(end.map_or(AuditPlace::Subnet(subnet), |end| AuditPlace::Address(subnet, end))))
}

/// Counts ranges of floating IPs again.
fn ranges(
    ledger: &mut View,
    after: Option<SubnetId>,
    step: &mut AuditStep,
) -> Result<Option<AuditPlace>, Stop> {
    let found = ledger.counted_ranges(&Which::Page { after, limit: COUNTERS_AT_ONCE })?;
    step.looked_at.ranges = found.len() as u64;
    step.findings.extend(found.iter().filter_map(finding::of_range));
    let last = page::last(&found, COUNTERS_AT_ONCE).map(|range| range.row.subnet);
    Ok(Some(last.map_or(AuditPlace::Quota(None), |last| AuditPlace::Range(Some(last)))))
}

/// Counts quotas again.
fn quotas(
    ledger: &mut View,
    after: Option<&ProjectId>,
    step: &mut AuditStep,
) -> Result<Option<AuditPlace>, Stop> {
    let found = ledger.counted_quotas(&Which::Page { after: after.cloned(), limit: COUNTERS_AT_ONCE })?;
    step.looked_at.quotas = found.len() as u64;
    step.findings.extend(found.iter().flat_map(finding::of_quota));
    Ok(page::last(&found, COUNTERS_AT_ONCE).map(|quota| AuditPlace::Quota(Some(quota.row.project.clone()))))
}

impl AuditStep {
    /// Looks at a part of a subnet; answers where it ends, if there is more.
    fn look_at(&mut self, ledger: &mut View, span: &PoolSpan) -> Result<Option<IpAddr>, Stop> {
        // It may have ended since the step before.
        let Some(look) = ledger.pool_look(span)? else { return Ok(None) };
        let judged = judge::judge(&look, span);
        self.findings.extend(judged.findings);
        self.looked_at.subnets += u64::from(look.end.is_none());
        self.looked_at.blocks += look.blocks.len() as u64;
        self.looked_at.addresses += (look.fixed_ips.len() + look.floating_ips.len()) as u64;
        self.subnets.push(judged.figures);
        Ok(look.end)
    }
}

/// A range of floating IPs, and how many of its addresses have a row.
pub type CountedRange = Counted<FloatingRange, u64>;

/// A quota, and how many of each resource the project has.
pub type CountedQuota = Counted<Quota, Amounts<u64>>;
