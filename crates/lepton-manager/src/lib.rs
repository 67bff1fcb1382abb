//! The service: authorises a call, submits its command, wakes the hosts, waits for a plug when asked.
//!
//! ```text
//!  Authorise ─▶ Api ─parse─▶ Command ─▶ Manager ─▶ lepton-store
//!  (who, role)          ▲                                  │  ▲           │ changes
//!                       └────────── answer or Status ◀─────┘  └── Hub ◀───┘
//!                                                                  └─▶ agents, callers that wait for their ports
//! ```
//!
//! A call comes in through [`Authorise`], which proves who it is ([`Caller`], by [`Trust`]) and whether that role may
//! make it, before any handler sees it. The service parses and answers; what a call means is `lepton-ledger`.

mod arrival;
mod auditor;
mod authorise;
mod caller;
mod dhcp;
mod explained;
mod form;
mod housekeeping;
mod hub;
mod manager;
mod metrics;
mod parse;
mod service;
mod status;
mod watch;

pub use arrival::{Arrival, Arriving};
pub use auditor::audit_ledger;
pub use authorise::{Authorise, Authorised};
pub use caller::{
    Caller, CertificateError, Role, RoleError, Trust, TrustDomain, TrustDomainError, Unidentified,
};
pub use dhcp::DhcpSettings;
pub use explained::Explained;
pub use housekeeping::{Keep, keep_house};
pub use hub::Hub;
pub use manager::{FloatingSettings, Manager, ManagerError, Settings};
pub use metrics::{Count, Counted, METRICS_MEDIA_TYPE, Metrics};
pub use service::{Api, SMALL_REQUEST};
pub use watch::ConnectionEnd;
