//! [`Refusal`]: the errors of a caller, one vocabulary over all faces.
//!
//! The table below is all that a refusal is, and the one place of the ledger where one is added: its name, the words for people, the
//! reason for programs, what kind it is, and under which names programs are told of its fields. How to read a line:
//!
//! ```text
//! HostNotFound = "HOST_NOT_FOUND", NotFound, Unfit at field {   of kind NotFound; of kind Unfit when `field` says where in the
//!     host: HostId = "host",                                    request the fault is; `Invalid at field`: Invalid either way
//!     reason: Name,                                             no name: only people are told
//! ```

use std::net::IpAddr;

use lepton_types::{
    Cidr, DomainName, HostId, Hostname, InstanceId, Ipv4Range, Limit, MacAddr, MacPrefix, MacRangeId, Name,
    NetworkId, ProjectId, RecordType, RequestId, Resource, Route, SubnetId,
};

pub(crate) use self::words::any_of;
use self::{
    table::refusals,
    tell::{At, OwnNames, Tell},
    words::{Listed, at_most, example, floating, joined, of_type, out_of_range, wanted, whose, within},
};
use crate::{AuditedThing, FindingClass, PlanHash, PortRef, Sought, Unproven};

mod allowed;
mod table;
mod tell;
#[cfg(test)]
mod tests;
mod words;

/// One wrong field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in the request, such as `networks[0].subnets[1].gateway`.
    pub field: String,
    /// What is wrong with which value, and what would be right.
    pub problem: String,
}

/// What kind of error a refusal is, which every face has a code for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The request is wrong, whatever the ledger holds or does not.
    Invalid,
    /// There is no such thing.
    NotFound,
    /// There is such a thing already.
    Exists,
    /// The thing is not as the request needs it to be.
    Unfit,
    /// There is no more of it.
    Exhausted,
    /// This caller may not.
    Denied,
    /// It is outside of what is kept.
    OutOfRange,
}

