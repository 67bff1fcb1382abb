//! What the kernel tells of changes: which of them are ours to look at, and which are news.

use lepton_plan::{HostState, Role};
use lepton_types::IfName;

use super::{Linux, link, netlink::Event, observe};

impl Linux {
    /// Remembers what an event is about, if it is ours.
    pub(super) fn note(&mut self, event: &Event) {
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

    pub(super) fn note_all(&mut self) {
        while let Some(event) = self.netlink.event_now() {
            self.note(&event);
        }
    }

    /// Whether a device is no longer as it is known to be. Our own changes are told to us too, and are known.
    pub(super) async fn is_changed(&self, name: &IfName) -> bool {
        // Where the kernel gives no answer there is no change to tell of, and no reason to be asked again at once.
        let Ok(found) = link::find(&self.netlink.handle, name).await else { return false };
        let mut now = HostState::default();
        if let Some(link) = &found {
            observe::insert(&mut now, link, &self.bridges, &self.namespaces);
        }
        now.bridges.get(name) != self.known.bridges.get(name)
            || now.devices.get(name) != self.known.devices.get(name)
            || now.unmarked.get(name) != self.known.unmarked.get(name)
            || now.strangers.contains(name) != self.known.strangers.contains(name)
    }
}
