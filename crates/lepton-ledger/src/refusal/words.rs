//! Parts of the sentences that refusals are told in.

use std::{fmt, net::IpAddr};

use lepton_types::{Cidr, InstanceId, Limit, NetworkId, ProjectId, RecordType, Resource};

use super::Violation;

pub(super) fn within(
    instance: Option<InstanceId>,
    network: Option<NetworkId>,
    project: Option<&ProjectId>,
) -> String {
    let instance = instance.map(|id| format!(" of instance {id}")).unwrap_or_default();
    let network = network.map(|id| format!(" on network {id}")).unwrap_or_default();
    let project = project.map(|id| format!(" on a network that project {id} may use")).unwrap_or_default();
    format!("{instance}{network}{project}")
}

/// `1 port`, `20 fixed IPs`.
pub(super) fn at_most(limit: Limit, resource: Resource) -> String {
    let (one, several) = match resource {
        Resource::Networks => ("network", "networks"),
        Resource::Ports => ("port", "ports"),
        Resource::FixedIps => ("fixed IP", "fixed IPs"),
        Resource::FloatingIps => ("floating IP", "floating IPs"),
    };
    format!("{limit} {}", if limit == Limit::AtMost(1) { one } else { several })
}

pub(super) fn wanted(address: Option<IpAddr>) -> String {
    address.map_or_else(|| "an IPv4 address".to_owned(), |address| format!("the IPv4 address {address}"))
}

pub(super) fn floating(address: Option<IpAddr>) -> String {
    address.map_or_else(|| "a floating IP".to_owned(), |address| format!("floating IP {address}"))
}

pub(super) fn whose(project: Option<&ProjectId>) -> String {
    project.map_or_else(|| "what all projects share".to_owned(), ToString::to_string)
}

pub(super) fn example(instance: Option<InstanceId>) -> String {
    instance.map(|instance| format!(", of instance {instance} for example")).unwrap_or_default()
}

/// ` of type A`, or nothing.
pub(super) fn of_type(record_type: Option<RecordType>) -> String {
    record_type.map(|record_type| format!(" of type {record_type}")).unwrap_or_default()
}

/// Prefixes with commas between them.
pub(super) fn joined(cidrs: &[Cidr]) -> String {
    cidrs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Subnets of a network by their prefixes, if it has any.
pub(crate) fn any_of(network: NetworkId, cidrs: &[Cidr]) -> String {
    if cidrs.is_empty() {
        return format!("a subnet of network {network}, which has none");
    }
    format!("{} of network {network}", joined(cidrs))
}

/// Wrong fields, one behind the other.
pub(super) struct Listed<'a> {
    pub(super) violations: &'a [Violation],
    pub(super) more: usize,
}

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.violations.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", violation.field, violation.problem)?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// How a range of MACs gets out of another one's way.
pub(super) fn out_of_range(is_ending: bool) -> &'static str {
    if is_ending {
        ", which is deleted and not all dropped yet; try again in a minute"
    } else {
        "; leave the common ones out"
    }
}
