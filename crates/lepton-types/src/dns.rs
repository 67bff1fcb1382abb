//! DNS domains and their entries, as the ledger keeps them for a resolver to serve.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    AvailabilityZone, DnsDomainId, DomainName, Hostname, PortId, ProjectId, Shown, SubnetId, Timestamp,
};

/// A domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsDomain {
    /// Identity: a domain that is deleted and made anew is another one.
    pub id: DnsDomainId,
    /// Its name, unique.
    pub name: DomainName,
    /// Whom it is for.
    pub scope: DnsScope,
    /// When it was made.
    pub created_at: Timestamp,
    /// How often it was changed; whoever changes it raises it.
    pub version: u64,
}

/// Whom a domain is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DnsScope {
    /// For everybody: the names of floating IPs, for example.
    Public {
        /// The project whose it is; none: the operators'.
        project: Option<ProjectId>,
    },
    /// For guests: their own names.
    Private {
        /// The availability zone whose instances it has; none: any.
        availability_zone: Option<AvailabilityZone>,
    },
}

impl DnsScope {
    /// The project whose domain it is, if it is one's.
    pub fn project(&self) -> Option<&ProjectId> {
        match self {
            Self::Public { project } => project.as_ref(),
            Self::Private { .. } => None,
        }
    }
}

/// What a name in a domain leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsEntry {
    /// The domain.
    pub domain: DnsDomainId,
    /// The name within it; it has one entry of each type.
    pub name: Hostname,
    /// Where it leads; its family is the entry's type.
    pub address: IpAddr,
    /// With what the entry ends; none: with the domain alone.
    pub bound: Option<NameBond>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl DnsEntry {
    /// A or AAAA.
    pub fn record_type(&self) -> RecordType {
        RecordType::of(self.address)
    }
}

/// What kind of address a name leads to, as DNS calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RecordType {
    /// IPv4 (RFC 1035 §3.4.1).
    A,
    /// IPv6 (RFC 3596 §2.1).
    #[serde(rename = "AAAA")]
    Aaaa,
}

/// A text that is no type of entry that Lepton keeps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no type of entry that can be kept (expected A or AAAA)")]
pub struct RecordTypeError(Shown);

impl RecordType {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::A, Self::Aaaa];

    /// The type of an entry with this address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::A,
            IpAddr::V6(_) => Self::Aaaa,
        }
    }

    /// As it is written in DNS.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
        }
    }
}

impl FromStr for RecordType {
    type Err = RecordTypeError;

    fn from_str(text: &str) -> Result<Self, RecordTypeError> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| RecordTypeError(Shown::new(text)))
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// With what an entry ends, so that a name never leads to who has its address next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NameBond {
    /// The subnet that the entry's address is of.
    pub subnet: SubnetId,
    /// The port that has the address, when it is a fixed IP; none: a floating IP.
    pub port: Option<PortId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_read_in_any_case_and_follows_from_the_address() {
        for (text, address, kind) in [("a", "10.1.0.2", RecordType::A), ("Aaaa", "fd00::2", RecordType::Aaaa)]
        {
            assert_eq!((text.parse(), RecordType::of(address.parse().unwrap())), (Ok(kind), kind));
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        let error = "CNAME".parse::<RecordType>().unwrap_err();
        assert!(error.to_string().starts_with("\"CNAME\" is no type"), "{error}");
    }
}
