//! What a batch leaves in memory to the next one, where one manager alone writes: rows that nearly every allocation reads.

use lepton_types::MacRange;

use super::{Indexes, Tables, View};
use crate::{Change, Key};

/// So many rows, and keys that say which are complete, are left at most. With more, nothing is left, and the next batch loads what it
/// needs anew: there are some for each host, project and block that batches have met, and nothing tells which of them are met again.
const MOST_LEFT: usize = 65_536;

impl View {
    /// What the batch decided, in order, and a view for the next batch, which is to [begin](View::restart) with it: networks, subnets
    /// and what is free of them, hosts and quotas, as they are once those changes are written; a view of nothing yet where that is very
    /// much.
    ///
    /// Only who knows that they were written, and nothing since, may decide on it.
    pub fn leave(mut self) -> (Vec<Change>, Self) {
        let changes = std::mem::take(&mut self.changes);
        let mut left = Self::partial(self.now, [0; 32]).with_default_limits(self.default_limits);
        if self.lasting.len() + self.tables.count_lasting() > MOST_LEFT {
            return (changes, left);
        }
        let has_ranges_by_now = self.rows::<MacRange>().next().is_some();
        left.has_mac_ranges = if has_ranges_by_now { Some(true) } else { self.has_mac_ranges };
        left.tables = self.tables.into_lasting();
        left.indexes = self.indexes.into_lasting();
        left.free_blocks_known = self.free_blocks_known;
        left.lasting = self.lasting;
        (changes, left)
    }

    /// What the view holds everything of that is left to the next batch.
    pub fn lasting(&self) -> impl Iterator<Item = &Key> {
        self.lasting.iter()
    }
}

impl Tables {
    fn count_lasting(&self) -> usize {
        let Self { networks, subnets, frontiers, blocks, hosts, quotas, .. } = self;
        networks.len() + subnets.len() + frontiers.len() + blocks.len() + hosts.len() + quotas.len()
    }

    fn into_lasting(self) -> Self {
        let Self { networks, subnets, frontiers, blocks, hosts, quotas, .. } = self;
        Self { networks, subnets, frontiers, blocks, hosts, quotas, ..Self::default() }
    }
}

impl Indexes {
    /// The indexes of those tables. Whoever adds one says here of what it is.
    fn into_lasting(self) -> Self {
        let Self {
            networks_by_project,
            networks_by_sequence,
            networks_by_host,
            pools,
            subnets_by_network,
            free_blocks,
            instances_by_project: _,
            ports_by_instance: _,
            ports_by_mac: _,
            ports_by_network: _,
            ports_by_host: _,
            unplugs_by_host: _,
            unplugs_by_port: _,
            fixed_ips_by_port: _,
            floating_ranges_by_pool: _,
            floating_ips_by_port: _,
            floating_ips_by_network: _,
            fixed_ips_by_address: _,
            fixed_ips_by_lease: _,
            free_macs_by_range: _,
            quarantine: _,
            dns_domains_by_name: _,
            dns_entries_by_address: _,
            dns_entries_by_bond: _,
        } = self;
        Self {
            networks_by_project,
            networks_by_sequence,
            networks_by_host,
            pools,
            subnets_by_network,
            free_blocks,
            ..Self::default()
        }
    }
}

impl Key {
    /// Whether what it names is left to the next batch.
    pub(super) fn is_of_lasting(&self) -> bool {
        match self {
            Self::Network(_)
            | Self::NetworksOf(_)
            | Self::Subnet(_)
            | Self::Frontier(_)
            | Self::FreeBlocks { .. }
            | Self::Block(..)
            | Self::Host(_)
            | Self::Quota(_) => true,
            Self::Request(_)
            | Self::NewestNetwork
            | Self::MacRanges
            | Self::FreeMacs { .. }
            | Self::FixedIp(..)
            | Self::Instance(_)
            | Self::NetworkInfo(_)
            | Self::PastLives(_)
            | Self::Port(_)
            | Self::Mac(_)
            | Self::PortOfMac(_)
            | Self::PortWith(..)
            | Self::LeasedTo(..)
            | Self::PendingUnplugs(_)
            | Self::FloatingPool(_)
            | Self::FloatingRange(_)
            | Self::FloatingRangesIn(_)
            | Self::FloatingIp(_)
            | Self::FloatingOwner(_)
            | Self::FloatingIpsOf(_)
            | Self::DnsDomain(_)
            | Self::DnsEntry(_)
            | Self::BoundNames(..)
            | Self::Select(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use lepton_types::{HostId, Revision, Timestamp};

    use super::*;
    use crate::{Host, RequestKey};

    /// What is left of a batch that met so many hosts, and a request.
    fn left_of(hosts: usize) -> View {
        let mut view = View::partial(Timestamp::default(), [0; 32]);
        for number in 0..hosts {
            let id: HostId = format!("node-{number}").parse().unwrap();
            view.load(Host { id: id.clone(), revision: Revision::default(), is_registered: true });
            view.mark_loaded(Key::Host(id));
        }
        let request = RequestKey { caller: "nova".into(), id: "r1".parse().unwrap() };
        view.mark_loaded(Key::Request(request.clone()));
        let (changes, mut left) = view.leave();
        assert!(changes.is_empty());
        assert!(!left.want([Key::Request(request)]), "what others may ask under the same id is asked again");
        left
    }

    #[test]
    fn what_is_left_is_bounded() {
        let known = |left: &mut View| left.want([Key::Host("node-0".parse().unwrap())]);
        let mut left = left_of(MOST_LEFT / 2);
        assert!(known(&mut left) && left.rows::<Host>().count() == MOST_LEFT / 2);
        let mut left = left_of(MOST_LEFT / 2 + 1);
        assert!(!known(&mut left) && left.rows::<Host>().count() == 0);
    }

    #[test]
    fn that_nobody_has_said_whether_there_are_ranges_of_macs_is_left_too() {
        for said in [None, Some(false), Some(true)] {
            let mut view = View::partial(Timestamp::default(), [0; 32]);
            said.into_iter().for_each(|said| view.note_mac_ranges(said));
            assert_eq!(view.leave().1.may_have_mac_ranges(), said != Some(false), "{said:?}");
        }
    }
}
