//! Audits and repairs.

use lepton_ledger::{
    AuditLedger, AuditPlace, AuditedThing, Block, FindingClass, Refusal, RepairFinding, Scope,
};
use lepton_proto::v1;
use lepton_types::Resource;

use super::{Fields, page};

/// Parses `AuditLedger`; who may make the call sees all of the ledger.
pub(crate) fn audit_ledger(request: &v1::AuditLedgerRequest, _: Scope) -> Result<AuditLedger, Refusal> {
    let mut fields = Fields::default();
    let after = page::after(&mut fields, &request.page_token, place);
    fields.finish(Some(AuditLedger { after }))
}

/// Parses `RepairFinding`.
pub(crate) fn repair_finding(
    mut fields: Fields,
    request: &v1::RepairFindingRequest,
) -> Result<RepairFinding, Refusal> {
    let class: Option<FindingClass> = fields.required("class", &request.class);
    let none = v1::AuditedThing::default();
    let thing = thing(&mut fields, request.thing.as_ref().unwrap_or(&none));
    fields.finish(class.and_then(|class| Some(RepairFinding { class, thing: thing? })))
}

fn thing(fields: &mut Fields, thing: &v1::AuditedThing) -> Option<AuditedThing> {
    let is_quota = !thing.project_id.is_empty() || !thing.resource.is_empty();
    let is_place = !thing.subnet_id.is_empty() || !thing.address.is_empty();
    match (is_place, is_quota) {
        (true, true) => {
            fields.wrong("thing.project_id", "is of a quota; leave it out, or subnet_id and address");
            None
        }
        (_, false) => {
            let subnet = fields.required("thing.subnet_id", &thing.subnet_id);
            if thing.address.is_empty() {
                return subnet.map(AuditedThing::Range);
            }
            let address = fields.address("thing.address", &thing.address);
            subnet.and_then(|subnet| Some(AuditedThing::Address(subnet, address?)))
        }
        (false, true) => {
            let project = fields.required("thing.project_id", &thing.project_id);
            let resource: Option<Resource> = fields.required("thing.resource", &thing.resource);
            project.and_then(|project| Some(AuditedThing::Quota(project, resource?)))
        }
    }
}

/// The token of the page that goes on from here.
pub(crate) fn token(next: Option<&AuditPlace>) -> String {
    match next {
        None => String::new(),
        Some(AuditPlace::Subnet(subnet)) => format!("subnet {subnet}"),
        Some(AuditPlace::Address(subnet, address)) => format!("address {subnet} {address}"),
        Some(AuditPlace::Range(None)) => "ranges".to_owned(),
        Some(AuditPlace::Range(Some(subnet))) => format!("range {subnet}"),
        Some(AuditPlace::Quota(None)) => "quotas".to_owned(),
        Some(AuditPlace::Quota(Some(project))) => format!("quota {project}"),
    }
}

/// The place that a token tells.
fn place(token: &str) -> Option<AuditPlace> {
    let (word, rest) = token.split_once(' ').unwrap_or((token, ""));
    Some(match (word, rest) {
        ("subnet", id) => AuditPlace::Subnet(id.parse().ok()?),
        ("address", rest) => {
            let (subnet, address) = rest.split_once(' ')?;
            AuditPlace::Address(subnet.parse().ok()?, Block::start_of(address.parse().ok()?))
        }
        ("ranges", "") => AuditPlace::Range(None),
        ("range", id) => AuditPlace::Range(Some(id.parse().ok()?)),
        ("quotas", "") => AuditPlace::Quota(None),
        ("quota", project) => AuditPlace::Quota(Some(project.parse().ok()?)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use lepton_types::SubnetId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_manual_has_each_class() {
        let proto = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto/lepton/v1/audit.proto");
        let manual = fs::read_to_string(proto).unwrap();
        let rows = manual.lines().skip_while(|line| !line.starts_with("//   class ")).skip(1);
        let rows = rows.map_while(|line| line.strip_prefix("//   ")?.split(' ').next());
        let classes = FindingClass::ALL.iter().map(|class| class.as_str());
        assert_eq!(rows.collect::<Vec<_>>(), classes.collect::<Vec<_>>());
    }

    #[test]
    fn tokens_are_read_back() {
        let subnet: SubnetId = Uuid::from_u128(7).into();
        for place in [
            AuditPlace::Subnet(subnet),
            AuditPlace::Address(subnet, "10.1.4.0".parse().unwrap()),
            AuditPlace::Address(subnet, "fd00::100".parse().unwrap()),
            AuditPlace::Range(None),
            AuditPlace::Range(Some(subnet)),
            AuditPlace::Quota(None),
            AuditPlace::Quota(Some("ranges".parse().unwrap())),
        ] {
            assert_eq!(super::place(&token(Some(&place))), Some(place));
        }
        assert_eq!(token(None), "");
        for wrong in ["", "subnet", "subnet x", "ranges x", "address 7 10.1.4.0", "quota", "all"] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}
