//! The filter table: nftables' `bridge lepton`, which pins every port to its MAC and addresses.
//!
//! ```text
//!   frame from a bridge's port
//!        │ prerouting: is it one of @ports?  ── no ──▶ of our ports' group? ── no ──▶ not ours to judge: an uplink, say
//!        │                                                   │ yes: renamed; drop
//!        ▼
//!      guest: the port's MAC? ─▶ ARP, IPv4, IPv6? ─▶ from_arp │ from_ipv4 │ from_ipv6: the port's addresses? ─▶ accept
//!        │                             │                               │
//!        └──────────────── no: count the reason and drop ──────────────┘
//! ```
//!
//! What a bridge hands to the host itself (`input`) or takes from it (`output`) is dropped: the host is none of the guests'
//! neighbours.
//!
//! Only what is pinned passes; a port without addresses can use its link-local one. The table's skeleton (counters, sets,
//! chains, rules) is the same on every host; ports are elements of its sets, so that one port more or less touches no
//! rule. The whole table is loaded as declare, flush, fill in one transaction; deleting and adding it again would let
//! packets slip through. Counters are declared, never flushed: they go on counting.
//!
//! How the rules are listed depends on the nft that lists them. So when they have been loaded they are listed once, and the
//! fingerprint of that is kept in the table, in a set that no rule reads: rules that differ from it later are not as loaded.
//!
//! This module renders text; `listing` reads the table back, `watch` knows when somebody else has changed it, `nft` runs
//! the program.

mod listing;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    net::IpAddr,
};

use lepton_plan::Filter;
use lepton_types::IfName;

pub(super) use listing::{Found, fingerprint, read};
pub(super) use watch::{Told, Watch};

/// What our filter table is called in errors, as `nft list table …` takes it.
pub(super) const TABLE: &str = "nftables table bridge lepton";

/// What is dropped, and why, counted over all ports.
const COUNTERS: [&str; 12] = [
    "drop_port",      // from a device of ours that somebody renamed
    "drop_mac",       // another's source MAC
    "drop_ethertype", // neither ARP nor IPv4 nor IPv6: VLAN tags, spanning tree, …
    "drop_reserved", // to a group address that no bridge forwards (IEEE 802.1Q table 8-1), heard by the host alone
    "drop_host",     // to the host itself
    "drop_arp",      // another's sender MAC or address in ARP
    "drop_ipv4",     // another's IPv4 source
    "drop_ipv6",     // another's IPv6 source
    "drop_headers",  // IPv6 whose headers hide what it carries
    "drop_nd", // neighbour discovery about another's address or MAC, or that cannot be read: in fragments, say
    "drop_router", // a router advertisement or redirect from a guest
    "drop_dhcp", // a DHCP server's answer from a guest
];

/// The sets that ports are elements of: name and type.
const SETS: [(&str, &str); 6] = [
    ("ports", "type ifname"),
    ("macs", "typeof iifname . ether saddr"),
    ("ipv4s", "typeof iifname . ip saddr"),
    ("ipv6s", "typeof iifname . ip6 saddr"),
    // The target address of neighbour solicitations and advertisements (RFC 4861 §4.3, §4.4): 128 bits at bit 64 of
    // the ICMPv6 message. A raw field, since nft 1.0.6 has no name for it; the same addresses as in `ipv6s`.
    ("targets", "typeof iifname . @th,64,128"),
    // The link-layer address in a solicitation's or advertisement's only option (RFC 4861 §4.6.1): the same as in `macs`.
    ("links", "typeof iifname . @th,208,48"),
];

/// The set whose only element is the fingerprint of the rules as they were listed when they had been loaded, and its type: a
/// plain number of 48 bits. No rule reads it.
const FINGERPRINT: (&str, &str) = ("fingerprint", "typeof @th,0,48");

/// The chains: name and, where packets enter, the hook. -200 is where bridges filter (Linux `NF_BR_PRI_FILTER_BRIDGED`).
const CHAINS: [(&str, Option<&str>); 8] = [
    ("prerouting", Some("prerouting")),
    ("input", Some("input")),
    ("output", Some("output")),
    ("guest", None),
    ("from_arp", None),
    ("from_ipv4", None),
    ("from_ipv6", None),
    ("from_nd", None),
];

/// Priority of the chains where packets enter.
const PRIORITY: i64 = -200;

