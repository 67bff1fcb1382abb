//! `lepton version`: what this program is. The API has no call that tells the server's version, so none is claimed.

use serde::Serialize;

use crate::output::View;

/// What this program is.
#[derive(Debug, Serialize)]
pub(crate) struct VersionView {
    client_version: &'static str,
    api: &'static str,
}

impl Default for VersionView {
    fn default() -> Self {
        Self { client_version: env!("CARGO_PKG_VERSION"), api: "lepton.v1" }
    }
}

impl View for VersionView {
    fn to_text(&self) -> String {
        format!("lepton {} (API {})\n", self.client_version, self.api)
    }
}
