//! [`Refusal`]: the errors of a caller, one vocabulary over all faces.

use std::{fmt, net::IpAddr};

use lepton_types::{
    Cidr, DomainName, HostId, Hostname, InstanceId, Ipv4Range, Limit, Name, NetworkId, ProjectId, RecordType,
    RequestId, Resource, Route, SubnetId,
};

use crate::{PortRef, Sought};

/// One wrong field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in the request, such as `networks[0].subnets[1].gateway`.
    pub field: String,
    /// What is wrong with which value, and what would be right.
    pub problem: String,
}

/// Why a request is refused; the ledger is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Fields that are malformed or contradict each other.
    #[error("{}", Listed { violations, more: *more })]
    InvalidFields {
        /// What is told of, at least one.
        violations: Vec<Violation>,
        /// How many more there are that an answer has no room for.
        more: usize,
    },
    /// The request id was used for another request.
    #[error("request id {request_id} was used for a request with another body; choose a fresh one")]
    RequestIdReused {
        /// The id.
        request_id: RequestId,
    },
    /// A network was requested twice.
    #[error(
        "network {network} is requested more than once ({field}); set allow_duplicate_networks to get several vNICs on it"
    )]
    DuplicateNetwork {
        /// Which network.
        network: NetworkId,
        /// Path of its second mention.
        field: String,
    },
    /// A requested address can be no guest's address.
    #[error("{problem}")]
    FixedIpInvalid {
        /// The address.
        address: IpAddr,
        /// The network that it was requested in.
        network: NetworkId,
        /// Path of the address in the request.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No such network, or another project's.
    #[error("network {network} is not found")]
    NetworkNotFound {
        /// The id that was asked for.
        network: NetworkId,
        /// Its path in the request, when it is one of the networks that an instance asks for.
        field: Option<String>,
    },
    /// A requested address is not free.
    #[error("address {address} of network {network} is taken; choose another one")]
    FixedIpAlreadyInUse {
        /// The address.
        address: IpAddr,
        /// Its network.
        network: NetworkId,
        /// Its path in the request; none when it follows from a MAC.
        field: Option<String>,
    },
    /// The instance has no vNIC there.
    #[error("instance {instance} has no vNIC on {sought}")]
    NetworkNotFoundForInstance {
        /// Which instance.
        instance: InstanceId,
        /// Where a vNIC was looked for.
        sought: Sought,
    },
    /// The instance has no fixed IP at all.
    #[error("instance {instance} has no fixed IP")]
    FixedIpNotFoundForInstance {
        /// Which instance.
        instance: InstanceId,
    },
    /// The instance does not have this fixed IP.
    #[error("instance {instance} has no fixed IP {address}")]
    FixedIpNotFoundForSpecificInstance {
        /// Which instance.
        instance: InstanceId,
        /// The address.
        address: IpAddr,
    },
    /// The network has no such address.
    #[error("address {address} is in no subnet of network {network}")]
    FixedIpNotFoundForNetwork {
        /// Which network.
        network: NetworkId,
        /// The address.
        address: IpAddr,
    },
    /// No subnet of any network has a row of this address.
    #[error("nobody has address {address} or keeps it; name a network to ask what it is there")]
    FixedIpNotFoundForAddress {
        /// The address.
        address: IpAddr,
    },
    /// The address is reserved, and for something else.
    #[error("address {address} of network {network} is reserved already: {reason}; unreserve it first")]
    FixedIpReserved {
        /// The address.
        address: IpAddr,
        /// Its network.
        network: NetworkId,
        /// What it is reserved for.
        reason: Name,
    },
    /// The address is not reserved.
    #[error("address {address} of network {network} is not reserved")]
    FixedIpNotReserved {
        /// The address.
        address: IpAddr,
        /// Its network.
        network: NetworkId,
    },
    /// No subnet of a family has anything left to give.
    #[error(
        "subnet {} of network {network} has no free address; release some, or use another network",
        joined(cidrs)
    )]
    NoMoreFixedIps {
        /// The network.
        network: NetworkId,
        /// The subnets' prefixes, at least one.
        cidrs: Vec<Cidr>,
    },
    /// Every MAC that was drawn is taken.
    #[error("no free MAC address was found under {base}; configure another or a shorter MAC base")]
    NoMoreMacAddresses {
        /// The configured base.
        base: String,
    },
    /// No agent ever called itself so, and nothing was ever allocated for it.
    #[error("host {host} is not found: no agent of that name has asked this ledger for its ports")]
    HostNotFound {
        /// The name that was given.
        host: HostId,
        /// Its path in the request, when it is where something else was to go.
        field: Option<String>,
    },
    /// The instance has its vNICs already.
    #[error(
        "instance {instance} is allocated already (incarnation {incarnation}, host {host}); deallocate it first"
    )]
    InstanceAlreadyAllocated {
        /// Which instance.
        instance: InstanceId,
        /// Its present life.
        incarnation: u64,
        /// Where it lives.
        host: HostId,
    },
    /// The instance has no vNICs and was not allocated.
    #[error("instance {instance} is not found; it is not allocated")]
    InstanceNotFound {
        /// The id that was asked for.
        instance: InstanceId,
    },
    /// The request is about a life of the instance that is over.
    #[error("instance {instance} lives as incarnation {live}, not {given}; nothing was changed")]
    IncarnationMismatch {
        /// Which instance.
        instance: InstanceId,
        /// What the request named.
        given: u64,
        /// What lives.
        live: u64,
    },
    /// The instance is to be moved away from a host that it is not on.
    #[error("instance {instance} lives on host {lives}, not on {given}; name {lives} as the source")]
    InstanceNotOnHost {
        /// Which instance.
        instance: InstanceId,
        /// What the request named.
        given: HostId,
        /// Where it lives.
        lives: HostId,
    },
    /// The instance is on its way to another host than the request is about.
    #[error("instance {instance} is being moved to host {destination}; finish or abort that move first")]
    InstanceIsMoving {
        /// Which instance.
        instance: InstanceId,
        /// Where it goes.
        destination: HostId,
    },
    /// The move that is to be finished was never started, or was aborted.
    #[error(
        "instance {instance} is not being moved to host {given} but {}; start that move first",
        destination.as_ref().map_or("stays where it is".to_owned(), |host| format!("to {host}"))
    )]
    InstanceNotMoving {
        /// Which instance.
        instance: InstanceId,
        /// What the request named.
        given: HostId,
        /// Where it goes instead, if it goes anywhere.
        destination: Option<HostId>,
    },
    /// A network that was to be settled has subnets already.
    #[error(
        "network {network} has subnets already; add others to it, or leave its id out to make a new network"
    )]
    NetworkNotEmpty {
        /// Which network.
        network: NetworkId,
    },
    /// No such subnet, or another project's.
    #[error("subnet {subnet} is not found")]
    SubnetNotFound {
        /// The id that was asked for.
        subnet: SubnetId,
    },
    /// Somebody has an address of the subnet.
    #[error("address {address} of subnet {subnet} is in use; release it first")]
    SubnetInUse {
        /// Which subnet.
        subnet: SubnetId,
        /// One of the addresses in use.
        address: IpAddr,
    },
    /// The destination has a route already.
    #[error("{} leads to {} already; remove that route first", route.destination, route.gateway)]
    RouteExists {
        /// The route that is there.
        route: Route,
    },
    /// No such route.
    #[error("subnet {subnet} has no route to {destination}")]
    RouteNotFound {
        /// The subnet.
        subnet: SubnetId,
        /// Where the route would lead.
        destination: Cidr,
    },
    /// No live port of the project has the address.
    #[error("no live port{} has {}", within(*instance, *network), wanted(*address))]
    FixedIpNotFound {
        /// The address; none: any IPv4 address.
        address: Option<IpAddr>,
        /// The only instance that was meant.
        instance: Option<InstanceId>,
        /// The only network that was meant.
        network: Option<NetworkId>,
    },
    /// Several ports of the project have the address, on networks that overlap.
    #[error("{address} is on several of the project's networks; name the instance or the network")]
    FixedIpAmbiguous {
        /// The address.
        address: IpAddr,
    },
    /// No such pool of floating IPs.
    #[error("pool {pool} of floating IPs is not found")]
    FloatingPoolNotFound {
        /// The name that was asked for.
        pool: Name,
    },
    /// Projects have addresses of what was to be deleted.
    #[error("floating IP {address} of pool {pool} is allocated; release it first")]
    FloatingPoolInUse {
        /// The pool.
        pool: Name,
        /// One of the addresses.
        address: IpAddr,
    },
    /// A range shares addresses with one that is there.
    #[error("{range} overlaps {other} of pool {other_pool}; leave the common addresses out")]
    FloatingRangeOverlaps {
        /// The new range.
        range: Ipv4Range,
        /// The one that is there.
        other: Ipv4Range,
        /// Whose that is.
        other_pool: Name,
        /// Path of the new range in the request.
        field: String,
    },
    /// A pool has no such range.
    #[error("pool {pool} has no range {range}; name it as the pool's list does")]
    FloatingRangeNotFound {
        /// The range.
        range: Ipv4Range,
        /// The pool.
        pool: Name,
    },
    /// Every address of the pool is somebody's.
    #[error("pool {pool} has no free floating IP; release some, or use another pool")]
    NoMoreFloatingIps {
        /// The pool.
        pool: Name,
    },
    /// No such floating IP, or another project's, or one that is nobody's.
    #[error("floating IP {address} is not found{}", pool.as_ref().map(|pool| format!(" in pool {pool}")).unwrap_or_default())]
    FloatingIpNotFound {
        /// The address.
        address: IpAddr,
        /// The pool that it was looked for in.
        pool: Option<Name>,
    },
    /// An address that was asked for is somebody's.
    #[error("floating IP {address} is taken; choose another one, or none to get the lowest free one")]
    FloatingIpAlreadyInUse {
        /// The address.
        address: IpAddr,
        /// Its path in the request.
        field: &'static str,
    },
    /// It leads to a fixed IP.
    #[error("floating IP {address} leads to {fixed_ip}; disassociate it first")]
    FloatingIpAssociated {
        /// The floating IP.
        address: IpAddr,
        /// Where it leads.
        fixed_ip: IpAddr,
    },
    /// It leads nowhere.
    #[error("floating IP {address} leads to no fixed IP")]
    FloatingIpNotAssociated {
        /// The floating IP.
        address: IpAddr,
    },
    /// An allocation assigned it to its instance by itself.
    #[error(
        "floating IP {address} was assigned to its instance by itself, and goes with it; set affect_auto_assigned to touch it"
    )]
    FloatingIpAutoAssigned {
        /// The floating IP.
        address: IpAddr,
    },
    /// The caller may act for one host, and the request is about another one.
    #[error("this caller may act for host {allowed} only, not for {host} (auth.certificate_hosts)")]
    HostNotAllowed {
        /// What the request is about.
        host: HostId,
        /// The caller's host.
        allowed: HostId,
    },
    /// The caller is a project's tenant, and the request is about what that project does not own.
    #[error("this caller may act for project {allowed} only, not for {}", whose(project.as_ref()))]
    ProjectNotAllowed {
        /// Whose it is, or is to be; none: what all projects share.
        project: Option<ProjectId>,
        /// The caller's project.
        allowed: ProjectId,
    },
    /// The caller is a project's tenant, and has set what operators set.
    #[error("{field} is for operators to set, not for a project's tenants; leave it out")]
    FieldNotAllowed {
        /// Path of the field in the request.
        field: String,
    },
    /// A vNIC has no IPv4 subnet, and the form that was asked for cannot do without.
    #[error(
        "network {network} has no IPv4 subnet for the instance, which the legacy form cannot tell; ask for the model's form"
    )]
    NetworkWithoutIpv4 {
        /// The network.
        network: String,
    },
    /// No such DNS domain, or another project's.
    #[error("DNS domain {domain} is not found")]
    DnsDomainNotFound {
        /// The name that was asked for.
        domain: DomainName,
    },
    /// No such port, or another project's.
    #[error("port {port} is not found")]
    PortNotFound {
        /// What was asked for.
        port: PortRef,
    },
    /// The domain has no such name, or not of this type.
    #[error("{name}.{domain} has no entry{}", of_type(*record_type))]
    DnsEntryNotFound {
        /// The domain.
        domain: DomainName,
        /// The name within it.
        name: Hostname,
        /// The type that was asked for; none: either.
        record_type: Option<RecordType>,
    },
    /// The name leads somewhere already.
    #[error(
        "{name}.{domain} leads to {address} already; choose another name, or modify or delete that entry"
    )]
    FloatingIpDnsExists {
        /// The domain.
        domain: DomainName,
        /// The name within it.
        name: Hostname,
        /// Where it leads.
        address: IpAddr,
        /// Path of the name in the request, when it is an instance's.
        field: Option<&'static str>,
    },
    /// The project has as much as it may have.
    #[error(
        "project {project} may have {limit} {resource} and has {used}; {wanted} more are too many: give some back, or have an \
         admin raise its quota"
    )]
    QuotaExceeded {
        /// The project.
        project: ProjectId,
        /// Of what.
        resource: Resource,
        /// How many it may have.
        limit: Limit,
        /// How many it has.
        used: u64,
        /// How many more it asks for.
        wanted: u64,
    },
    /// What happened behind the revision is not kept any more.
    #[error(
        "what happened after revision {after} is forgotten up to the event {oldest}; read the state anew, then follow from \
         revision {} on (events.keep)",
        oldest - 1
    )]
    EventsForgotten {
        /// The revision that was named.
        after: u64,
        /// The revision of the oldest event that is kept.
        oldest: u64,
    },
    /// The revision is one that the ledger has not reached.
    #[error(
        "revision {after} is ahead of the ledger, whose newest event is {newest}: it was restored, or this is another one; \
         read the state anew, then follow from revision {newest} on"
    )]
    RevisionAhead {
        /// The revision that was named.
        after: u64,
        /// The revision of the newest event.
        newest: u64,
    },
    /// The network has ports.
    #[error("network {network} has ports{}; deallocate them first", example(*instance))]
    NetworkInUse {
        /// Which network.
        network: NetworkId,
        /// One of the instances with a port on it, if it is the caller's.
        instance: Option<InstanceId>,
    },
}

