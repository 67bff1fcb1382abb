//! Plans: what a command would do, row by row and host by host, under a hash by which exactly that can be asked for.
//!
//! ```text
//!   PlanOf(command)     ──decides, takes it back──▶ Plan { hash, rows, hosts }
//!   ApplyPlan(hash)     ──decides with the same ids──▶ the same rows? ──yes──▶ as the command itself
//!                                                          └──no──▶ Refusal::PlanChanged, nothing done
//! ```
//!
//! New ids and MACs are drawn from a seed that the hash carries, so that they are the same again. They never meet themselves: what was
//! applied is remembered under the hash for longer than the hash can be used, and an allocation that was undone, of which nothing is
//! remembered, would be another life of its instance. Times are told as spans from now
//! on. What other commands move on by themselves is in no plan: revisions, versions, counts, and the blocks in which free addresses
//! are counted; they follow from the rows.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use lepton_types::{HostId, HostPort, NetworkId, PortId, Revision, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Change, Command, Envelope, Key, Refusal, Stop, View, host::feed};

mod described;
mod hash;
mod rows;

pub use hash::{PlanHash, PlanHashError};
pub use rows::{PlannedField, PlannedRow, PlannedValue};

/// How long a plan can be applied. Answers are remembered for longer, so whoever applies a plan twice is told the same twice.
pub const PLAN_LIFE: Duration = Duration::from_secs(3600);

/// How far the clock of the manager that made a plan may be ahead of that of the one that applies it.
const PLAN_AHEAD: Duration = Duration::from_secs(60);

/// The least time that there is.
const MOMENT: Duration = Duration::from_micros(1);

/// What a command would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// By what it is asked for.
    pub hash: PlanHash,
    /// Until when.
    pub expires_at: Timestamp,
    /// The rows that come, change or go, by table.
    pub rows: Vec<PlannedRow>,
    /// The hosts that are told something else then, in the order of their names.
    pub hosts: Vec<PlannedHost>,
}

/// What a host is told of the ports that a plan is about, and of one more port for each of their networks, where it has one: by that
/// it shows whether a bridge is there already, and whether it stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedHost {
    /// Which host.
    pub host: HostId,
    /// Whether its agent has been there. One without has nothing, and is told nothing.
    pub is_registered: bool,
    /// What it must have now. Revisions are left out.
    pub before: Vec<HostPort>,
    /// What it must have then.
    pub after: Vec<HostPort>,
    /// What must be gone then and need not now.
    pub released: Vec<PortId>,
}

/// Says what a command would do. It is decided by doing it, so it must be rehearsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanOf<C> {
    /// What.
    pub command: C,
    /// Whose request it is.
    pub request: PlannedRequest,
}

/// Carries out what a plan says, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyPlan<C> {
    /// What it is the plan of.
    pub command: C,
    /// Whose request it is.
    pub request: PlannedRequest,
    /// Which plan.
    pub plan: PlanHash,
}

/// Which request a plan is made for: the caller's, the call and its body. Another one has other ids, and so another plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedRequest([u8; 32]);

impl PlannedRequest {
    /// The request that the envelope of a caller's command is for.
    pub fn of<C: Command>(caller: &str, body: &[u8]) -> Self {
        let print = Envelope::fingerprint::<C>(body);
        Self(Sha256::new().chain_update(caller).chain_update([0]).chain_update(print).finalize().into())
    }

    fn seed(self, nonce: u64) -> [u8; 32] {
        Sha256::new().chain_update(self.0).chain_update(nonce.to_le_bytes()).finalize().into()
    }
}

/// What decides whether two plans are the same.
#[derive(Serialize)]
struct Printed<'p> {
    request: [u8; 32],
    made_at: Timestamp,
    nonce: u64,
    rows: &'p [PlannedRow],
    hosts: Vec<PrintedHost<'p>>,
}

/// What of a host decides that: which other port shows whether a bridge is there does not.
#[derive(Serialize)]
struct PrintedHost<'p> {
    host: &'p HostId,
    is_registered: bool,
    before: Vec<&'p HostPort>,
    after: Vec<&'p HostPort>,
    released: &'p [PortId],
    shared: BTreeSet<NetworkId>,
}

impl Plan {
    /// Makes the plan of a command, and takes back what that took.
    fn of<C: Command>(
        command: &C,
        request: PlannedRequest,
        made_at: Timestamp,
        nonce: u64,
        ledger: &mut View,
    ) -> Result<(C::Answer, Self), Stop> {
        let (from, now) = (ledger.changes().len(), ledger.now());
        // Once a moment later: what has moved by then follows from the moment at which it is done.
        let later = now.after(MOMENT);
        ledger.deciding_at(later, |ledger| {
            ledger.drawing_from(request.seed(nonce), |ledger| command.decide(ledger))
        })?;
        let moved = rows::said(&ledger.changes()[from..]);
        ledger.undo_to(from);
        let answer = ledger.drawing_from(request.seed(nonce), |ledger| command.decide(ledger))?;
        let changes = ledger.changes()[from..].to_vec();
        let touched = touched(&changes);
        let after = told(&touched, ledger)?;
        ledger.undo_to(from);
        let before = told(&touched, ledger)?;
        let rows = rows::planned(rows::said(&changes), moved, now);
        let hosts = touched.into_iter().zip(before.into_iter().zip(after));
        let hosts: Vec<_> =
            hosts.map(|(host, (before, after))| PlannedHost::between(host, before, after)).collect();
        let hash = {
            let hosts = hosts.iter().map(PlannedHost::printed).collect();
            let printed = Printed { request: request.0, made_at, nonce, rows: &rows, hosts };
            let text = serde_json::to_vec(&printed).expect("a plan is plain data with text keys");
            PlanHash::new(made_at, nonce, &Sha256::digest(text).into())
        };
        Ok((answer, Self { hash, expires_at: made_at.after(PLAN_LIFE), rows, hosts }))
    }
}

