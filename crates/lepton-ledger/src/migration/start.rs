//! `MigrateInstanceStart`: the destination plugs the instance's ports too.

use lepton_types::{HostId, InstanceId};

use super::{Move, begin, living};
use crate::{BindingRequest, Command, Key, Refusal, Stop, View, host};

/// Begins to move an instance to another host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrateInstanceStart {
    /// Which instance.
    pub instance: InstanceId,
    /// Which life of it; none: whichever lives.
    pub incarnation: Option<u64>,
    /// The host that it lives on.
    pub source: HostId,
    /// The host that it goes to. The source itself: nothing is to be done.
    pub destination: HostId,
    /// What kind of devices the destination makes; none: as the source has them.
    pub binding: Option<BindingRequest>,
    /// Whether the destination must be a host that the ledger has met: the manager's setting, not part of the request.
    pub only_known_hosts: bool,
    /// The only host that the caller may act for; none: any. Follows from its credentials, so it is not part of the request.
    pub only_on: Option<HostId>,
}

impl Command for MigrateInstanceStart {
    type Answer = Move;

    const NAME: &'static str = "MigrateInstanceStart";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Instance(self.instance), Key::Host(self.destination.clone())]
    }

    fn decide(&self, ledger: &mut View) -> Result<Move, Stop> {
        let instance = living(ledger, self.instance)?;
        // Whoever has the instance may hand it over; who would like to have it may not take it.
        Refusal::unless_allowed(self.only_on.as_ref(), &instance.host)?;
        instance.must_be(self.incarnation)?;
        instance.must_live_on(&self.source)?;
        if self.source == self.destination {
            return Ok(Move { info: ledger.network_info(self.instance)?, has_begun: false });
        }
        instance.must_not_move_elsewhere(&self.destination)?;
        if self.only_known_hosts {
            host::must_be_registered(ledger, &self.destination, "dest")?;
        }
        let has_begun = begin(ledger, instance, &self.destination, self.binding.as_ref())?;
        Ok(Move { info: ledger.network_info(self.instance)?, has_begun })
    }
}
