//! [`Finding`]: what does not agree, by which rows, and what would mend it.

use std::{fmt, net::IpAddr, str::FromStr};

use lepton_ipam::Reserved;
use lepton_types::{HostId, PortId, ProjectId, Quota, Resource, Shown, Subnet, SubnetId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{CountedQuota, CountedRange, LastHolder};
use crate::{FixedIp, Holder};

/// Something that does not agree with something else of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Of which kind.
    pub class: FindingClass,
    /// What it is about.
    pub thing: AuditedThing,
    /// By what it is known.
    pub proof: Proof,
    /// What would mend it.
    pub repair: Repair,
}

macro_rules! classes {
    ($($(#[doc = $about:literal])+ $class:ident = $name:literal;)+) => {
        /// Kinds of findings.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum FindingClass {
            $($(#[doc = $about])+ $class,)+
        }

        impl FindingClass {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$class),+];

            /// Its name on every face.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$class => $name,)+ }
            }
        }
    };
}

classes! {
    /// A block says that an address is taken, and nobody has it.
    LeakedAddress = "LEAKED_ADDRESS";
    /// A block says that an address may be given out, and somebody has it, or the subnet keeps it.
    UnmarkedAddress = "UNMARKED_ADDRESS";
    /// A block that was opened has no row: nobody gets its addresses.
    MissingBlock = "MISSING_BLOCK";
    /// A block's count of free addresses is not what its bitmap says.
    MiscountedBlock = "MISCOUNTED_BLOCK";
    /// A range of floating IPs counts other than it has rows.
    MiscountedRange = "MISCOUNTED_RANGE";
    /// A project's quota counts other than the project has rows.
    MiscountedQuota = "MISCOUNTED_QUOTA";
}

/// A text that names no class of findings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no class of findings (expected {known})", known = FindingClass::names().join(", "))]
pub struct FindingClassError(Shown);

impl FindingClass {
    fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|class| class.as_str()).collect()
    }
}

impl FromStr for FindingClass {
    type Err = FindingClassError;

    fn from_str(text: &str) -> Result<Self, FindingClassError> {
        let found = Self::ALL.iter().find(|class| class.as_str() == text);
        found.copied().ok_or_else(|| FindingClassError(Shown::new(text)))
    }
}

impl fmt::Display for FindingClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AuditedThing {
    /// An address of a subnet; of a block the first one.
    Address(SubnetId, IpAddr),
    /// The range of floating IPs that a subnet is.
    Range(SubnetId),
    /// What a project has of a resource.
    Quota(ProjectId, Resource),
}

impl fmt::Display for AuditedThing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(subnet, address) => write!(f, "address {address} of subnet {subnet}"),
            Self::Range(subnet) => write!(f, "range {subnet}"),
            Self::Quota(project, resource) => write!(f, "{resource} of project {project}"),
        }
    }
}

/// By what a finding is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proof {
    /// The bit says taken, and no row has the address.
    NoOwner {
        /// Whether it is of a range of floating IPs.
        is_floating: bool,
        /// Who had it at last, as far as the history tells.
        last: Option<LastHolder>,
    },
    /// The bit says free, and this has the address.
    Owner(AddressOwner),
    /// There is no row of the block, which is below the subnet's frontier.
    NoBlock,
    /// The counter's row and the rows that it counts.
    Counts {
        /// What the row says.
        kept: u64,
        /// What counting comes to.
        counted: u64,
    },
}

/// Who has an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AddressOwner {
    /// A port, or one that has still to give it up.
    Port(PortId),
    /// An operator, for this.
    Reservation(String),
    /// Nobody yet: it rests until this moment.
    Quarantine(Timestamp),
    /// A project, as a floating IP.
    Project(ProjectId),
    /// The subnet itself, for this.
    Subnet(String),
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoOwner { last: None, .. } => {
                f.write_str("its bit says taken, no row has it, and the history does not tell who had it")
            }
            Self::NoOwner { is_floating: true, last: Some(_) } => {
                f.write_str("its bit says taken, and no row has it; it was a floating IP at last")
            }
            Self::NoOwner { is_floating: false, last: Some(LastHolder { port, awaited, .. }) } => {
                f.write_str("its bit says taken, and no row has it; ")?;
                match (port, awaited) {
                    (Some(port), None) => write!(f, "port {port} had it at last, and gave it up"),
                    (Some(port), Some(host)) => {
                        write!(f, "port {port} had it at last, which host {host} has not unplugged")
                    }
                    (None, _) => f.write_str("who had it at last is not told"),
                }
            }
            Self::Owner(owner) => write!(f, "its bit says free, and {owner}"),
            Self::NoBlock => f.write_str("its block was opened, and has no row"),
            Self::Counts { kept, counted } => {
                write!(f, "the ledger keeps {kept}, and counting comes to {counted}")
            }
        }
    }
}

impl fmt::Display for AddressOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, "port {port} has it"),
            Self::Reservation(reason) => write!(f, "it is reserved: {reason}"),
            Self::Quarantine(_) => f.write_str("it rests in quarantine"),
            Self::Project(project) => write!(f, "it is a floating IP of project {project}"),
            Self::Subnet(what) => write!(f, "it is {what}"),
        }
    }
}