/// The rules in order: chain and text.
///
/// None has a set of its own (`{ a, b }`): when the table is loaded again, such a set is emptied under the packets that
/// are just passing the old rules, and then it matches nothing. (Measured on Linux 6.18: with such sets most runs of
/// 2,000 pings lost 1 to 6 while the table was loaded again and again; without them, none of 25 runs lost any.)
const RULES: [(&str, &str); 51] = [
    ("prerouting", "iifname @ports goto guest"),
    // The number is `mark::PORTS`. A name that is not in the set says nothing of its device: an uplink of the operator's may
    // be on the bridge, and nft can tell bridges apart only where the kernel has CONFIG_NFT_BRIDGE_META.
    ("prerouting", "iifgroup 1818587248 counter name drop_port drop"),
    // Such frames are not forwarded and never pass prerouting, but the bridge would learn their source MAC.
    (
        "input",
        "iifname @ports ether daddr & ff:ff:ff:ff:ff:f0 == 01:80:c2:00:00:00 counter name drop_reserved drop",
    ),
    // The host answers for each of its addresses on all of its devices, and routes for whoever finds it (the weak host model
    // of RFC 1122 §3.3.4.2). So nothing of a guest's reaches its IP stack; what goes to everybody, without being counted.
    (
        "input",
        "iifname @ports ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00 counter name drop_host drop",
    ),
    ("input", "iifname @ports drop"),
    ("input", "iifgroup 1818587248 drop"),
    // Nor has the host anything to say to guests; its kernel would tell them of the groups that it listens to (RFC 3810).
    ("output", "oifname @ports drop"),
    ("guest", "iifname . ether saddr != @macs counter name drop_mac drop"),
    ("guest", "ether type ip goto from_ipv4"),
    ("guest", "ether type ip6 goto from_ipv6"),
    ("guest", "ether type arp goto from_arp"),
    ("guest", "counter name drop_ethertype drop"),
    (
        "from_arp",
        "arp htype 1 arp ptype ip arp hlen 6 arp plen 4 iifname . arp saddr ether @macs iifname . arp saddr ip @ipv4s accept",
    ),
    // A probe before an address is used. To whoever probes the same address it is a conflict, which would keep its own from
    // it (RFC 5227 §2.1.1), so a port may ask after its own alone.
    (
        "from_arp",
        "arp htype 1 arp ptype ip arp hlen 6 arp plen 4 arp operation request iifname . arp saddr ether @macs arp saddr ip 0.0.0.0 iifname . arp daddr ip @ipv4s accept",
    ),
    ("from_arp", "counter name drop_arp drop"),
    // A later fragment has no ports, and what is in their place may be anything: it is worth nothing without the first one,
    // which is judged below. That has both ports, for a fragment is cut at 8 bytes (RFC 791 §3.2).
    ("from_ipv4", "ip frag-off & 0x1fff != 0 iifname . ip saddr @ipv4s accept"),
    ("from_ipv4", "ip frag-off & 0x1fff != 0 counter name drop_ipv4 drop"),
    // Whatever port it comes from: a client looks only at the one that it listens on (RFC 2131 §4.1, RFC 8415 §7.2).
    ("from_ipv4", "udp dport 68 counter name drop_dhcp drop"),
    // A client without an address asks everybody (RFC 2131 §4.1).
    ("from_ipv4", "ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept"),
    ("from_ipv4", "iifname . ip saddr @ipv4s accept"),
    ("from_ipv4", "counter name drop_ipv4 drop"),
    // More headers after a fragment's, even another fragment's, would hide what comes after them (RFC 7113 §3).
    ("from_ipv6", "frag nexthdr hopopt counter name drop_headers drop"),
    ("from_ipv6", "frag nexthdr ipv6-route counter name drop_headers drop"),
    ("from_ipv6", "frag nexthdr ipv6-frag counter name drop_headers drop"),
    ("from_ipv6", "frag nexthdr ah counter name drop_headers drop"),
    ("from_ipv6", "frag nexthdr ipv6-opts counter name drop_headers drop"),
    // A later fragment is worth nothing without the first one, which is judged below.
    ("from_ipv6", "frag frag-off != 0 iifname . ip6 saddr @ipv6s accept"),
    ("from_ipv6", "icmpv6 type nd-router-advert counter name drop_router drop"),
    ("from_ipv6", "icmpv6 type nd-redirect counter name drop_router drop"),
    ("from_ipv6", "udp dport 546 counter name drop_dhcp drop"),
    // Neighbour discovery comes in one piece (RFC 6980 §5); in several, the target could be in another one.
    ("from_ipv6", "icmpv6 type 133-137 exthdr frag exists counter name drop_nd drop"),
    (
        "from_ipv6",
        "icmpv6 type nd-neighbor-advert iifname . @th,64,128 != @targets counter name drop_nd drop",
    ),
    // Without an address yet: is mine free (RFC 4862 §5.4.2), who listens (RFC 3590), is there a router (RFC 4861 §6.3.7).
    ("from_ipv6", "ip6 saddr :: icmpv6 type nd-neighbor-solicit iifname . @th,64,128 @targets accept"),
    ("from_ipv6", "ip6 saddr :: icmpv6 type mld-listener-report accept"),
    ("from_ipv6", "ip6 saddr :: icmpv6 type mld2-listener-report accept"),
    ("from_ipv6", "ip6 saddr :: icmpv6 type nd-router-solicit accept"),
    ("from_ipv6", "icmpv6 type nd-router-solicit goto from_nd"),
    ("from_ipv6", "icmpv6 type nd-neighbor-solicit goto from_nd"),
    ("from_ipv6", "icmpv6 type nd-neighbor-advert goto from_nd"),
    // What the rules above have judged. A field that is not in the packet matches nothing, not even what it is not equal to.
    ("from_ipv6", "icmpv6 type != nd-router-advert iifname . ip6 saddr @ipv6s accept"),
    ("from_ipv6", "udp length != 0 iifname . ip6 saddr @ipv6s accept"),
    ("from_ipv6", "meta l4proto != ipv6-icmp meta l4proto != udp iifname . ip6 saddr @ipv6s accept"),
    ("from_ipv6", "iifname . ip6 saddr @ipv6s counter name drop_headers drop"),
    ("from_ipv6", "counter name drop_ipv6 drop"),
    // Neighbour discovery with an address: nothing before the message, and after it nothing or one option of 8 bytes, the
    // sender's own link-layer address. An nft rule cannot walk options, so there is no telling what more of them would say.
    // Those without an address have no such option (RFC 4861 §7.1.1, §6.1.1), and whoever hears one drops it.
    (
        "from_nd",
        "icmpv6 type nd-router-solicit ip6 nexthdr ipv6-icmp ip6 length 8 iifname . ip6 saddr @ipv6s accept",
    ),
    (
        "from_nd",
        "icmpv6 type nd-router-solicit ip6 nexthdr ipv6-icmp ip6 length 16 @th,64,16 0x0101 iifname . @th,80,48 @links iifname . ip6 saddr @ipv6s accept",
    ),
    (
        "from_nd",
        "icmpv6 type != nd-router-solicit ip6 nexthdr ipv6-icmp ip6 length 24 iifname . ip6 saddr @ipv6s accept",
    ),
    (
        "from_nd",
        "icmpv6 type nd-neighbor-solicit ip6 nexthdr ipv6-icmp ip6 length 32 @th,192,16 0x0101 iifname . @th,208,48 @links iifname . ip6 saddr @ipv6s accept",
    ),
    (
        "from_nd",
        "icmpv6 type nd-neighbor-advert ip6 nexthdr ipv6-icmp ip6 length 32 @th,192,16 0x0201 iifname . @th,208,48 @links iifname . ip6 saddr @ipv6s accept",
    ),
    ("from_nd", "iifname . ip6 saddr @ipv6s counter name drop_nd drop"),
    ("from_nd", "counter name drop_ipv6 drop"),
];

