//! What a complete view lets go of, since it lives on after its batch: a partial one is dropped, and its store sees to it.

use lepton_ipam::Block;
use lepton_types::{DnsDomainId, DnsEntry, SubnetId, Timestamp};

use super::View;
use crate::{Change, FixedIp, Row, RowChange};

impl View {
    /// Keeps everything that the batch decided; only a complete view lives on after its batch.
    pub fn keep(&mut self) {
        for (ended, at) in self.ended() {
            self.keep_ended(ended, at);
        }
        for change in std::mem::take(&mut self.changes) {
            if let Change::Journal(entry) = change {
                self.keep_entry(entry);
            } else if let Change::Subnet(RowChange { before: Some(subnet), after: None }) = change {
                self.forget_addresses(subnet.id);
            } else if let Change::DnsDomain(RowChange { before: Some(domain), after: None }) = change {
                self.forget_entries(domain.id);
            }
        }
    }

    /// Drops the answers that a complete view remembers from before a moment; answers how many.
    pub fn forget_requests(&mut self, before: Timestamp) -> u64 {
        let old = self.tables.requests.rows().filter(|row| row.created_at < before);
        let keys: Vec<_> = old.map(Row::key).collect();
        for key in &keys {
            self.tables.requests.forget(key);
        }
        keys.len() as u64
    }

    /// Drops what a subnet takes with it: its frontier, its blocks and its resting addresses.
    fn forget_addresses(&mut self, subnet: SubnetId) {
        self.forget_all(|row: &Block| row.subnet() == subnet);
        self.forget_all(|row: &FixedIp| row.subnet == subnet);
        self.tables.frontiers.forget(&subnet);
    }

    /// Drops the entries of a DNS domain.
    fn forget_entries(&mut self, domain: DnsDomainId) {
        self.forget_all(|row: &DnsEntry| row.domain == domain);
    }

    fn forget_all<R: Row>(&mut self, is_forgotten: impl Fn(&R) -> bool) {
        let rows: Vec<R> = self.rows::<R>().filter(|row| is_forgotten(row)).cloned().collect();
        for row in rows {
            self.apply(&RowChange { before: Some(row), after: None });
        }
    }
}
