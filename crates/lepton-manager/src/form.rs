//! [`Form`]: NetworkInfo as other programs read it, one JSON document each.

use lepton_ledger::Refusal;
use lepton_types::{NetworkInfo, legacy::LegacyNetworkInfo, model, network_data::NetworkData};
use serde::Serialize;

/// Which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The model of Nova's compute agents.
    Model,
    /// The pairs that hypervisor drivers knew before the model.
    Legacy,
    /// cloud-init's `network_data.json`.
    NetworkData,
}

impl Form {
    /// The document, on one line.
    ///
    /// # Errors
    ///
    /// [`Refusal::NetworkWithoutIpv4`] when the form has no words for a vNIC.
    pub(crate) fn render(self, info: &NetworkInfo) -> Result<String, Refusal> {
        Ok(match self {
            Self::Model => text(&model::NetworkInfo::from(info)),
            Self::Legacy => text(
                &LegacyNetworkInfo::try_from(&model::NetworkInfo::from(info))
                    .map_err(|error| Refusal::NetworkWithoutIpv4 { network: error.network })?,
            ),
            Self::NetworkData => text(&NetworkData::from(info)),
        })
    }
}

fn text(document: &impl Serialize) -> String {
    serde_json::to_string(document).expect("the forms have text keys only")
}
