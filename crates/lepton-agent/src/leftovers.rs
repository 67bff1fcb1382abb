//! [`Leftovers`]: what is on the host and must stay there although nobody can say what for.

use std::collections::BTreeSet;

use lepton_plan::{HostState, orphans};
use lepton_types::{HostId, IfName};

/// What stays on the host, as the log was told of it.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    orphans: Told,
    unmarked: Told,
}

/// Names that the log was told of.
#[derive(Debug, Default)]
struct Told(BTreeSet<IfName>);

impl Leftovers {
    /// Tells the log of what it was not told of before; of what comes back, again.
    pub(crate) fn tell(
        &mut self,
        host: &HostId,
        desired: &HostState,
        released: &BTreeSet<IfName>,
        state: &HostState,
    ) {
        let news = self.orphans.news(orphans(desired, released, state));
        if !news.is_empty() {
            let (count, devices) = (news.len(), news.join(" "));
            tracing::warn!(%host, count, devices, "the manager does not name these devices; they are left as they are");
        }
        let news = self.unmarked.news(unmarked(released, state));
        if !news.is_empty() {
            let (count, devices) = (news.len(), news.join(" "));
            tracing::warn!(
                %host, count, devices,
                "these devices have the names of released ports and no alias 'lepton …', so they are left as they are and \
                 the ports' addresses are not free; delete them ('ip link del NAME'), or give those that were Lepton's \
                 their alias again ('ip link set dev NAME alias \"lepton tap\"')"
            );
        }
    }
}

/// What bears a released port's name and cannot be proved to be the port's device, nor not to be.
fn unmarked(released: &BTreeSet<IfName>, state: &HostState) -> BTreeSet<IfName> {
    released.iter().filter(|device| state.is_anothers(device)).cloned().collect()
}

impl Told {
    fn news(&mut self, names: BTreeSet<IfName>) -> Vec<String> {
        let news = names.difference(&self.0).map(ToString::to_string).collect();
        self.0 = names;
        news
    }
}

#[cfg(test)]
mod tests {
    use lepton_plan::{Device, Kind};
    use lepton_types::Mtu;

    use super::*;

    fn names(names: &[&str]) -> BTreeSet<IfName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn each_name_is_news_once_and_again_when_it_comes_back() {
        let mut told = Told::default();
        assert_eq!(told.news(names(&["tap1", "tap2"])), ["tap1", "tap2"]);
        assert!(told.news(names(&["tap1", "tap2"])).is_empty());
        assert_eq!(told.news(names(&["tap1", "tap3"])), ["tap3"]);
        assert_eq!(told.news(names(&["tap2", "tap3"])), ["tap2"]);
    }

    #[test]
    fn a_released_port_whose_device_lost_its_mark_is_told_and_no_other_stranger() {
        let mut state = HostState { strangers: names(&["tap1", "tap2"]), ..HostState::default() };
        assert_eq!(unmarked(&names(&["tap1", "tap3"]), &state), names(&["tap1"]));
        let device = Device {
            kind: Kind::Tap,
            bridge: None,
            mtu: Mtu::ETHERNET,
            is_up: true,
            is_grouped: true,
            is_forwarding: true,
        };
        state.unmarked.extend(names(&["tap3", "tap4"]).into_iter().map(|name| (name, device.clone())));
        assert_eq!(unmarked(&names(&["tap1", "tap3"]), &state), names(&["tap1", "tap3"]));
    }
}
