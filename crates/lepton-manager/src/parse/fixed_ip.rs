//! Requests about fixed IPs.

use std::net::IpAddr;

use lepton_ledger::{
    AddFixedIp, AddressPlace, FixedIpPlace, FixedIpsBy, GetFixedIp, LeaseFixedIp, ListFixedIps, Place,
    Refusal, ReleaseFixedIp, RemoveFixedIp, ReserveFixedIp, Scope, Sought, UnreserveFixedIp, WantedAddress,
};
use lepton_proto::v1;
use lepton_types::{FixedIpState, HostId, PortId, Revision};

use super::{Fields, page};
use crate::Settings;

/// Parses `AddFixedIp`.
pub(crate) fn add_fixed_ip(
    mut fields: Fields,
    request: &v1::AddFixedIpRequest,
    scope: Scope,
    only_on: Option<&HostId>,
    settings: &Settings,
) -> Result<AddFixedIp, Refusal> {
    let instance = fields.required("instance_id", &request.instance_id);
    let place = place(&mut fields, &request.network_id, &request.subnet_id);
    let v1::AddFixedIpRequest { network_id, subnet_id, address, .. } = request;
    if [network_id, subnet_id, address].iter().all(|text| text.is_empty()) {
        fields.wrong("network_id", "is required, or subnet_id or address");
    }
    let wanted = match (&**address, place) {
        ("", place) => place.map(WantedAddress::Lowest),
        (text, place) => fields
            .address("address", text)
            .map(|address| WantedAddress::Chosen(address, place.map_or(Sought::Around(address), Sought::At))),
    };
    let (only_on, domain) = (only_on.cloned(), settings.instance_domain.clone());
    let command = instance.zip(wanted);
    fields.finish(command.map(|(instance, wanted)| AddFixedIp { instance, wanted, only_on, scope, domain }))
}

/// Where an address is, if the request says so.
pub(super) fn place(fields: &mut Fields, network: &str, subnet: &str) -> Option<Place> {
    match (network, subnet) {
        ("", "") => None,
        (network, "") => fields.required("network_id", network).map(Place::Network),
        ("", subnet) => fields.required("subnet_id", subnet).map(Place::Subnet),
        (_, _) => {
            fields.wrong("subnet_id", "network_id says where it is; leave one of them out");
            None
        }
    }
}

/// Where an address is, which the request must say.
fn required_place(fields: &mut Fields, network: &str, subnet: &str) -> Option<Place> {
    if network.is_empty() && subnet.is_empty() {
        fields.wrong("network_id", "is required, or subnet_id");
    }
    place(fields, network, subnet)
}

/// Parses `RemoveFixedIp`.
pub(crate) fn remove_fixed_ip(
    mut fields: Fields,
    request: &v1::RemoveFixedIpRequest,
    scope: Scope,
    only_on: Option<&HostId>,
    settings: &Settings,
) -> Result<RemoveFixedIp, Refusal> {
    let instance = fields.required("instance_id", &request.instance_id);
    let address = fields.address("address", &request.address);
    let network = fields.optional("network_id", &request.network_id);
    let (only_on, domain) = (only_on.cloned(), settings.instance_domain.clone());
    let command = instance.zip(address);
    let remove = |(instance, address)| RemoveFixedIp { instance, address, network, only_on, scope, domain };
    fields.finish(command.map(remove))
}

/// Parses `ReserveFixedIp`.
pub(crate) fn reserve_fixed_ip(
    mut fields: Fields,
    request: &v1::ReserveFixedIpRequest,
) -> Result<ReserveFixedIp, Refusal> {
    let place = required_place(&mut fields, &request.network_id, &request.subnet_id);
    let address = fields.address("address", &request.address);
    let reason = fields.name("reason", &request.reason);
    let command = place.zip(address).zip(reason);
    fields.finish(command.map(|((place, address), reason)| ReserveFixedIp { place, address, reason }))
}