fn within(instance: Option<InstanceId>, network: Option<NetworkId>) -> String {
    let instance = instance.map(|id| format!(" of instance {id}")).unwrap_or_default();
    let network = network.map(|id| format!(" on network {id}")).unwrap_or_default();
    format!("{instance}{network}")
}

fn wanted(address: Option<IpAddr>) -> String {
    address.map_or_else(|| "an IPv4 address".to_owned(), |address| format!("the IPv4 address {address}"))
}

fn whose(project: Option<&ProjectId>) -> String {
    project.map_or_else(|| "what all projects share".to_owned(), ToString::to_string)
}

fn example(instance: Option<InstanceId>) -> String {
    instance.map(|instance| format!(", of instance {instance} for example")).unwrap_or_default()
}

/// ` of type A`, or nothing.
fn of_type(record_type: Option<RecordType>) -> String {
    record_type.map(|record_type| format!(" of type {record_type}")).unwrap_or_default()
}

/// Prefixes with commas between them.
fn joined(cidrs: &[Cidr]) -> String {
    cidrs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

struct Listed<'a> {
    violations: &'a [Violation],
    more: usize,
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

    /// The reason's name on every face.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::InvalidFields { .. } => "INVALID_FIELD",
            Self::RequestIdReused { .. } => "REQUEST_ID_REUSED",
            Self::DuplicateNetwork { .. } => "DUPLICATE_NETWORK",
            Self::QuotaExceeded { .. } => "QUOTA_EXCEEDED",
            Self::EventsForgotten { .. } => "EVENTS_FORGOTTEN",
            Self::RevisionAhead { .. } => "REVISION_AHEAD",
            Self::FixedIpInvalid { .. } => "FIXED_IP_INVALID",
            Self::NetworkNotFound { .. } => "NETWORK_NOT_FOUND",
            Self::FixedIpAlreadyInUse { .. } => "FIXED_IP_ALREADY_IN_USE",
            Self::NetworkNotFoundForInstance { .. } => "NETWORK_NOT_FOUND_FOR_INSTANCE",
            Self::FixedIpNotFoundForInstance { .. } => "FIXED_IP_NOT_FOUND_FOR_INSTANCE",
            Self::FixedIpNotFoundForSpecificInstance { .. } => "FIXED_IP_NOT_FOUND_FOR_SPECIFIC_INSTANCE",
            Self::FixedIpNotFoundForNetwork { .. } => "FIXED_IP_NOT_FOUND_FOR_NETWORK",
            Self::FixedIpNotFoundForAddress { .. } => "FIXED_IP_NOT_FOUND_FOR_ADDRESS",
            Self::FixedIpReserved { .. } => "FIXED_IP_RESERVED",
            Self::FixedIpNotReserved { .. } => "FIXED_IP_NOT_RESERVED",
            Self::NoMoreFixedIps { .. } => "NO_MORE_FIXED_IPS",
            Self::NoMoreMacAddresses { .. } => "NO_MORE_MAC_ADDRESSES",
            Self::HostNotFound { .. } => "HOST_NOT_FOUND",
            Self::InstanceAlreadyAllocated { .. } => "INSTANCE_ALREADY_ALLOCATED",
            Self::InstanceNotFound { .. } => "INSTANCE_NOT_FOUND",
            Self::IncarnationMismatch { .. } => "INCARNATION_MISMATCH",
            Self::InstanceNotOnHost { .. } => "INSTANCE_NOT_ON_HOST",
            Self::InstanceIsMoving { .. } => "INSTANCE_IS_MOVING",
            Self::InstanceNotMoving { .. } => "INSTANCE_NOT_MOVING",
            Self::HostNotAllowed { .. } => "HOST_NOT_ALLOWED",
            Self::ProjectNotAllowed { .. } => "PROJECT_NOT_ALLOWED",
            Self::FieldNotAllowed { .. } => "FIELD_NOT_ALLOWED",
            Self::NetworkInUse { .. } => "NETWORK_IN_USE",
            Self::NetworkNotEmpty { .. } => "NETWORK_NOT_EMPTY",
            Self::NetworkWithoutIpv4 { .. } => "NETWORK_WITHOUT_IPV4",
            Self::FixedIpNotFound { .. } => "FIXED_IP_NOT_FOUND",
            Self::FixedIpAmbiguous { .. } => "FIXED_IP_AMBIGUOUS",
            Self::FloatingPoolNotFound { .. } => "FLOATING_POOL_NOT_FOUND",
            Self::FloatingPoolInUse { .. } => "FLOATING_POOL_IN_USE",
            Self::FloatingRangeOverlaps { .. } => "FLOATING_RANGE_OVERLAPS",
            Self::FloatingRangeNotFound { .. } => "FLOATING_RANGE_NOT_FOUND",
            Self::NoMoreFloatingIps { .. } => "NO_MORE_FLOATING_IPS",
            Self::FloatingIpNotFound { .. } => "FLOATING_IP_NOT_FOUND",
            Self::FloatingIpAlreadyInUse { .. } => "FLOATING_IP_ALREADY_IN_USE",
            Self::FloatingIpAssociated { .. } => "FLOATING_IP_ASSOCIATED",
            Self::FloatingIpNotAssociated { .. } => "FLOATING_IP_NOT_ASSOCIATED",
            Self::FloatingIpAutoAssigned { .. } => "FLOATING_IP_AUTO_ASSIGNED",
            Self::SubnetNotFound { .. } => "SUBNET_NOT_FOUND",
            Self::SubnetInUse { .. } => "SUBNET_IN_USE",
            Self::RouteExists { .. } => "ROUTE_EXISTS",
            Self::RouteNotFound { .. } => "ROUTE_NOT_FOUND",
            Self::DnsDomainNotFound { .. } => "DNS_DOMAIN_NOT_FOUND",
            Self::DnsEntryNotFound { .. } => "DNS_ENTRY_NOT_FOUND",
            Self::PortNotFound { .. } => "PORT_NOT_FOUND",
            Self::FloatingIpDnsExists { .. } => "FLOATING_IP_DNS_EXISTS",
        }
    }

    /// What the refusal is about, by name, for programs.
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::InvalidFields { violations, more } => {
                let first = violations.first().map(|first| ("field", first.field.clone()));
                let more = (*more > 0).then(|| ("more", more.to_string()));
                first.into_iter().chain(more).collect()
            }
            Self::RequestIdReused { request_id } => vec![("request_id", request_id.to_string())],
            Self::DuplicateNetwork { network, field } => {
                vec![("network_id", network.to_string()), ("field", field.clone())]
            }
            Self::FixedIpInvalid { address, network, field, problem: _ } => vec![
                ("fixed_ip", address.to_string()),
                ("network_id", network.to_string()),
                ("field", field.clone()),
            ],
            Self::NetworkNotFound { network, field } => {
                let field = field.iter().map(|field| ("field", field.clone()));
                field.chain([("network_id", network.to_string())]).collect()
            }
            Self::FixedIpAlreadyInUse { address, network, field } => {
                let field = field.iter().map(|field| ("field", field.clone()));
                field
                    .chain([("fixed_ip", address.to_string()), ("network_id", network.to_string())])
                    .collect()
            }
            Self::NetworkNotFoundForInstance { instance, sought } => {
                vec![("instance_id", instance.to_string()), sought.metadata()]
            }
            Self::FixedIpNotFoundForInstance { instance } => vec![("instance_id", instance.to_string())],
            Self::FixedIpNotFoundForSpecificInstance { instance, address } => {
                vec![("instance_id", instance.to_string()), ("fixed_ip", address.to_string())]
            }
            Self::FixedIpNotFoundForAddress { address } => vec![("fixed_ip", address.to_string())],
            Self::FixedIpNotFoundForNetwork { network, address }
            | Self::FixedIpReserved { network, address, reason: _ }
            | Self::FixedIpNotReserved { network, address } => {
                vec![("fixed_ip", address.to_string()), ("network_id", network.to_string())]
            }
            Self::NoMoreFixedIps { network, cidrs } => {
                vec![("network_id", network.to_string()), ("cidr", joined(cidrs))]
            }
            Self::NoMoreMacAddresses { base } => vec![("mac_base", base.clone())],
            Self::HostNotFound { host, field } => {
                let field = field.iter().map(|field| ("field", field.clone()));
                field.chain([("host", host.to_string())]).collect()
            }
            Self::InstanceAlreadyAllocated { instance, incarnation, host } => vec![
                ("instance_id", instance.to_string()),
                ("incarnation", incarnation.to_string()),
                ("host", host.to_string()),
            ],
            Self::InstanceNotFound { instance } => vec![("instance_id", instance.to_string())],
            Self::IncarnationMismatch { instance, given, live } => vec![
                ("instance_id", instance.to_string()),
                ("incarnation", given.to_string()),
                ("live_incarnation", live.to_string()),
            ],
            Self::InstanceNotOnHost { instance, given, lives } => vec![
                ("instance_id", instance.to_string()),
                ("source", given.to_string()),
                ("host", lives.to_string()),
            ],
            Self::InstanceIsMoving { instance, destination } => {
                vec![("instance_id", instance.to_string()), ("destination", destination.to_string())]
            }
            Self::InstanceNotMoving { instance, given, destination: _ } => {
                vec![("instance_id", instance.to_string()), ("destination", given.to_string())]
            }
            Self::NetworkNotEmpty { network } => vec![("network_id", network.to_string())],
            Self::NetworkWithoutIpv4 { network } => vec![("network_id", network.clone())],
            Self::FixedIpNotFound { address, instance, network } => {
                let address = address.map(|address| ("fixed_ip", address.to_string()));
                let instance = instance.map(|instance| ("instance_id", instance.to_string()));
                let network = network.map(|network| ("network_id", network.to_string()));
                [address, instance, network].into_iter().flatten().collect()
            }
            Self::FixedIpAmbiguous { address } => vec![("fixed_ip", address.to_string())],
            Self::FloatingPoolNotFound { pool } | Self::NoMoreFloatingIps { pool } => {
                vec![("pool", pool.to_string())]
            }
            Self::FloatingPoolInUse { pool, address } => {
                vec![("pool", pool.to_string()), ("floating_ip", address.to_string())]
            }
            Self::FloatingRangeOverlaps { range, other, other_pool, field } => vec![
                ("field", field.clone()),
                ("range", range.to_string()),
                ("other_range", other.to_string()),
                ("other_pool", other_pool.to_string()),
            ],
            Self::FloatingRangeNotFound { range, pool } => {
                vec![("range", range.to_string()), ("pool", pool.to_string())]
            }
            Self::FloatingIpNotFound { address, pool } => {
                let pool = pool.iter().map(|pool| ("pool", pool.to_string()));
                pool.chain([("floating_ip", address.to_string())]).collect()
            }
            Self::FloatingIpAlreadyInUse { address, field } => {
                vec![("field", (*field).to_owned()), ("floating_ip", address.to_string())]
            }
            Self::FloatingIpAssociated { address, fixed_ip } => {
                vec![("floating_ip", address.to_string()), ("fixed_ip", fixed_ip.to_string())]
            }
            Self::FloatingIpNotAssociated { address } | Self::FloatingIpAutoAssigned { address } => {
                vec![("floating_ip", address.to_string())]
            }
            Self::SubnetNotFound { subnet } => vec![("subnet_id", subnet.to_string())],
            Self::SubnetInUse { subnet, address } => {
                vec![("subnet_id", subnet.to_string()), ("fixed_ip", address.to_string())]
            }
            Self::RouteExists { route } => {
                vec![("destination", route.destination.to_string()), ("gateway", route.gateway.to_string())]
            }
            Self::RouteNotFound { subnet, destination } => {
                vec![("subnet_id", subnet.to_string()), ("destination", destination.to_string())]
            }
            Self::DnsDomainNotFound { domain } => vec![("domain", domain.to_string())],
            Self::PortNotFound { port: PortRef::Id(id) } => vec![("port_id", id.to_string())],
            Self::PortNotFound { port: PortRef::Mac(mac) } => vec![("mac_address", mac.to_string())],
            Self::DnsEntryNotFound { domain, name, record_type } => {
                let record_type = record_type.map(|record_type| ("type", record_type.to_string()));
                let names = [("domain", domain.to_string()), ("name", name.to_string())];
                names.into_iter().chain(record_type).collect()
            }
            Self::FloatingIpDnsExists { domain, name, address, field } => {
                let field = field.map(|field| ("field", field.to_owned()));
                let names = [("domain", domain.to_string()), ("name", name.to_string())];
                field.into_iter().chain(names).chain([("address", address.to_string())]).collect()
            }
            Self::HostNotAllowed { host, allowed } => {
                vec![("host", host.to_string()), ("allowed_host", allowed.to_string())]
            }
            Self::ProjectNotAllowed { project, allowed } => {
                let project = project.iter().map(|project| ("project_id", project.to_string()));
                project.chain([("allowed_project_id", allowed.to_string())]).collect()
            }
            Self::FieldNotAllowed { field } => vec![("field", field.clone())],
            Self::QuotaExceeded { project, resource, limit, used, wanted } => vec![
                ("project_id", project.to_string()),
                ("resource", resource.to_string()),
                ("limit", limit.to_string()),
                ("used", used.to_string()),
                ("wanted", wanted.to_string()),
            ],
            Self::EventsForgotten { after, oldest } => {
                vec![("after_revision", after.to_string()), ("oldest_revision", oldest.to_string())]
            }
            Self::RevisionAhead { after, newest } => {
                vec![("after_revision", after.to_string()), ("newest_revision", newest.to_string())]
            }
            Self::NetworkInUse { network, instance } => {
                let instance = instance.map(|instance| ("instance_id", instance.to_string()));
                instance.into_iter().chain([("network_id", network.to_string())]).collect()
            }
        }
    }
}
