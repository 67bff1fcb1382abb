//! Questions over many things at once.

use lepton_ledger::{
    AddressPlace, AddressText, FindInstances, FoundPlace, InstancePlace, Refusal, Scope, WantedAddresses,
};
use lepton_proto::v1::{self, find_instances_request::Which};
use lepton_types::{AddressFamily, Cidr, Timestamp};
use uuid::Uuid;

use super::{Fields, page};

/// Parses `FindInstances`.
pub(crate) fn find_instances(
    request: &v1::FindInstancesRequest,
    scope: Scope,
) -> Result<FindInstances, Refusal> {
    let mut fields = Fields::default();
    let project = fields.optional("project_id", &request.project_id);
    let limit = page::limit(&mut fields, request.page_size);
    let wanted = wanted(&mut fields, request);
    fields.finish(wanted.map(|wanted| FindInstances { project, wanted, limit, scope }))
}

fn wanted(fields: &mut Fields, request: &v1::FindInstancesRequest) -> Option<WantedAddresses> {
    let text = match &request.which {
        None => {
            fields.wrong("address", "is required, or cidr, prefix, pattern or floating_ip");
            return None;
        }
        Some(Which::Address(text)) => {
            let address = fields.address("address", text);
            return in_range(fields, request, address.map(Cidr::only));
        }
        Some(Which::Cidr(text)) => {
            let range = fields.required("cidr", text);
            return in_range(fields, request, range);
        }
        Some(Which::FloatingIp(text)) => return led_to(fields, request, text),
        Some(Which::Prefix(text)) => fields.required("prefix", text).map(AddressText::Prefix),
        Some(Which::Pattern(text)) => fields.required("pattern", text).map(AddressText::Pattern),
    };
    let family = match request.ip_version {
        0 => None,
        4 => Some(AddressFamily::V4),
        6 => Some(AddressFamily::V6),
        other => {
            fields.wrong("ip_version", format!("{other} is no version of IP (expected 4 or 6)"));
            None
        }
    };
    let after = page::after(fields, &request.page_token, instance_place);
    text.map(|text| WantedAddresses::Written { text, family, after })
}

fn of_any_version(fields: &mut Fields, request: &v1::FindInstancesRequest) {
    if request.ip_version != 0 {
        fields.wrong(
            "ip_version",
            "goes with prefix or pattern; an address says itself of which version it is",
        );
    }
}

fn in_range(
    fields: &mut Fields,
    request: &v1::FindInstancesRequest,
    range: Option<Cidr>,
) -> Option<WantedAddresses> {
    of_any_version(fields, request);
    let after = page::after(fields, &request.page_token, address_place);
    range.map(|range| WantedAddresses::In { range, after })
}

/// All that a floating IP leads to is on one page.
fn led_to(fields: &mut Fields, request: &v1::FindInstancesRequest, text: &str) -> Option<WantedAddresses> {
    of_any_version(fields, request);
    let _: Option<AddressPlace> = page::after(fields, &request.page_token, |_| None);
    fields.address("floating_ip", text).map(WantedAddresses::LedToBy)
}

/// The token of the page that goes on from here.
pub(crate) fn token(next: Option<FoundPlace>) -> String {
    match next {
        None => String::new(),
        Some(FoundPlace::Address((address, subnet))) => format!("{address} {subnet}"),
        Some(FoundPlace::Instance(InstancePlace { project, created_at, id })) => {
            format!("{} {id} {project}", created_at.micros())
        }
    }
}

fn address_place(token: &str) -> Option<AddressPlace> {
    let (address, subnet) = token.split_once(' ')?;
    Some((address.parse().ok()?, subnet.parse::<Uuid>().ok()?.into()))
}

fn instance_place(token: &str) -> Option<InstancePlace> {
    let mut parts = token.splitn(3, ' ');
    let created_at = Timestamp::from(parts.next()?.parse::<i64>().ok()?);
    let id = parts.next()?.parse::<Uuid>().ok()?.into();
    Some(InstancePlace { created_at, id, project: parts.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_back_and_one_of_another_kind_is_none() {
        let address: AddressPlace = ("fd00::5".parse().unwrap(), Uuid::from_u128(7).into());
        let instance = InstancePlace {
            project: "a-project".parse().unwrap(),
            created_at: Timestamp::from(-5),
            id: Uuid::from_u128(8).into(),
        };
        let [of_address, of_instance] =
            [FoundPlace::Address(address), FoundPlace::Instance(instance.clone())]
                .map(|next| token(Some(next)));
        assert_eq!(address_place(&of_address), Some(address));
        assert_eq!(instance_place(&of_instance), Some(instance));
        assert_eq!((address_place(&of_instance), instance_place(&of_address)), (None, None));
        assert_eq!(token(None), "");
    }
}
