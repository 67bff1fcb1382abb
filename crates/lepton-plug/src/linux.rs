//! [`Linux`]: the kernel of this host, over rtnetlink and nftables.
//!
//! `link` turns rtnetlink into our nouns; `bridge`, `tap`, `veth` and `port` make and change what there is one of per
//! network and port; `filter` renders and reads the nftables table; `nft` runs the program that loads it. `stage` takes a
//! plan apart into what goes to the kernel together, `device` and `table` carry that out, `news` hears of what others do.
//!
//! What does not bear one of our names is neither observed nor touched; what bears one and lacks our mark (`mark`) is
//! observed as a stranger and not touched either, unless it is in the group of ports and lost no more than its alias.

mod bridge;
mod device;
mod filter;
mod limit;
mod link;
mod lookups;
mod mark;
mod netlink;
mod netns;
mod news;
mod nft;
mod observe;
mod off_worker;
mod port;
mod stage;
mod table;
mod tap;
mod veth;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
};

use lepton_plan::{Action, Filter, HostState, Seen};
use lepton_types::IfName;

use crate::{Plug, PlugError};

use self::{
    filter::{Found, Told, Watch},
    limit::{Limit, together},
    link::{Link, LinkKind},
    netlink::Netlink,
    netns::Namespaces,
    nft::Nft,
    stage::Stage,
};

/// The ports' filters that a listing of the filter table tells of, as `nft -j list table bridge lepton` prints it; none when it
/// tells of none, or is no listing.
pub fn listed_filters(listing: &[u8]) -> Option<BTreeMap<IfName, Filter>> {
    filter::read(listing).map(|found| found.filters)
}

/// Whether a message about nftables, of this kind and without its netlink header, matters to who watches the filter table.
pub fn is_news_of_filters(kind: u16, body: &[u8]) -> bool {
    Told::read(0, kind, body).matters()
}

/// The kernel of this host.
pub struct Linux {
    netlink: Netlink,
    nft: Nft,
    /// What the host had when it was last observed, and what was done since.
    known: HostState,
    /// Names of the bridges, ours and others', by their index.
    bridges: BTreeMap<u32, IfName>,
    /// Names of our form that links have, or had when they were last heard of, by their index.
    names: BTreeMap<u32, IfName>,
    /// Which namespaces there were under the paths that veths were handed over by.
    namespaces: Namespaces,
    /// Veths of ours that somebody had renamed when the host was last looked at, by what their aliases say: their indexes.
    renamed: BTreeMap<String, u32>,
    /// Devices of ours that somebody may have changed since.
    suspects: BTreeSet<IfName>,
    /// Whether somebody has changed the filter table since.
    watch: Watch,
    /// The handles of the chains that others had added to the filter table when it was last looked at.
    strays: Vec<u64>,
}

type Outcome = Result<(), PlugError>;

impl Linux {
    /// Opens the kernel of the network namespace that the calling thread is in. Within a tokio runtime.
    ///
    /// Errors: no netlink socket could be opened; `nft` is not installed.
    pub fn open() -> io::Result<Self> {
        Ok(Self {
            netlink: Netlink::open()?,
            nft: Nft::find()?,
            known: HostState::default(),
            bridges: BTreeMap::new(),
            names: BTreeMap::new(),
            renamed: BTreeMap::new(),
            namespaces: Namespaces::default(),
            suspects: BTreeSet::new(),
            watch: Watch::default(),
            strays: Vec::new(),
        })
    }
}

impl Plug for Linux {
    async fn observe(&mut self) -> Result<HostState, PlugError> {
        // Whatever happened to the table before is seen now.
        self.note_all();
        self.watch.take_change();
        let (links, listing) = tokio::join!(link::list(&self.netlink.handle), self.nft.list());
        let listing = listing.map_err(|words| PlugError::new("list", filter::TABLE, &words))?;
        // A table that is gone or cannot be read is one to be loaded. What was in it is not forgotten: it may hold the filter
        // of a device that nobody else knows one for.
        let found = listing.and_then(|listing| filter::read(&listing));
        let lost = || Found { filters: self.known.filters.clone(), is_whole: false, strays: Vec::new() };
        let mut found = found.unwrap_or_else(lost);
        self.strays = std::mem::take(&mut found.strays);
        let links = links?;
        self.namespaces.look_at_all(observe::namespaces(&links)).await;
        let (state, bridges) = observe::state(&links, found, &self.namespaces);
        self.known = state.clone();
        self.bridges = bridges;
        self.renamed = observe::renamed(&links);
        let ours = links.into_iter().filter(|link| link.role().is_some());
        self.names = ours.map(|link| (link.index, link.name)).collect();
        Ok(state)
    }

    async fn look_at(&mut self, names: &BTreeSet<IfName>) -> Result<Seen, PlugError> {
        let looks: Vec<_> = names.iter().map(|name| link::find(&self.netlink.handle, name)).collect();
        let found: Vec<Option<Link>> = together(looks).await.into_iter().collect::<Result<_, _>>()?;
        let links: Vec<Link> = found.into_iter().flatten().collect();
        // A bridge that was made again has the same name and another index.
        self.bridges.retain(|_, name| !names.contains(name));
        let bridges = links.iter().filter(|link| link.kind == LinkKind::Bridge);
        self.bridges.extend(bridges.map(|link| (link.index, link.name.clone())));
        let mut seen = Seen::default();
        self.namespaces.look_at(observe::namespaces(&links)).await;
        links.iter().for_each(|link| observe::insert(&mut seen, link, &self.bridges, &self.namespaces));
        self.known.renew(names, seen.clone());
        Ok(seen)
    }

    async fn apply(&mut self, actions: &[Action]) -> Vec<Outcome> {
        let limit = Limit::begin();
        let mut outcomes = Vec::with_capacity(actions.len());
        for run in actions.chunk_by(|a, b| Stage::of(a) == Stage::of(b)) {
            outcomes.append(&mut self.apply_run(Stage::of(&run[0]), run, limit).await);
        }
        outcomes
    }

    async fn changed(&mut self) {
        loop {
            self.note_all();
            if self.watch.take_change() {
                return;
            }
            while let Some(name) = self.suspects.first().cloned() {
                if self.is_changed(&name).await {
                    return;
                }
                self.suspects.remove(&name);
            }
            let event = self.netlink.event().await;
            self.note(&event);
        }
    }
}

impl fmt::Debug for Linux {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linux").field("known", &self.known).finish_non_exhaustive()
    }
}
