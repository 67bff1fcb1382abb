//! Calls about the journal of events.

use lepton_proto::v1;

use super::{Example, PROJECT, call, call_by};
use crate::callers::MEMBER;

pub(super) fn calls() -> Vec<Example> {
    let kinds = || vec!["instance.allocated".to_owned(), "port.created".to_owned()];
    let watch = v1::WatchEventsRequest { after_revision: Some(0), kinds: kinds(), ..Default::default() };
    let list = v1::ListEventsRequest {
        after_revision: Some(2),
        project_id: PROJECT.into(),
        kinds: kinds(),
        page_size: 2,
        ..Default::default()
    };
    vec![
        call_by(MEMBER, "/lepton.v1.Events/WatchEvents", &watch),
        call("/lepton.v1.Events/ListEvents", &list),
    ]
}
