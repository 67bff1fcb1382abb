//! [`Manager`]: what an agent needs of its manager, in its own process or across the network.

use std::{fmt::Display, future::Future};

use lepton_types::{HostChanges, HostId, HostReport, Revision};

/// What an agent needs of its manager.
pub trait Manager: Send + Sync {
    /// Why the manager does not answer.
    type Error: Display + Send;

    /// What the host must have: everything, or what changed after the revision that it holds.
    fn changes(
        &self,
        host: &HostId,
        after: Option<Revision>,
    ) -> impl Future<Output = Result<HostChanges, Self::Error>> + Send;

    /// Records what the host has done. A report may arrive twice.
    fn report(
        &self,
        host: &HostId,
        report: HostReport,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Waits until the host must have more than it holds. What it tells of may get lost, but it does not end before there is
    /// something to tell: it is called again at once. May be dropped and called again without losing a hint.
    fn news(&self, host: &HostId, holds: Revision) -> impl Future<Output = ()> + Send;
}
