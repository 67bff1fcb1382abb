//! Which page of a list a request asks for.

use lepton_ledger::Scope;
use lepton_types::Shown;

use super::Fields;

/// Things on a page when the request does not say.
const USUAL: u16 = 100;

/// Most things on a page.
const LARGEST: u16 = 1000;

/// How many things the page has at most.
pub(crate) fn limit(fields: &mut Fields, page_size: i32) -> u16 {
    match u16::try_from(page_size) {
        Ok(0) => USUAL,
        Ok(size) if size <= LARGEST => size,
        Ok(_) | Err(_) => {
            fields.wrong("page_size", format!("{page_size} is no page size (expected 0 to {LARGEST})"));
            USUAL
        }
    }
}

/// Whether a list is of one project's things, and its places are among those: it asks for them, or its caller sees no others.
pub(crate) fn is_of_project(project_id: &str, scope: &Scope) -> bool {
    !project_id.is_empty() || scope.project().is_some()
}

/// Behind what the page starts, as `read` makes it of a token that it knows; nothing for the first page.
pub(crate) fn after<T>(fields: &mut Fields, token: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    if token.is_empty() {
        return None;
    }
    let after = read(token);
    if after.is_none() {
        fields.wrong("page_token", format!("{} is not a next_page_token of this call", Shown::new(token)));
    }
    after
}
