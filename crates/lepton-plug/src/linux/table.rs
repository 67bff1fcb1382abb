//! Our filter table as actions change it: whole, or a port's filter at a time.

use std::collections::BTreeMap;

use lepton_plan::{Action, Filter};
use lepton_types::IfName;

use crate::PlugError;

use super::{Linux, Outcome, filter, limit::Limit};

/// What our filter table is called in errors, as `nft list table …` takes it.
const TABLE: &str = "nftables table bridge lepton";

/// Ports whose filters are changed in one transaction. Without `CAP_NET_ADMIN` over the whole machine (in a user
/// namespace) nft cannot enlarge its socket's send buffer, and 208 KiB of it hold the elements of about 400 ports.
const FILTERS_AT_ONCE: usize = 128;

impl Linux {
    pub(super) async fn load(&mut self, actions: &[&Action]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for action in actions {
            let Action::LoadFilters { filters } = action else { continue };
            outcomes.push(self.load_table(filters).await); // at most three runs of nft can be stuck, 30 s
        }
        outcomes
    }

    /// Loads the table in one transaction, or as near to it as can be.
    async fn load_table(&mut self, filters: &BTreeMap<IfName, Filter>) -> Outcome {
        let strays = std::mem::take(&mut self.strays);
        let Err(words) = self.load_text(&filter::render_table(filters, &strays)).await else { return Ok(()) };
        tracing::warn!(%words, "the filter table cannot be loaded in one transaction; trying in parts");
        let parts = filter::render_parts(filters, &strays, FILTERS_AT_ONCE);
        let Err(words) = self.load_all(&parts).await else { return Ok(()) };
        // Something of the same name and another type is in the way, or a stray chain is in use or gone; only a new table
        // gets rid of it.
        tracing::warn!(%words, "the filter table cannot be repaired in place and is made anew");
        let mut parts = filter::render_parts(filters, &[], FILTERS_AT_ONCE);
        parts[0].insert_str(0, filter::REMOVE_TABLE);
        self.load_all(&parts).await.map_err(|words| PlugError::new("load", TABLE, &words))
    }

    async fn load_all(&mut self, texts: &[String]) -> Result<(), String> {
        for text in texts {
            self.load_text(text).await?;
        }
        Ok(())
    }

    async fn load_text(&mut self, text: &str) -> Result<(), String> {
        let process = self.nft.load(text).await?;
        self.watch.expect(process);
        Ok(())
    }

    /// Sets and removes filters, [`FILTERS_AT_ONCE`] in a transaction; all of a transaction work or none does.
    pub(super) async fn change_filters(&mut self, actions: &[&Action], limit: Limit) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(actions.len());
        for actions in actions.chunks(FILTERS_AT_ONCE) {
            let outcome = limit.of_one(actions[0], self.change_some_filters(actions)).await;
            outcomes.extend(vec![outcome; actions.len()]);
        }
        outcomes
    }

    async fn change_some_filters(&mut self, actions: &[&Action]) -> Outcome {
        let subjects = actions.iter().filter_map(|action| action.subject());
        let before = subjects.filter_map(|device| self.known.filters.get_key_value(device));
        let after = actions.iter().filter_map(|action| {
            let Action::SetFilter { device, filter } = action else { return None };
            Some((device, filter))
        });
        let text = filter::render_changes(before, after);
        let changed = if text.is_empty() { Ok(()) } else { self.load_text(&text).await };
        changed.map_err(|words| PlugError::new("change", TABLE, &words))
    }
}
