//! Which networks an instance gets, in which order, and why.
//!
//! ```text
//!  requested: a, b ──▶ exactly those, in that order            Reason::Requested
//!  requested: none ──▶ the project's own and the global ones,   Reason::Own | Reason::Global
//!                      by (priority, own before global, creation)
//! ```
//!
//! [`order`] resolves and authorises every network before anything is taken, so whoever calls it can stop without a
//! trace. It does not look at addresses: whether a fixed IP can be had is `lepton-ipam`'s and the ledger's to say.

use std::{collections::HashMap, fmt, net::IpAddr};

use lepton_types::{Network, NetworkId, ProjectId};

/// One network that an instance asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestedNetwork {
    /// The network.
    pub network: NetworkId,
    /// The addresses that its vNIC must have.
    pub fixed_ips: Vec<IpAddr>,
}

/// One vNIC that an instance gets; its place in the answer is the vNIC's position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The network that it is plugged into.
    pub network: NetworkId,
    /// The addresses that it must have, as requested.
    pub fixed_ips: Vec<IpAddr>,
    /// Why the instance gets it, and why there.
    pub reason: Reason,
}

/// Why an instance gets a vNIC on a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The request named the network; it stands where the request put it.
    Requested,
    /// Nothing was requested, and the network is the project's own.
    Own {
        /// What it was sorted by.
        priority: i32,
    },
    /// Nothing was requested, and the network is every project's.
    Global {
        /// What it was sorted by.
        priority: i32,
    },
}

/// A request that cannot be honoured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// No such network, or another project's, which for this project is the same.
    #[error("network {network} (number {} of the request) does not exist", index + 1)]
    NotFound {
        /// Where the request names it, counted from 0.
        index: usize,
        /// The network.
        network: NetworkId,
    },
    /// A network twice, without leave.
    #[error(
        "network {network} is requested twice (numbers {} and {}); allow duplicate networks to get a vNIC for each",
        first + 1,
        index + 1
    )]
    Duplicate {
        /// Where the request names it first, counted from 0.
        first: usize,
        /// Where the request names it again, counted from 0.
        index: usize,
        /// The network.
        network: NetworkId,
    },
}

/// The vNICs of an instance of `project`, in their order.
///
/// `candidates` are networks, each once, that include all those the project may use; others among them are passed over.
///
/// Errors: the first entry of `requested` that cannot be honoured.
pub fn order(
    project: &ProjectId,
    candidates: &[Network],
    requested: &[RequestedNetwork],
    allow_duplicates: bool,
) -> Result<Vec<Choice>, OrderError> {
    let usable = candidates.iter().filter(|network| owner(network, project) != Owner::Other);
    if requested.is_empty() {
        Ok(by_priority(project, usable))
    } else {
        verbatim(usable, requested, allow_duplicates)
    }
}

/// Whose a network is, seen from one project; the smaller stands first when priorities are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Project,
    Everybody,
    Other,
}

fn owner(network: &Network, project: &ProjectId) -> Owner {
    match &network.project {
        Some(owner) if owner == project => Owner::Project,
        Some(_) => Owner::Other,
        None => Owner::Everybody,
    }
}

/// Every network that the project may use, smallest priority first.
fn by_priority<'a>(project: &ProjectId, usable: impl Iterator<Item = &'a Network>) -> Vec<Choice> {
    let mut networks: Vec<&Network> = usable.collect();
    networks.sort_unstable_by_key(|network| (network.priority, owner(network, project), network.sequence));
    let choice = |network: &Network| Choice {
        network: network.id,
        fixed_ips: Vec::new(),
        reason: match network.project {
            Some(_) => Reason::Own { priority: network.priority },
            None => Reason::Global { priority: network.priority },
        },
    };
    networks.into_iter().map(choice).collect()
}

/// The requested networks and no others, in the request's order.
fn verbatim<'a>(
    usable: impl Iterator<Item = &'a Network>,
    requested: &[RequestedNetwork],
    allow_duplicates: bool,
) -> Result<Vec<Choice>, OrderError> {
    let mut named_first: HashMap<NetworkId, Option<usize>> =
        usable.map(|network| (network.id, None)).collect();
    let mut choices = Vec::with_capacity(requested.len());
    for (index, RequestedNetwork { network, fixed_ips }) in requested.iter().enumerate() {
        let network = *network;
        let first = named_first.get_mut(&network).ok_or(OrderError::NotFound { index, network })?;
        match *first {
            Some(first) if !allow_duplicates => return Err(OrderError::Duplicate { first, index, network }),
            Some(_) => {}
            None => *first = Some(index),
        }
        choices.push(Choice { network, fixed_ips: fixed_ips.clone(), reason: Reason::Requested });
    }
    Ok(choices)
}

impl OrderError {
    /// Which entry of the request is wrong, counted from 0.
    pub fn index(&self) -> usize {
        match *self {
            Self::NotFound { index, .. } | Self::Duplicate { index, .. } => index,
        }
    }

    /// The network that is wrong.
    pub fn network(&self) -> NetworkId {
        match *self {
            Self::NotFound { network, .. } | Self::Duplicate { network, .. } => network,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => f.write_str("the request names it, in this place"),
            Self::Own { priority } => write!(f, "the project's own network, priority {priority}"),
            Self::Global { priority } => write!(f, "a global network, priority {priority}"),
        }
    }
}

#[cfg(test)]
mod tests;
