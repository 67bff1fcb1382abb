//! [`RepairFinding`]: mends a finding, if it is still there and what mends it is proven.
//!
//! It looks again, at rows that it then holds the locks of: a block's first, since whoever takes or gives an address back has it, and a
//! counter's, since whoever gets or gives back what it counts has that. What it finds then is what it decides on.
//!
//! That no row has an address proves nothing: the row may be what is missing. So an address is given back only when the history has the
//! end of its last holder, which is written when the holder's host has unplugged it, and the journal, which tells whoever was given an
//! address, tells of nobody since. Such an address rests as any other that is given up.

use std::{net::IpAddr, time::Duration};

use lepton_ipam::Block;
use lepton_types::{Event, FloatingRange, ProjectId, Quota, Resource, SubnetId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    AuditedThing, Finding, FindingClass, JournalAbout, LastHolder, PoolLook, PoolSpan, Proof, Repair, Which,
    finding::{self, Unproven},
    judge::judge,
    last_holder,
};
use crate::{Command, FixedIp, Holder, Key, Refusal, Stop, View};

/// How long a guest may use an address that it was leased, whatever the server's settings were then.
const LONGEST_LEASE: Duration = Duration::from_hours(30 * 24);

/// Mends a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairFinding {
    /// Of which kind.
    pub class: FindingClass,
    /// What it is about.
    pub thing: AuditedThing,
}

/// What became of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repaired {
    /// What was mended; none: there is no such finding, and nothing was changed.
    pub finding: Option<Finding>,
}

impl Command for RepairFinding {
    type Answer = Repaired;

    const NAME: &'static str = "RepairFinding";

    /// It counts rows, and what the batch has not written yet is in none.
    const IS_ALONE: bool = true;

    fn decide(&self, ledger: &mut View) -> Result<Repaired, Stop> {
        let finding = match &self.thing {
            AuditedThing::Address(subnet, address) => self.mend_address(ledger, *subnet, *address)?,
            AuditedThing::Range(subnet) => self.mend_range(ledger, *subnet)?,
            AuditedThing::Quota(project, resource) => self.mend_quota(ledger, project, *resource)?,
        };
        Ok(Repaired { finding })
    }
}

impl RepairFinding {
    fn is_of(&self, finding: &Finding) -> bool {
        (finding.class, &finding.thing) == (self.class, &self.thing)
    }

    fn mend_address(
        &self,
        ledger: &mut View,
        subnet: SubnetId,
        address: IpAddr,
    ) -> Result<Option<Finding>, Stop> {
        let span = PoolSpan::around(subnet, address);
        let Some(look) = ledger.pool_look(&span)? else { return Ok(None) };
        let mut found = judge(&look, &span).findings;
        found.retain(|finding| self.is_of(finding));
        last_holder::look_up(ledger, &mut found)?;
        let Some(finding) = found.pop() else { return Ok(None) };
        match (&finding.repair, &finding.proof) {
            (Repair::Mark, _) => mark(ledger, &look, address),
            (Repair::Count, _) => recount(ledger, &look, address),
            (Repair::GiveBack, Proof::NoOwner { is_floating, last: Some(last) }) => {
                let about = ledger.journal_about(address)?;
                self.must_be_nobodys(&look, last, &about)?;
                if *is_floating {
                    ledger.free_bit(&look.subnet, address)?;
                } else {
                    give_back(ledger, &look, address, last, &about)?;
                }
            }
            (Repair::GiveBack, _) => return Err(self.unproven(Unproven::NoHistory)),
            (Repair::Nothing(why), _) => return Err(self.unproven(why.clone())),
        }
        Ok(Some(finding))
    }

    fn mend_range(&self, ledger: &mut View, subnet: SubnetId) -> Result<Option<Finding>, Stop> {
        let counted = ledger.counted_ranges(&Which::One(subnet))?.pop();
        let Some(counted) = counted else { return Ok(None) };
        let finding = finding::of_range(&counted).filter(|finding| self.is_of(finding));
        if finding.is_some() {
            ledger.replace(FloatingRange { allocated: counted.counted, ..counted.row });
        }
        Ok(finding)
    }

    fn mend_quota(
        &self,
        ledger: &mut View,
        project: &ProjectId,
        resource: Resource,
    ) -> Result<Option<Finding>, Stop> {
        let counted = ledger.counted_quotas(&Which::One(project.clone()))?.pop();
        let Some(counted) = counted else { return Ok(None) };
        let finding = finding::of_quota(&counted).find(|finding| self.is_of(finding));
        if finding.is_some() {
            let mut quota: Quota = counted.row;
            *quota.used.of_mut(resource) = *counted.counted.of(resource);
            ledger.recount_quota(quota);
        }
        Ok(finding)
    }

