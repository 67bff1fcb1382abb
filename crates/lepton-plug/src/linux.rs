//! [`Linux`]: the kernel of this host, over rtnetlink and nftables.
//!
//! `link` turns rtnetlink into our nouns; `bridge`, `tap`, `veth` and `port` make and change what there is one of per
//! network and port; `filter` renders and reads the nftables table; `nft` runs the program that loads it.
//!
//! What does not bear one of our names is neither observed nor touched; what bears one and lacks our mark (`mark`) is
//! observed as a stranger and not touched either.

mod bridge;
mod filter;
mod limit;
mod link;
mod mark;
mod netlink;
mod netns;
mod nft;
mod observe;
mod port;
mod tap;
mod veth;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use lepton_plan::{Action, Device, Filter, HostState, Kind, Role};
use lepton_types::IfName;

use crate::{Plug, PlugError};

use self::{
    filter::{Found, Watch},
    limit::Limit,
    link::{IN_FLIGHT, Link, LinkKind},
    netlink::{Event, Netlink},
    netns::Namespaces,
    nft::Nft,
};

/// The kernel of this host.
pub struct Linux {
    netlink: Netlink,
    nft: Nft,
    /// What the host had when it was last observed, and what was done since.
    known: HostState,
    /// Names of the bridges, ours and others', by their index.
    bridges: BTreeMap<u32, IfName>,
    /// Which namespaces there were under the paths that veths were handed over by.
    namespaces: Namespaces,
    /// Devices of ours that somebody may have changed since.
    suspects: BTreeSet<IfName>,
    /// Whether somebody has changed the filter table since.
    watch: Watch,
    /// The handles of the chains that others had added to the filter table when it was last looked at.
    strays: Vec<u64>,
}

/// What one call to the kernel, or one run of `nft`, can do together. Actions of a plan come in runs of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Load,
    Filters,
    Unplugs,
    Bridges,
    Devices,
    Deletions,
}

/// What our filter table is called in errors, as `nft list table …` takes it.
const TABLE: &str = "nftables table bridge lepton";

