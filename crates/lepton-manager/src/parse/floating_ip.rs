//! Requests about floating IPs and their pools.

use std::net::IpAddr;

use lepton_ledger::{
    AllocateFloatingIp, AssociateFloatingIp, CreateFloatingPool, DeleteFloatingPool, DeleteFloatingRanges,
    DisassociateFloatingIp, FloatingPlace, FloatingSelection, GetFloatingIp, ListFloatingIps,
    ListFloatingPools, Refusal, ReleaseFloatingIp, Scope, TargetRequest, range_spec,
};
use lepton_proto::v1::{self, list_floating_ips_request::Selection};
use lepton_types::{Ipv4Range, Revision};
use uuid::Uuid;

use super::{Fields, page};
use crate::Settings;

/// Most ranges that one request names.
const MOST_RANGES: usize = 64;

/// Parses `CreateFloatingPool`.
pub(crate) fn create_floating_pool(
    mut fields: Fields,
    request: &v1::CreateFloatingPoolRequest,
) -> Result<CreateFloatingPool, Refusal> {
    let name = fields.name("name", &request.name);
    let ranges = ranges(&mut fields, &request.ranges);
    for (index, range) in &ranges {
        // Whether hosts can have such addresses is the plan's to say; which ids it will have does not matter for that.
        if let Err(error) = range_spec(*range).plan(Uuid::nil().into(), Uuid::nil().into()) {
            fields.wrong(format!("ranges[{index}]"), error.to_string());
        }
    }
    let ranges = ranges.into_iter().map(|(_, range)| range).collect();
    let interface = fields.device("interface", &request.interface);
    fields.finish(name.map(|name| CreateFloatingPool { name, ranges, interface }))
}

/// The ranges that can be read, with their places in the list, unless there are so many that none need be.
fn ranges(fields: &mut Fields, texts: &[String]) -> Vec<(usize, Ipv4Range)> {
    let count = texts.len();
    if count > MOST_RANGES {
        fields.wrong("ranges", format!("{count} ranges are too many (expected at most {MOST_RANGES})"));
        return Vec::new();
    }
    let numbered = texts.iter().enumerate();
    let read = numbered.map(|(index, text)| (index, fields.required(&format!("ranges[{index}]"), text)));
    read.filter_map(|(index, range)| Some((index, range?))).collect()
}

/// Parses `DeleteFloatingRanges`.
pub(crate) fn delete_floating_ranges(
    mut fields: Fields,
    request: &v1::DeleteFloatingRangesRequest,
) -> Result<DeleteFloatingRanges, Refusal> {
    let pool = fields.name("name", &request.name);
    if request.ranges.is_empty() {
        fields.wrong("ranges", "is required; DeleteFloatingPool deletes the pool with all of them");
    }
    let ranges = ranges(&mut fields, &request.ranges).into_iter().map(|(_, range)| range).collect();
    fields.finish(pool.map(|pool| DeleteFloatingRanges { pool, ranges }))
}

/// Parses `DeleteFloatingPool`.
pub(crate) fn delete_floating_pool(
    mut fields: Fields,
    request: &v1::DeleteFloatingPoolRequest,
) -> Result<DeleteFloatingPool, Refusal> {
    let name = fields.name("name", &request.name);
    fields.finish(name.map(|name| DeleteFloatingPool { name }))
}

/// Parses `ListFloatingPools`.
pub(crate) fn list_floating_pools(
    request: &v1::ListFloatingPoolsRequest,
    scope: Scope,
) -> Result<ListFloatingPools, Refusal> {
    let mut fields = Fields::default();
    let limit = page::limit(&mut fields, request.page_size);
    let after = page::after(&mut fields, &request.page_token, |token| token.parse().ok());
    fields.finish(Some(ListFloatingPools { after: after.unwrap_or_default(), limit, scope }))
}

