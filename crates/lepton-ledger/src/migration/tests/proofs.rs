//! Hosts that plug, unplug, report late, report twice and come back, at random: no address is ever free that a host may use.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{FenceHost, RegisterHost};

const HOSTS: [&str; 3] = ["a", "b", "c"];

/// What happens, by small numbers, so that it happens to the same few.
#[derive(Clone, Copy, Debug)]
enum Event {
    Allocate(u128, usize),
    Deallocate(u128),
    Start(u128, usize),
    Finish(u128),
    Abort(u128),
    /// A host's agent asks, does what it is told, and sends a report.
    Pass(usize),
    /// A host's agent forgets everything but its devices.
    Restart(usize),
    /// One of the reports that are under way arrives, and may arrive again.
    Arrive(usize, bool),
    Fence(usize),
}

fn any_event() -> impl Strategy<Value = Event> {
    let (instance, host) = (1..4_u128, 0..HOSTS.len());
    prop_oneof![
        3 => (instance.clone(), host.clone()).prop_map(|(number, host)| Event::Allocate(number, host)),
        2 => instance.clone().prop_map(Event::Deallocate),
        6 => (instance.clone(), host.clone()).prop_map(|(number, host)| Event::Start(number, host)),
        4 => instance.clone().prop_map(Event::Finish),
        3 => instance.prop_map(Event::Abort),
        8 => host.clone().prop_map(Event::Pass),
        1 => host.clone().prop_map(Event::Restart),
        8 => (0..8_usize, any::<bool>()).prop_map(|(number, again)| Event::Arrive(number, again)),
        1 => host.prop_map(Event::Fence),
    ]
}

/// A host as its agent leaves it.
#[derive(Clone, Debug, Default)]
struct Agent {
    holds: Option<Revision>,
    released: BTreeSet<PortId>,
    devices: BTreeSet<PortId>,
}

#[derive(Debug)]
struct World {
    ledger: View,
    agents: BTreeMap<&'static str, Agent>,
    /// The hosts whose agents have been there. Of the others nothing is heard.
    met: BTreeSet<usize>,
    under_way: Vec<ReportHost>,
    /// What an operator has said of a host that may not be so.
    written_off: BTreeSet<(&'static str, PortId)>,
}

impl World {
    fn new() -> Self {
        let mut ledger = crate::example::without_agents();
        crate::example::made(&mut ledger, crate::example::network("private", &["10.1.0.0/24"]));
        let agents = HOSTS.map(|host| (host, Agent::default())).into();
        Self { ledger, agents, met: BTreeSet::new(), under_way: Vec::new(), written_off: BTreeSet::new() }
    }

    fn submit<C: Command>(&mut self, command: &C) -> Option<C::Answer> {
        decided(&mut self.ledger, command).ok()
    }

    fn happen(&mut self, event: Event) {
        let row = |world: &Self, number| world.ledger.row::<Instance>(&instance(number)).cloned();
        match event {
            Event::Allocate(number, host) => {
                let host = Some(named(HOSTS[host]));
                self.submit(&AllocateForInstance { host, ..allocation(number, vec![]) });
            }
            Event::Deallocate(number) => drop(self.submit(&deallocation(number))),
            Event::Start(number, host) => {
                if let Some(row) = row(self, number) {
                    self.submit(&start(number, row.host.as_str(), HOSTS[host]));
                }
            }
            Event::Finish(number) => {
                let row = row(self, number);
                if let Some((source, Some(migration))) = row.map(|row| (row.host, row.migration)) {
                    self.submit(&finish(number, source.as_str(), migration.destination.as_str())).unwrap();
                }
            }
            Event::Abort(number) => {
                if let Some(migration) = row(self, number).and_then(|row| row.migration) {
                    self.submit(&setup(number, migration.destination.as_str(), true)).unwrap();
                }
            }
            Event::Pass(host) => {
                self.met.insert(host);
                self.submit(&RegisterHost { host: named(HOSTS[host]) }).unwrap();
                self.pass(HOSTS[host]);
            }
            Event::Restart(host) => {
                let agent = self.agents.get_mut(HOSTS[host]).unwrap();
                *agent = Agent { devices: std::mem::take(&mut agent.devices), ..Agent::default() };
            }
            Event::Arrive(number, again) => self.arrive(number, again),
            Event::Fence(host) => self.fence(HOSTS[host]),
        }
    }

