//! Texts for DHCP servers as they are shown: to people and to dnsmasq alike.

use lepton_proto::v1 as pb;
use serde::Serialize;

use super::View;

/// `lepton.v1.DhcpText`, but for its parts, which are one text here.
#[derive(Debug, Serialize)]
pub(crate) struct DhcpTextView {
    text: String,
    revision: u64,
}

impl From<pb::DhcpText> for DhcpTextView {
    fn from(whole: pb::DhcpText) -> Self {
        let pb::DhcpText { text, revision } = whole;
        Self { text, revision }
    }
}

impl View for DhcpTextView {
    /// The text byte for byte: some end without a line feed.
    fn to_text(&self) -> String {
        self.text.clone()
    }
}
