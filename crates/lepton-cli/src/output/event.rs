//! Events as they are shown.

use std::collections::BTreeMap;

use lepton_proto::v1 as pb;
use serde::Serialize;

use super::{View, clean, network::present, table::Table};

/// `lepton.v1.Event`.
#[derive(Debug, Serialize)]
pub(crate) struct EventView {
    revision: u64,
    kind: String,
    occurred_at: Option<String>,
    project_id: Option<String>,
    attributes: BTreeMap<String, String>,
    actor: String,
    request_id: Option<String>,
    call: String,
}

/// `lepton.v1.ListEventsResponse`, but for its pages, which are one list here.
#[derive(Debug, Serialize)]
pub(crate) struct EventsView {
    events: Vec<EventView>,
    has_more: bool,
    revision: u64,
}

impl EventsView {
    /// A list, whether the server has more, and up to where it has looked.
    pub(crate) fn new(events: Vec<pb::Event>, has_more: bool, revision: u64) -> Self {
        Self { events: events.into_iter().map(EventView::from).collect(), has_more, revision }
    }
}

impl EventView {
    /// What it happened to, and what there is to know of it.
    fn about(&self) -> String {
        let pairs: Vec<_> = self.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join(" ")
    }

    fn cells(&self) -> [String; 7] {
        [
            self.revision.to_string(),
            self.occurred_at.clone().unwrap_or_default(),
            self.kind.clone(),
            self.project_id.clone().unwrap_or_default(),
            self.call.clone(),
            self.actor.clone(),
            self.about(),
        ]
    }
}

impl From<pb::Event> for EventView {
    fn from(event: pb::Event) -> Self {
        Self {
            revision: event.revision,
            kind: event.kind,
            occurred_at: event.occurred_at.map(|time| time.to_string()),
            project_id: present(event.project_id),
            attributes: event.attributes,
            actor: event.actor,
            request_id: present(event.request_id),
            call: event.call,
        }
    }
}

impl View for EventView {
    /// One line: what comes next is not known, so there are no columns to align.
    fn to_text(&self) -> String {
        let cells = self.cells().map(|cell| if cell.is_empty() { "-".to_owned() } else { clean(&cell) });
        cells.join("  ") + "\n"
    }
}

impl View for EventsView {
    fn to_text(&self) -> String {
        let header = ["REVISION", "TIME", "EVENT", "PROJECT", "CALL", "ACTOR", "ABOUT"];
        let mut table = Table::with_header(header);
        for event in &self.events {
            table.row(event.cells());
        }
        table.to_string()
    }
}
