//! Requests about subnets and their routes.

use std::{
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
    time::Duration,
};

use lepton_ipam::{Gateway, SubnetSpec, SubnetSpecError};
use lepton_ledger::{
    AddRoute, AddSubnet, DeleteSubnet, GetSubnet, ModifySubnet, Refusal, RemoveRoute, Scope,
};
use lepton_proto::v1;
use lepton_types::{AddressMode, AddressPool, Cidr, Route, Shown};
use uuid::Uuid;

use super::{Fields, fields::Address};

/// Parses `AddSubnet`.
pub(crate) fn add_subnet(
    mut fields: Fields,
    request: &v1::AddSubnetRequest,
    scope: Scope,
) -> Result<AddSubnet, Refusal> {
    let network = fields.required("network_id", &request.network_id);
    let spec = request.subnet.clone().unwrap_or_default();
    let spec = subnet_spec(&mut fields, "subnet", &spec);
    fields.finish(network.zip(spec).map(|(network, spec)| AddSubnet { network, spec, scope }))
}

/// Parses `GetSubnet`.
pub(crate) fn get_subnet(request: &v1::GetSubnetRequest, scope: Scope) -> Result<GetSubnet, Refusal> {
    let mut fields = Fields::default();
    let subnet = fields.required("subnet_id", &request.subnet_id);
    fields.finish(subnet.map(|subnet| GetSubnet { subnet, scope }))
}

/// Parses `ModifySubnet`.
pub(crate) fn modify_subnet(
    mut fields: Fields,
    request: &v1::ModifySubnetRequest,
    scope: Scope,
) -> Result<ModifySubnet, Refusal> {
    let subnet = fields.required("subnet_id", &request.subnet_id);
    let gateway = request.gateway.as_deref().map(|text| optional_address(&mut fields, "gateway", text));
    let dhcp_server =
        request.dhcp_server.as_deref().map(|text| optional_address(&mut fields, "dhcp_server", text));
    let dns = request.dns.as_ref().and_then(|dns| name_servers(&mut fields, "dns.addresses", &dns.addresses));
    fields.finish(subnet.map(|subnet| ModifySubnet { subnet, gateway, dns, dhcp_server, scope }))
}

fn optional_address(fields: &mut Fields, field: &str, text: &str) -> Option<IpAddr> {
    if text.is_empty() { None } else { fields.address(field, text) }
}

/// Parses `DeleteSubnet`.
pub(crate) fn delete_subnet(
    mut fields: Fields,
    request: &v1::DeleteSubnetRequest,
    scope: Scope,
) -> Result<DeleteSubnet, Refusal> {
    let subnet = fields.required("subnet_id", &request.subnet_id);
    fields.finish(subnet.map(|subnet| DeleteSubnet { subnet, scope }))
}

/// Parses `AddRoute`.
pub(crate) fn add_route(
    mut fields: Fields,
    request: &v1::AddRouteRequest,
    scope: Scope,
) -> Result<AddRoute, Refusal> {
    let subnet = fields.required("subnet_id", &request.subnet_id);
    let destination = destination(&mut fields, &request.destination, &request.netmask);
    let gateway = fields.address("gateway", &request.gateway);
    let route = destination.zip(gateway).map(|(destination, gateway)| Route { destination, gateway });
    fields.finish(subnet.zip(route).map(|(subnet, route)| AddRoute { subnet, route, scope }))
}

/// Parses `RemoveRoute`.
pub(crate) fn remove_route(
    mut fields: Fields,
    request: &v1::RemoveRouteRequest,
    scope: Scope,
) -> Result<RemoveRoute, Refusal> {
    let subnet = fields.required("subnet_id", &request.subnet_id);
    let destination = destination(&mut fields, &request.destination, &request.netmask);
    fields.finish(subnet.zip(destination).map(|(subnet, destination)| RemoveRoute {
        subnet,
        destination,
        scope,
    }))
}

/// A prefix, or an address and its netmask.
fn destination(fields: &mut Fields, text: &str, netmask: &str) -> Option<Cidr> {
    if netmask.is_empty() {
        return fields.required("destination", text);
    }
    let address = fields.address("destination", text);
    let mask = fields.address("netmask", netmask);
    let (address, mask) = address.zip(mask)?;
    let Some(cidr) = Cidr::with_netmask(address, mask) else {
        fields.wrong(
            "netmask",
            format!("{mask} is no netmask of {address} (expected for example 255.255.255.0)"),
        );
        return None;
    };
    if cidr.first() != address {
        fields.wrong("destination", format!("{address} has host bits set; the network is {}", cidr.first()));
        return None;
    }
    Some(cidr)
}