refusals! {
    // Of requests as such.

    /// Fields that are malformed or contradict each other.
    #[error("{}", Listed { violations, more: *more })]
    InvalidFields = "INVALID_FIELD", Invalid {
        /// What is told of, at least one.
        violations: Vec<Violation> = "field",
        /// How many more there are that an answer has no room for.
        more: usize = "more",
    }
    /// The request id was used for another request.
    #[error("request id {request_id} was used for a request with another body; choose a fresh one")]
    RequestIdReused = "REQUEST_ID_REUSED", Invalid at "request_id" {
        request_id: RequestId = "request_id",
    }
    /// What a plan says is not what the request would do now.
    #[error(
        "what plan {plan} says is not what this request would do now, or it is another request's or another caller's plan; nothing \
         was done: ask for the plan again, and look at it"
    )]
    PlanChanged = "PLAN_CHANGED", Unfit {
        plan: PlanHash = "plan_hash",
    }
    /// A plan can be applied for an hour.
    #[error("plan {plan} is older than an hour, or of a time to come; nothing was done: ask for the plan again, and look at it")]
    PlanExpired = "PLAN_EXPIRED", Unfit {
        plan: PlanHash = "plan_hash",
    }
    /// The project has as much as it may have.
    #[error(
        "project {project} may have {}, and has {used}; {wanted} more would be too many: give some back, or have an admin raise its quota",
        at_most(*limit, *resource)
    )]
    QuotaExceeded = "QUOTA_EXCEEDED", Exhausted {
        project: ProjectId = "project_id",
        /// Of what.
        resource: Resource = "resource",
        /// How many it may have.
        limit: Limit = "limit",
        /// How many it has.
        used: u64 = "used",
        /// How many more it asks for.
        wanted: u64 = "wanted",
    }

    // Of callers who may not.

    /// The caller may act for one host, and the request is about another one.
    #[error("this caller may act for host {allowed} only, not for {host} (auth.certificate_hosts)")]
    HostNotAllowed = "HOST_NOT_ALLOWED", Denied {
        /// What the request is about.
        host: HostId = "host",
        /// The caller's host.
        allowed: HostId = "allowed_host",
    }
    /// The caller is a project's tenant, and the request is about what that project does not own.
    #[error("this caller may act for project {allowed} only, not for {}", whose(project.as_ref()))]
    ProjectNotAllowed = "PROJECT_NOT_ALLOWED", Denied {
        /// Whose it is, or is to be; none: what all projects share.
        project: Option<ProjectId> = "project_id",
        /// The caller's project.
        allowed: ProjectId = "allowed_project_id",
    }
    /// The caller is a project's tenant, and has set what operators set.
    #[error("{field} is for operators to set, not for a project's tenants; leave it out")]
    FieldNotAllowed = "FIELD_NOT_ALLOWED", Denied {
        /// Path of the field in the request.
        field: String = "field",
    }

    // Of networks, subnets and routes.

    /// No such network, or another project's.
    #[error("network {network} is not found")]
    NetworkNotFound = "NETWORK_NOT_FOUND", NotFound, Invalid at field {
        network: NetworkId = "network_id",
        /// Its path in the request, when it is one of the networks that an instance asks for.
        field: Option<String> = "field",
    }
    /// A network was requested twice.
    #[error(
        "network {network} is requested more than once ({field}); set allow_duplicate_networks to get several vNICs on it"
    )]
    DuplicateNetwork = "DUPLICATE_NETWORK", Invalid at field {
        network: NetworkId = "network_id",
        /// Path of its second mention.
        field: String = "field",
    }
    /// The network has ports.
    #[error("network {network} has ports{}; deallocate them first", example(*instance))]
    NetworkInUse = "NETWORK_IN_USE", Unfit {
        network: NetworkId = "network_id",
        /// One of the instances with a port on it, if it is the caller's.
        instance: Option<InstanceId> = "instance_id",
    }
    /// A network that was to be settled has subnets already.
    #[error(
        "network {network} has subnets already; add others to it, or leave its id out to make a new network"
    )]
    NetworkNotEmpty = "NETWORK_NOT_EMPTY", Unfit {
        network: NetworkId = "network_id",
    }
    /// A vNIC has no IPv4 subnet, and the form that was asked for cannot do without.
    #[error(
        "network {network} has no IPv4 subnet for the instance, which the legacy form cannot tell; ask for the model's form"
    )]
    NetworkWithoutIpv4 = "NETWORK_WITHOUT_IPV4", Unfit {
        network: String = "network_id",
    }
    /// No such subnet, or another project's.
    #[error("subnet {subnet} is not found")]
    SubnetNotFound = "SUBNET_NOT_FOUND", NotFound {
        subnet: SubnetId = "subnet_id",
    }
    /// Somebody has an address of the subnet.
    #[error("address {address} of subnet {subnet} is in use; release it first")]
    SubnetInUse = "SUBNET_IN_USE", Unfit {
        subnet: SubnetId = "subnet_id",
        /// One of the addresses in use.
        address: IpAddr = "fixed_ip",
    }
    /// The destination has a route already.
    #[error("{} leads to {} already; remove that route first", route.destination, route.gateway)]
    RouteExists = "ROUTE_EXISTS", Exists {
        /// The route that is there.
        route: Route = OwnNames,
    }
    /// No such route.
    #[error("subnet {subnet} has no route to {destination}")]
    RouteNotFound = "ROUTE_NOT_FOUND", NotFound {
        subnet: SubnetId = "subnet_id",
        /// Where the route would lead.
        destination: Cidr = "destination",
    }

    // Of fixed IPs and MACs.

    /// A requested address can be no guest's address.
    #[error("{problem}")]
    FixedIpInvalid = "FIXED_IP_INVALID", Invalid at field {
        address: IpAddr = "fixed_ip",
        /// The network that it was requested in.
        network: NetworkId = "network_id",
        /// Path of the address in the request.
        field: String = "field",
        /// What is wrong with it.
        problem: String,
    }
    /// A requested address is not free.
    #[error("address {address} of network {network} is taken; choose another one")]
    FixedIpAlreadyInUse = "FIXED_IP_ALREADY_IN_USE", Unfit, Invalid at field {
        address: IpAddr = "fixed_ip",
        network: NetworkId = "network_id",
        /// Its path in the request; none when it follows from a MAC.
        field: Option<String> = "field",
    }
    /// The address is reserved, and for something else.
    #[error("address {address} of network {network} is reserved already: {reason}; unreserve it first")]
    FixedIpReserved = "FIXED_IP_RESERVED", Unfit {
        address: IpAddr = "fixed_ip",
        network: NetworkId = "network_id",
        /// What it is reserved for.
        reason: Name,
    }
    /// The address is not reserved.
    #[error("address {address} of network {network} is not reserved")]
    FixedIpNotReserved = "FIXED_IP_NOT_RESERVED", Unfit {
        address: IpAddr = "fixed_ip",
        network: NetworkId = "network_id",
    }
    /// No live port of the project has the address.
    #[error("no live port{} has {}", within(*instance, *network, project.as_ref()), wanted(*address))]
    FixedIpNotFound = "FIXED_IP_NOT_FOUND", NotFound {
        /// The address; none: any IPv4 address.
        address: Option<IpAddr> = "fixed_ip",
        /// The only instance that was meant.
        instance: Option<InstanceId> = "instance_id",
        /// The only network that was meant.
        network: Option<NetworkId> = "network_id",
        /// The project whose networks were meant, and those that all share.
        project: Option<ProjectId> = "project_id",
    }
    /// The fixed IP is of another project than the floating IP.
    #[error(
        "floating IP {address} is project {project}'s, and {fixed_ip} of instance {instance} is project {owner}'s; use a floating IP \
         of {owner}'s"
    )]
    FloatingIpOfOtherProject = "FLOATING_IP_OF_OTHER_PROJECT", Unfit {
        address: IpAddr = "floating_ip",
        /// Whose the floating IP is.
        project: ProjectId = "project_id",
        /// Where it was to lead.
        fixed_ip: IpAddr = "fixed_ip",
        /// What has that.
        instance: InstanceId = "instance_id",
        /// Whose that is.
        owner: ProjectId = "instance_project_id",
    }
    /// Several ports of the project have the address, on networks that overlap.
    #[error("{address} is on several of the project's networks; name the instance or the network")]
    FixedIpAmbiguous = "FIXED_IP_AMBIGUOUS", Invalid at "fixed_ip" {
        address: IpAddr = "fixed_ip",
    }
    /// No subnet of any network has a row of this address that is the caller's to see.
    #[error("{address} is no fixed IP that is had, reserved or resting on any network, as far as you may see; name a network of instances to ask what it is there")]
    FixedIpNotFoundForAddress = "FIXED_IP_NOT_FOUND_FOR_ADDRESS", NotFound {
        address: IpAddr = "fixed_ip",
    }
    /// No subnet that was looked at has such an address.
    #[error("address {address} is not in {}", any_of(*network, cidrs))]
    FixedIpNotFoundForNetwork = "FIXED_IP_NOT_FOUND_FOR_NETWORK", NotFound {
        network: NetworkId = "network_id",
        address: IpAddr = "fixed_ip",
        /// The prefixes of those: all of the network's, or of one that was named.
        cidrs: Vec<Cidr> = "cidr",
    }
    /// The instance has no fixed IP at all.
    #[error("instance {instance} has no fixed IP")]
    FixedIpNotFoundForInstance = "FIXED_IP_NOT_FOUND_FOR_INSTANCE", NotFound {
        instance: InstanceId = "instance_id",
    }
    /// The instance does not have this fixed IP.
    #[error("instance {instance} has no fixed IP {address}")]
    FixedIpNotFoundForSpecificInstance = "FIXED_IP_NOT_FOUND_FOR_SPECIFIC_INSTANCE", NotFound {
        instance: InstanceId = "instance_id",
        address: IpAddr = "fixed_ip",
    }
    /// The instance has no vNIC there.
    #[error("instance {instance} has no vNIC on {sought}")]
    NetworkNotFoundForInstance = "NETWORK_NOT_FOUND_FOR_INSTANCE", NotFound {
        instance: InstanceId = "instance_id",
        /// Where a vNIC was looked for.
        sought: Sought = OwnNames,
    }
    /// No subnet of a family has anything left to give.
    #[error(
        "no free address is left in {} of network {network}; release some, or use another network",
        joined(cidrs)
    )]
    NoMoreFixedIps = "NO_MORE_FIXED_IPS", Exhausted {
        network: NetworkId = "network_id",
        /// The subnets' prefixes, at least one.
        cidrs: Vec<Cidr> = "cidr",
    }
    /// Every MAC that was drawn is taken.
    #[error("no free MAC address was found under {base}; configure another or a shorter MAC base")]
    NoMoreMacAddresses = "NO_MORE_MAC_ADDRESSES", Exhausted {
        /// The configured base.
        base: String = "mac_base",
    }

    // Of ranges of MACs.

    /// No such range.
    #[error("range {range} of MACs is not found")]
    MacRangeNotFound = "MAC_RANGE_NOT_FOUND", NotFound {
        range: MacRangeId = "mac_range_id",
    }
    /// The range shares MACs with one that is there.
    #[error("{range} overlaps the range {other} of MACs{}", out_of_range(*is_ending))]
    MacRangeOverlaps = "MAC_RANGE_OVERLAPS", Exists {
        range: MacPrefix = "range",
        other: MacPrefix = "other_range",
        /// The id of the one that is there.
        id: MacRangeId = "mac_range_id",
        /// Whether that one was deleted and is being dropped.
        is_ending: bool,
    }
    /// A port has a MAC of what was to become a range, or was to be one no more.
    #[error("MAC {mac} of {range} is a port's, of instance {instance}; deallocate it first")]
    MacRangeInUse = "MAC_RANGE_IN_USE", Unfit {
        range: MacPrefix = "range",
        mac: MacAddr = "mac_address",
        instance: InstanceId = "instance_id",
    }
    /// There are as many ranges as there can be.
    #[error("there are {most} ranges of MACs already, the most that there can be; delete some, or make larger ones")]
    TooManyMacRanges = "TOO_MANY_MAC_RANGES", Exhausted {
        most: u64 = "limit",
    }
    /// Every MAC of every range is a port's, or so many that came back do not suit that no more were tried.
    #[error("the {ranges} ranges of MACs have none left that suits; make another range, or deallocate instances")]
    MacRangesExhausted = "MAC_RANGES_EXHAUSTED", Exhausted {
        /// How many ranges there are.
        ranges: u64 = "ranges",
    }

    // Of instances, ports and hosts.

    /// The instance has no vNICs and was not allocated.
    #[error("instance {instance} is not found; it is not allocated")]
    InstanceNotFound = "INSTANCE_NOT_FOUND", NotFound {
        instance: InstanceId = "instance_id",
    }
    /// The instance has its vNICs already.
    #[error(
        "instance {instance} is allocated already (incarnation {incarnation}, host {host}); deallocate it first"
    )]
    InstanceAlreadyAllocated = "INSTANCE_ALREADY_ALLOCATED", Exists {
        instance: InstanceId = "instance_id",
        /// Its present life.
        incarnation: u64 = "incarnation",
        /// Where it lives.
        host: HostId = "host",
    }
    /// The request is about a life of the instance that is over.
    #[error("instance {instance} lives as incarnation {live}, not {given}; nothing was changed")]
    IncarnationMismatch = "INCARNATION_MISMATCH", Unfit {
        instance: InstanceId = "instance_id",
        /// What the request named.
        given: u64 = "incarnation",
        /// What lives.
        live: u64 = "live_incarnation",
    }
    /// The instance is to be moved away from a host that it is not on.
    #[error("instance {instance} lives on host {lives}, not on {given}; name {lives} as the source")]
    InstanceNotOnHost = "INSTANCE_NOT_ON_HOST", Unfit {
        instance: InstanceId = "instance_id",
        /// What the request named.
        given: HostId = "source",
        /// Where it lives.
        lives: HostId = "host",
    }
    /// The instance is on its way to another host than the request is about.
    #[error("instance {instance} is being moved to host {destination}; finish or abort that move first")]
    InstanceIsMoving = "INSTANCE_IS_MOVING", Unfit {
        instance: InstanceId = "instance_id",
        /// Where it goes.
        destination: HostId = "destination",
    }
    /// The move that is to be finished was never started, or was aborted.
    #[error(
        "instance {instance} is not being moved to host {given} but {}; start that move first",
        destination.as_ref().map_or("stays where it is".to_owned(), |host| format!("to {host}"))
    )]
    InstanceNotMoving = "INSTANCE_NOT_MOVING", Unfit {
        instance: InstanceId = "instance_id",
        /// What the request named.
        given: HostId = "destination",
        /// Where it goes instead, if it goes anywhere.
        destination: Option<HostId>,
    }
    /// No such port, or another project's.
    #[error("port {port} is not found")]
    PortNotFound = "PORT_NOT_FOUND", NotFound {
        port: PortRef = OwnNames,
    }
    /// No agent of that name ever asked what its host must have. Of one that was to be fenced, nothing was allocated for it either.
    #[error("host {host} is not found: no agent of that name has asked this ledger for its ports")]
    HostNotFound = "HOST_NOT_FOUND", NotFound, Unfit at field {
        host: HostId = "host",
        /// Its path in the request, when it is where something else was to go.
        field: Option<String> = "field",
    }

    // Of floating IPs and their pools.

    /// No such pool of floating IPs.
    #[error("pool {pool} of floating IPs is not found")]
    FloatingPoolNotFound = "FLOATING_POOL_NOT_FOUND", NotFound {
        pool: Name = "pool",
    }
    /// Projects have addresses of what was to be deleted.
    #[error("{} of pool {pool} is allocated; release it first", floating(*address))]
    FloatingPoolInUse = "FLOATING_POOL_IN_USE", Unfit {
        pool: Name = "pool",
        /// One of them, if one is known.
        address: Option<IpAddr> = "floating_ip",
    }
    /// A range shares addresses with one that is there.
    #[error("{range} overlaps {other} of pool {other_pool}; leave the common addresses out")]
    FloatingRangeOverlaps = "FLOATING_RANGE_OVERLAPS", Invalid at field {
        /// The new range.
        range: Ipv4Range = "range",
        /// The one that is there.
        other: Ipv4Range = "other_range",
        /// Whose that is.
        other_pool: Name = "other_pool",
        /// Path of the new range in the request.
        field: String = "field",
    }
    /// A pool has none of these addresses.
    #[error("pool {pool} has no address of {range}; its list shows what it has")]
    FloatingRangeNotFound = "FLOATING_RANGE_NOT_FOUND", NotFound {
        range: Ipv4Range = "range",
        pool: Name = "pool",
    }
    /// Every address of the pool is somebody's.
    #[error("pool {pool} has no free floating IP; release some, or use another pool")]
    NoMoreFloatingIps = "NO_MORE_FLOATING_IPS", Exhausted {
        pool: Name = "pool",
    }
    /// No such floating IP, or another project's, or one that is nobody's.
    #[error("floating IP {address} is not found{}", pool.as_ref().map(|pool| format!(" in pool {pool}")).unwrap_or_default())]
    FloatingIpNotFound = "FLOATING_IP_NOT_FOUND", NotFound {
        address: IpAddr = "floating_ip",
        /// The pool that it was looked for in.
        pool: Option<Name> = "pool",
    }
    /// An address that was asked for is somebody's.
    #[error("floating IP {address} is taken; choose another one, or none to get the lowest free one")]
    FloatingIpAlreadyInUse = "FLOATING_IP_ALREADY_IN_USE", Invalid at field {
        address: IpAddr = "floating_ip",
        /// Its path in the request.
        field: &'static str = "field",
    }
    /// It leads to a fixed IP.
    #[error("floating IP {address} leads to {fixed_ip}; disassociate it first")]
    FloatingIpAssociated = "FLOATING_IP_ASSOCIATED", Unfit {
        address: IpAddr = "floating_ip",
        /// Where it leads.
        fixed_ip: IpAddr = "fixed_ip",
    }
    /// It leads nowhere.
    #[error("floating IP {address} leads to no fixed IP")]
    FloatingIpNotAssociated = "FLOATING_IP_NOT_ASSOCIATED", Unfit {
        address: IpAddr = "floating_ip",
    }
    /// An allocation assigned it to its instance by itself.
    #[error(
        "floating IP {address} was assigned to its instance by itself, and goes with it; set affect_auto_assigned to touch it"
    )]
    FloatingIpAutoAssigned = "FLOATING_IP_AUTO_ASSIGNED", Unfit {
        address: IpAddr = "floating_ip",
    }

    // Of DNS.

    /// No such DNS domain, or another project's.
    #[error("DNS domain {domain} is not found")]
    DnsDomainNotFound = "DNS_DOMAIN_NOT_FOUND", NotFound {
        domain: DomainName = "domain",
    }
    /// The domain has no such name, or not of this type.
    #[error("{name}.{domain} has no entry{}", of_type(*record_type))]
    DnsEntryNotFound = "DNS_ENTRY_NOT_FOUND", NotFound {
        domain: DomainName = "domain",
        name: Hostname = "name",
        /// The type that was asked for; none: either.
        record_type: Option<RecordType> = "type",
    }
    /// The name leads somewhere already.
    #[error(
        "{name}.{domain} leads to {address} already; choose another name, or modify or delete that entry"
    )]
    FloatingIpDnsExists = "FLOATING_IP_DNS_EXISTS", Exists {
        domain: DomainName = "domain",
        name: Hostname = "name",
        /// Where it leads.
        address: IpAddr = "address",
        /// Path of the name in the request, when it is an instance's.
        field: Option<&'static str> = "field",
    }

    // Of audits.

    /// What would mend a finding is not proven to be right.
    #[error("{thing} is not repaired ({class}): {why}")]
    RepairNotProven = "REPAIR_NOT_PROVEN", Unfit {
        class: FindingClass = "class",
        thing: AuditedThing = "thing",
        /// What is missing, and what an operator can do.
        why: Unproven,
    }

    // Of events.

    /// What happened behind the revision is not kept any more.
    #[error(
        "what happened after revision {after} is forgotten up to the event {oldest}; read the state anew, then follow from \
         revision {} on (events.keep)",
        oldest - 1
    )]
    EventsForgotten = "EVENTS_FORGOTTEN", OutOfRange {
        /// The revision that was named.
        after: u64 = "after_revision",
        /// The revision of the oldest event that is kept.
        oldest: u64 = "oldest_revision",
    }
    /// The revision is one that the ledger has not reached.
    #[error(
        "revision {after} is ahead of the ledger, whose newest event is {newest}: it was restored, or this is another one; \
         read the state anew, then follow from revision {newest} on"
    )]
    RevisionAhead = "REVISION_AHEAD", OutOfRange {
        /// The revision that was named.
        after: u64 = "after_revision",
        /// The revision of the newest event.
        newest: u64 = "newest_revision",
    }
}
