//! Calls about the audits.

use lepton_proto::v1;

use super::{Example, call, call_by};
use crate::{callers::READER, rpc::world::Named};

pub(super) fn calls(named: &Named) -> Vec<Example> {
    let repair = v1::RepairFindingRequest {
        class: "LEAKED_ADDRESS".into(),
        thing: Some(v1::AuditedThing {
            subnet_id: named.shared_subnet.clone(),
            address: "10.1.0.77".into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    vec![
        call_by(READER, "/lepton.v1.Audits/AuditLedger", &v1::AuditLedgerRequest::default()),
        call("/lepton.v1.Audits/RepairFinding", &repair),
    ]
}