impl<C: Command> Command for PlanOf<C> {
    type Answer = (C::Answer, Plan);

    const NAME: &'static str = "PlanOf";
    /// It looks at all ports of the hosts that it is about.
    const IS_LONG: bool = true;

    fn keys(&self) -> Vec<Key> {
        self.command.keys()
    }

    fn decide(&self, ledger: &mut View) -> Result<Self::Answer, Stop> {
        let (made_at, nonce) = (ledger.now(), ledger.draws().number());
        Plan::of(&self.command, self.request, made_at, nonce, ledger)
    }
}

impl<C: Command> Command for ApplyPlan<C> {
    type Answer = C::Answer;

    const NAME: &'static str = C::NAME;
    /// What the others of a batch have decided would be no change to whoever asked for the plan.
    const IS_ALONE: bool = true;

    fn keys(&self) -> Vec<Key> {
        self.command.keys()
    }

    fn decide(&self, ledger: &mut View) -> Result<C::Answer, Stop> {
        let (made_at, nonce) = (self.plan.made_at(), self.plan.nonce());
        let now = ledger.now();
        if made_at.after(PLAN_LIFE) < now || made_at.before(PLAN_AHEAD) > now {
            return Err(Refusal::PlanExpired { plan: self.plan }.into());
        }
        let (_, plan) = Plan::of(&self.command, self.request, made_at, nonce, ledger)?;
        if plan.hash != self.plan {
            return Err(Refusal::PlanChanged { plan: self.plan }.into());
        }
        ledger.drawing_from(self.request.seed(nonce), |ledger| self.command.decide(ledger))
    }
}

/// The hosts that are told something else, in the order of their names.
fn touched(changes: &[Change]) -> BTreeSet<HostId> {
    let hosts = changes.iter().filter_map(|change| match change {
        Change::Host(change) => change.after.as_ref().or(change.before.as_ref()),
        Change::Network(_)
        | Change::Subnet(_)
        | Change::Frontier(_)
        | Change::Block(_)
        | Change::RecountedBlock(_)
        | Change::Instance(_)
        | Change::Port(_)
        | Change::FixedIp(_)
        | Change::FloatingRange(_)
        | Change::FloatingIp(_)
        | Change::DnsDomain(_)
        | Change::DnsEntry(_)
        | Change::PendingUnplug(_)
        | Change::MacRange(_)
        | Change::FreeMac(_)
        | Change::Quota(_)
        | Change::RecountedQuota(_)
        | Change::RequestRecord(_)
        | Change::Journal(_) => None,
    });
    hosts.map(|host| host.id.clone()).collect()
}

/// What a host must have and not have, at one moment.
struct HostTold {
    is_registered: bool,
    ports: BTreeMap<PortId, HostPort>,
    released: BTreeSet<PortId>,
}

fn told(hosts: &BTreeSet<HostId>, ledger: &mut View) -> Result<Vec<HostTold>, Stop> {
    let told = hosts.iter().map(|host| {
        let is_registered = ledger.is_registered(host)?;
        let (ports, released) = feed::told(ledger, host, Revision::default())?;
        let ports =
            ports.into_iter().map(|port| (port.id, HostPort { revision: Revision::default(), ..port }));
        Ok(HostTold { is_registered, ports: ports.collect(), released: released.into_iter().collect() })
    });
    told.collect()
}

impl PlannedHost {
    fn between(host: HostId, mut before: HostTold, mut after: HostTold) -> Self {
        let released = after.released.difference(&before.released).copied().collect();
        let differs = |port: &&HostPort| before.ports.get(&port.id) != after.ports.get(&port.id);
        let changed = || before.ports.values().chain(after.ports.values()).filter(differs);
        let mut told: BTreeSet<PortId> = changed().map(|port| port.id).collect();
        let mut unseen: BTreeSet<NetworkId> = changed().map(|port| port.network).collect();
        let stays = after.ports.values().filter(|port| !differs(port));
        let witnesses: Vec<_> =
            stays.filter(|port| unseen.remove(&port.network)).map(|port| port.id).collect();
        told.extend(witnesses);
        before.ports.retain(|id, _| told.contains(id));
        after.ports.retain(|id, _| told.contains(id));
        Self {
            host,
            is_registered: after.is_registered,
            before: before.ports.into_values().collect(),
            after: after.ports.into_values().collect(),
            released,
        }
    }

    fn printed(&self) -> PrintedHost<'_> {
        let stays = |port: &&HostPort| self.before.contains(port) && self.after.contains(port);
        PrintedHost {
            host: &self.host,
            is_registered: self.is_registered,
            before: self.before.iter().filter(|port| !stays(port)).collect(),
            after: self.after.iter().filter(|port| !stays(port)).collect(),
            released: &self.released,
            shared: self.after.iter().filter(stays).map(|port| port.network).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
