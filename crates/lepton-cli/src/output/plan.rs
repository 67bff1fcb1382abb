//! What would be done, as it is shown.

use std::fmt::Write as _;

use lepton_proto::v1::{self as pb, planned_value::Value};
use serde::Serialize;

use super::{View, table::clean};

/// An answer, and how it comes about.
#[derive(Debug, Serialize)]
pub(crate) struct PlannedView<'v, V> {
    pub(crate) answer: &'v V,
    pub(crate) plan: &'v PlanView,
}

/// `lepton.v1.Plan`.
#[derive(Debug, Serialize)]
pub(crate) struct PlanView {
    hash: String,
    expires_at: Option<String>,
    rows: Vec<RowView>,
    hosts: Vec<HostView>,
}

/// `lepton.v1.PlannedRow`.
#[derive(Debug, Serialize)]
struct RowView {
    kind: String,
    key: String,
    fate: String,
    fields: Vec<FieldView>,
}

/// `lepton.v1.PlannedField`. A moment that follows from when the plan is carried out is told as a span from then on: `+60s`.
#[derive(Debug, Serialize)]
struct FieldView {
    name: String,
    before: Option<String>,
    after: Option<String>,
}

/// `lepton.v1.PlannedHost`.
#[derive(Debug, Serialize)]
struct HostView {
    host: String,
    has_agent: bool,
    actions: Vec<String>,
}

impl PlanView {
    /// By what it is carried out.
    pub(crate) fn hash(&self) -> &str {
        &self.hash
    }
}

impl From<pb::Plan> for PlanView {
    fn from(plan: pb::Plan) -> Self {
        let host = |pb::PlannedHost { host, has_agent, actions }| HostView { host, has_agent, actions };
        Self {
            hash: plan.hash,
            expires_at: plan.expires_at.map(|moment| moment.to_string()),
            rows: plan.rows.into_iter().map(RowView::from).collect(),
            hosts: plan.hosts.into_iter().map(host).collect(),
        }
    }
}

impl From<pb::PlannedRow> for RowView {
    fn from(row: pb::PlannedRow) -> Self {
        let fate = match pb::RowFate::try_from(row.fate) {
            Ok(fate) => fate.as_str_name().trim_start_matches("ROW_FATE_").to_owned(),
            Err(_) => row.fate.to_string(),
        };
        Self {
            kind: row.kind,
            key: row.key,
            fate,
            fields: row.fields.into_iter().map(FieldView::from).collect(),
        }
    }
}

impl From<pb::PlannedField> for FieldView {
    fn from(field: pb::PlannedField) -> Self {
        Self { name: field.name, before: field.before.and_then(words), after: field.after.and_then(words) }
    }
}

fn words(value: pb::PlannedValue) -> Option<String> {
    Some(match value.value? {
        Value::Text(text) => text,
        Value::At(moment) => moment.to_string(),
        Value::Later(span) => format!("+{span}"),
    })
}

impl RowView {
    fn write(&self, out: &mut String) {
        let mark = match self.fate.as_str() {
            "INSERTED" => '+',
            "DELETED" => '-',
            _ => '~',
        };
        // Writing to a text cannot fail.
        let _ = writeln!(out, "{mark} {} {}", clean(&self.kind), clean(&self.key));
        for FieldView { name, before, after } in &self.fields {
            let name = clean(name);
            let _ = match (before, after) {
                (Some(before), Some(after)) => {
                    writeln!(out, "    {name}: {} -> {}", clean(before), clean(after))
                }
                (Some(only), None) if mark == '~' => writeln!(out, "    {name}: {} -> -", clean(only)),
                (None, Some(only)) if mark == '~' => writeln!(out, "    {name}: - -> {}", clean(only)),
                (Some(only), None) | (None, Some(only)) => writeln!(out, "    {name}: {}", clean(only)),
                (None, None) => Ok(()),
            };
        }
    }
}

impl HostView {
    fn write(&self, out: &mut String) {
        let nothing = match (self.has_agent, self.actions.is_empty()) {
            (false, _) => " has no agent yet, and does nothing until it comes",
            (true, true) => " has nothing to do",
            (true, false) => "",
        };
        let _ = writeln!(out, "host {}{nothing}", clean(&self.host));
        for (number, action) in (1..).zip(&self.actions) {
            let _ = writeln!(out, "    {number}. {}", clean(action));
        }
    }
}

impl View for PlanView {
    fn to_text(&self) -> String {
        let mut out = format!("plan {}\n", clean(&self.hash));
        self.rows.iter().for_each(|row| row.write(&mut out));
        self.hosts.iter().for_each(|host| host.write(&mut out));
        out
    }
}

impl<V: View> View for PlannedView<'_, V> {
    fn to_text(&self) -> String {
        format!("{}\n{}", self.answer.to_text(), self.plan.to_text())
    }
}
