//! What managers of one ledger should be told alike, and whether they were.

use lepton_store::Store;
use lepton_types::{Amounts, Limit};

use super::Settings;

/// Warns where a manager of the same ledger was told something else. It may be one that was stopped to be told the same: so this
/// one works, and what must never be does not hang on it. No MAC is two ports' whatever the managers' bases are.
pub(super) async fn look(store: &Store, settings: &Settings, limits: Amounts<Limit>) {
    if !store.is_shared() {
        return;
    }
    let told = [
        ("network.mac_base", settings.mac_base.to_string()),
        ("quota.networks", limits.networks.to_string()),
        ("quota.ports", limits.ports.to_string()),
        ("quota.fixed_ips", limits.fixed_ips.to_string()),
        ("quota.floating_ips", limits.floating_ips.to_string()),
    ];
    for (setting, here) in told {
        match store.note_setting(setting, &here).await {
            Ok(None) => {}
            Ok(Some(before)) => tracing::warn!(
                setting,
                %here,
                %before,
                "the manager of this ledger that started last was told something else: give it to all of them alike"
            ),
            Err(error) => tracing::warn!(setting, %error, "it is not known what other managers were told"),
        }
    }
}
