//! [`Leftovers`]: what is on the host and must stay there although nobody can say what for.

use std::collections::BTreeSet;

use lepton_types::{HostId, IfName};

/// Devices of ours that the manager does not name, as the log was told of them.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    told: BTreeSet<IfName>,
}

impl Leftovers {
    /// Tells the log of orphans that it was not told of before; of one that comes back, again.
    pub(crate) fn tell(&mut self, host: &HostId, orphans: &BTreeSet<IfName>) {
        let news = self.news(orphans);
        if !news.is_empty() {
            let (count, devices) = (news.len(), news.join(" "));
            tracing::warn!(%host, count, devices, "the manager does not name these devices; they are left as they are");
        }
    }

    fn news<'a>(&mut self, orphans: &'a BTreeSet<IfName>) -> Vec<&'a str> {
        let news = orphans.iter().filter(|orphan| !self.told.contains(*orphan)).map(IfName::as_str).collect();
        self.told.clone_from(orphans);
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<IfName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn each_orphan_is_news_once_and_again_when_it_comes_back() {
        let mut leftovers = Leftovers::default();
        assert_eq!(leftovers.news(&names(&["tap1", "tap2"])), ["tap1", "tap2"]);
        assert!(leftovers.news(&names(&["tap1", "tap2"])).is_empty());
        assert_eq!(leftovers.news(&names(&["tap1", "tap3"])), ["tap3"]);
        assert_eq!(leftovers.news(&names(&["tap2", "tap3"])), ["tap2"]);
    }
}
