//! Requests about networks.

use lepton_ipam::{SubnetSpec, carve, check_together, prefix_len_of_size};
use lepton_ledger::{
    Associate, AssociateNetwork, CarveNetworks, Carving, CreateNetworks, DeleteNetwork, DisassociateNetwork,
    GetNetwork, ListNetworks, ModifyNetwork, NamedHost, NetworkSpec, Refusal, Scope,
};
use lepton_proto::v1;
use lepton_types::{AddressFamily, Cidr, Mtu};

use super::{Fields, MOST_NETWORKS, page, subnet::subnet_spec};
use crate::Settings;

/// Most subnets of one network that are looked at; it may have two.
const MOST_SUBNETS: usize = 16;

/// Parses `CreateNetworks`.
pub(crate) fn create_networks(
    mut fields: Fields,
    request: &v1::CreateNetworksRequest,
    scope: Scope,
    settings: &Settings,
) -> Result<CreateNetworks, Refusal> {
    let count = request.networks.len();
    if count == 0 || count > MOST_NETWORKS {
        fields.wrong("networks", format!("{count} networks are given (expected 1 to {MOST_NETWORKS})"));
        return fields.finish(None);
    }
    let specs = request.networks.iter().enumerate();
    let networks: Vec<_> = specs
        .filter_map(|(index, spec)| network_spec(&mut fields, &format!("networks[{index}]"), spec, settings))
        .collect();
    fields.finish(Some(CreateNetworks { networks, scope }))
}

