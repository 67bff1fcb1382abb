//! [`Watch`]: whether somebody else has changed the filter table, from what the kernel tells of every transaction.
//!
//! ```text
//!   a transaction's objects: made, changed, deleted        the generation that begins with it
//!   ── "bridge lepton" is one's table ──▶ touched ────────── not by a run of ours ──▶ hint
//! ```
//!
//! All that is told of a transaction bears the netlink port of the socket that it came by. That of a process's first
//! socket is the process's id (netlink(7)), and by that our own runs of nft are known. Where it is another number, because
//! nft is run by a script or the number is in use, our own change is taken for another's: a needless look at the host.

use std::collections::VecDeque;

use rtnetlink::packet_core::NlasIterator;

/// Runs of nft of which nothing has been told yet, at most: what is told of a run is read soon after it has ended.
const MOST_RUNS: usize = 64;

/// Whether somebody else has changed the filter table.
#[derive(Debug, Default)]
pub(in super::super) struct Watch {
    /// Our own runs of nft of whose transactions nothing has been told yet.
    own: VecDeque<u32>,
    /// Whether somebody else's transaction that is being told of touches our table.
    is_touched: bool,
    is_changed: bool,
}

/// Something that happened in the kernel's nftables: by whom, and what of it matters. Others' tables may change by megabytes
/// while nobody reads, so no more is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Told {
    /// The netlink port of who did it.
    port: u32,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// The ruleset's next generation begins: everything of the transaction has been told.
    Generation,
    /// The table `bridge lepton`, or something in it, was made, changed or deleted.
    OurTable,
    Other,
}

impl Watch {
    /// A run of nft by this process has changed the table.
    pub(in super::super) fn expect(&mut self, process: u32) {
        if self.own.len() == MOST_RUNS {
            self.own.pop_front();
        }
        self.own.push_back(process);
    }

    /// Takes note of what the kernel tells.
    pub(in super::super) fn note(&mut self, told: &Told) {
        let own = self.own.iter().position(|process| *process == told.port);
        match told.what {
            What::Generation => {
                self.is_changed |= std::mem::take(&mut self.is_touched);
                if let Some(place) = own {
                    self.own.remove(place);
                }
            }
            What::OurTable => self.is_touched |= own.is_none(),
            What::Other => {}
        }
    }

    /// Takes note that the kernel told more than could be kept: anything may have happened.
    pub(in super::super) fn note_loss(&mut self) {
        *self = Self { is_changed: true, ..Self::default() };
    }

    /// Whether somebody else has changed the table since this was asked, or the table was looked at.
    pub(in super::super) fn take_change(&mut self) -> bool {
        std::mem::take(&mut self.is_changed)
    }
}

impl Told {
    /// Reads a message of this kind, without its netlink header, that `port` caused.
    pub(in super::super) fn read(port: u32, kind: u16, body: &[u8]) -> Self {
        /// Linux `NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN`.
        const NEW_GENERATION: u16 = 10 << 8 | 15;
        let what = match kind {
            NEW_GENERATION => What::Generation,
            _ if is_about_our_table(body) => What::OurTable,
            _ => What::Other,
        };
        Self { port, what }
    }

    /// Whether it tells anything of our table, or ends a transaction that may have.
    pub(in super::super) fn matters(&self) -> bool {
        self.what != What::Other
    }
}