/// Ports whose filters are changed in one transaction. Without `CAP_NET_ADMIN` over the whole machine (in a user
/// namespace) nft cannot enlarge its socket's send buffer, and 208 KiB of it hold the elements of about 400 ports.
const FILTERS_AT_ONCE: usize = 128;

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
            namespaces: Namespaces::default(),
            suspects: BTreeSet::new(),
            watch: Watch::default(),
            strays: Vec::new(),
        })
    }

    /// Applies a run of actions of one stage: refuses those whose precondition does not hold, and does the rest together.
    async fn apply_run(&mut self, stage: Stage, run: &[Action], limit: Limit) -> Vec<Outcome> {
        let mut expected = self.known.clone();
        let mut outcomes: Vec<Outcome> = run.iter().map(|action| check(&mut expected, action)).collect();
        let (places, actions): (Vec<usize>, Vec<&Action>) =
            run.iter().enumerate().filter(|(place, _)| outcomes[*place].is_ok()).unzip();
        let done = match stage {
            Stage::Load => self.load(&actions).await,
            Stage::Filters => self.change_filters(&actions, limit).await,
            Stage::Unplugs => self.delete(&actions, limit).await,
            Stage::Bridges => self.make_bridges(&actions, limit).await,
            Stage::Devices => self.make_devices(&actions, limit).await,
            Stage::Deletions => self.delete_bridges(&actions, limit).await,
        };
        for ((place, action), outcome) in places.into_iter().zip(actions).zip(done) {
            if outcome.is_ok() {
                // Refused only when an earlier one of the run failed in the kernel; the next observation tells.
                let _ = self.known.apply(action);
            }
            outcomes[place] = outcome;
        }
        outcomes
    }

    async fn load(&mut self, actions: &[&Action]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for action in actions {
            let Action::LoadFilters { filters } = action else { continue };
            outcomes.push(self.load_table(filters).await); // at most three runs of nft can be stuck, 30 s
        }
        outcomes
    }

    /// Loads the table in one transaction, or as near to it as can be.
    async fn load_table(&mut self, filters: &BTreeMap<IfName, Filter>) -> Outcome {
        let strays = std::mem::take(&mut self.strays);
        let Err(words) = self.load_text(&filter::render_table(filters, &strays)).await else { return Ok(()) };
        tracing::warn!(%words, "the filter table cannot be loaded in one transaction; trying in parts");
        let parts = filter::render_parts(filters, &strays, FILTERS_AT_ONCE);
        let Err(words) = self.load_all(&parts).await else { return Ok(()) };
        // Something of the same name and another type is in the way, or a stray chain is in use or gone; only a new table
        // gets rid of it.
        tracing::warn!(%words, "the filter table cannot be repaired in place and is made anew");
        let mut parts = filter::render_parts(filters, &[], FILTERS_AT_ONCE);
        parts[0].insert_str(0, filter::REMOVE_TABLE);
        self.load_all(&parts).await.map_err(|words| PlugError::new("load", TABLE, &words))
    }

    async fn load_all(&mut self, texts: &[String]) -> Result<(), String> {
        for text in texts {
            self.load_text(text).await?;
        }
        Ok(())
    }

    async fn load_text(&mut self, text: &str) -> Result<(), String> {
        let process = self.nft.load(text).await?;
        self.watch.expect(process);
        Ok(())
    }

    /// Sets and removes filters, [`FILTERS_AT_ONCE`] in a transaction; all of a transaction work or none does.
    async fn change_filters(&mut self, actions: &[&Action], limit: Limit) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(actions.len());
        for actions in actions.chunks(FILTERS_AT_ONCE) {
            let outcome = limit.of_one(actions[0], self.change_some_filters(actions)).await;
            outcomes.extend(vec![outcome; actions.len()]);
        }
        outcomes
    }

    async fn change_some_filters(&mut self, actions: &[&Action]) -> Outcome {
        let subjects = actions.iter().filter_map(|action| action.subject());
        let before = subjects.filter_map(|device| self.known.filters.get_key_value(device));
        let after = actions.iter().filter_map(|action| {
            let Action::SetFilter { device, filter } = action else { return None };
            Some((device, filter))
        });
        let text = filter::render_changes(before, after);
        let changed = if text.is_empty() { Ok(()) } else { self.load_text(&text).await };
        changed.map_err(|words| PlugError::new("change", TABLE, &words))
    }

    async fn delete(&mut self, actions: &[&Action], limit: Limit) -> Vec<Outcome> {
        let names: Vec<&IfName> = actions.iter().filter_map(|action| action.subject()).collect();
        let outcomes = limit.of_deletion(actions, link::delete(&self.netlink.handle, &names)).await;
        let gone: BTreeSet<&IfName> = names
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| outcome.is_ok())
            .map(|(name, _)| *name)
            .collect();
        // A bridge that is made again has the same name and another index.
        self.bridges.retain(|_, name| !gone.contains(name));
        outcomes
    }

    /// Deletes the bridges that nothing is plugged into. Looked at again, for nobody tells us of what others plug in.
    async fn delete_bridges(&mut self, actions: &[&Action], limit: Limit) -> Vec<Outcome> {
        let Some(first) = actions.first() else { return Vec::new() };
        let members = match limit.of_one(first, bridge::members(&self.netlink.handle)).await {
            Ok(members) => members,
            Err(error) => return vec![Err(error); actions.len()],
        };
        let member = |action: &&Action| action.subject().and_then(|bridge| members.get(bridge));
        let empty: Vec<&Action> = actions.iter().filter(|action| member(action).is_none()).copied().collect();
        let mut deleted = self.delete(&empty, limit).await.into_iter();
        let outcomes = actions.iter().map(|action| match member(action) {
            Some(member) => Err(PlugError::refused(action, &format!("{member} is plugged into it"))),
            None => deleted.next().unwrap_or(Ok(())),
        });
        outcomes.collect()
    }

    async fn make_bridges(&mut self, actions: &[&Action], limit: Limit) -> Vec<Outcome> {
        let making: Vec<_> =
            actions.iter().map(|action| limit.of_one(action, self.make_bridge(action))).collect();
        let made: Vec<_> = stream::iter(making).buffered(IN_FLIGHT).collect().await;
        let mut outcomes = Vec::with_capacity(made.len());
        for outcome in made {
            outcomes.push(outcome.map(|link| self.bridges.extend(link.map(|link| (link.index, link.name)))));
        }
        outcomes
    }

    /// Makes or changes a bridge; answers with a new one's link.
    async fn make_bridge(&self, action: &Action) -> Result<Option<Link>, PlugError> {
        let handle = &self.netlink.handle;
        if let Action::CreateBridge { bridge, mtu } = action {
            bridge::create(handle, bridge, *mtu).await?;
            return link::find(handle, bridge).await;
        }
        if let Action::SetBridge { bridge, mtu } = action {
            bridge::set(handle, bridge, *mtu).await?;
        }
        Ok(None)
    }

    async fn make_devices(&self, actions: &[&Action], limit: Limit) -> Vec<Outcome> {
        let making: Vec<_> =
            actions.iter().map(|action| limit.of_one(action, self.make_device(action))).collect();
        stream::iter(making).buffered(IN_FLIGHT).collect().await
    }

    async fn make_device(&self, action: &Action) -> Outcome {
        let (Action::Plug { device, config } | Action::SetDevice { device, config }) = action else {
            return Ok(());
        };
        let bridge = self.bridges.iter().find(|(_, name)| config.bridge.as_ref() == Some(*name));
        let (bridge, _) =
            bridge.ok_or_else(|| PlugError::new("plug in", device, "its bridge is not there"))?;
        if matches!(action, Action::Plug { .. }) {
            self.create_device(device, config).await?;
        } else {
            self.change_device(device, config).await?;
        }
        port::plug_in(&self.netlink.handle, device, *bridge).await
    }

    async fn create_device(&self, device: &IfName, config: &Device) -> Outcome {
        let handle = &self.netlink.handle;
        match &config.kind {
            Kind::Tap => {
                let tap = tap::create(handle, device).await?;
                link::configure(handle, device, config.mtu, mark::TAP).await?;
                tap.keep().await
            }
            Kind::Veth(inner) => {
                let alias = veth::create(handle, device, inner, config.mtu).await?;
                link::configure(handle, device, config.mtu, &alias).await
            }
            Kind::Unknown => Err(PlugError::new("create", device, "nobody knows its kind")),
        }
    }

    /// Gives a device that is there its MTU. What its alias says stays true, for its kind stays.
    async fn change_device(&self, device: &IfName, config: &Device) -> Outcome {
        let handle = &self.netlink.handle;
        let alias = match &config.kind {
            Kind::Veth(_) => link::find(handle, device).await?.and_then(|link| link.alias),
            Kind::Tap | Kind::Unknown => Some(mark::TAP.to_owned()),
        };
        let alias =
            alias.ok_or_else(|| PlugError::new("set up", device, "it is gone, or has lost its alias"))?;
        link::configure(handle, device, config.mtu, &alias).await
    }

    /// Remembers what an event is about, if it is ours.
    fn note(&mut self, event: &Event) {
        match event {
            Event::Link(message) => {
                self.suspects.extend(link::name_of(message).filter(|name| Role::of(name).is_some()));
            }
            Event::LinksLost => {
                self.suspects.extend(self.known.bridges.keys().chain(self.known.devices.keys()).cloned());
            }
            Event::Filters(told) => self.watch.note(told),
            Event::FiltersLost => self.watch.note_loss(),
        }
    }

    fn note_all(&mut self) {
        while let Some(event) = self.netlink.event_now() {
            self.note(&event);
        }
    }

    /// Whether a device is no longer as it is known to be. Our own changes are told to us too, and are known.
    async fn is_changed(&self, name: &IfName) -> bool {
        // Where the kernel gives no answer there is no change to tell of, and no reason to be asked again at once.
        let Ok(found) = link::find(&self.netlink.handle, name).await else { return false };
        let mut now = HostState::default();
        if let Some(link) = &found {
            observe::insert(&mut now, link, &self.bridges, &self.namespaces);
        }
        now.bridges.get(name) != self.known.bridges.get(name)
            || now.devices.get(name) != self.known.devices.get(name)
            || now.strangers.contains(name) != self.known.strangers.contains(name)
    }
}