fn network_spec(
    fields: &mut Fields,
    path: &str,
    spec: &v1::NetworkSpec,
    settings: &Settings,
) -> Option<NetworkSpec> {
    let label = fields.name(&format!("{path}.label"), &spec.label);
    let made_before = fields.optional(&format!("{path}.id"), &spec.id);
    let host = optional_host(fields, &format!("{path}.host"), &spec.host, settings);
    let project = fields.optional(&format!("{path}.project_id"), &spec.project_id);
    let mtu = match spec.mtu {
        0 => Some(Mtu::default()),
        bytes => mtu(bytes).map_err(|problem| fields.wrong(format!("{path}.mtu"), problem)).ok(),
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
    let (priority, is_injected) = (spec.priority, spec.injected);
    Some(NetworkSpec { label: label?, project, priority, mtu: mtu?, subnets, host, is_injected, made_before })
}

/// What the devices of every kind of port carry: which kinds a network is going to have is not known yet.
fn mtu(bytes: u32) -> Result<Mtu, String> {
    let (least, most) = (Mtu::MIN_IPV4, Mtu::MAX_TAP);
    let mtu = Mtu::try_from(bytes).ok().filter(|mtu| *mtu <= most);
    mtu.ok_or_else(|| format!("{bytes} is not an MTU (expected {least} to {most} bytes)"))
}

fn optional_host(fields: &mut Fields, field: &str, text: &str, settings: &Settings) -> Option<NamedHost> {
    let host = fields.optional(field, text);
    host.map(|id| NamedHost { id, must_be_known: settings.only_known_hosts })
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

/// Parses `CarveNetworks`.
pub(crate) fn carve_networks(
    mut fields: Fields,
    request: &v1::CarveNetworksRequest,
    settings: &Settings,
) -> Result<CarveNetworks, Refusal> {
    let template = request.network.clone().unwrap_or_default();
    for (field, is_given) in [("id", !template.id.is_empty()), ("subnets", !template.subnets.is_empty())] {
        if is_given {
            fields.wrong(format!("network.{field}"), "is settled by the carving; leave it out");
        }
    }
    let count = match usize::try_from(request.num_networks) {
        Ok(0) => 1,
        Ok(count) if count <= MOST_CARVED => count,
        Ok(_) | Err(_) => {
            let problem =
                format!("{} networks are too many (expected at most {MOST_CARVED})", request.num_networks);
            fields.wrong("num_networks", problem);
            1
        }
    };
    if request.range_v4.is_empty() && request.range_v6.is_empty() {
        fields.wrong("range_v4", "is required, or range_v6");
    }
    let range_v4 = range(&mut fields, "range_v4", &request.range_v4, AddressFamily::V4);
    let range_v6 = range(&mut fields, "range_v6", &request.range_v6, AddressFamily::V6);
    let ipv4 = range_v4.and_then(|range| {
        let prefix_len = prefix_len_v4(&mut fields, range, request.network_size)?;
        carving(&mut fields, ["range_v4", "subnet_v4"], range, prefix_len, request.subnet_v4.as_ref())
    });
    let ipv6 = range_v6.and_then(|range| {
        let prefix_len = prefix_len_v6(&mut fields, request.prefix_length_v6)?;
        carving(&mut fields, ["range_v6", "subnet_v6"], range, prefix_len, request.subnet_v6.as_ref())
    });
    let like =
        network_spec(&mut fields, "network", &v1::NetworkSpec { subnets: Vec::new(), ..template }, settings);
    fields.finish(like.map(|like| CarveNetworks { count, ipv4, ipv6, like }))
}

/// Most networks that one request carves.
const MOST_CARVED: usize = 1024;

fn range(fields: &mut Fields, field: &str, text: &str, family: AddressFamily) -> Option<Cidr> {
    let range: Cidr = fields.optional(field, text)?;
    if range.family() != family {
        fields.wrong(field, format!("{range} is no {family} prefix"));
        return None;
    }
    Some(range)
}

/// Blocks of the size that was asked for, else of 256 addresses or of the whole range.
fn prefix_len_v4(fields: &mut Fields, range: Cidr, size: u64) -> Option<u8> {
    const LENGTH: u8 = 24;

    if size == 0 {
        return Some(range.prefix_len().max(LENGTH));
    }
    let length = prefix_len_of_size(size);
    if length.is_none() {
        fields.wrong("network_size", format!("{size} addresses are more than IPv4 has"));
    }
    length
}

fn prefix_len_v6(fields: &mut Fields, length: u32) -> Option<u8> {
    const LENGTH: u8 = 64;

    match u8::try_from(length) {
        Ok(0) => Some(LENGTH),
        Ok(length) if length <= AddressFamily::V6.bits() => Some(length),
        Ok(_) | Err(_) => {
            fields.wrong("prefix_length_v6", format!("{length} is no prefix length (expected 1 to 128)"));
            None
        }
    }
}

/// The subnets' common part, checked with the first block that the range has, whether or not that one is occupied.
/// `at` is where the request tells the range and that part.
fn carving(
    fields: &mut Fields,
    at: [&str; 2],
    range: Cidr,
    prefix_len: u8,
    template: Option<&v1::SubnetSpec>,
) -> Option<Carving> {
    let [at_range, path] = at;
    let template = template.cloned().unwrap_or_default();
    let settled = [
        ("cidr", !template.cidr.is_empty()),
        ("gateway", !template.gateway.is_empty()),
        ("allocation_pools", !template.allocation_pools.is_empty()),
    ];
    for (field, is_given) in settled {
        if is_given {
            fields.wrong(format!("{path}.{field}"), "is settled by the carving; leave it out");
            return None;
        }
    }
    let blocks = carve(range, prefix_len, 1, &[]).map_err(|error| fields.wrong(at_range, error.to_string()));
    let first = blocks.ok()?.first()?.to_string();
    let like = subnet_spec(fields, path, &v1::SubnetSpec { cidr: first, ..template });
    fields.rename(&format!("{path}.cidr"), at_range);
    Some(Carving { range, prefix_len, like: like? })
}

/// Parses `ModifyNetwork`.
pub(crate) fn modify_network(
    mut fields: Fields,
    request: &v1::ModifyNetworkRequest,
    scope: Scope,
    settings: &Settings,
) -> Result<ModifyNetwork, Refusal> {
    let network = fields.required("network_id", &request.network_id);
    let label = request.label.as_deref().and_then(|label| fields.name("label", label));
    let project = request.project_id.as_deref().map(|project| fields.optional("project_id", project));
    let host = request.host.as_deref().map(|host| optional_host(&mut fields, "host", host, settings));
    let (priority, is_injected) = (request.priority, request.injected);
    fields.finish(network.map(|network| ModifyNetwork {
        network,
        label,
        priority,
        project,
        host,
        is_injected,
        scope,
    }))
}

/// Parses `AssociateNetwork`.
pub(crate) fn associate_network(
    mut fields: Fields,
    request: &v1::AssociateNetworkRequest,
    settings: &Settings,
) -> Result<AssociateNetwork, Refusal> {
    use v1::associate_network_request::With;

    let network = fields.required("network_id", &request.network_id);
    let with = match &request.with {
        Some(With::ProjectId(project)) => fields.required("project_id", project).map(Associate::Project),
        Some(With::Host(host)) => {
            let host = fields.required("host", host);
            host.map(|id| Associate::Host(NamedHost { id, must_be_known: settings.only_known_hosts }))
        }
        None => {
            fields.wrong("project_id", "is required, or host");
            None
        }
    };
    fields.finish(network.zip(with).map(|(network, with)| AssociateNetwork { network, with }))
}

/// Parses `DisassociateNetwork`.
pub(crate) fn disassociate_network(
    mut fields: Fields,
    request: &v1::DisassociateNetworkRequest,
) -> Result<DisassociateNetwork, Refusal> {
    let network = fields.required("network_id", &request.network_id);
    let (project, host) = (request.project, request.host);
    if !project && !host {
        fields.wrong("project", "is required, or host");
    }
    fields.finish(network.map(|network| DisassociateNetwork { network, project, host }))
}

/// Parses `DeleteNetwork`.
pub(crate) fn delete_network(
    mut fields: Fields,
    request: &v1::DeleteNetworkRequest,
    scope: Scope,
) -> Result<DeleteNetwork, Refusal> {
    let network = fields.required("network_id", &request.network_id);
    fields.finish(network.map(|network| DeleteNetwork { network, scope }))
}

/// Parses `GetNetwork`.
pub(crate) fn get_network(request: &v1::GetNetworkRequest, scope: Scope) -> Result<GetNetwork, Refusal> {
    let mut fields = Fields::default();
    let network = fields.required("network_id", &request.network_id);
    fields.finish(network.map(|network| GetNetwork { network, scope }))
}

/// Parses `ListNetworks`.
pub(crate) fn list_networks(
    request: &v1::ListNetworksRequest,
    scope: Scope,
) -> Result<ListNetworks, Refusal> {
    let mut fields = Fields::default();
    let project = fields.optional("project_id", &request.project_id);
    let limit = page::limit(&mut fields, request.page_size);
    let read = |token: &str| token.parse().ok().filter(|after| i64::try_from(*after).is_ok());
    let after = page::after(&mut fields, &request.page_token, read).unwrap_or_default();
    fields.finish(Some(ListNetworks { project, after, limit, scope }))
}
