//! `event.proto`: events to the wire.

use lepton_types::RecordedEvent;

use crate::{timestamp, v1};

impl From<RecordedEvent> for v1::Event {
    fn from(recorded: RecordedEvent) -> Self {
        let RecordedEvent { revision, at, actor, request_id, call, event } = recorded;
        let about = event.about.into_iter();
        Self {
            revision,
            kind: event.kind.into_owned(),
            occurred_at: Some(timestamp(at)),
            project_id: event.project.map(String::from).unwrap_or_default(),
            attributes: about.map(|(name, value)| (name.into_owned(), value)).collect(),
            actor,
            request_id: request_id.map(String::from).unwrap_or_default(),
            call: call.into_owned(),
        }
    }
}
