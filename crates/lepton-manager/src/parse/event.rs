//! Requests about events.

use lepton_ledger::{EventFilter, EventStart, ReadEvents, Refusal, Scope};
use lepton_proto::v1;
use lepton_types::Shown;

use super::{Fields, page};

/// Most kinds that one request names.
const MOST_KINDS: usize = 16;

/// Most bytes of a kind, or of its beginning; ours have half of that.
const LONGEST_KIND: usize = 64;

/// Most events of one message of a stream.
const AT_ONCE: u16 = 512;

/// Parses `WatchEvents`.
pub(crate) fn watch_events(request: &v1::WatchEventsRequest, scope: Scope) -> Result<ReadEvents, Refusal> {
    let mut fields = Fields::default();
    let filter = filter(&mut fields, &request.project_id, &request.kinds, scope);
    let start = request.after_revision.map_or(EventStart::Newest(0), EventStart::After);
    fields.finish(Some(ReadEvents { start, limit: AT_ONCE, filter }))
}

/// Parses `ListEvents`.
pub(crate) fn list_events(request: &v1::ListEventsRequest, scope: Scope) -> Result<ReadEvents, Refusal> {
    let mut fields = Fields::default();
    let filter = filter(&mut fields, &request.project_id, &request.kinds, scope);
    let limit = page::limit(&mut fields, request.page_size);
    let behind = page::after(&mut fields, &request.page_token, |token| token.parse().ok());
    if behind.is_some() && request.after_revision.is_some() {
        fields.wrong("page_token", "says where the page starts; leave after_revision out");
    }
    let start = behind.or(request.after_revision).map_or(EventStart::Newest(limit), EventStart::After);
    fields.finish(Some(ReadEvents { start, limit, filter }))
}

fn filter(fields: &mut Fields, project: &str, kinds: &[String], scope: Scope) -> EventFilter {
    let project = fields.optional("project_id", project);
    if kinds.len() > MOST_KINDS {
        fields.wrong("kinds", format!("{} kinds are given (expected at most {MOST_KINDS})", kinds.len()));
        return EventFilter::default();
    }
    for (index, kind) in kinds.iter().enumerate() {
        let is_plain = kind.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_' | '.'));
        if kind.is_empty() || kind.len() > LONGEST_KIND || !is_plain {
            let problem = format!("{} is no kind of event (expected for example port.)", Shown::new(kind));
            fields.wrong(format!("kinds[{index}]"), problem);
        }
    }
    EventFilter { scope, project, kinds: kinds.to_vec() }
}
