//! What an address of a subnet is.

use lepton_types::{Cidr, MacAddr, PortId, Timestamp};

use super::{Told, moment, told};

pub(super) fn free(cidr: Cidr, is_in_pool: bool) -> Told {
    let how = if is_in_pool {
        "in an allocation pool"
    } else {
        "in no allocation pool, so only for who asks for it"
    };
    let words = format!("it is free, {how} of {cidr}");
    told("FREE", [("cidr", cidr.to_string()), ("is_in_pool", is_in_pool.to_string())], words)
}

pub(super) fn free_next_hop(cidr: Cidr) -> Told {
    let words = format!("it is free, but the next hop of a route of {cidr}, so only for who asks for it");
    told("FREE_NEXT_HOP", [("cidr", cidr.to_string())], words)
}

pub(super) fn kept_by_subnet(cidr: Cidr, reason: String) -> Told {
    let words = format!("no guest can have it: {cidr} keeps it as {reason}");
    told("KEPT_BY_SUBNET", [("cidr", cidr.to_string()), ("reason", reason)], words)
}

pub(super) fn reserved(reason: Option<String>, since: Option<Timestamp>) -> Told {
    let since = since.map(moment);
    let what = reason.as_ref().map(|reason| format!(" for {reason:?}")).unwrap_or_default();
    let when = since.as_ref().map(|since| format!(" since {since}")).unwrap_or_default();
    let words = format!("nobody gets it: an operator keeps it{what}{when}");
    Told { code: "RESERVED", facts: known([("reason", reason), ("since", since)]), words }
}

pub(super) fn resting(since: Option<Timestamp>, until: Option<Timestamp>) -> Told {
    let (since, until) = (since.map(moment), until.map(moment));
    let when = until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
    let words =
        format!("nobody has it, and it rests{when}, so that nobody gets what was meant for who had it");
    Told { code: "RESTING", facts: known([("since", since), ("until", until)]), words }
}

pub(super) fn held_by_port(port: PortId, since: Timestamp) -> Told {
    let since = moment(since);
    let words = format!("port {port} has it since {since}");
    told("HELD_BY_PORT", [("port_id", port.to_string()), ("since", since)], words)
}

pub(super) fn held_by_another() -> Told {
    told("HELD_BY_ANOTHER", [], "another project has it".to_owned())
}

pub(super) fn leased(mac: MacAddr, at: Timestamp, until: Timestamp) -> Told {
    let (at, until) = (moment(at), moment(until));
    let words = format!("a DHCP server leased it to {mac} at {at}, until {until}");
    told("LEASED", [("mac", mac.to_string()), ("at", at), ("until", until)], words)
}

/// The facts that the caller may know.
fn known<const N: usize>(facts: [(&'static str, Option<String>); N]) -> Vec<(&'static str, String)> {
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
