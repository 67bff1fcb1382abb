//! `FenceHost`: what a host that is gone for good had still to unplug is unplugged.

use lepton_types::{HostId, Port, PortId, Revision};
use serde::{Deserialize, Serialize};

use crate::{Command, Key, Stop, View, register, report};

/// Says that a host is gone for good, or was never there: what was released on it counts as unplugged. Ports that
/// nobody has released stay as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceHost {
    /// Which host.
    pub host: HostId,
}

/// What fencing a host has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fenced {
    /// The released ports that waited for the host.
    pub ended: Vec<PortId>,
    /// Ports on the host that nobody has released; deallocate their instances, then fence the host again.
    pub live: Vec<PortId>,
}

impl Command for FenceHost {
    type Answer = Fenced;

    const NAME: &'static str = "FenceHost";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Host(self.host.clone()), Key::HostPorts(self.host.clone(), Revision::default())]
    }

    fn decide(&self, ledger: &mut View) -> Result<Fenced, Stop> {
        register::check(ledger, &self.host, None)?;
        let ports = ledger.host_ports(&self.host, Revision::default())?;
        let (released, live): (Vec<Port>, Vec<Port>) = ports.into_iter().partition(|port| port.is_released);
        report::end(ledger, &released)?;
        let ids = |ports: &[Port]| ports.iter().map(|port| port.id).collect();
        Ok(Fenced { ended: ids(&released), live: ids(&live) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        FixedIp, Refusal,
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
        assert_eq!(fenced, Fenced { ended: vec![released], live: vec![live] });
        assert_eq!(ledger.rows::<FixedIp>().count(), 1);
        assert_eq!(fixed_ips(&decided(&mut ledger, &allocation(3, vec![])).unwrap()), ["10.1.0.2"]);
        assert_eq!(decided(&mut ledger, &fence).unwrap().ended, [], "once");
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
