//! What the NetworkManager means: a [`View`] of the ledger, the [`Change`]s of it, and the decision of every [`Command`].
//!
//! ```text
//!   Command ──decide──▶ View ──▶ Change, Change, …      one answer, or one Refusal
//!                        ▲                  │
//!                 load(Key, …)              ▼
//!                        └──── lepton-store: rows, history, revisions, request ids
//! ```
//!
//! A command reads as the story of its call, as if the whole ledger were in memory. What the view does not hold yet it
//! asks for by stopping with [`Stop::Missing`]; the store loads what a whole batch misses and runs the command again
//! from the same seed. Nothing here waits, reads a clock, draws true randomness, or knows SQL.

mod allocate;
mod audit;
mod change;
mod command;
mod deallocate;
pub mod dhcp;
mod dns;
mod event;
#[cfg(test)]
mod example;
mod explain;
mod find;
mod fixed_ip;
mod floating_ip;
mod floating_pool;
mod history;
mod host;
mod journal;
mod key;
mod mac_range;
mod migration;
mod network;
mod network_info;
mod page;
mod plan;
mod pool;
mod port;
mod quota;
mod refusal;
mod row;
mod scope;
mod subnet;
mod sweep;
mod validate;
mod view;

pub use allocate::{AllocateForInstance, BindingRequest, MOST_VNICS};
pub use audit::{
    AddressOwner, AuditLedger, AuditPlace, AuditStep, AuditedThing, Counted, CountedBlock, CountedQuota,
    CountedRange, Finding, FindingClass, FindingClassError, JournalAbout, LastHolder, LookedAt, PoolLook,
    PoolSpan, Proof, Repair, RepairFinding, Repaired, SubnetFigures, Unproven, Which,
};
pub use change::{Change, Ended, RowChange, coalesce};
pub use command::{Command, Envelope, Reply, Stop, UnreadableAnswer, execute};
pub use deallocate::{DeallocateForInstance, Released, UndoAllocation, Undone};
pub use dns::{
    AddDnsEntry, CreateDnsDomain, DeleteDnsDomain, DeleteDnsEntry, DnsDomainPage, DnsEntryPage, DnsPlace,
    ListDnsDomains, ListDnsEntries, ModifyDnsEntry, NamedEntry, Naming,
};
pub use event::{EVENT_KINDS, EventFilter, EventPage, EventStart, ReadEvents};
pub use explain::{
    Cause, ExplainAddress, ExplainInstance, ExplainPort, Explained, Explanation, Given, Plug, PluggedInto,
};
pub use find::{
    AddressPage, AddressPattern, AddressPatternError, AddressPlace, AddressPrefix, AddressPrefixError,
    AddressText, FindInstances, FoundInstance, FoundInstances, FoundPlace, InstancePlace, WantedAddresses,
};
pub use fixed_ip::{
    AddFixedIp, FixedIpKind, FixedIpPage, FixedIpPlace, FixedIpsBy, GetFixedIp, HostPortPlace, LeaseFixedIp,
    LeaseOutcome, ListFixedIps, Place, ReleaseFixedIp, RemoveFixedIp, ReserveFixedIp, Sought,
    UnreserveFixedIp, WantedAddress,
};
pub use floating_ip::{
    AllocateFloatingIp, AssociateFloatingIp, AssociatedFloatingIp, DisassociateFloatingIp, FloatingBy,
    FloatingFilter, FloatingIpInfo, FloatingIpPage, FloatingOwner, FloatingPlace, FloatingSelection,
    GetFloatingIp, ListFloatingIps, ReleaseFloatingIp, TargetRequest,
};
pub use floating_pool::{
    CreateFloatingPool, DeleteFloatingPool, DeleteFloatingRanges, FloatingPool, FloatingPoolPage,
    ListFloatingPools, PoolRange, range_spec,
};
pub use history::{
    End, Held, Holdable, HolderPage, Holding, HoldingFilter, HoldingPlace, ListHolders, PastPort, Shelf, When,
};
pub use host::{
    FenceHost, Fenced, HostFeed, HostFigures, HostRevision, MeasureHosts, MeasuredHosts, NamedHost,
    RegisterHost, ReportHost,
};
pub use journal::{JournalBounds, JournalEntry, JournalRow};
pub use key::{Key, Selection};
pub use lepton_ipam::{Block, derived};
pub use mac_range::{
    CreateMacRange, DeleteMacRange, GetMacRange, ListEndingMacRanges, ListMacRanges, SweepMacRange,
};
pub use migration::{
    FollowInstance, Followed, MigrateInstanceFinish, MigrateInstanceStart, Move, SetupNetworksOnHost,
    UndoMigration,
};
pub use network::{
    Associate, AssociateNetwork, CarveNetworks, Carving, CreateNetworks, DeleteNetwork, DisassociateNetwork,
    GetNetwork, ListNetworks, ModifyNetwork, NetworkPage, NetworkSpec, NetworkWithSubnets,
};
pub use network_info::GetInstanceNwInfo;
pub use plan::{
    ApplyPlan, PLAN_LIFE, Plan, PlanHash, PlanHashError, PlanOf, PlannedField, PlannedHost, PlannedRequest,
    PlannedRow, PlannedValue,
};
pub use port::{
    GetPort, ListPorts, PortAddress, PortFilter, PortInfo, PortListPlace, PortPage, PortPlace, PortRef,
    PortSelection, PortsBy,
};
pub use quota::{GetQuota, ListQuotas, QuotaPage, QuotaState, SetQuota};
pub use refusal::{Refusal, RefusalKind, Violation};
pub use row::{
    EntryKey, FixedIp, FreeMac, FreeMacPlace, Frontier, Holder, Host, Instance, PendingUnplug, RequestKey,
    RequestRecord, Row,
};
pub use scope::Scope;
pub use subnet::{AddRoute, AddSubnet, DeleteSubnet, GetSubnet, ModifySubnet, RemoveRoute};
pub use sweep::SweepQuarantine;
pub use validate::ValidateNetworks;
pub use view::{FREE_MACS_AT_ONCE, MOST_SEEN, View};