/// An element of a set: the set's name and the element as nft writes it.
type Element = (&'static str, String);

/// What must precede a table to get rid of whatever is in its place. Unlike [`render_table`] alone, deleting the table
/// may let packets slip through.
pub(super) const REMOVE_TABLE: &str = "add table bridge lepton\ndelete table bridge lepton\n";

/// The whole table with exactly these filters and without these stray chains in it, as one transaction that interrupts
/// nothing.
pub(super) fn render_table(filters: &BTreeMap<IfName, Filter>, strays: &[u64]) -> String {
    let mut text = render_skeleton(strays);
    render_elements(&mut text, "add", &elements_of(filters));
    text
}

/// The same as several transactions, for a kernel that takes no more than `ports_at_once` in one: first the skeleton with
/// all ports, of which nothing passes yet, then what each may send. It interrupts ports, but lets nothing slip through.
pub(super) fn render_parts(
    filters: &BTreeMap<IfName, Filter>,
    strays: &[u64],
    ports_at_once: usize,
) -> Vec<String> {
    let mut first = render_skeleton(strays);
    let (ports, rest): (BTreeSet<Element>, BTreeSet<Element>) =
        elements_of(filters).into_iter().partition(|(set, _)| *set == "ports");
    render_elements(&mut first, "add", &ports);
    let filters: Vec<_> = filters.iter().collect();
    let parts = filters.chunks(ports_at_once).map(|chunk| {
        let mut text = String::new();
        let of_chunk = elements_of(chunk.iter().copied());
        render_elements(&mut text, "add", &of_chunk.intersection(&rest).cloned().collect());
        text
    });
    [first].into_iter().chain(parts).collect()
}

/// What keeps the rules' fingerprint in the table.
pub(super) fn render_fingerprint(fingerprint: u64) -> String {
    let (set, _) = FINGERPRINT;
    format!("flush set bridge lepton {set}\nadd element bridge lepton {set} {{ {fingerprint:#014x} }}\n")
}

/// The table without any port. Chains that are not ours are named by their handles, for their names may be anything.
fn render_skeleton(strays: &[u64]) -> String {
    let mut text = declarations();
    line(&mut text, format_args!("flush table bridge lepton")); // the chains' rules; sets and counters stay
    for handle in strays {
        line(&mut text, format_args!("delete chain bridge lepton handle {handle}"));
    }
    for (set, _) in SETS.into_iter().chain([FINGERPRINT]) {
        line(&mut text, format_args!("flush set bridge lepton {set}"));
    }
    for ((chain, rule), comment) in RULES.iter().zip(comments()) {
        line(&mut text, format_args!("add rule bridge lepton {chain} {rule} comment \"{comment}\""));
    }
    text
}

/// The table, its counters, sets and chains. Those that are there stay as they are.
fn declarations() -> String {
    let mut text = "add table bridge lepton\n".to_owned();
    for counter in COUNTERS {
        line(&mut text, format_args!("add counter bridge lepton {counter}"));
    }
    for (set, kind) in SETS.into_iter().chain([FINGERPRINT]) {
        line(&mut text, format_args!("add set bridge lepton {set} {{ {kind}; }}"));
    }
    for (chain, hook) in CHAINS {
        let hook =
            hook.map(|hook| format!(" {{ type filter hook {hook} priority {PRIORITY}; policy accept; }}"));
        line(&mut text, format_args!("add chain bridge lepton {chain}{}", hook.unwrap_or_default()));
    }
    text
}

/// What turns some ports' filters into others, as one transaction: elements that go, elements that come.
pub(super) fn render_changes<'a>(
    before: impl IntoIterator<Item = (&'a IfName, &'a Filter)>,
    after: impl IntoIterator<Item = (&'a IfName, &'a Filter)>,
) -> String {
    let before = elements_of(before);
    let after = elements_of(after);
    let mut text = String::new();
    render_elements(&mut text, "delete", &before.difference(&after).cloned().collect());
    render_elements(&mut text, "add", &after.difference(&before).cloned().collect());
    text
}

