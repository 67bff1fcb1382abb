//! `SetupNetworksOnHost`: an instance's networks are set up on a host, or torn down there; and the way back from a move whose
//! destination could not plug.

use lepton_types::{HostId, InstanceId, NetworkInfo};

use super::{Move, abort, begin, has_arrived, living};
use crate::{BindingRequest, Command, Key, Refusal, RequestKey, RequestRecord, Stop, Undone, View, host};

/// Makes sure that an instance's ports are plugged on a host, or that they are not there any longer than they must.
///
/// | host | set up | tear down |
/// |---|---|---|
/// | the one that it lives on | nothing to do | nothing yet: the ports go with the instance |
/// | the one that it is being moved to | nothing to do | aborts the move |
/// | any other | begins to move it there | nothing to do: it has been told to unplug them |
///
/// These are the calls of a compute service before and after a live migration, when it rolls one back, and when it confirms,
/// reverts or finishes a resize: in each of them the last row but one, or nothing, is what is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupNetworksOnHost {
    /// Which instance.
    pub instance: InstanceId,
    /// Which life of it; none: whichever lives.
    pub incarnation: Option<u64>,
    /// Which host.
    pub host: HostId,
    /// Whether its ports are to go from there.
    pub is_teardown: bool,
    /// What kind of devices the host makes, where a move there begins; none: as the source has them.
    pub binding: Option<BindingRequest>,
    /// Whether the host must be one that the ledger has met: the manager's setting, not part of the request.
    pub only_known_hosts: bool,
    /// The only host that the caller may act for; none: any. Follows from its credentials, so it is not part of the request.
    pub only_on: Option<HostId>,
}

impl Command for SetupNetworksOnHost {
    type Answer = NetworkInfo;

    const NAME: &'static str = "SetupNetworksOnHost";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Instance(self.instance), Key::Host(self.host.clone())]
    }

    fn decide(&self, ledger: &mut View) -> Result<NetworkInfo, Stop> {
        let instance = living(ledger, self.instance)?;
        instance.must_be(self.incarnation)?;
        let is_moving_there =
            instance.migration.as_ref().is_some_and(|migration| migration.destination == self.host);
        let would_begin = !self.is_teardown && instance.host != self.host && !is_moving_there;
        // As at the start of a move: whoever would like to have the instance may not take it.
        let other = if would_begin { &instance.host } else { &self.host };
        Refusal::unless_one_of(self.only_on.as_ref(), [&instance.host, other])?;
        if self.is_teardown && is_moving_there {
            abort(ledger, instance)?;
        } else if !self.is_teardown && instance.host != self.host {
            instance.must_not_move_elsewhere(&self.host)?;
            if self.only_known_hosts {
                host::must_be_registered(ledger, &self.host, "host")?;
            }
            begin(ledger, instance, &self.host, self.binding.as_ref())?;
        }
        ledger.network_info(self.instance)
    }
}

/// Takes back the beginning of a move whose destination could not plug the ports in time, and with it the memory of its
/// answer, so that the request may be tried again under its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoMigration {
    /// What the request that began the move was answered.
    pub begun: Move,
    /// Under which name the answer is remembered.
    pub request: Option<RequestKey>,
}

impl Command for UndoMigration {
    type Answer = Undone;

    const NAME: &'static str = "UndoMigration";

    fn keys(&self) -> Vec<Key> {
        let request = self.request.clone().map(Key::Request);
        std::iter::once(Key::Instance(self.begun.info.instance)).chain(request).collect()
    }

    fn decide(&self, ledger: &mut View) -> Result<Undone, Stop> {
        let NetworkInfo { instance, incarnation, migration, .. } = &self.begun.info;
        let found = ledger.instance(*instance)?.filter(|found| found.incarnation == *incarnation).cloned();
        let Some(instance) = found else { return Ok(Undone { is_undone: true }) };
        // Another move there has another revision.
        if instance.migration.is_none() || instance.migration != *migration {
            let is_where_it_was = instance.migration.is_none() && instance.host == self.begun.info.host;
            return Ok(Undone { is_undone: is_where_it_was && !has_arrived(&instance, &self.begun.info) });
        }
        if let Some(key) = &self.request {
            ledger.request(key)?;
            ledger.end::<RequestRecord>(key);
        }
        abort(ledger, instance)?;
        Ok(Undone { is_undone: true })
    }
}