    fn pass(&mut self, host: &'static str) {
        let mut agent = self.agents[host].clone();
        let told = feed(&mut self.ledger, host, agent.holds);
        let mut ports = Vec::new();
        for port in told.ports {
            agent.devices.insert(port.id);
            agent.released.remove(&port.id);
            self.written_off.remove(&(host, port.id));
            ports.push(PortReport { id: port.id, status: PortStatus::Active, filtered_at: None });
        }
        for id in told.released {
            agent.devices.remove(&id);
            agent.released.insert(id);
        }
        agent.holds = Some(told.revision);
        let unplugged = agent.released.iter().copied().collect();
        let report = HostReport { revision: told.revision, ports, unplugged };
        self.under_way.push(ReportHost { host: named(host), report });
        self.agents.insert(host, agent);
    }

    fn arrive(&mut self, number: usize, again: bool) {
        if self.under_way.is_empty() {
            return;
        }
        let number = number % self.under_way.len();
        let report = if again { self.under_way[number].clone() } else { self.under_way.remove(number) };
        self.submit(&report).unwrap();
    }

    fn fence(&mut self, host: &'static str) {
        if let Some(fenced) = self.submit(&FenceHost { host: named(host) }) {
            let given_up = fenced.ended.into_iter().chain(fenced.departed);
            self.written_off.extend(given_up.map(|port| (host, port)));
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        for (host, agent) in &self.agents {
            for port in agent.devices.iter().filter(|port| !self.written_off.contains(&(*host, **port))) {
                let is_kept = self.ledger.row::<Port>(port).is_some();
                prop_assert!(is_kept, "{host} has {port:?}, whose addresses are free");
            }
        }
        for port in self.ledger.rows::<Port>().filter(|port| !port.is_released) {
            let plugs = port.target.iter().map(|target| (&target.host, &target.status, target.revision));
            for (host, status, revision) in plugs.chain([(&port.host, &port.status, port.revision)]) {
                let agent = &self.agents[host.as_str()];
                let has =
                    agent.devices.contains(&port.id) && agent.holds.is_none_or(|holds| holds >= revision);
                prop_assert!(*status != PortStatus::Active || has, "{host:?} has not plugged {port:?}");
            }
        }
        let unplugs = self.ledger.rows::<PendingUnplug>();
        for unplug in unplugs {
            let wanted = self.ledger.row::<Port>(&unplug.port).is_some_and(|port| {
                port.host == unplug.host
                    || port.target.as_ref().is_some_and(|target| target.host == unplug.host)
            });
            prop_assert!(!wanted, "{unplug:?} is of a host that has the port");
        }
        Ok(())
    }

    /// Every instance is deallocated, and every host that was ever heard of does what it is told.
    fn wind_down(&mut self) {
        for number in 1..4 {
            self.happen(Event::Deallocate(number));
        }
        for _ in 0..2 {
            self.met.clone().into_iter().for_each(|host| self.happen(Event::Pass(host)));
            while !self.under_way.is_empty() {
                self.arrive(0, false);
            }
        }
    }
}

proptest! {
    #[test]
    fn no_address_is_free_that_a_host_may_use(
        events in prop::collection::vec(any_event(), 1..80),
    ) {
        let mut world = World::new();
        for event in events {
            world.happen(event);
            world.check()?;
        }
        world.wind_down();
        prop_assert_eq!(world.ledger.rows::<Port>().count(), 0);
        prop_assert_eq!(world.ledger.rows::<FixedIp>().count(), 0);
        prop_assert_eq!(world.ledger.rows::<PendingUnplug>().count(), 0);
        prop_assert!(world.agents.values().all(|agent| agent.devices.is_empty()));
    }
}
