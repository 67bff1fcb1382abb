//! [`Event`]: something that happened in the ledger, and [`RecordedEvent`]: who did it, when, and where it stands among all.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{ProjectId, RequestId, Timestamp};

/// Something that happened in the ledger.
///
/// Its kind and what it tells are texts, so that a program reads what a newer one has written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What happened to what: `port.active`.
    pub kind: Cow<'static, str>,
    /// Whose thing it happened to; none: an operator's, or everybody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
    /// Whether it happened to what every project may see, such as a global network.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_public: bool,
    /// What it happened to, and what a reader needs to know of it: `port_id`, `old_status`.
    pub about: BTreeMap<Cow<'static, str>, String>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// An event with its place among all, and whose doing it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedEvent {
    /// Unique, and without gaps in the order in which changes became durable. The first event has 1.
    pub revision: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// Who did it: a caller's name as its credentials prove it, or a part of Lepton's own.
    pub actor: String,
    /// Under which request id, if it had one.
    pub request_id: Option<RequestId>,
    /// By which call.
    pub call: Cow<'static, str>,
    /// What happened.
    pub event: Event,
}

impl Event {
    /// An event that only operators see.
    pub fn new(kind: &'static str) -> Self {
        Self { kind: kind.into(), project: None, is_public: false, about: BTreeMap::new() }
    }

    /// The same, of a project's thing.
    #[must_use]
    pub fn of_project(self, project: Option<&ProjectId>) -> Self {
        Self { project: project.cloned(), ..self }
    }

    /// The same, of a thing that is its owner's, or everybody's when it has none.
    #[must_use]
    pub fn of_owner(self, owner: Option<&ProjectId>) -> Self {
        Self { project: owner.cloned(), is_public: owner.is_none(), ..self }
    }

    /// The same, telling one thing more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.about.insert(name.into(), value.to_string());
        self
    }

    /// The same, telling one thing more if there is one.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The same, telling what became of one thing, if anything did: `label` and `old_label`. Of what there is no more only
    /// the second is told, of what there was not only the first.
    #[must_use]
    pub fn changed<T: fmt::Display + PartialEq>(
        mut self,
        name: &'static str,
        old: Option<&T>,
        new: Option<&T>,
    ) -> Self {
        if old != new {
            if let Some(old) = old {
                self.about.insert(format!("old_{name}").into(), old.to_string());
            }
            self = self.with_some(name, new);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_written_short_and_read_again() {
        let event = Event::new("port.active")
            .of_project("blue".parse().ok().as_ref())
            .with("port_id", 7)
            .with_some("error", None::<&str>);
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(text, r#"{"kind":"port.active","project":"blue","about":{"port_id":"7"}}"#);
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    }

    #[test]
    fn what_changed_is_told_with_what_it_was() {
        let event = Event::new("network.modified")
            .changed("label", Some(&"a"), Some(&"b"))
            .changed("host", Some(&"node1"), None)
            .changed("priority", Some(&1), Some(&1))
            .changed("zone", None, Some(&"z"));
        let told: Vec<_> = event.about.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(told, ["label=b", "old_host=node1", "old_label=a", "zone=z"]);
    }

    #[test]
    fn what_has_no_owner_is_everybodys_or_an_operators() {
        let public = Event::new("network.created").of_owner(None);
        let operators = Event::new("network.created").of_project(None);
        assert_eq!([public.is_public, operators.is_public], [true, false]);
        let text = serde_json::to_string(&public).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), public);
    }
}