/// What would mend a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Repair {
    /// The bit is set: who has the address is the proof.
    Mark,
    /// The counter is set to what is counted.
    Count,
    /// The address is given back, if the journal agrees that nobody was given it since.
    GiveBack,
    /// Nothing that is proven, and why.
    Nothing(Unproven),
}

/// Why nothing is done about a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unproven {
    /// The history does not tell who had the address.
    NoHistory,
    /// A host has not unplugged the port that had it.
    Plugged(PortId, HostId),
    /// The journal does not reach back to when the last holder gave it up.
    NoJournal,
    /// The journal tells that somebody was given it since.
    GivenSince(String),
    /// What the block's addresses were is not known.
    UnknownBlock,
}

impl Repair {
    /// Whether it can be asked for.
    pub fn is_known(&self) -> bool {
        !matches!(self, Self::Nothing(_))
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mark => f.write_str("mark it as taken"),
            Self::Count => f.write_str("set the counter to what is counted"),
            Self::GiveBack => {
                f.write_str("give it back, after a rest, if the journal says that nobody was given it since")
            }
            Self::Nothing(why) => write!(f, "none is proven: {why}"),
        }
    }
}

impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHistory => f.write_str(
                "whoever had it may have it still. Left alone it does no harm; look for it on the hosts, and end the instance that uses it",
            ),
            Self::Plugged(port, host) => {
                write!(f, "host {host} has not unplugged port {port}; wait for it, or fence the host if it is gone for good")
            }
            Self::NoJournal => f.write_str(
                "the journal does not reach back to when it was given up, so somebody may have been given it since. Left alone it does no harm",
            ),
            Self::GivenSince(event) => write!(
                f,
                "the journal's last word on it is {event}, so whose row is missing may have it still. Look for it on the hosts, and end the instance that uses it",
            ),
            Self::UnknownBlock => f.write_str(
                "who has the addresses of a block that has no row is not known. Nobody is given them meanwhile; restore the ledger from a backup",
            ),
        }
    }
}

impl Finding {
    /// A finding about an address that no row has.
    pub(super) fn leaked(subnet: &Subnet, address: IpAddr, is_floating: bool) -> Self {
        Self {
            class: FindingClass::LeakedAddress,
            thing: AuditedThing::Address(subnet.id, address),
            proof: Proof::NoOwner { is_floating, last: None },
            repair: Repair::Nothing(Unproven::NoHistory),
        }
    }

    /// A finding about an address that may be given out though somebody has it.
    pub(super) fn unmarked(subnet: &Subnet, address: IpAddr, owner: AddressOwner) -> Self {
        Self {
            class: FindingClass::UnmarkedAddress,
            thing: AuditedThing::Address(subnet.id, address),
            proof: Proof::Owner(owner),
            repair: Repair::Mark,
        }
    }

    /// A finding about a block that should have a row.
    pub(super) fn missing_block(subnet: &Subnet, first: IpAddr) -> Self {
        Self {
            class: FindingClass::MissingBlock,
            thing: AuditedThing::Address(subnet.id, first),
            proof: Proof::NoBlock,
            repair: Repair::Nothing(Unproven::UnknownBlock),
        }
    }

    /// A finding about a counter; none when it counts right.
    pub(super) fn miscounted(
        class: FindingClass,
        thing: AuditedThing,
        kept: u64,
        counted: u64,
    ) -> Option<Self> {
        let proof = Proof::Counts { kept, counted };
        (kept != counted).then_some(Self { class, thing, proof, repair: Repair::Count })
    }
}

impl From<&FixedIp> for AddressOwner {
    fn from(row: &FixedIp) -> Self {
        match &row.holder {
            Holder::Port(port) | Holder::Leaving { port, .. } => Self::Port(*port),
            Holder::Reserved { reason, .. } => Self::Reservation(reason.to_string()),
            Holder::Quarantine(until) => Self::Quarantine(*until),
        }
    }
}

impl AddressOwner {
    /// What an address that no row has, and that a fresh block does not give out, is to its subnet.
    pub(super) fn of_subnet(subnet: &Subnet, address: IpAddr) -> Self {
        Self::Subnet(match Reserved::of(subnet, address) {
            Some(reserved) => reserved.to_string(),
            None if subnet.is_next_hop(address) => "the next hop of a route".to_owned(),
            None => "in none of the subnet's pools".to_owned(),
        })
    }
}

/// What is wrong with a range's counter.
pub(super) fn of_range(range: &CountedRange) -> Option<Finding> {
    let thing = AuditedThing::Range(range.row.subnet);
    Finding::miscounted(FindingClass::MiscountedRange, thing, range.row.allocated, range.counted)
}

/// What is wrong with a project's counters.
pub(super) fn of_quota(quota: &CountedQuota) -> impl Iterator<Item = Finding> + use<> {
    let Quota { project, used, .. } = quota.row.clone();
    let counted = quota.counted;
    Resource::ALL.into_iter().filter_map(move |resource| {
        let thing = AuditedThing::Quota(project.clone(), resource);
        let (kept, counted) = (*used.of(resource), *counted.of(resource));
        Finding::miscounted(FindingClass::MiscountedQuota, thing, kept, counted)
    })
}
