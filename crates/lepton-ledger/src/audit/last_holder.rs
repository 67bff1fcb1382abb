//! [`LastHolder`]: who had a leaked address at last, as the history tells, and what that proves.

use std::net::IpAddr;

use lepton_types::{HostId, PortId, SubnetId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{AuditedThing, Finding, Proof, Repair, finding::Unproven};
use crate::{Key, Selection, Stop, View};

/// Who had an address at last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastHolder {
    /// Which port; none: a floating IP that led nowhere.
    pub port: Option<PortId>,
    /// Since when.
    pub since: Timestamp,
    /// When that was over.
    pub ended_at: Timestamp,
    /// A host that has not unplugged the port; of a floating IP that is not asked.
    pub awaited: Option<HostId>,
}

/// Asks the history who had the addresses that nobody has, and says what that proves.
pub(super) fn look_up(ledger: &mut View, findings: &mut [Finding]) -> Result<(), Stop> {
    let leaks: Vec<Leak<'_>> = findings.iter_mut().filter_map(Leak::of).collect();
    ledger.need(leaks.iter().map(|leak| {
        let (subnet, address, is_floating) = (leak.subnet, leak.address, leak.is_floating);
        Key::Select(Selection::LastHolder { subnet, address, is_floating })
    }))?;
    let mut told = Vec::with_capacity(leaks.len());
    for leak in leaks {
        let last = ledger.last_holder(leak.subnet, leak.address, leak.is_floating)?;
        told.push((leak, last));
    }
    // No host waits for a port to be without a floating IP.
    let plugged = told.iter_mut().filter(|(leak, _)| !leak.is_floating);
    let plugged: Vec<(PortId, &mut LastHolder)> =
        plugged.filter_map(|(_, last)| last.as_mut().and_then(|last| Some((last.port?, last)))).collect();
    ledger.need(plugged.iter().map(|(port, _)| Key::PendingUnplugs(*port)))?;
    for (port, last) in plugged {
        let awaited = ledger.unplugs_of_port(port)?.into_iter().find(|unplug| !unplug.is_fenced);
        last.awaited = awaited.map(|unplug| unplug.host);
    }
    for (leak, last) in told {
        leak.finding.repair = proven_by(last.as_ref());
        leak.finding.proof = Proof::NoOwner { is_floating: leak.is_floating, last };
    }
    Ok(())
}

fn proven_by(last: Option<&LastHolder>) -> Repair {
    match last {
        None => Repair::Nothing(Unproven::NoHistory),
        Some(LastHolder { port: Some(port), awaited: Some(host), .. }) => {
            Repair::Nothing(Unproven::Plugged(*port, host.clone()))
        }
        Some(_) => Repair::GiveBack,
    }
}

/// A finding about an address that nobody has.
struct Leak<'f> {
    subnet: SubnetId,
    address: IpAddr,
    is_floating: bool,
    finding: &'f mut Finding,
}

impl<'f> Leak<'f> {
    fn of(finding: &'f mut Finding) -> Option<Self> {
        let (AuditedThing::Address(subnet, address), Proof::NoOwner { is_floating, .. }) =
            (&finding.thing, &finding.proof)
        else {
            return None;
        };
        Some(Self { subnet: *subnet, address: *address, is_floating: *is_floating, finding })
    }
}