/// Parses `UnreserveFixedIp`.
pub(crate) fn unreserve_fixed_ip(
    mut fields: Fields,
    request: &v1::UnreserveFixedIpRequest,
) -> Result<UnreserveFixedIp, Refusal> {
    let place = required_place(&mut fields, &request.network_id, &request.subnet_id);
    let address = fields.address("address", &request.address);
    fields.finish(place.zip(address).map(|(place, address)| UnreserveFixedIp { place, address }))
}

/// Parses `GetFixedIp`.
pub(crate) fn get_fixed_ip(request: &v1::GetFixedIpRequest, scope: Scope) -> Result<GetFixedIp, Refusal> {
    let mut fields = Fields::default();
    let place = place(&mut fields, &request.network_id, &request.subnet_id);
    let address = fields.address("address", &request.address);
    fields.finish(address.map(|address| GetFixedIp { place, address, scope }))
}

/// Parses `ListFixedIps`.
pub(crate) fn list_fixed_ips(
    request: &v1::ListFixedIpsRequest,
    scope: Scope,
) -> Result<ListFixedIps, Refusal> {
    let mut fields = Fields::default();
    let by = selection(&mut fields, request);
    let project = fields.optional("project_id", &request.project_id);
    let state = state(&mut fields, request.state);
    let limit = page::limit(&mut fields, request.page_size);
    let is_of_project = page::is_of_project(&request.project_id, &scope);
    let read = |token: &str| match (request.host.is_empty(), is_of_project) {
        (true, false) => place_behind(token),
        (false, false) => place_on_host(token),
        (false, true) => place_of_project(token),
        // Whether a network is the tenant's own is known to the ledger.
        (true, true) => place_behind(token).or_else(|| place_of_project(token)),
    };
    let after = page::after(&mut fields, &request.page_token, read);
    fields.finish(by.map(|by| ListFixedIps { by, project, state, after, limit, scope }))
}

fn selection(fields: &mut Fields, request: &v1::ListFixedIpsRequest) -> Option<FixedIpsBy> {
    let v1::ListFixedIpsRequest { network_id, subnet_id, instance_id, host, .. } = request;
    let choices =
        [("network_id", network_id), ("subnet_id", subnet_id), ("instance_id", instance_id), ("host", host)];
    let mut given = choices.into_iter().filter(|(_, text)| !text.is_empty());
    let Some((field, text)) = given.next() else {
        fields.wrong("network_id", "is required, or subnet_id, instance_id or host");
        return None;
    };
    if let Some((second, _)) = given.next() {
        fields.wrong(second, format!("{field} says which addresses; leave one of them out"));
        return None;
    }
    match field {
        "network_id" => fields.required(field, text).map(|id| FixedIpsBy::Place(Place::Network(id))),
        "subnet_id" => fields.required(field, text).map(|id| FixedIpsBy::Place(Place::Subnet(id))),
        "instance_id" => fields.required(field, text).map(FixedIpsBy::Instance),
        _ => fields.required(field, text).map(FixedIpsBy::Host),
    }
}

fn state(fields: &mut Fields, number: i32) -> Option<FixedIpState> {
    Some(match v1::FixedIpState::try_from(number) {
        Ok(v1::FixedIpState::Unspecified) => return None,
        Ok(v1::FixedIpState::Free) => {
            fields.wrong("state", "is FREE, and what is free has no row to list; ask for what is not");
            return None;
        }
        Ok(v1::FixedIpState::Reserved) => FixedIpState::Reserved,
        Ok(v1::FixedIpState::Allocated) => FixedIpState::Allocated,
        Ok(v1::FixedIpState::Leased) => FixedIpState::Leased,
        Ok(v1::FixedIpState::Leaving) => FixedIpState::Leaving,
        Ok(v1::FixedIpState::Resting) => FixedIpState::Resting,
        Err(_) => {
            fields.wrong("state", format!("{number} is no state of an address"));
            return None;
        }
    })
}

