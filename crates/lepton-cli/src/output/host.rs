//! Hosts as they are shown.

use lepton_proto::v1 as pb;
use serde::Serialize;

use super::{View, table::Table};

/// `lepton.v1.FenceHostResponse`.
#[derive(Debug, Serialize)]
pub(crate) struct FencedView {
    ended_port_ids: Vec<String>,
    departed_port_ids: Vec<String>,
    live_port_ids: Vec<String>,
    has_more: bool,
}

impl From<pb::FenceHostResponse> for FencedView {
    fn from(fenced: pb::FenceHostResponse) -> Self {
        Self {
            ended_port_ids: fenced.ended_port_ids,
            departed_port_ids: fenced.departed_port_ids,
            live_port_ids: fenced.live_port_ids,
            has_more: fenced.has_more,
        }
    }
}

impl View for FencedView {
    fn to_text(&self) -> String {
        let mut table = Table::with_header(["PORT", "NOW"]);
        for id in &self.ended_port_ids {
            table.row([id.clone(), "ended".to_owned()]);
        }
        for id in &self.departed_port_ids {
            table.row([id.clone(), "elsewhere".to_owned()]);
        }
        for id in &self.live_port_ids {
            table.row([id.clone(), "not released".to_owned()]);
        }
        table.to_string()
    }
}

impl FencedView {
    /// Whether there are ports on the host that nobody has released.
    pub(crate) fn has_live_ports(&self) -> bool {
        !self.live_port_ids.is_empty()
    }

    /// Whether further ports wait for the host.
    pub(crate) fn has_more(&self) -> bool {
        self.has_more
    }
}
