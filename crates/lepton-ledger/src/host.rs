//! What a host is told to have, what follows from its reports, and from its end.

pub(crate) mod feed;
mod fence;
mod measure;
pub(crate) mod proof;
mod register;
mod report;

pub use feed::{HostFeed, HostRevision};
pub use fence::{FenceHost, Fenced};
pub use measure::{HostFigures, MeasureHosts, MeasuredHosts};
pub(crate) use register::must_be_registered;
pub use register::{NamedHost, RegisterHost};
pub use report::ReportHost;

#[cfg(test)]
mod tests;
