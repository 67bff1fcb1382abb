//! What the kernel tells of changes: which of them are ours to look at, and which are news.

use lepton_plan::{Role, Seen};
use lepton_types::IfName;

use super::{Linux, link, netlink::Event, observe};

impl Linux {
    /// Remembers what an event is about, if it is ours.
    pub(super) fn note(&mut self, event: &Event) {
        match event {
            Event::Link(message) => {
                let name = link::name_of(message).filter(|name| Role::of(name).is_some());
                let before = self.rename(message.header.index, name.clone());
                self.suspects.extend(name.into_iter().chain(before));
            }
            Event::LinksLost => {
                self.suspects.extend(self.known.bridges.keys().chain(self.known.devices.keys()).cloned());
            }
            Event::Filters(told) => self.watch.note(told),
            Event::FiltersLost => self.watch.note_loss(),
        }
    }

    /// Remembers what a link is called, if it is a name of ours; answers with what it was called before, of which the kernel
    /// says nothing.
    fn rename(&mut self, index: u32, name: Option<IfName>) -> Option<IfName> {
        match name {
            Some(name) => self.names.insert(index, name),
            None => self.names.remove(&index),
        }
    }

    pub(super) fn note_all(&mut self) {
        while let Some(event) = self.netlink.event_now() {
            self.note(&event);
        }
    }

    /// Whether a device is no longer as it is known to be. Our own changes are told to us too, and are known.
    pub(super) async fn is_changed(&self, name: &IfName) -> bool {
        // Where the kernel gives no answer there is no change to tell of, and no reason to be asked again at once.
        let Ok(found) = link::find(&self.netlink.handle, name).await else { return false };
        let mut now = Seen::default();
        if let Some(link) = &found {
            observe::insert(&mut now, link, &self.bridges, &self.namespaces);
        }
        now != self.known.see(&[name.clone()].into())
    }
}
