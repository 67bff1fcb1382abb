//! Requests about ports.

use lepton_ledger::{GetPort, ListPorts, PortFilter, PortPlace, PortRef, PortsBy, Refusal, Scope};
use lepton_proto::v1;

use super::{Fields, page};

pub(crate) fn get_port(request: &v1::GetPortRequest, scope: Scope) -> Result<GetPort, Refusal> {
    let mut fields = Fields::default();
    let v1::GetPortRequest { port_id, mac_address } = request;
    let port = match (&**port_id, &**mac_address) {
        (id, "") => fields.required("port_id", id).map(PortRef::Id),
        ("", mac) => fields.required("mac_address", mac).map(PortRef::Mac),
        (_, _) => {
            fields.wrong("mac_address", "port_id says which port it is; leave one of them out");
            None
        }
    };
    fields.finish(port.map(|port| GetPort { port, scope }))
}

pub(crate) fn list_ports(request: &v1::ListPortsRequest, scope: Scope) -> Result<ListPorts, Refusal> {
    let mut fields = Fields::default();
    let project = fields.optional("project_id", &request.project_id);
    let choices = [
        ("network_id", fields.optional("network_id", &request.network_id).map(PortsBy::Network)),
        ("instance_id", fields.optional("instance_id", &request.instance_id).map(PortsBy::Instance)),
        ("host", fields.optional("host", &request.host).map(PortsBy::Host)),
    ];
    let mut chosen = choices.into_iter().filter_map(|(field, by)| by.map(|by| (field, by)));
    let (first, second) = (chosen.next(), chosen.next());
    if let (Some((by, _)), Some((field, _))) = (&first, second) {
        fields.wrong(field, format!("{by} says which ports; leave one of them out"));
    }
    let limit = page::limit(&mut fields, request.page_size);
    let after = page::after(&mut fields, &request.page_token, place);
    let filter = PortFilter { project, by: first.map(|(_, by)| by).unwrap_or_default() };
    fields.finish(Some(ListPorts { filter, after, limit, scope }))
}

/// The token of the page behind a port.
pub(crate) fn page_token((network, port): PortPlace) -> String {
    format!("{network}/{port}")
}

fn place(token: &str) -> Option<PortPlace> {
    let (network, port) = token.split_once('/')?;
    Some((network.parse().ok()?, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_round_trips() {
        let id = "99999999-0001-4000-8000-000000000001";
        let port_place = (id.parse().unwrap(), "aaaaaaaa-0001-4000-8000-000000000001".parse().unwrap());
        assert_eq!(place(&page_token(port_place)), Some(port_place));
        assert_eq!((place(id), place("")), (None, None));
    }
}
