//! Makes a host what the plan says: [`fake::Host`] in memory, for tests and simulation; [`linux::Linux`] in the kernel.
//!
//! A [`Plug`] observes a host, applies actions to it and hints that somebody else changed it. It decides nothing: what to
//! do is `lepton_plan::plan`'s to say, when to do it `lepton-agent`'s.

pub mod fake;
#[cfg(target_os = "linux")]
pub mod linux;

use std::{collections::BTreeSet, future::Future};

use lepton_plan::{Action, HostState};
use lepton_types::IfName;

/// A host that can be observed and changed.
pub trait Plug: Send {
    /// What the host has now, read from the host itself.
    ///
    /// Errors: the host could not be read; nothing is known of it then.
    fn observe(&mut self) -> impl Future<Output = Result<HostState, PlugError>> + Send;

    /// What the host has now of these bridges and devices, and only of them; filters are not looked at. Costs no more on
    /// a host with many others.
    ///
    /// Errors: as [`Plug::observe`].
    fn look_at(
        &mut self,
        names: &BTreeSet<IfName>,
    ) -> impl Future<Output = Result<HostState, PlugError>> + Send;

    /// Applies the actions in their order, going on after a failure; answers with one outcome for each, in the same order.
    ///
    /// An action whose precondition does not hold, because one before it failed, is refused and nothing is done for it.
    fn apply(&mut self, actions: &[Action]) -> impl Future<Output = Vec<Result<(), PlugError>>> + Send;

    /// Waits until somebody else may have changed the host. Only a hint: it may be false, and changes may go unnoticed
    /// until the next [`Plug::observe`]. May be dropped and called again without losing a hint.
    fn changed(&mut self) -> impl Future<Output = ()> + Send;
}

/// What could not be done, to what, and why in the words of whoever refused it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot {operation} {subject}: {words}")]
pub struct PlugError {
    /// What was tried, as a verb: `create`, `load`.
    pub operation: &'static str,
    /// What it was tried on: a device's, bridge's or table's name.
    pub subject: String,
    /// The kernel's own words, or nft's, or those of the plan's [`Refusal`](lepton_plan::Refusal).
    pub words: String,
}

impl PlugError {
    /// An operation on a subject that failed because of `words`.
    pub fn new(
        operation: &'static str,
        subject: &(impl ToString + ?Sized),
        words: &(impl ToString + ?Sized),
    ) -> Self {
        Self { operation, subject: subject.to_string(), words: words.to_string() }
    }

    /// An action that failed as a whole: it was not tried, for its precondition does not hold, or did not end.
    pub fn refused(action: &Action, refusal: &(impl ToString + ?Sized)) -> Self {
        Self::new(action.verb(), action.object(), refusal)
    }
}
