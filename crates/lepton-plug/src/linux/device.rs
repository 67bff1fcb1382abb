//! Bridges and devices as actions make, change and delete them, many at once.

use std::collections::BTreeSet;

use lepton_plan::{Action, Device, Kind};
use lepton_types::IfName;

use crate::PlugError;

use super::{
    Linux, Outcome, bridge,
    limit::{Limit, together},
    link::{self, Link},
    mark, port, tap, veth,
};

impl Linux {
    pub(super) async fn delete(&mut self, actions: &[&Action], limit: Limit) -> Vec<Outcome> {
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
    pub(super) async fn delete_bridges(&mut self, actions: &[&Action], limit: Limit) -> Vec<Outcome> {
        let Some(first) = actions.first() else { return Vec::new() };
        let members = match limit.of_one(first, bridge::members(&self.netlink.handle)).await {
            Ok(members) => members,
            Err(error) => return vec![Err(error); actions.len()],
        };
        let member = |action: &&Action| action.subject().and_then(|bridge| members.get(bridge));
        let empty: Vec<&Action> = actions.iter().filter(|action| member(action).is_none()).copied().collect();
        let mut deleted = self.delete(&empty, limit).await.into_iter();
        let outcomes = actions.iter().map(|action| match member(action) {
            Some(member) => Err(PlugError::of(action, &format!("{member} is plugged into it"))),
            None => deleted.next().unwrap_or(Ok(())),
        });
        outcomes.collect()
    }

    pub(super) async fn make_bridges(&mut self, actions: &[&Action], limit: Limit) -> Vec<Outcome> {
        let making: Vec<_> =
            actions.iter().map(|action| limit.of_one(action, self.make_bridge(action))).collect();
        let made = together(making).await;
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

    pub(super) async fn make_devices(&self, actions: &[&Action], limit: Limit) -> Vec<Outcome> {
        let making: Vec<_> =
            actions.iter().map(|action| limit.of_one(action, self.make_device(action))).collect();
        together(making).await
    }

    async fn make_device(&self, action: &Action) -> Outcome {
        let (Action::Plug { device, config } | Action::SetDevice { device, config }) = action else {
            return Ok(());
        };
        let bridge = self.bridges.iter().find(|(_, name)| config.bridge.as_ref() == Some(*name));
        let (bridge, _) =
            bridge.ok_or_else(|| PlugError::new("plug in", device, "its bridge is not there"))?;
        let handle = &self.netlink.handle;
        if matches!(action, Action::Plug { .. }) {
            self.create_device(device, config).await?;
            return port::plug_in(handle, device, *bridge).await;
        }
        self.change_device(device, config).await?;
        port::plug_in(handle, device, *bridge).await?;
        port::let_forward(handle, device).await
    }

    async fn create_device(&self, device: &IfName, config: &Device) -> Outcome {
        let handle = &self.netlink.handle;
        match &config.kind {
            Kind::Tap => {
                let tap = tap::create(handle, device).await?;
                match link::configure(handle, device, config.mtu, mark::TAP).await {
                    Ok(()) => tap.keep().await,
                    Err(error) => {
                        tap.give_up().await;
                        Err(error)
                    }
                }
            }
            Kind::Veth(inner) => {
                let handover = veth::begin(&self.namespaces, inner).await?;
                // The one that somebody renamed has the guest's end, of which there can be no second one.
                match self.renamed.get(&handover.alias) {
                    Some(index) => link::rename(handle, *index, device).await?,
                    None => veth::create(handle, &handover, device, inner, config.mtu).await?,
                }
                link::configure(handle, device, config.mtu, &handover.alias).await
            }
            Kind::Unknown => Err(PlugError::new("create", device, "nobody knows its kind")),
        }
    }

    /// Gives a device that is there its MTU and its mark. What its alias says stays true, for its kind stays.
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
}
