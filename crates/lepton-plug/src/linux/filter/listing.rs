//! Reads the filter table back from what `nft -j list table bridge lepton` prints.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr},
};

use lepton_plan::{Filter, Role};
use lepton_types::{IfName, MacAddr};
use serde::Deserialize;
use serde_json::Value;

use super::{CHAINS, COUNTERS, FINGERPRINT, FNV_START, PRIORITY, RULES, SETS, comments, fnv};

/// What nft prints: objects of many kinds, one after the other.
#[derive(Deserialize)]
struct Listing {
    nftables: Vec<Object>,
}

/// One object; the kinds that are not named here do not matter.
#[derive(Deserialize)]
struct Object {
    table: Option<TableObject>,
    counter: Option<Named>,
    set: Option<Set>,
    chain: Option<Chain>,
    rule: Option<Rule>,
}

#[derive(Deserialize)]
struct TableObject {
    name: String,
    /// `dormant` when somebody put the table to sleep.
    flags: Option<Value>,
}

#[derive(Deserialize)]
struct Named {
    table: String,
    name: String,
}

#[derive(Deserialize)]
struct Set {
    #[serde(flatten)]
    named: Named,
    #[serde(default)]
    elem: Vec<Value>,
}

#[derive(Deserialize)]
struct Chain {
    #[serde(flatten)]
    named: Named,
    r#type: Option<String>,
    handle: Option<u64>,
    hook: Option<String>,
    prio: Option<i64>,
    policy: Option<String>,
}

#[derive(Deserialize)]
struct Rule {
    table: String,
    chain: String,
    comment: Option<String>,
    /// What the rule does.
    expr: Value,
}

/// Our table's parts.
#[derive(Default)]
struct Table {
    is_awake: bool,
    counters: BTreeSet<String>,
    chains: BTreeMap<String, Chain>,
    /// Each chain's rules in order; one without a comment is not ours.
    rules: BTreeMap<String, Vec<Rule>>,
    sets: BTreeMap<String, Vec<Value>>,
}

/// What the table's sets say, and whether its rules enforce it.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Found {
    /// The ports' filters.
    pub(in super::super) filters: BTreeMap<IfName, Filter>,
    /// Whether every other part is as it was loaded; it is not after an upgrade that brought other rules, say.
    pub(in super::super) is_whole: bool,
    /// The handles of the chains that somebody else has added.
    pub(in super::super) strays: Vec<u64>,
}

/// What is there of the table; `None` when it tells of no filters.
///
/// A text that is no JSON is such a case, not an error: nft 1.0.6 prints one for a table that was put to sleep.
pub(in super::super) fn read(listing: &[u8]) -> Option<Found> {
    let table = Table::collect(serde_json::from_slice(listing).ok()?);
    Some(Found { filters: table.filters()?, is_whole: table.is_as_loaded(), strays: table.strays() })
}

/// The fingerprint of the rules as this listing has them, to be kept in the table; `None` when they are not those that were
/// loaded, by what can be told without it.
pub(in super::super) fn fingerprint(listing: &[u8]) -> Option<u64> {
    let table = Table::collect(serde_json::from_slice(listing).ok()?);
    table.is_whole().then(|| table.fingerprint())
}

impl Table {
    fn collect(listing: Listing) -> Self {
        const OURS: &str = "lepton";
        let mut table = Self::default();
        for object in listing.nftables {
            if let Some(found) = object.table.filter(|table| table.name == OURS) {
                table.is_awake = found.flags.is_none();
            }
            if let Some(counter) = object.counter.filter(|counter| counter.table == OURS) {
                table.counters.insert(counter.name);
            }
            if let Some(set) = object.set.filter(|set| set.named.table == OURS) {
                table.sets.insert(set.named.name, set.elem);
            }
            if let Some(chain) = object.chain.filter(|chain| chain.named.table == OURS) {
                table.chains.insert(chain.named.name.clone(), chain);
            }
            if let Some(rule) = object.rule.filter(|rule| rule.table == OURS) {
                table.rules.entry(rule.chain.clone()).or_default().push(rule);
            }
        }
        table
    }

    /// Whether the skeleton is as it was loaded, down to what its rules do.
    fn is_as_loaded(&self) -> bool {
        self.is_whole() && self.kept_fingerprint() == Some(self.fingerprint())
    }

    /// Whether every part of the skeleton is there, its rules by their comments.
    fn is_whole(&self) -> bool {
        self.is_awake
            && COUNTERS.iter().all(|counter| self.counters.contains(*counter))
            && SETS.iter().all(|(set, _)| self.sets.contains_key(*set))
            && self.sets.contains_key(FINGERPRINT.0)
            && CHAINS
                .iter()
                .all(|(chain, hook)| self.chains.get(*chain).is_some_and(|chain| chain.is_at(*hook)))
            && CHAINS.iter().all(|(chain, _)| self.has_its_rules(chain))
            && self.chains.len() == CHAINS.len()
    }

