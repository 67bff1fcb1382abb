//! Calls about what looks for instances.

use lepton_proto::v1;

use super::{Example, call_by};
use crate::callers::MEMBER;

pub(super) fn calls() -> Vec<Example> {
    let search = v1::FindInstancesRequest {
        which: Some(v1::find_instances_request::Which::Pattern("10\\.1\\..*".into())),
        ip_version: 4,
        page_size: 1,
        ..Default::default()
    };
    vec![call_by(MEMBER, "/lepton.v1.Queries/FindInstances", &search)]
}