/// Whether the table that a message is about is `bridge lepton`, whatever the object.
fn is_about_our_table(body: &[u8]) -> bool {
    /// Linux `NFPROTO_BRIDGE`: the first byte of `struct nfgenmsg`.
    const BRIDGE: u8 = 7;
    /// Length of Linux `struct nfgenmsg`, before the attributes, in bytes.
    const HEADER: usize = 4;
    /// The attribute with the table's name, whatever the object: Linux `NFTA_TABLE_NAME`, `NFTA_CHAIN_TABLE`,
    /// `NFTA_RULE_TABLE`, `NFTA_SET_TABLE`, `NFTA_SET_ELEM_LIST_TABLE`, `NFTA_OBJ_TABLE`, `NFTA_FLOWTABLE_TABLE`.
    const TABLE: u16 = 1;
    let Some((header, attributes)) = body.split_at_checked(HEADER) else { return false };
    let mut names = NlasIterator::new(attributes).map_while(Result::ok).filter(|name| name.kind() == TABLE);
    header[0] == BRIDGE && names.any(|name| name.value() == b"lepton\0")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `NFT_MSG_NEWSETELEM`
    const NEW_ELEMENT: u16 = 10 << 8 | 12;
    /// `NFT_MSG_NEWGEN`
    const NEW_GENERATION: u16 = 10 << 8 | 15;
    const BRIDGE: u8 = 7;
    const INET: u8 = 1;

    /// What the kernel says of an element of this table.
    fn element(family: u8, table: &str) -> Vec<u8> {
        let length = u16::try_from(4 + table.len() + 1).unwrap();
        let mut body = vec![family, 0, 0, 0];
        // Another attribute comes first, with the same bytes.
        for kind in [2_u16, 1] {
            body.extend([length.to_ne_bytes(), kind.to_ne_bytes()].concat());
            body.extend(if kind == 1 { table.as_bytes() } else { b"lepton" });
            body.push(0);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        body
    }

    /// What is told of a transaction that changes an element of this table.
    fn transaction(port: u32, family: u8, table: &str) -> [Told; 2] {
        let element = Told::read(port, NEW_ELEMENT, &element(family, table));
        [element, Told::read(port, NEW_GENERATION, &[0; 12])]
    }

    fn note(watch: &mut Watch, transaction: &[Told]) -> bool {
        transaction.iter().for_each(|told| watch.note(told));
        watch.take_change()
    }

    #[test]
    fn anothers_transaction_on_our_table_is_a_change_once_it_is_complete() {
        let mut watch = Watch::default();
        let [element, generation] = transaction(1, BRIDGE, "lepton");
        assert!(!note(&mut watch, &[element, element]));
        assert!(note(&mut watch, std::slice::from_ref(&generation)));
        assert!(!note(&mut watch, &[generation]), "it is told once");
    }

    #[test]
    fn other_tables_do_not_matter() {
        let mut watch = Watch::default();
        for (family, table) in [(BRIDGE, "leptons"), (BRIDGE, "lept"), (INET, "lepton")] {
            assert!(!note(&mut watch, &transaction(1, family, table)), "{family} {table}");
        }
    }

    #[test]
    fn an_own_transaction_is_no_change_and_the_next_one_by_its_number_is() {
        let mut watch = Watch::default();
        watch.expect(7);
        watch.expect(8);
        assert!(note(&mut watch, &transaction(9, BRIDGE, "lepton")));
        for own in [8, 7] {
            assert!(!note(&mut watch, &transaction(own, BRIDGE, "lepton")));
            assert!(note(&mut watch, &transaction(own, BRIDGE, "lepton")));
        }
    }

    #[test]
    fn a_loss_is_a_change() {
        let mut watch = Watch::default();
        watch.expect(7);
        watch.note_loss();
        assert!(watch.take_change());
        assert!(!watch.take_change());
        assert!(note(&mut watch, &transaction(7, BRIDGE, "lepton")), "what was told of it may be lost");
    }

    #[test]
    fn runs_that_are_never_told_of_are_forgotten() {
        let mut watch = Watch::default();
        (0..100_000).for_each(|process| watch.expect(process));
        assert_eq!(watch.own.len(), MOST_RUNS);
        assert!(!note(&mut watch, &transaction(99_999, BRIDGE, "lepton")));
    }

    #[test]
    fn what_is_cut_short_is_about_nothing() {
        let whole = element(BRIDGE, "lepton");
        for length in 0..whole.len() - 8 {
            assert!(!is_about_our_table(&whole[..length]), "{length}");
        }
        assert!(is_about_our_table(&whole));
    }

    #[test]
    fn what_is_kept_of_a_message_is_small_however_long_it_is() {
        let told = Told::read(1, NEW_ELEMENT, &[element(INET, "others"), vec![0; 1 << 20]].concat());
        assert_eq!(told.what, What::Other);
        assert!(size_of::<Told>() <= 8, "and nothing is kept elsewhere, for it is Copy");
    }
}
