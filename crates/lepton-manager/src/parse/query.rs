//! Questions over many things at once.

use lepton_ledger::{AddressText, FindInstances, FoundPlace, InstancePlace, Refusal, Scope, WantedAddresses};
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
    let is_of_project = page::is_of_project(&request.project_id, &scope);
    let after = page::after(&mut fields, &request.page_token, |token| match &request.which {
        Some(Which::Address(_) | Which::Cidr(_)) if !is_of_project => address_place(token),
        // All that a floating IP leads to is on one page.
        Some(Which::FloatingIp(_)) => None,
        Some(Which::Address(_) | Which::Cidr(_) | Which::Prefix(_) | Which::Pattern(_)) | None => {
            instance_place(token)
        }
    });
    fields.finish(wanted.map(|wanted| FindInstances { project, wanted, after, limit, scope }))
}

fn wanted(fields: &mut Fields, request: &v1::FindInstancesRequest) -> Option<WantedAddresses> {
    let text = match &request.which {
        None => {
            fields.wrong("address", "is required, or cidr, prefix, pattern or floating_ip");
            return None;
        }
        Some(Which::Address(text)) => {
            let address = fields.address("address", text);
            of_any_version(fields, request);
            return address.map(Cidr::only).map(WantedAddresses::In);
        }
        Some(Which::Cidr(text)) => {
            let range = fields.required("cidr", text);
            of_any_version(fields, request);
            return range.map(WantedAddresses::In);
        }
        Some(Which::FloatingIp(text)) => {
            of_any_version(fields, request);
            return fields.address("floating_ip", text).map(WantedAddresses::LedToBy);
        }
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
    text.map(|text| WantedAddresses::Written { text, family })
}

fn of_any_version(fields: &mut Fields, request: &v1::FindInstancesRequest) {
    if request.ip_version != 0 {
        fields.wrong(
            "ip_version",
            "goes with prefix or pattern; an address says itself of which version it is",
        );
    }
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

fn address_place(token: &str) -> Option<FoundPlace> {
    let (address, subnet) = token.split_once(' ')?;
    Some(FoundPlace::Address((address.parse().ok()?, subnet.parse::<Uuid>().ok()?.into())))
}

fn instance_place(token: &str) -> Option<FoundPlace> {
    let mut parts = token.splitn(3, ' ');
    let created_at = Timestamp::from(parts.next()?.parse::<i64>().ok()?);
    let id = parts.next()?.parse::<Uuid>().ok()?.into();
    Some(FoundPlace::Instance(InstancePlace { created_at, id, project: parts.next()?.parse().ok()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_back_and_one_of_another_kind_is_none() {
        let address = FoundPlace::Address(("fd00::5".parse().unwrap(), Uuid::from_u128(7).into()));
        let instance = FoundPlace::Instance(InstancePlace {
            project: "a-project".parse().unwrap(),
            created_at: Timestamp::from(-5),
            id: Uuid::from_u128(8).into(),
        });
        let [of_address, of_instance] = [address.clone(), instance.clone()].map(|next| token(Some(next)));
        assert_eq!(address_place(&of_address), Some(address));
        assert_eq!(instance_place(&of_instance), Some(instance));
        assert_eq!((address_place(&of_instance), instance_place(&of_address)), (None, None));
        assert_eq!(token(None), "");
    }
}