impl Plug for Linux {
    async fn observe(&mut self) -> Result<HostState, PlugError> {
        // Whatever happened to the table before is seen now.
        self.note_all();
        self.watch.take_change();
        let (links, listing) = tokio::join!(link::list(&self.netlink.handle), self.nft.list());
        // A table that cannot be listed is one to be loaded, and if that fails too, nft says why. What was in it is not
        // forgotten: it may hold the filter of a device that nobody else knows one for.
        let found = listing.ok().and_then(|listing| filter::read(&listing));
        let lost = || Found { filters: self.known.filters.clone(), is_whole: false, strays: Vec::new() };
        let mut found = found.unwrap_or_else(lost);
        self.strays = std::mem::take(&mut found.strays);
        let links = links?;
        self.namespaces.look_at(observe::namespaces(&links)).await;
        let (state, bridges) = observe::state(&links, found, &self.namespaces);
        self.known = state.clone();
        self.bridges = bridges;
        Ok(state)
    }

    async fn look_at(&mut self, names: &BTreeSet<IfName>) -> Result<HostState, PlugError> {
        let looks: Vec<_> = names.iter().map(|name| link::find(&self.netlink.handle, name)).collect();
        let found: Vec<Option<Link>> = stream::iter(looks).buffered(IN_FLIGHT).try_collect().await?;
        let links: Vec<Link> = found.into_iter().flatten().collect();
        // A bridge that was made again has the same name and another index.
        self.bridges.retain(|_, name| !names.contains(name));
        let bridges = links.iter().filter(|link| link.kind == LinkKind::Bridge);
        self.bridges.extend(bridges.map(|link| (link.index, link.name.clone())));
        let mut seen = HostState::default();
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

impl Stage {
    fn of(action: &Action) -> Self {
        match action {
            Action::LoadFilters { .. } => Self::Load,
            Action::SetFilter { .. } | Action::RemoveFilter { .. } => Self::Filters,
            Action::Unplug { .. } => Self::Unplugs,
            Action::CreateBridge { .. } | Action::SetBridge { .. } => Self::Bridges,
            Action::Plug { .. } | Action::SetDevice { .. } => Self::Devices,
            Action::DeleteBridge { .. } => Self::Deletions,
        }
    }
}

/// Whether `action` can be done where `expected` is what its predecessors have led to; then it has been done there.
/// Names that are not ours go no further: the rest of this back end may write them into an nft text as they are.
fn check(expected: &mut HostState, action: &Action) -> Outcome {
    let mut names: Vec<&IfName> = action.subject().into_iter().collect();
    if let Action::LoadFilters { filters } = action {
        names.extend(filters.keys());
    }
    if let Some(name) = names.into_iter().find(|name| Role::of(name).is_none()) {
        return Err(PlugError::new("touch", name, "the name is not one of ours"));
    }
    expected.apply(action).map_err(|refusal| PlugError::refused(action, &refusal))
}

impl fmt::Debug for Linux {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linux").field("known", &self.known).finish_non_exhaustive()
    }
}
