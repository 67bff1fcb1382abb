//! [`Change`]: what a decision does to the ledger, as data. History, revisions, wake-ups and dry runs read the same list.

use std::collections::BTreeMap;

use lepton_ipam::Block;
use lepton_types::{
    DnsDomain, DnsEntry, FloatingIp, FloatingRange, InstanceId, MacRange, Network, Port, PortId, Quota,
    Subnet,
};

use crate::{FixedIp, FreeMac, Frontier, Host, Instance, JournalEntry, PendingUnplug, RequestRecord, Row};

/// What happened to one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A network. With a network go its subnets, each by a change of its own.
    Network(RowChange<Network>),
    /// A subnet. With a subnet go its frontier, its blocks and its resting addresses, without changes of their own.
    Subnet(RowChange<Subnet>),
    /// A subnet's frontier.
    Frontier(RowChange<Frontier>),
    /// A block of addresses.
    Block(RowChange<Block>),
    /// A block's count of free addresses, written anew: the block is as it was.
    RecountedBlock(Block),
    /// A life of an instance.
    Instance(RowChange<Instance>),
    /// A port.
    Port(RowChange<Port>),
    /// The owner of an address.
    FixedIp(RowChange<FixedIp>),
    /// A range of a pool of floating IPs, or how many of its addresses are allocated.
    FloatingRange(RowChange<FloatingRange>),
    /// Whose a floating IP is, and where it leads.
    FloatingIp(RowChange<FloatingIp>),
    /// A host.
    Host(RowChange<Host>),
    /// A DNS domain. With a domain go its entries, without changes of their own.
    DnsDomain(RowChange<DnsDomain>),
    /// An entry of a DNS domain.
    DnsEntry(RowChange<DnsEntry>),
    /// A port that must go from a host that it has left or that was fenced.
    PendingUnplug(RowChange<PendingUnplug>),
    /// A range of MACs. With a range go its free MACs, without changes of their own where they are not known.
    MacRange(RowChange<MacRange>),
    /// A MAC of a range that no port has any more.
    FreeMac(RowChange<FreeMac>),
    /// What a project has, and may have.
    Quota(RowChange<Quota>),
    /// What a project has, counted anew: it has that, whatever it may have.
    RecountedQuota(RowChange<Quota>),
    /// A remembered answer.
    RequestRecord(RowChange<RequestRecord>),
    /// What a command did, for those who follow the ledger. Nothing is decided on it, and it never changes.
    Journal(JournalEntry),
}

/// A row before and after: inserted when there is no before, ended when there is no after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange<R> {
    /// What it was.
    pub before: Option<R>,
    /// What it is.
    pub after: Option<R>,
}

impl<R> RowChange<R> {
    /// The change that undoes this one.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { before: self.after, after: self.before }
    }
}

/// The net effect of many changes of one table: one change a row, in the order of the keys, nothing that came to nothing.
pub fn coalesce<'c, R: Row>(changes: impl IntoIterator<Item = &'c RowChange<R>>) -> Vec<RowChange<&'c R>> {
    let mut net: BTreeMap<R::Key, RowChange<&R>> = BTreeMap::new();
    for change in changes {
        let (before, after) = (change.before.as_ref(), change.after.as_ref());
        let Some(key) = before.or(after).map(Row::key) else { continue };
        net.entry(key).and_modify(|first| first.after = after).or_insert(RowChange { before, after });
    }
    net.into_values().filter(|change| change.before != change.after).collect()
}

/// Something whose time is over: what the history keeps, with the moment of its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A network was deleted, or is not so any more: what it is called, whose it is, where its router is.
    Network(Network),
    /// A subnet was deleted, or is not so any more: what its guests are told.
    Subnet(Subnet),
    /// An instance was deallocated.
    Instance(Instance),
    /// A port was unplugged.
    Port(Port),
    /// A port lost an address; the instance whose port it is, where the port is known.
    FixedIp(FixedIp, Option<InstanceId>),
    /// A project lost a floating IP, or it leads elsewhere.
    FloatingIp(FloatingIp),
}

impl Change {
    /// What those are told who follow the ledger, if it is that.
    pub fn journal_entry(&self) -> Option<&JournalEntry> {
        if let Self::Journal(entry) = self { Some(entry) } else { None }
    }

    /// What the history keeps of this change: rows that end, networks and subnets as they were before they changed, addresses
    /// that leave their port, and floating IPs as they were before they led elsewhere. That a row was raised to another
    /// version alone is no change of what it says.
    pub(crate) fn ended(&self, instance_of: impl Fn(PortId) -> Option<InstanceId>) -> Option<Ended> {
        match self {
            Self::Network(RowChange { before: Some(row), after })
                if after
                    .as_ref()
                    .is_none_or(|after| *row != Network { version: row.version, ..after.clone() }) =>
            {
                Some(Ended::Network(row.clone()))
            }
            Self::Subnet(RowChange { before: Some(row), after })
                if after
                    .as_ref()
                    .is_none_or(|after| *row != Subnet { version: row.version, ..after.clone() }) =>
            {
                Some(Ended::Subnet(row.clone()))
            }
            Self::Instance(RowChange { before: Some(row), after: None }) => {
                Some(Ended::Instance(row.clone()))
            }
            Self::Port(RowChange { before: Some(row), after: None }) => Some(Ended::Port(row.clone())),
            Self::FixedIp(RowChange { before: Some(row), after })
                if after.as_ref().and_then(|after| after.holder.port()) != row.holder.port() =>
            {
                row.holder.port().map(|port| Ended::FixedIp(row.clone(), instance_of(port)))
            }
            Self::FloatingIp(RowChange { before: Some(row), after })
                if after
                    .as_ref()
                    .is_none_or(|after| (&after.project, after.target) != (&row.project, row.target)) =>
            {
                Some(Ended::FloatingIp(row.clone()))
            }
            Self::Network(_)
            | Self::Subnet(_)
            | Self::Frontier(_)
            | Self::Block(_)
            | Self::RecountedBlock(_)
            | Self::Instance(_)
            | Self::Port(_)
            | Self::FixedIp(_)
            | Self::FloatingRange(_)
            | Self::FloatingIp(_)
            | Self::Host(_)
            | Self::DnsDomain(_)
            | Self::DnsEntry(_)
            | Self::PendingUnplug(_)
            | Self::MacRange(_)
            | Self::FreeMac(_)
            | Self::Quota(_)
            | Self::RecountedQuota(_)
            | Self::RequestRecord(_)
            | Self::Journal(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