    /// The chains that are not ours: what they drop or accept is not ours to say, and they are in our table.
    fn strays(&self) -> Vec<u64> {
        let is_ours = |name: &str| CHAINS.iter().any(|(chain, _)| *chain == name);
        let strays = self.chains.values().filter(|chain| !is_ours(&chain.named.name));
        strays.filter_map(|chain| chain.handle).collect()
    }

    fn has_its_rules(&self, chain: &str) -> bool {
        let ours = RULES
            .iter()
            .zip(comments())
            .filter(|((of, _), _)| *of == chain)
            .map(|(_, comment)| Some(comment));
        self.rules.get(chain).is_some_and(|rules| ours.eq(rules.iter().map(|rule| rule.comment.clone())))
    }

    /// Of what all rules do, in their order; 48 bits.
    fn fingerprint(&self) -> u64 {
        /// What the set's type has room for.
        const BITS: u64 = (1 << 48) - 1;
        let rules = self.rules.values().flatten();
        let hash = rules.fold(FNV_START, |hash, rule| fnv(fnv(hash, &rule.chain), &rule.expr.to_string()));
        (hash ^ (hash >> 48)) & BITS
    }

    /// The fingerprint that was kept when the rules were loaded.
    fn kept_fingerprint(&self) -> Option<u64> {
        let [kept] = self.sets.get(FINGERPRINT.0)?.as_slice() else { return None };
        kept.as_u64()
    }

    /// The ports' filters; `None` when the sets do not agree, or hold what we did not put there.
    fn filters(&self) -> Option<BTreeMap<IfName, Filter>> {
        let macs = self.pairs("macs", |value| value.as_str()?.parse::<MacAddr>().ok())?;
        let ipv4s = self.pairs("ipv4s", |value| value.as_str()?.parse().ok().map(IpAddr::V4))?;
        let ipv6s = self.pairs("ipv6s", |value| value.as_str()?.parse().ok().map(IpAddr::V6))?;
        if self.pairs("targets", |value| read_target(value.as_str()?))? != ipv6s
            || self.pairs("links", read_link)? != macs
        {
            return None;
        }
        let ports = self.sets.get("ports")?.iter().map(|element| read_device(element.as_str()?));
        let ports: BTreeSet<IfName> = ports.collect::<Option<_>>()?;
        let strays =
            macs.keys().chain(ipv4s.keys()).chain(ipv6s.keys()).any(|device| !ports.contains(device));
        let filters = ports.into_iter().map(|device| {
            let [mac] = macs.get(&device)?.as_slice() else { return None };
            let addresses: BTreeSet<IpAddr> =
                [&ipv4s, &ipv6s].into_iter().filter_map(|set| set.get(&device)).flatten().copied().collect();
            let filter = Filter::new(*mac, addresses.iter().copied());
            (*filter.addresses() == addresses).then_some((device, filter)) // else the link-local one is missing
        });
        if strays { None } else { filters.collect() }
    }

    /// A set of device and value, by device.
    fn pairs<T>(&self, set: &str, parse: impl Fn(&Value) -> Option<T>) -> Option<BTreeMap<IfName, Vec<T>>> {
        let mut pairs = BTreeMap::<IfName, Vec<T>>::new();
        for element in self.sets.get(set)? {
            let [device, value] = element.get("concat")?.as_array()?.as_slice() else { return None };
            pairs.entry(read_device(device.as_str()?)?).or_default().push(parse(value)?);
        }
        Some(pairs)
    }
}

impl Chain {
    /// Whether packets enter the chain at `hook` as we said, or not at all.
    fn is_at(&self, hook: Option<&str>) -> bool {
        let is_hooked = self.r#type.as_deref() == Some("filter")
            && self.prio == Some(PRIORITY)
            && self.policy.as_deref() == Some("accept");
        self.hook.as_deref() == hook && is_hooked == hook.is_some()
    }
}

fn read_device(text: &str) -> Option<IfName> {
    let device = text.parse().ok()?;
    (Role::of(&device) == Some(Role::Port)).then_some(device)
}

/// A number of 128 bits, or the address itself, as an nft that knows the field's name may print it.
pub(super) fn read_target(text: &str) -> Option<IpAddr> {
    match text.strip_prefix("0x") {
        Some(digits) => {
            u128::from_str_radix(digits, 16).ok().map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)))
        }
        None => text.parse().ok().map(IpAddr::V6),
    }
}

/// A number, or the address itself, as an nft that knows the field's name may print it.
pub(super) fn read_link(value: &Value) -> Option<MacAddr> {
    match value.as_u64() {
        Some(bits) => bits.try_into().ok(),
        None => value.as_str()?.parse().ok(),
    }
}
