//! Why a vNIC is on its network, at its place, and has its MAC.

use lepton_ledger::PluggedInto;
use lepton_types::{MacAddr, MacRangeId};

use super::{Told, told};

fn network(code: &'static str, network: &PluggedInto, why: &str) -> Told {
    let words = format!("it is on network {}, {why}", network.label);
    told(code, [("network_id", network.id.to_string()), ("label", network.label.to_string())], words)
}

pub(super) fn network_named(into: &PluggedInto) -> Told {
    network("NETWORK_NAMED", into, "which the allocation named")
}

pub(super) fn network_own(into: &PluggedInto) -> Told {
    network(
        "NETWORK_OWN",
        into,
        "which is its project's: the allocation named no networks, so it has all of the project's and all global ones",
    )
}

pub(super) fn network_global(into: &PluggedInto) -> Told {
    network(
        "NETWORK_GLOBAL",
        into,
        "which is global: the allocation named no networks, so it has all of its project's and all global ones",
    )
}

pub(super) fn network_formerly_usable(into: &PluggedInto) -> Told {
    network(
        "NETWORK_FORMERLY_USABLE",
        into,
        "which was its project's or global when it was allocated, and is another project's now",
    )
}

pub(super) fn order_requested(position: u16, vnics: usize) -> Told {
    let words = format!("it is vNIC {position} of {vnics}, counted from 0, as the allocation ordered them");
    told("ORDER_REQUESTED", [("position", position.to_string()), ("vnics", vnics.to_string())], words)
}

pub(super) fn order_by_priority(position: u16, vnics: usize, priority: i32) -> Told {
    let words = format!(
        "it is vNIC {position} of {vnics}, counted from 0: networks are in the order of their priority, the project's own \
         before global ones, the oldest first; this one's priority is {priority} now"
    );
    let facts = [
        ("position", position.to_string()),
        ("vnics", vnics.to_string()),
        ("priority", priority.to_string()),
    ];
    told("ORDER_BY_PRIORITY", facts, words)
}

pub(super) fn mac_from_base(mac: MacAddr) -> Told {
    let words = format!("its MAC {mac} was drawn from the configured base, since there was no range of MACs");
    told("MAC_FROM_BASE", [("mac", mac.to_string())], words)
}

pub(super) fn mac_from_range(mac: MacAddr, range: MacRangeId) -> Told {
    let words = format!("its MAC {mac} was drawn from the range of MACs {range}");
    told("MAC_FROM_RANGE", [("mac", mac.to_string()), ("mac_range_id", range.to_string())], words)
}
