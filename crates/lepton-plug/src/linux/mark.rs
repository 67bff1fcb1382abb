//! The mark on whatever we make: a name of our form proves nothing, since Neutron's agents give the same ones.
//!
//! The mark that stays is the link's alias, `lepton …`, which people can read and give (`ip link set dev NAME alias …`).
//! The kernel gives none to a link that it is just making, so until then the link's group is the mark: a program that
//! dies in between leaves nothing behind that it would not know again. A tap is marked before it is made to stay.

use std::ops::Range;

use rtnetlink::{LinkMessageBuilder, LinkUnspec};

/// The group of what is being made: a number that means nothing to anybody else ("lept" in ASCII).
pub(super) const MAKING: u32 = 0x6c65_7074;

/// The group of ports' devices ("lepp" in ASCII). Unlike a name it stays with a device that somebody renames, and so the
/// filter knows a port whose name it does not know any more.
pub(super) const PORTS: u32 = 0x6c65_7070;

/// The groups that batches of deletions are drawn from: none of those above, nor a small number as people give them.
pub(super) const DELETING: Range<u32> = 1 << 16..0x6c65_0000;

/// The group that links are in unless somebody says otherwise (`default`), as bridges are.
const DEFAULT_GROUP: u32 = 0;

/// How the alias of everything of ours begins.
pub(super) const PREFIX: &str = "lepton ";

/// A bridge's alias.
pub(super) const BRIDGE: &str = "lepton bridge";

/// A tap's alias.
pub(super) const TAP: &str = "lepton tap";

/// Gives a link the mark that stays. Equals `ip link set dev NAME alias ALIAS group GROUP`.
pub(super) fn set(change: LinkMessageBuilder<LinkUnspec>, alias: &str) -> LinkMessageBuilder<LinkUnspec> {
    change.alias(alias).link_group(if alias == BRIDGE { DEFAULT_GROUP } else { PORTS })
}

/// Whether a link with this alias, in this group, is marked as ours.
pub(super) fn is_on(alias: Option<&str>, group: u32) -> bool {
    group == MAKING || alias.is_some_and(|alias| alias.starts_with(PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_batch_of_deletions_is_a_group_that_stands_for_something() {
        for group in [DEFAULT_GROUP, MAKING, PORTS] {
            assert!(!DELETING.contains(&group), "{group}");
        }
    }
}