    /// Refuses unless the journal, as far as it matters, tells of nobody who was given the address since its last holder gave it up.
    fn must_be_nobodys(&self, look: &PoolLook, last: &LastHolder, about: &JournalAbout) -> Result<(), Stop> {
        if about.since.is_some_and(|since| since > last.ended_at) {
            return Err(self.unproven(Unproven::NoJournal));
        }
        let word = about.events.iter().rev().find(|(_, event)| tells_whose(event, look));
        let is_over = match word {
            // What led elsewhere and was not released ends in the history, too.
            None => !look.is_range,
            Some((at, event)) => match &*event.kind {
                "floating_ip.released" | "fixed_ip.freed" | "fixed_ip.resting" | "fixed_ip.unreserved" => {
                    true
                }
                "port.deleted" | "fixed_ip.removed" => *at <= last.ended_at,
                _ => false,
            },
        };
        let told = word.map_or("not there", |(_, event)| &*event.kind);
        if is_over { Ok(()) } else { Err(self.unproven(Unproven::GivenSince(told.to_owned()))) }
    }

    fn unproven(&self, why: Unproven) -> Stop {
        Refusal::RepairNotProven { class: self.class, thing: self.thing.clone(), why }.into()
    }
}

/// Whether an event that names the address tells whose that of this subnet is: the same one may be on another, and a guest that
/// gives a lease back may do so while the address rests.
fn tells_whose(event: &Event, look: &PoolLook) -> bool {
    let says = |name: &str, own: String| event.about.get(name).is_none_or(|told| *told == own);
    let (subnet, network) = (look.subnet.id.to_string(), look.subnet.network.to_string());
    match event.kind.split_once('.') {
        Some(("fixed_ip", "released")) => false,
        Some(("fixed_ip", _)) => !look.is_range && says("subnet_id", subnet),
        Some(("port", _)) => !look.is_range && says("network_id", network),
        Some(("floating_ip", _)) => look.is_range,
        _ => false,
    }
}

/// Marks an address as taken; with its block, all that somebody has of it, if that had no row.
fn mark(ledger: &mut View, look: &PoolLook, address: IpAddr) {
    match look.blocks.first() {
        Some(counted) => {
            let mut block = counted.block.clone();
            block.take(address);
            ledger.replace(block);
        }
        None => {
            let mut block = Block::fresh(&look.subnet, address);
            let fixed = look.fixed_ips.iter().map(|row| row.address);
            for taken in fixed.chain(look.floating_ips.iter().map(|row| row.address)) {
                block.take(taken);
            }
            ledger.insert(block);
        }
    }
}

/// Has a block's count written anew.
fn recount(ledger: &mut View, look: &PoolLook, first: IpAddr) {
    if let Some(counted) = look.blocks.iter().find(|counted| counted.block.first() == first) {
        ledger.recount_block(counted.block.clone());
    }
}

/// Lets an address rest as long as it would have, had it been given up now, and as its last guest may still use it; or gives it back
/// at once.
fn give_back(
    ledger: &mut View,
    look: &PoolLook,
    address: IpAddr,
    last: &LastHolder,
    about: &JournalAbout,
) -> Result<(), Stop> {
    let now = ledger.now();
    let lease_end = if may_be_leased(last, about) { last.ended_at.after(LONGEST_LEASE) } else { now };
    let until = now.after(look.subnet.quarantine).max(lease_end);
    if until <= now {
        return ledger.free_bit(&look.subnet, address);
    }
    // Whose the network is: its owner hears of it.
    let (subnet, network) = (look.subnet.id, look.subnet.network);
    ledger.need([Key::Network(network), Key::Subnet(subnet), Key::FixedIp(subnet, address)])?;
    let holder = Holder::Quarantine(until);
    ledger.insert(FixedIp {
        subnet: look.subnet.id,
        address,
        holder,
        since: now,
        lease: None,
        is_asked_for: false,
    });
    Ok(())
}

/// Whether the last holder may have leased the address, as far as the journal reaches back: it tells of the first lease alone, not
/// of those that go on.
fn may_be_leased(last: &LastHolder, about: &JournalAbout) -> bool {
    let is_told = |(at, event): &(Timestamp, Event)| *at >= last.since && event.kind == "fixed_ip.leased";
    about.since.is_some_and(|since| since > last.since) || about.events.iter().any(is_told)
}