/// Parses what a new subnet is to be.
pub(super) fn subnet_spec(fields: &mut Fields, path: &str, spec: &v1::SubnetSpec) -> Option<SubnetSpec> {
    let cidr = fields.required(&format!("{path}.cidr"), &spec.cidr);
    let gateway = gateway(fields, path, spec);
    let dns = name_servers(fields, &format!("{path}.dns"), &spec.dns);
    let mode = address_mode(fields, path, spec.address_mode);
    let pools = pools(fields, path, &spec.allocation_pools);
    let quarantine = quarantine(fields, path, spec.quarantine.as_ref());
    let spec = SubnetSpec {
        gateway: gateway?,
        dns: dns?,
        mode: mode?,
        pools: pools?,
        quarantine: quarantine?,
        ..SubnetSpec::new(cidr?)
    };
    // Whether the parts fit together is the plan's to say; which ids it will have does not matter for that.
    if let Err(error) = spec.plan(Uuid::nil().into(), Uuid::nil().into()) {
        fields.wrong(format!("{path}.{}", error.field()), error.to_string());
        return None;
    }
    Some(spec)
}

fn gateway(fields: &mut Fields, path: &str, spec: &v1::SubnetSpec) -> Option<Gateway> {
    let field = format!("{path}.gateway");
    match (spec.gateway.as_str(), spec.no_gateway) {
        ("", false) => Some(Gateway::Default),
        ("", true) => Some(Gateway::None),
        (text, false) => fields.address(&field, text).map(Gateway::At),
        (text, true) => {
            fields.wrong(
                field,
                format!("{} is given together with no_gateway; leave one of them out", Shown::new(text)),
            );
            None
        }
    }
}

/// The name servers that can be read, unless there are so many that none need be.
fn name_servers(fields: &mut Fields, field: &str, texts: &[String]) -> Option<Vec<IpAddr>> {
    let count = texts.len();
    if count > SubnetSpec::DNS_MAX {
        fields.wrong(field, SubnetSpecError::TooManyDns { count }.to_string());
        return None;
    }
    let servers = fields.each::<NameServer>(field, texts);
    let servers: Vec<_> = servers.into_iter().map(|server| server.0).collect();
    for (index, server) in servers.iter().enumerate() {
        if servers[..index].contains(server) {
            fields.wrong(field, format!("{server} is given twice; give each name server once"));
            return None;
        }
    }
    Some(servers)
}

/// An address that a guest can send its questions to.
struct NameServer(IpAddr);

impl FromStr for NameServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.parse::<Address>().map_err(|error| error.to_string())?.0;
        if address.is_unspecified() || address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
            return Err(format!("{address} is no address of a name server (expected that of one host)"));
        }
        Ok(Self(address))
    }
}

fn address_mode(fields: &mut Fields, path: &str, mode: i32) -> Option<Option<AddressMode>> {
    match v1::AddressMode::try_from(mode) {
        Ok(v1::AddressMode::Unspecified) => Some(None),
        Ok(v1::AddressMode::Pool) => Some(Some(AddressMode::Pool)),
        Ok(v1::AddressMode::Eui64) => Some(Some(AddressMode::Eui64)),
        Ok(v1::AddressMode::AccountIdentifier) => Some(Some(AddressMode::AccountIdentifier)),
        Err(_) => {
            let known = "expected ADDRESS_MODE_POOL, ADDRESS_MODE_EUI64 or ADDRESS_MODE_ACCOUNT_IDENTIFIER";
            fields.wrong(format!("{path}.address_mode"), format!("{mode} is no address mode ({known})"));
            None
        }
    }
}

/// All the pools or none, since what is said of one behind a malformed one would name it by a wrong index.
fn pools(fields: &mut Fields, path: &str, pools: &[v1::AllocationPool]) -> Option<Vec<AddressPool>> {
    if pools.len() > SubnetSpec::POOLS_MAX {
        let problem = SubnetSpecError::TooManyPools { count: pools.len() }.to_string();
        fields.wrong(format!("{path}.allocation_pools"), problem);
        return None;
    }
    let parse = |(index, pool): (usize, &v1::AllocationPool)| {
        let first = fields.address(&format!("{path}.allocation_pools[{index}].first"), &pool.first);
        let last = fields.address(&format!("{path}.allocation_pools[{index}].last"), &pool.last);
        Some(AddressPool { first: first?, last: last? })
    };
    pools.iter().enumerate().map(parse).collect::<Vec<_>>().into_iter().collect()
}

fn quarantine(fields: &mut Fields, path: &str, span: Option<&prost_types::Duration>) -> Option<Duration> {
    let field = format!("{path}.quarantine");
    if span.is_none() {
        return Some(Duration::ZERO);
    }
    let span = fields.duration(&field, span)?;
    if span.subsec_nanos() != 0 {
        fields.wrong(field, format!("{span:?} is not a whole number of seconds"));
        return None;
    }
    Some(span)
}
