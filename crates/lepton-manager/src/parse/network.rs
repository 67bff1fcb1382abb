//! Requests about networks.

use std::{net::IpAddr, time::Duration};

use lepton_ipam::{Gateway, SubnetSpec, SubnetSpecError, check_together};
use lepton_ledger::{CreateNetworks, DeleteNetwork, GetNetwork, ListNetworks, NetworkSpec, Refusal};
use lepton_proto::v1;
use lepton_types::{AddressFamily, AddressMode, AddressPool, Mtu, Shown};
use uuid::Uuid;

use super::{Fields, MOST_NETWORKS};

/// Networks on a page when the request does not say.
const PAGE: u16 = 100;

/// Most networks on a page.
const LARGEST_PAGE: u16 = 1000;

/// Most subnets of one network that are looked at; it may have two.
const MOST_SUBNETS: usize = 16;

/// Parses `CreateNetworks`.
pub(crate) fn create_networks(
    mut fields: Fields,
    request: &v1::CreateNetworksRequest,
) -> Result<CreateNetworks, Refusal> {
    let count = request.networks.len();
    if count == 0 || count > MOST_NETWORKS {
        fields.wrong("networks", format!("{count} networks are given (expected 1 to {MOST_NETWORKS})"));
        return fields.finish(None);
    }
    let specs = request.networks.iter().enumerate();
    let networks: Vec<_> = specs
        .filter_map(|(index, spec)| network_spec(&mut fields, &format!("networks[{index}]"), spec))
        .collect();
    fields.finish(Some(CreateNetworks { networks }))
}

fn network_spec(fields: &mut Fields, path: &str, spec: &v1::NetworkSpec) -> Option<NetworkSpec> {
    let label =
        spec.label.parse().map_err(|error| fields.wrong(format!("{path}.label"), format!("{error}"))).ok();
    let project = fields.optional(&format!("{path}.project_id"), &spec.project_id);
    let mtu = match spec.mtu {
        0 => Some(Mtu::default()),
        bytes => {
            Mtu::try_from(bytes).map_err(|error| fields.wrong(format!("{path}.mtu"), error.to_string())).ok()
        }
    };
    let subnets = subnet_specs(fields, path, &spec.subnets)?;
    let has_ipv6 = subnets.iter().any(|subnet| subnet.cidr.family() == AddressFamily::V6);
    if let Some(mtu) = mtu.filter(|mtu| has_ipv6 && *mtu < Mtu::MIN_IPV6) {
        let least = Mtu::MIN_IPV6;
        fields.wrong(
            format!("{path}.mtu"),
            format!(
                "{mtu} is too small for an IPv6 subnet (expected at least {least} bytes, RFC 8200 section 5)"
            ),
        );
    }
    Some(NetworkSpec { label: label?, project, priority: spec.priority, mtu: mtu?, subnets })
}

fn subnet_specs(fields: &mut Fields, path: &str, specs: &[v1::SubnetSpec]) -> Option<Vec<SubnetSpec>> {
    if specs.len() > MOST_SUBNETS {
        let problem = format!("{} subnets are given (expected at most one of each family)", specs.len());
        fields.wrong(format!("{path}.subnets"), problem);
        return None;
    }
    let parsed: Vec<_> = specs
        .iter()
        .enumerate()
        .map(|(index, spec)| subnet_spec(fields, &format!("{path}.subnets[{index}]"), spec))
        .collect();
    let subnets = parsed.into_iter().collect::<Option<Vec<_>>>()?;
    check_together(&subnets)
        .map_err(|error| fields.wrong(format!("{path}.subnets[{}].cidr", error.index()), error.to_string()))
        .ok()?;
    Some(subnets)
}

fn subnet_spec(fields: &mut Fields, path: &str, spec: &v1::SubnetSpec) -> Option<SubnetSpec> {
    let cidr = fields.required(&format!("{path}.cidr"), &spec.cidr);
    let gateway = gateway(fields, path, spec);
    let dns = dns(fields, path, &spec.dns);
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
fn dns(fields: &mut Fields, path: &str, texts: &[String]) -> Option<Vec<IpAddr>> {
    let (field, count) = (format!("{path}.dns"), texts.len());
    if count > SubnetSpec::DNS_MAX {
        fields.wrong(field, SubnetSpecError::TooManyDns { count }.to_string());
        return None;
    }
    Some(fields.addresses(&field, texts))
}

fn address_mode(fields: &mut Fields, path: &str, mode: i32) -> Option<Option<AddressMode>> {
    match v1::AddressMode::try_from(mode) {
        Ok(v1::AddressMode::Unspecified) => Some(None),
        Ok(v1::AddressMode::Pool) => Some(Some(AddressMode::Pool)),
        Ok(v1::AddressMode::Eui64) => Some(Some(AddressMode::Eui64)),
        Err(_) => {
            let known = "expected ADDRESS_MODE_POOL or ADDRESS_MODE_EUI64";
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
        fields.wrong(field, format!("{} s is not a whole number of seconds", span.as_secs_f64()));
        return None;
    }
    Some(span)
}

/// Parses `DeleteNetwork`.
pub(crate) fn delete_network(
    mut fields: Fields,
    request: &v1::DeleteNetworkRequest,
) -> Result<DeleteNetwork, Refusal> {
    let network = fields.required("network_id", &request.network_id);
    fields.finish(network.map(|network| DeleteNetwork { network }))
}

/// Parses `GetNetwork`.
pub(crate) fn get_network(request: &v1::GetNetworkRequest) -> Result<GetNetwork, Refusal> {
    let mut fields = Fields::default();
    let network = fields.required("network_id", &request.network_id);
    fields.finish(network.map(|network| GetNetwork { network }))
}

/// Parses `ListNetworks`.
pub(crate) fn list_networks(request: &v1::ListNetworksRequest) -> Result<ListNetworks, Refusal> {
    let mut fields = Fields::default();
    let project = fields.optional("project_id", &request.project_id);
    let limit = match u16::try_from(request.page_size) {
        Ok(0) => PAGE,
        Ok(size) if size <= LARGEST_PAGE => size,
        Ok(_) | Err(_) => {
            let problem = format!("{} is no page size (expected 0 to {LARGEST_PAGE})", request.page_size);
            fields.wrong("page_size", problem);
            PAGE
        }
    };
    let after = match request.page_token.as_str() {
        "" => Some(0),
        token => {
            let after = token.parse().ok().filter(|after| i64::try_from(*after).is_ok());
            if after.is_none() {
                fields.wrong(
                    "page_token",
                    format!("{} is not a next_page_token of this call", Shown::new(token)),
                );
            }
            after
        }
    };
    fields.finish(after.map(|after| ListNetworks { project, after, limit }))
}
