//! Explanations as they are shown.

use std::{collections::BTreeMap, fmt::Write as _};

use lepton_proto::v1 as pb;
use serde::Serialize;

use super::{View, network::present, table::clean};

/// `lepton.v1.Explanation`.
#[derive(Debug, Serialize)]
pub(crate) struct ExplanationView {
    kind: String,
    id: String,
    subnet_id: Option<String>,
    causes: Vec<CauseView>,
    parts: Vec<ExplanationView>,
}

/// `lepton.v1.Cause`.
#[derive(Debug, Serialize)]
struct CauseView {
    code: String,
    facts: BTreeMap<String, String>,
    words: String,
    is_difference: bool,
}

impl From<pb::Explanation> for ExplanationView {
    fn from(explanation: pb::Explanation) -> Self {
        Self {
            kind: kind_word(explanation.kind),
            id: explanation.id,
            subnet_id: present(explanation.subnet_id),
            causes: explanation.causes.into_iter().map(CauseView::from).collect(),
            parts: explanation.parts.into_iter().map(Self::from).collect(),
        }
    }
}

impl From<pb::Cause> for CauseView {
    fn from(pb::Cause { code, facts, words, is_difference }: pb::Cause) -> Self {
        Self { code, facts, words, is_difference }
    }
}

fn kind_word(kind: i32) -> String {
    match pb::ExplainedKind::try_from(kind) {
        Ok(kind) => kind.as_str_name().trim_start_matches("EXPLAINED_KIND_").to_owned(),
        Err(_) => kind.to_string(),
    }
}

impl ExplanationView {
    /// How many things are not as they should be.
    pub(crate) fn differences(&self) -> usize {
        let own = self.causes.iter().filter(|cause| cause.is_difference).count();
        own + self.parts.iter().map(Self::differences).sum::<usize>()
    }

    /// Writes what is explained, the causes below it, and the parts below them.
    fn write(&self, depth: usize, out: &mut String) {
        let indent = "    ".repeat(depth);
        // Writing to a text cannot fail.
        let _ = writeln!(out, "{indent}{} {}", self.kind.to_lowercase(), clean(&self.id));
        for cause in &self.causes {
            let mark = if cause.is_difference { "!" } else { "-" };
            let _ = writeln!(out, "{indent}  {mark} {}", clean(&cause.words));
        }
        self.parts.iter().for_each(|part| part.write(depth + 1, out));
    }
}

impl View for ExplanationView {
    fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(0, &mut out);
        out
    }
}