/// Parses `AllocateFloatingIp`.
pub(crate) fn allocate_floating_ip(
    mut fields: Fields,
    request: &v1::AllocateFloatingIpRequest,
    scope: Scope,
    settings: &Settings,
) -> Result<AllocateFloatingIp, Refusal> {
    let project = match scope.project() {
        Some(_) => fields.optional("project_id", &request.project_id),
        None => fields.required("project_id", &request.project_id),
    };
    let pool = match request.pool.as_str() {
        "" => Some(settings.floating.default_pool.clone()),
        name => fields.name("pool", name),
    };
    let address = optional_ipv4(&mut fields, "address", &request.address);
    fields.finish(pool.map(|pool| AllocateFloatingIp { project, pool, address, scope }))
}

fn optional_ipv4(fields: &mut Fields, field: &str, text: &str) -> Option<IpAddr> {
    if text.is_empty() { None } else { ipv4(fields, field, text) }
}

/// Parses an address that must be there, and of IPv4: nothing else floats.
fn ipv4(fields: &mut Fields, field: &str, text: &str) -> Option<IpAddr> {
    let address = fields.address(field, text)?;
    if address.is_ipv6() {
        fields.wrong(field, format!("{address} is no IPv4 address; floating IPs are, and lead to such"));
        return None;
    }
    Some(address)
}

/// Parses `ReleaseFloatingIp`.
pub(crate) fn release_floating_ip(
    mut fields: Fields,
    request: &v1::ReleaseFloatingIpRequest,
    scope: Scope,
) -> Result<ReleaseFloatingIp, Refusal> {
    let address = ipv4(&mut fields, "address", &request.address);
    let (disassociates, affects_auto_assigned) = (request.disassociate, request.affect_auto_assigned);
    let command =
        address.map(|address| ReleaseFloatingIp { address, disassociates, affects_auto_assigned, scope });
    fields.finish(command)
}

/// Parses `AssociateFloatingIp`.
pub(crate) fn associate_floating_ip(
    mut fields: Fields,
    request: &v1::AssociateFloatingIpRequest,
    scope: Scope,
) -> Result<AssociateFloatingIp, Refusal> {
    let address = ipv4(&mut fields, "address", &request.address);
    let target = target(&mut fields, request);
    let affects_auto_assigned = request.affect_auto_assigned;
    let command = address.zip(target).map(|(address, target)| AssociateFloatingIp {
        address,
        target,
        affects_auto_assigned,
        scope,
    });
    fields.finish(command)
}

fn target(fields: &mut Fields, request: &v1::AssociateFloatingIpRequest) -> Option<TargetRequest> {
    let fixed_ip = optional_ipv4(fields, "fixed_ip", &request.fixed_ip);
    let network = fields.optional("network_id", &request.network_id);
    if !request.instance_id.is_empty() {
        let instance = fields.required("instance_id", &request.instance_id)?;
        return Some(TargetRequest::Instance { instance, fixed_ip, network });
    }
    if request.fixed_ip.is_empty() {
        fields.wrong("fixed_ip", "is required, or instance_id");
    }
    let fixed_ip = fixed_ip?;
    Some(match network {
        Some(network) => TargetRequest::Network { network, fixed_ip },
        None => TargetRequest::Anywhere { fixed_ip },
    })
}

/// Parses `DisassociateFloatingIp`.
pub(crate) fn disassociate_floating_ip(
    mut fields: Fields,
    request: &v1::DisassociateFloatingIpRequest,
    scope: Scope,
) -> Result<DisassociateFloatingIp, Refusal> {
    let address = ipv4(&mut fields, "address", &request.address);
    let affects_auto_assigned = request.affect_auto_assigned;
    fields.finish(address.map(|address| DisassociateFloatingIp { address, affects_auto_assigned, scope }))
}

/// Parses `GetFloatingIp`.
pub(crate) fn get_floating_ip(
    request: &v1::GetFloatingIpRequest,
    scope: Scope,
) -> Result<GetFloatingIp, Refusal> {
    let mut fields = Fields::default();
    let address = ipv4(&mut fields, "address", &request.address);
    fields.finish(address.map(|address| GetFloatingIp { address, scope }))
}

