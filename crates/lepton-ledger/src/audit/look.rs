//! What an audit reads, as a store answers it.

use std::net::IpAddr;

use lepton_ipam::Block;
use lepton_types::{Event, FloatingIp, Subnet, SubnetId, Timestamp};

use crate::{FixedIp, Frontier};

/// A part of a subnet that a look goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolSpan {
    /// Which subnet.
    pub subnet: SubnetId,
    /// From this address on, which begins a block; none: from the lowest one.
    pub from: Option<IpAddr>,
    /// To this address, which ends a block; none: to the highest one.
    pub until: Option<IpAddr>,
    /// Most blocks to look at.
    pub blocks: u16,
}

impl PoolSpan {
    /// From the beginning of a subnet.
    pub(crate) fn of(subnet: SubnetId, blocks: u16) -> Self {
        Self { subnet, from: None, until: None, blocks }
    }

    /// The block of a subnet that an address is in.
    pub(crate) fn around(subnet: SubnetId, address: IpAddr) -> Self {
        let (from, until) = (Some(Block::start_of(address)), Some(Block::end_of(address)));
        Self { subnet, from, until, blocks: 1 }
    }

    /// Most rows of addresses to look at: more than its blocks have, so that rows in no block are got through as well.
    pub fn rows(&self) -> u16 {
        self.blocks.saturating_mul(256).saturating_add(256)
    }

    /// Whether an address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.from.is_none_or(|from| from <= address) && self.until.is_none_or(|until| address <= until)
    }
}

/// What a part of a subnet looks like at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolLook {
    /// The subnet.
    pub subnet: Subnet,
    /// Its network's label.
    pub label: String,
    /// Whether it is a range of a pool of floating IPs.
    pub is_range: bool,
    /// Its frontier.
    pub frontier: Option<Frontier>,
    /// Its blocks, lowest first.
    pub blocks: Vec<CountedBlock>,
    /// The rows of its addresses, lowest first.
    pub fixed_ips: Vec<FixedIp>,
    /// The rows of its floating IPs, lowest first.
    pub floating_ips: Vec<FloatingIp>,
    /// The address at which the look ends, which begins a block and was not looked at; none: it went to the span's end.
    pub end: Option<IpAddr>,
}

impl PoolLook {
    /// Cuts the look to what is before the block that begins with `end`, unless it is shorter.
    pub fn cut(&mut self, end: IpAddr) {
        if self.end.is_none_or(|shorter| end < shorter) {
            self.end = Some(end);
            self.blocks.retain(|counted| counted.block.first() < end);
            self.fixed_ips.retain(|row| row.address < end);
            self.floating_ips.retain(|row| row.address < end);
        }
    }

    /// Cuts the look where there may be more than was looked up. Of blocks one more is looked up than is wanted, and the last row of
    /// as many as there may be is in a block of which others may be missing.
    pub fn cut_to(&mut self, span: &PoolSpan) {
        if let Some(beyond) = self.blocks.get(usize::from(span.blocks)) {
            self.cut(beyond.block.first());
        }
        let rows = usize::from(span.rows());
        let last_fixed = self.fixed_ips.get(rows - 1).map(|row| row.address);
        let last_floating = self.floating_ips.get(rows - 1).map(|row| row.address);
        for address in last_fixed.into_iter().chain(last_floating) {
            self.cut(Block::start_of(address));
        }
    }

    /// Whether the look has a row of the block that begins with `first`.
    pub(super) fn has_block(&self, first: IpAddr) -> bool {
        self.blocks.binary_search_by_key(&first, |counted| counted.block.first()).is_ok()
    }

    /// Whether the block that begins with `first` lies below the frontier, so that it must have a row.
    pub(super) fn is_opened(&self, first: IpAddr) -> bool {
        let next = self.frontier.as_ref().and_then(|frontier| frontier.next);
        next.is_none_or(|next| first < next)
    }
}

/// A block, and how many free addresses its row says that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedBlock {
    /// The block.
    pub block: Block,
    /// What its row says.
    pub free: u64,
}

/// A row with a counter, and what counting again comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted<R, C> {
    /// The row.
    pub row: R,
    /// What was counted.
    pub counted: C,
}

/// Which counters are counted again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Which<K> {
    /// A page of them, in order.
    Page {
        /// Only those behind this one.
        after: Option<K>,
        /// Most of them.
        limit: u16,
    },
    /// One.
    One(K),
}

/// What the journal tells of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalAbout {
    /// From when on nothing is missing; none: nothing was ever forgotten.
    pub since: Option<Timestamp>,
    /// The events that name it, in the order in which they became durable.
    pub events: Vec<(Timestamp, Event)>,
}

impl JournalAbout {
    /// How many of the journal's latest entries are looked through. They are read while nobody writes.
    pub const MOST_ENTRIES: u64 = 50_000;

    /// Whether an event names the address: as one of its own, alone or in a list.
    pub fn names(event: &Event, address: IpAddr) -> bool {
        let address = address.to_string();
        let names = |text: &String| text.split(',').any(|part| part.trim() == address);
        ["fixed_ip", "fixed_ips", "floating_ip"]
            .into_iter()
            .filter_map(|name| event.about.get(name))
            .any(names)
    }
}