fn elements_of<'a>(filters: impl IntoIterator<Item = (&'a IfName, &'a Filter)>) -> BTreeSet<Element> {
    filters.into_iter().flat_map(|(device, filter)| elements(device, filter)).collect()
}

/// The elements that a port's filter is made of.
fn elements(device: &IfName, filter: &Filter) -> Vec<Element> {
    let mut elements = vec![
        ("ports", format!("\"{device}\"")),
        ("macs", format!("\"{device}\" . {}", filter.mac())),
        ("links", format!("\"{device}\" . {:#014x}", filter.mac().to_bits())),
    ];
    for address in filter.addresses() {
        match address {
            IpAddr::V4(address) => elements.push(("ipv4s", format!("\"{device}\" . {address}"))),
            IpAddr::V6(address) => {
                elements.push(("ipv6s", format!("\"{device}\" . {address}")));
                elements.push(("targets", format!("\"{device}\" . {:#034x}", address.to_bits())));
            }
        }
    }
    elements
}

/// One line per set, in the order of [`SETS`].
fn render_elements(text: &mut String, verb: &str, elements: &BTreeSet<Element>) {
    for (set, _) in SETS {
        let of_set: Vec<&str> =
            elements.iter().filter(|(of, _)| *of == set).map(|(_, text)| text.as_str()).collect();
        if !of_set.is_empty() {
            line(text, format_args!("{verb} element bridge lepton {set} {{ {} }}", of_set.join(", ")));
        }
    }
}

/// What each rule is recognised by: a mark of the whole skeleton, so that another version's table is not taken for ours,
/// and the rule's number.
fn comments() -> impl Iterator<Item = String> {
    let mark = mark(&declarations(), &RULES);
    (0..).map(move |number: usize| format!("lepton {mark:016x} {number:02}"))
}

/// The mark of a skeleton: of what it declares, and of its rules.
fn mark(declarations: &str, rules: &[(&str, &str)]) -> u64 {
    rules.iter().fold(fnv(FNV_START, declarations), |hash, (chain, rule)| fnv(fnv(hash, chain), rule))
}

/// Start of the 64-bit FNV-1a hash; it stays the same over releases, unlike the standard library's hashes.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv(hash: u64, text: &str) -> u64 {
    /// The hash's prime.
    const PRIME: u64 = 0x0100_0000_01b3;
    text.bytes().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests;
