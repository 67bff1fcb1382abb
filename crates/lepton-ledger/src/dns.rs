//! DNS: domains, and the names in them that lead to addresses. The ledger holds what a resolver is to serve.
//!
//! ```text
//!   domain ──┬─ entry www    A    172.24.4.10                    ends with its domain, or when somebody says so
//!            └─ entry web1   A    10.1.0.2 ◀─bound─ fixed IP      ends with the address as well, in the same transaction
//! ```

mod addition;
mod domain;
mod entry;
mod names;
mod naming;

pub use addition::{AddDnsEntry, ModifyDnsEntry};
pub use domain::{CreateDnsDomain, DeleteDnsDomain, DnsDomainPage, ListDnsDomains};
pub use entry::{DeleteDnsEntry, DnsEntryPage, DnsPlace, ListDnsEntries, NamedEntry};
pub use naming::Naming;

#[cfg(test)]
mod tests;