/// Parses `LeaseFixedIp`.
pub(crate) fn lease_fixed_ip(
    mut fields: Fields,
    request: &v1::LeaseFixedIpRequest,
    settings: &Settings,
    only_on: Option<&HostId>,
) -> Result<LeaseFixedIp, Refusal> {
    let address = fields.address("address", &request.address);
    let mac = fields.required("mac_address", &request.mac_address);
    let (lease_time, only_on) = (settings.dhcp.lease_time, only_on.cloned());
    let lease = |(address, mac)| LeaseFixedIp { address, mac, lease_time, only_on };
    fields.finish(address.zip(mac).map(lease))
}

/// Parses `ReleaseFixedIp`.
pub(crate) fn release_fixed_ip(
    mut fields: Fields,
    request: &v1::ReleaseFixedIpRequest,
    only_on: Option<&HostId>,
) -> Result<ReleaseFixedIp, Refusal> {
    let address = fields.address("address", &request.address);
    let mac = fields.required("mac_address", &request.mac_address);
    let only_on = only_on.cloned();
    fields.finish(address.zip(mac).map(|(address, mac)| ReleaseFixedIp { address, mac, only_on }))
}

/// The token of the page behind a place.
pub(crate) fn page_token(place: FixedIpPlace) -> String {
    let (port, shown) = match place {
        FixedIpPlace::Behind((address, subnet)) => return format!("{address}/{subnet}"),
        FixedIpPlace::OnHost((revision, port), shown) => (format!("{revision}/{port}"), shown),
        FixedIpPlace::OfProject((network, port), shown) => (format!("{network}/{port}"), shown),
    };
    shown.map_or(port.clone(), |(address, subnet)| format!("{port}/{address}/{subnet}"))
}

fn place_behind(token: &str) -> Option<FixedIpPlace> {
    let (address, subnet) = token.split_once('/')?;
    address_place(address, subnet).map(FixedIpPlace::Behind)
}

fn place_on_host(token: &str) -> Option<FixedIpPlace> {
    let (revision, port, shown) = place_at_port(token)?;
    Some(FixedIpPlace::OnHost((Revision::from(revision.parse::<u64>().ok()?), port), shown))
}

fn place_of_project(token: &str) -> Option<FixedIpPlace> {
    let (network, port, shown) = place_at_port(token)?;
    Some(FixedIpPlace::OfProject((network.parse().ok()?, port), shown))
}

/// What says where the port is, the port, and which of its addresses was shown.
fn place_at_port(token: &str) -> Option<(&str, PortId, Option<AddressPlace>)> {
    let parts: Vec<&str> = token.split('/').collect();
    match parts[..] {
        [place, port] => Some((place, port.parse().ok()?, None)),
        [place, port, address, subnet] => {
            Some((place, port.parse().ok()?, Some(address_place(address, subnet)?)))
        }
        _ => None,
    }
}

fn address_place(address: &str, subnet: &str) -> Option<AddressPlace> {
    Some((address.parse::<IpAddr>().ok()?, subnet.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_round_trips_and_is_of_one_kind_of_list() {
        let id = |number: u8| format!("99999999-0001-4000-8000-00000000000{number}");
        let port: PortId = id(2).parse().unwrap();
        let readers = [place_behind, place_on_host, place_of_project];
        let mut places: Vec<(usize, FixedIpPlace)> = Vec::new();
        for address in ["10.1.0.2", "fd00:1::9"] {
            let shown = (address.parse().unwrap(), id(1).parse().unwrap());
            places.push((0, FixedIpPlace::Behind(shown)));
            for shown in [None, Some(shown)] {
                places.push((1, FixedIpPlace::OnHost((Revision::from(7), port), shown)));
                places.push((2, FixedIpPlace::OfProject((id(3).parse().unwrap(), port), shown)));
            }
        }
        for (own, place) in places {
            let token = page_token(place);
            for (reader, read) in readers.iter().enumerate() {
                assert_eq!(read(&token), (reader == own).then_some(place), "{token}");
            }
        }
        for (token, read) in ["", &*id(1), "7", "a/b", "7/x/10.1.0.2/y"].iter().zip(readers.iter().cycle()) {
            assert_eq!(read(token), None, "{token}");
        }
    }
}
