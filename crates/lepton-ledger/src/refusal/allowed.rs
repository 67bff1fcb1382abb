//! Refusals that several commands make alike.

use lepton_types::HostId;

use super::{Refusal, Violation};

impl Refusal {
    /// A single field is wrong.
    pub fn invalid_field(field: impl Into<String>, problem: impl Into<String>) -> Self {
        let violations = vec![Violation { field: field.into(), problem: problem.into() }];
        Self::InvalidFields { violations, more: 0 }
    }

    /// Refuses what is about another host than the only one that the caller may act for, if there is one.
    pub(crate) fn unless_allowed(only_on: Option<&HostId>, host: &HostId) -> Result<(), Self> {
        match only_on {
            Some(allowed) if allowed != host => {
                Err(Self::HostNotAllowed { host: host.clone(), allowed: allowed.clone() })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses what is about two hosts when the only host that the caller may act for, if there is one, is neither of them.
    pub(crate) fn unless_one_of(only_on: Option<&HostId>, hosts: [&HostId; 2]) -> Result<(), Self> {
        let is_allowed = only_on.is_none_or(|allowed| hosts.contains(&allowed));
        if is_allowed { Ok(()) } else { Self::unless_allowed(only_on, hosts[0]) }
    }
}
