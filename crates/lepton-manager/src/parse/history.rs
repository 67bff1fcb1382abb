//! Questions about what was.

use lepton_ledger::{End, Held, HoldingPlace, ListHolders, Refusal, Scope, Shelf, When};
use lepton_proto::v1::{self, list_holders_request::What};
use uuid::Uuid;

use super::{Fields, page};

/// What a token says of holdings that last, in the place of when they ended.
const LASTS: &str = "-";

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
            fields.wrong("address", "is required, or mac");
            None
        }
        Some(What::Address(text)) => fields.address("address", text).map(Held::Address),
        Some(What::Mac(text)) => fields.required("mac", text).map(Held::Mac),
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
        Shelf::FixedIp(subnet) => subnet.to_string(),
        Shelf::FloatingIp => "floating".to_owned(),
        Shelf::Mac => "mac".to_owned(),
    };
    format!("{until} {shelf}")
}

/// The place that a token of a question about such a thing tells.
fn place(token: &str, of: Option<Held>) -> Option<HoldingPlace> {
    let (until, shelf) = token.split_once(' ')?;
    let until = if until == LASTS { End::NotYet } else { End::At(until.parse::<i64>().ok()?.into()) };
    let shelf = match (of, shelf) {
        (Some(Held::Mac(_)), "mac") => Shelf::Mac,
        (Some(Held::Address(_)), "floating") => Shelf::FloatingIp,
        (Some(Held::Address(_)), subnet) => Shelf::FixedIp(subnet.parse::<Uuid>().ok()?.into()),
        (Some(Held::Mac(_)) | None, _) => return None,
    };
    Some(HoldingPlace { until, shelf })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_back_and_one_of_another_thing_is_none() {
        let address = Some(Held::Address("10.1.0.5".parse().unwrap()));
        let mac = Some(Held::Mac("02:16:3e:00:00:01".parse().unwrap()));
        let subnet = Shelf::FixedIp(Uuid::from_u128(7).into());
        for until in [End::At((-5).into()), End::NotYet] {
            for (of, other, shelf) in
                [(address, mac, subnet), (address, mac, Shelf::FloatingIp), (mac, address, Shelf::Mac)]
            {
                let place = HoldingPlace { until, shelf };
                let token = token(Some(place));
                assert_eq!((super::place(&token, of), super::place(&token, other)), (Some(place), None));
            }
        }
        assert_eq!(token(None), "");
    }
}
