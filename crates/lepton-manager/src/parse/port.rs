//! Requests about ports.

use lepton_ledger::{
    GetPort, ListPorts, PortListPlace, PortPlace, PortRef, PortSelection, PortsBy, Refusal, Scope,
};
use lepton_proto::v1;
use lepton_types::Revision;

use super::{Fields, page};

pub(crate) fn get_port(request: &v1::GetPortRequest, scope: Scope) -> Result<GetPort, Refusal> {
    let mut fields = Fields::default();
    let port = port_ref(&mut fields, &request.port_id, &request.mac_address);
    fields.finish(port.map(|port| GetPort { port, scope }))
}

/// Which port is meant, by exactly one of these.
pub(super) fn port_ref(fields: &mut Fields, id: &str, mac: &str) -> Option<PortRef> {
    match (id, mac) {
        (id, "") => fields.required("port_id", id).map(PortRef::Id),
        ("", mac) => fields.required("mac_address", mac).map(PortRef::Mac),
        (_, _) => {
            fields.wrong("mac_address", "port_id says which port it is; leave one of them out");
            None
        }
    }
}

pub(crate) fn list_ports(request: &v1::ListPortsRequest, scope: Scope) -> Result<ListPorts, Refusal> {
    let mut fields = Fields::default();
    let project = fields.optional("project_id", &request.project_id);
    let selection = selection(&mut fields, request);
    let limit = page::limit(&mut fields, request.page_size);
    let is_in_order_of_changes = !request.host.is_empty() && project.is_none() && scope.project().is_none();
    let read = if is_in_order_of_changes { place_on_host } else { place_behind };
    let after = page::after(&mut fields, &request.page_token, read);
    fields.finish(Some(ListPorts { project, selection, after, limit, scope }))
}

fn selection(fields: &mut Fields, request: &v1::ListPortsRequest) -> PortSelection {
    let by = PortSelection::By;
    let network = fields.optional("network_id", &request.network_id).map(PortsBy::Network).map(by);
    let instance = fields.optional("instance_id", &request.instance_id).map(PortsBy::Instance).map(by);
    let host = fields.optional("host", &request.host).map(PortSelection::OnHost);
    let choices = [("network_id", network), ("instance_id", instance), ("host", host)];
    let mut chosen = choices.into_iter().filter_map(|(field, choice)| choice.map(|choice| (field, choice)));
    let Some((first, selection)) = chosen.next() else { return by(PortsBy::Any) };
    if let Some((second, _)) = chosen.next() {
        fields.wrong(second, format!("{first} says which ports; leave one of them out"));
    }
    selection
}

/// The token of the page behind a port.
pub(crate) fn page_token(place: PortListPlace) -> String {
    match place {
        PortListPlace::Behind((network, port)) => format!("{network}/{port}"),
        PortListPlace::OnHost((revision, port)) => format!("{revision}/{port}"),
    }
}

fn place_behind(token: &str) -> Option<PortListPlace> {
    let (network, port) = token.split_once('/')?;
    let place: PortPlace = (network.parse().ok()?, port.parse().ok()?);
    Some(PortListPlace::Behind(place))
}

fn place_on_host(token: &str) -> Option<PortListPlace> {
    let (revision, port) = token.split_once('/')?;
    let revision = Revision::from(revision.parse::<u64>().ok()?);
    Some(PortListPlace::OnHost((revision, port.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_round_trips() {
        let id = "99999999-0001-4000-8000-000000000001";
        let port = "aaaaaaaa-0001-4000-8000-000000000001".parse().unwrap();
        let behind = PortListPlace::Behind((id.parse().unwrap(), port));
        assert_eq!(place_behind(&page_token(behind)), Some(behind));
        assert_eq!(place_on_host(&page_token(behind)), None);
        let on_host = PortListPlace::OnHost((Revision::from(7), port));
        assert_eq!(place_on_host(&page_token(on_host)), Some(on_host));
        assert_eq!(place_behind(&page_token(on_host)), None);
        assert_eq!((place_behind(id), place_behind(""), place_on_host("")), (None, None, None));
    }
}
