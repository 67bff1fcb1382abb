//! Questions about what was.

use lepton_ledger::{End, Held, HoldingPlace, ListHolders, Refusal, Scope, Shelf, When};
use lepton_proto::v1::{self, list_holders_request::What};
use uuid::Uuid;

use super::{Fields, page};

/// What a token says of holdings that last, in the place of when they ended.
const LASTS: &str = "-";

/// What a token says of floating IPs, in the place of a subnet.
const FLOATING: &str = "floating";

/// What a token says of MACs, in the place of a subnet.
const MAC: &str = "mac";

/// Parses `ListHolders`.
pub(crate) fn list_holders(request: &v1::ListHoldersRequest, scope: Scope) -> Result<ListHolders, Refusal> {
    let mut fields = Fields::default();
    let project = fields.optional("project_id", &request.project_id);
    let limit = page::limit(&mut fields, request.page_size);
    let of = held(&mut fields, request.what.as_ref());
    let when = when(&mut fields, request);
    let after = page::after(&mut fields, &request.page_token, |token| place(token, of));
    fields.finish(of.map(|of| ListHolders { of, when, project, after, limit, scope }))
}

fn held(fields: &mut Fields, what: Option<&What>) -> Option<Held> {
    match what {
        None => {
            fields.wrong("address", "is required, or mac, instance_id or port_id");
            None
        }
        Some(What::Address(text)) => fields.address("address", text).map(Held::Address),
        Some(What::Mac(text)) => fields.required("mac", text).map(Held::Mac),
        Some(What::InstanceId(text)) => fields.required("instance_id", text).map(Held::Instance),
        Some(What::PortId(text)) => fields.required("port_id", text).map(Held::Port),
    }
}

fn when(fields: &mut Fields, request: &v1::ListHoldersRequest) -> When {
    let at = fields.moment("at", request.at.as_ref());
    let since = fields.moment("since", request.since.as_ref());
    let until = fields.moment("until", request.until.as_ref());
    if request.at.is_some() && (request.since.is_some() || request.until.is_some()) {
        fields.wrong("at", "is a moment; leave it out, or since and until, which are a span");
    }
    if let (Some(since), Some(until)) = (&request.since, &request.until)
        && (since.seconds, since.nanos) >= (until.seconds, until.nanos)
    {
        fields.wrong("until", format!("{until} is not after since, {since}"));
    }
    at.map_or(When::Within { since, until }, When::At)
}

/// The token of the page that goes on from here.
pub(crate) fn token(next: Option<HoldingPlace>) -> String {
    let Some(HoldingPlace { until, shelf }) = next else { return String::new() };
    let until = match until {
        End::At(moment) => moment.micros().to_string(),
        End::NotYet => LASTS.to_owned(),
    };
    let shelf = match shelf {
        Shelf::FixedIp(subnet, address) => format!("{subnet} {address}"),
        Shelf::FloatingIp(address) => format!("{FLOATING} {address}"),
        Shelf::Mac(mac) => format!("{MAC} {mac}"),
    };
    format!("{until} {shelf}")
}

/// The place that a token of a question about such a thing tells.
fn place(token: &str, of: Option<Held>) -> Option<HoldingPlace> {
    let (until, shelf) = token.split_once(' ')?;
    let until = if until == LASTS { End::NotYet } else { End::At(until.parse::<i64>().ok()?.into()) };
    let shelf = match shelf.split_once(' ')? {
        (MAC, mac) => Shelf::Mac(mac.parse().ok()?),
        (FLOATING, address) => Shelf::FloatingIp(address.parse().ok()?),
        (subnet, address) => Shelf::FixedIp(subnet.parse::<Uuid>().ok()?.into(), address.parse().ok()?),
    };
    let is_of_it = match (of?, shelf) {
        (Held::Address(of), Shelf::FixedIp(_, address) | Shelf::FloatingIp(address)) => address == of,
        (Held::Mac(of), Shelf::Mac(mac)) => mac == of,
        (Held::Address(_), Shelf::Mac(_)) | (Held::Mac(_), Shelf::FixedIp(..) | Shelf::FloatingIp(_)) => {
            false
        }
        (Held::Instance(_) | Held::Port(_), _) => true,
    };
    is_of_it.then_some(HoldingPlace { until, shelf })
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use lepton_types::MacAddr;

    use super::*;

    #[test]
    fn tokens_are_read_back_and_one_of_another_thing_is_none() {
        let address = |text: &str| -> IpAddr { text.parse().unwrap() };
        let mac = |text: &str| -> MacAddr { text.parse().unwrap() };
        let (own, other) = (address("10.1.0.5"), address("10.1.0.6"));
        let (own_mac, other_mac) = (mac("02:16:3e:00:00:01"), mac("02:16:3e:00:00:02"));
        let of_address = [Shelf::FixedIp(Uuid::from_u128(7).into(), own), Shelf::FloatingIp(own)];
        let ids = [Held::Instance(Uuid::from_u128(8).into()), Held::Port(Uuid::from_u128(9).into())];
        for until in [End::At((-5).into()), End::NotYet] {
            for (shelves, of, others) in [
                (&of_address[..], Held::Address(own), [Held::Address(other), Held::Mac(own_mac)]),
                (&[Shelf::Mac(own_mac)], Held::Mac(own_mac), [Held::Mac(other_mac), Held::Address(own)]),
            ] {
                for shelf in shelves {
                    let place = HoldingPlace { until, shelf: *shelf };
                    let token = token(Some(place));
                    for of in [of, ids[0], ids[1]] {
                        assert_eq!(super::place(&token, Some(of)), Some(place), "{token}");
                    }
                    for other in others.map(Some).into_iter().chain([None]) {
                        assert_eq!(super::place(&token, other), None, "{token}");
                    }
                }
            }
        }
        assert_eq!(token(None), "");
        for token in ["-", "- mac", "- floating", "- mac 10.1.0.5", "x mac 02:16:3e:00:00:01", "5  10.1.0.5"]
        {
            assert_eq!(place(token, Some(ids[0])), None, "{token}");
        }
    }
}
