//! `FenceHost`: what a host that is gone for good had still to unplug is unplugged.

use lepton_types::{HostId, Port, PortId};
use serde::{Deserialize, Serialize};

use super::proof;
use crate::{Command, Key, PendingUnplug, Refusal, Selection, Stop, View};

/// Most ports that one call is about, of each kind: each is a row that it locks, as in a host's report.
const AT_ONCE: u16 = 256;

/// Says that a host is gone for good: what was released on it, or has left it, counts as unplugged there. Ports that nobody
/// has released stay as they are.
///
/// That is what an operator believes, and hosts do come back. So the host's feed keeps naming what was ended without its
/// word, until it has reported it unplugged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceHost {
    /// Which host.
    pub host: HostId,
}

/// What fencing a host has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fenced {
    /// The released ports that waited for the host, and for no other.
    pub ended: Vec<PortId>,
    /// Ports that wait for this host no more and go on: on another host, or waiting for one.
    #[serde(default)]
    pub departed: Vec<PortId>,
    /// Ports on the host, or on their way to it, that nobody has released; deallocate or move their instances, then fence the
    /// host again. Of very many, some.
    pub live: Vec<PortId>,
    /// Whether further ports wait for the host, for another call to end.
    #[serde(default)]
    pub has_more: bool,
}

impl Command for FenceHost {
    type Answer = Fenced;

    const NAME: &'static str = "FenceHost";

    fn keys(&self) -> Vec<Key> {
        vec![
            Key::Select(Selection::PortsToFence { host: self.host.clone(), limit: AT_ONCE }),
            Key::Host(self.host.clone()),
        ]
    }

    fn decide(&self, ledger: &mut View) -> Result<Fenced, Stop> {
        if !ledger.knows_host(&self.host)? {
            return Err(Refusal::HostNotFound { host: self.host.clone(), field: None }.into());
        }
        let (ports, is_cut) = ledger.ports_to_fence(&self.host, AT_ONCE)?;
        let (unplugs, is_cut_too) = ledger.unplugs_to_fence(&self.host, AT_ONCE)?;
        let (released, live): (Vec<Port>, Vec<Port>) = ports.into_iter().partition(|port| port.is_released);
        let ended = proof::gone(ledger, &released)?;
        self.note(ledger, &released)?;
        let waiting = released.iter().map(|port| port.id).filter(|id| !ended.contains(id));
        let departed = waiting.chain(unplugs.iter().map(|unplug| unplug.port)).collect();
        ledger.need(unplugs.iter().map(|unplug| Key::Port(unplug.port)))?;
        for unplug in &unplugs {
            ledger.replace(PendingUnplug { is_fenced: true, ..unplug.clone() });
        }
        proof::departed(ledger, unplugs.iter().map(|unplug| unplug.port))?;
        // Released ports come first, so where there is another one, they are all there.
        let has_more = is_cut && live.is_empty() || is_cut_too;
        Ok(Fenced { ended, departed, live: live.iter().map(|port| port.id).collect(), has_more })
    }
}

impl FenceHost {
    /// Notes what the host must unplug should it come back, at a revision that it has not seen yet.
    fn note(&self, ledger: &mut View, released: &[Port]) -> Result<(), Stop> {
        if released.is_empty() {
            return Ok(());
        }
        let revision = ledger.touch_host(&self.host)?;
        for port in released {
            let host = self.host.clone();
            ledger.insert(PendingUnplug { port: port.id, host, revision, is_fenced: true });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lepton_types::HostReport;

    use crate::{
        FixedIp, HostFeed, Refusal, ReportHost,
        example::{allocation, deallocation, decided, fixed_ips, host, with_network},
    };

    #[test]
    fn what_was_released_on_a_fenced_host_is_free_and_what_lives_there_stays() {
        let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
        let released = decided(&mut ledger, &allocation(1, vec![])).unwrap().vifs[0].id;
        let live = decided(&mut ledger, &allocation(2, vec![])).unwrap().vifs[0].id;
        decided(&mut ledger, &deallocation(1)).unwrap();
        let fence = FenceHost { host: host() };
        let fenced = decided(&mut ledger, &fence).unwrap();
        assert_eq!(
            fenced,
            Fenced { ended: vec![released], departed: vec![], live: vec![live], has_more: false }
        );
        assert_eq!(ledger.rows::<FixedIp>().count(), 1);
        assert_eq!(fixed_ips(&decided(&mut ledger, &allocation(3, vec![])).unwrap()), ["10.1.0.2"]);
        assert_eq!(decided(&mut ledger, &fence).unwrap().ended, [], "once");
    }

    #[test]
    fn a_fenced_host_hears_of_what_ended_until_it_has_unplugged_it() {
        let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
        let ghost = decided(&mut ledger, &allocation(1, vec![])).unwrap().vifs[0].id;
        decided(&mut ledger, &deallocation(1)).unwrap();
        let held = decided(&mut ledger, &HostFeed { host: host(), after: None }).unwrap().revision;
        decided(&mut ledger, &FenceHost { host: host() }).unwrap();

        let revision = decided(&mut ledger, &HostFeed { host: host(), after: None }).unwrap().revision;
        let unplugged = HostReport { unplugged: vec![ghost], revision, ..HostReport::default() };
        let stranger = ReportHost { host: "host-2".parse().unwrap(), report: unplugged.clone() };
        decided(&mut ledger, &stranger).unwrap();
        for after in [None, Some(held)] {
            let told = decided(&mut ledger, &HostFeed { host: host(), after }).unwrap();
            assert_eq!((told.ports, told.released), (vec![], vec![ghost]), "after {after:?}");
            assert!(told.revision > held, "an agent that waits for news gets some");
        }

        let own = ReportHost { host: host(), report: unplugged };
        decided(&mut ledger, &own).unwrap();
        let told = decided(&mut ledger, &HostFeed { host: host(), after: None }).unwrap();
        assert_eq!(told.released, []);
        let before = ledger.changes().len();
        decided(&mut ledger, &own).unwrap();
        assert_eq!(ledger.changes().len(), before, "once is enough");
    }

    #[test]
    fn very_many_ports_are_fenced_in_parts() {
        let (mut ledger, _) = with_network(&["10.1.0.0/16"]);
        for number in 1..=600 {
            decided(&mut ledger, &allocation(number, vec![])).unwrap();
        }
        for number in 1..=300 {
            decided(&mut ledger, &deallocation(number)).unwrap();
        }
        let mut counts = Vec::new();
        for _ in 0..3 {
            let fenced = decided(&mut ledger, &FenceHost { host: host() }).unwrap();
            counts.push((fenced.ended.len(), fenced.live.len(), fenced.has_more));
        }
        assert_eq!(counts, [(256, 0, true), (44, 212, false), (0, 256, false)]);
    }

    #[test]
    fn a_host_that_nobody_knows_is_not_found() {
        let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
        let before = ledger.changes().len();
        let fence = FenceHost { host: "nod7".parse().unwrap() };
        let refusal = decided(&mut ledger, &fence).unwrap_err();
        assert_eq!(refusal, Refusal::HostNotFound { host: "nod7".parse().unwrap(), field: None });
        assert_eq!(ledger.changes().len(), before);
    }
}