/// Parses `ListFloatingIps`.
pub(crate) fn list_floating_ips(
    request: &v1::ListFloatingIpsRequest,
    scope: Scope,
) -> Result<ListFloatingIps, Refusal> {
    let mut fields = Fields::default();
    let project = fields.optional("project_id", &request.project_id);
    let selection = selection(&mut fields, request.selection.as_ref());
    let limit = page::limit(&mut fields, request.page_size);
    let asks_host = matches!(request.selection, Some(Selection::Host(_)));
    let is_by_target = asks_host && project.is_none() && scope.project().is_none();
    let read = if is_by_target { place_on_host } else { place_behind };
    let after = page::after(&mut fields, &request.page_token, read);
    let shows_auto_assigned = request.show_auto_assigned;
    fields.finish(selection.map(|selection| ListFloatingIps {
        project,
        selection,
        shows_auto_assigned,
        after,
        limit,
        scope,
    }))
}

fn selection(fields: &mut Fields, selection: Option<&Selection>) -> Option<FloatingSelection> {
    Some(match selection {
        None => FloatingSelection::All,
        Some(Selection::Pool(name)) => FloatingSelection::Pool(fields.name("pool", name)?),
        Some(Selection::FixedIp(text)) => FloatingSelection::FixedIp(ipv4(fields, "fixed_ip", text)?),
        Some(Selection::InstanceId(text)) => {
            FloatingSelection::Instance(fields.required("instance_id", text)?)
        }
        Some(Selection::Host(text)) => FloatingSelection::Host(fields.required("host", text)?),
    })
}

/// The token of the page behind a place.
pub(crate) fn page_token(place: FloatingPlace) -> String {
    let behind = |address: Option<IpAddr>| address.map(|address| format!("/{address}")).unwrap_or_default();
    match place {
        FloatingPlace::Behind(address) => address.to_string(),
        FloatingPlace::OnNetwork(network, address) => format!("network/{network}{}", behind(address)),
        FloatingPlace::OnPort((revision, port), address) => {
            format!("port/{revision}/{port}{}", behind(address))
        }
    }
}

fn place_behind(token: &str) -> Option<FloatingPlace> {
    token.parse().ok().map(FloatingPlace::Behind)
}

fn place_on_host(token: &str) -> Option<FloatingPlace> {
    let parts: Vec<&str> = token.split('/').collect();
    let behind = |address: &[&str]| match address {
        [] => Some(None),
        [address] => Some(Some(address.parse().ok()?)),
        _ => None,
    };
    match &parts[..] {
        ["network", network, address @ ..] => {
            Some(FloatingPlace::OnNetwork(network.parse().ok()?, behind(address)?))
        }
        ["port", revision, port, address @ ..] => {
            let revision = Revision::from(revision.parse::<u64>().ok()?);
            Some(FloatingPlace::OnPort((revision, port.parse().ok()?), behind(address)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_round_trips() {
        let address: IpAddr = "172.24.4.7".parse().unwrap();
        let network = "99999999-0001-4000-8000-000000000001".parse().unwrap();
        let port = (Revision::from(7), "aaaaaaaa-0001-4000-8000-000000000001".parse().unwrap());
        let behind = FloatingPlace::Behind(address);
        assert_eq!(place_behind(&page_token(behind)), Some(behind));
        assert_eq!(place_on_host(&page_token(behind)), None);
        for address in [None, Some(address)] {
            for place in [FloatingPlace::OnNetwork(network, address), FloatingPlace::OnPort(port, address)] {
                assert_eq!(place_on_host(&page_token(place)), Some(place));
                assert_eq!(place_behind(&page_token(place)), None);
            }
        }
        for token in ["", "network", "port/7", "network/x", "port/7/x/172.24.4.7/172.24.4.7", "x/7"] {
            assert_eq!((place_behind(token), place_on_host(token)), (None, None), "{token:?}");
        }
    }
}
