//! Our filter table as actions change it: whole, or a port's filter at a time.

use std::collections::BTreeMap;

use lepton_plan::{Action, Filter};
use lepton_types::IfName;

use crate::PlugError;

use super::{Linux, Outcome, filter, limit::Limit, nft::NftError};

/// Ports whose filters are changed in one transaction. Without `CAP_NET_ADMIN` over the whole machine (in a user
/// namespace) nft cannot enlarge its socket's send buffer, and 208 KiB of it hold the elements of about 400 ports.
const FILTERS_AT_ONCE: usize = 128;

impl Linux {
    pub(super) async fn load(&mut self, actions: &[&Action]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for action in actions {
            let Action::LoadFilters { filters } = action else { continue };
            outcomes.push(self.load_table(filters).await); // one run of nft can be stuck, 10 s
        }
        outcomes
    }

    /// Loads the table, and removes the chains in it that are not ours.
    async fn load_table(&mut self, filters: &BTreeMap<IfName, Filter>) -> Outcome {
        let strays = self.strays.clone();
        self.load_around(filters, &strays).await?;
        self.strays.clear();
        self.keep_fingerprint().await.map_err(|error| not_loaded(&error))
    }

    /// Keeps in the table how its rules are listed that were just loaded. Where somebody has changed it meanwhile there is
    /// nothing to keep, and without it the table is loaded again.
    async fn keep_fingerprint(&mut self) -> Result<(), NftError> {
        let listing = self.nft.list().await?;
        match listing.and_then(|listing| filter::fingerprint(&listing)) {
            Some(fingerprint) => self.load_text(&filter::render_fingerprint(fingerprint)).await,
            None => Ok(()),
        }
    }

    /// In one transaction, or, where the kernel refuses that, as near to it as can be. What else goes wrong is no reason to try
    /// otherwise: the table in the kernel is the old one or, after an nft that did not end in time, the new one, and is loaded
    /// in the next pass.
    async fn load_around(&mut self, filters: &BTreeMap<IfName, Filter>, strays: &[u64]) -> Outcome {
        let loaded = self.load_text(&filter::render_table(filters, strays)).await;
        let Some(words) = refused(loaded)? else { return Ok(()) };
        tracing::warn!(%words, "the filter table cannot be loaded in one transaction; trying in parts");
        let parts = filter::render_parts(filters, strays, FILTERS_AT_ONCE);
        let Some(words) = refused(self.load_all(&parts).await)? else { return Ok(()) };
        // Something of the same name and another type is in the way, or a stray chain is in use or gone; only a new table
        // gets rid of it.
        tracing::warn!(%words, "the filter table cannot be repaired in place and is made anew");
        let mut parts = filter::render_parts(filters, &[], FILTERS_AT_ONCE);
        parts[0].insert_str(0, filter::REMOVE_TABLE);
        self.load_all(&parts).await.map_err(|error| not_loaded(&error))
    }

    async fn load_all(&mut self, texts: &[String]) -> Result<(), NftError> {
        for text in texts {
            self.load_text(text).await?;
        }
        Ok(())
    }

    async fn load_text(&mut self, text: &str) -> Result<(), NftError> {
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
        changed.map_err(|words| PlugError::new("change", filter::TABLE, &words))
    }
}

/// What the kernel has refused, in nft's words; none when it did not.
fn refused(loaded: Result<(), NftError>) -> Result<Option<String>, PlugError> {
    match loaded {
        Ok(()) => Ok(None),
        Err(NftError::Refused(words)) => Ok(Some(words)),
        Err(error @ NftError::NotRun(_)) => Err(not_loaded(&error)),
    }
}

fn not_loaded(error: &NftError) -> PlugError {
    PlugError::new("load", filter::TABLE, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_kernel_refuses_is_tried_otherwise() {
        assert_eq!(refused(Ok(())), Ok(None));
        assert_eq!(refused(Err(NftError::Refused("File exists".into()))), Ok(Some("File exists".into())));
        assert!(refused(Err(NftError::NotRun("it has not ended".into()))).is_err());
    }
}
