//! [`World`]: a host to be converged, and the words that the tests speak of it.

use std::{collections::BTreeSet, net::IpAddr, process::Command};

use lepton_plan::{Action, HostState, plan};
use lepton_plug::{Plug, PlugError, linux::Linux};
use lepton_types::{HostPort, IfName, PortBinding, PortId};
use serde_json::Value;

use crate::guest::Container;

/// The kernel of the test's namespace, behind the back end.
pub(crate) struct World {
    pub(crate) plug: Linux,
    /// The devices of all ports that it ever was to have: those that it is to have no more are released.
    named: BTreeSet<IfName>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { plug: Linux::open().unwrap(), named: BTreeSet::new() }
    }

    /// Two containers on network 1, with their addresses, up.
    pub(crate) async fn with_two_containers() -> (Self, Container, Container) {
        let mut world = Self::new();
        let (first, second) = (Container::new("first"), Container::new("second"));
        world.converge(&[port(1, 1, veth(&first.netns)), port(2, 1, veth(&second.netns))]).await;
        first.configure(1);
        second.configure(2);
        (world, first, second)
    }

    /// Makes the host have exactly these ports; what had to be done must work, and nothing be left to do.
    pub(crate) async fn converge(&mut self, ports: &[HostPort]) -> Vec<Action> {
        let actions = self.plan(ports).await;
        for (action, outcome) in actions.iter().zip(self.plug.apply(&actions).await) {
            outcome.unwrap_or_else(|error| panic!("{action}: {error}"));
        }
        assert_eq!(self.plan(ports).await, []);
        actions
    }

    /// What is to be done for the host to have exactly these ports.
    pub(crate) async fn plan(&mut self, ports: &[HostPort]) -> Vec<Action> {
        self.named.extend(ports.iter().map(|port| port.device.clone()));
        plan(&HostState::desired(ports), &self.named, &self.plug.observe().await.unwrap())
    }

    /// Tries to make the host have exactly these ports; answers with what failed.
    pub(crate) async fn try_converge(&mut self, ports: &[HostPort]) -> Vec<PlugError> {
        let actions = self.plan(ports).await;
        self.plug.apply(&actions).await.into_iter().filter_map(Result::err).collect()
    }
}

/// Port `number` on network `network`, as a manager would want it.
pub(crate) fn port(number: u8, network: u8, binding: PortBinding) -> HostPort {
    let id: PortId = format!("{number:08x}-0000-4000-8000-000000000000").parse().unwrap();
    HostPort {
        id,
        revision: 1.into(),
        device: id.device(),
        network: format!("{network:08x}-0000-4000-8000-000000000000").parse().unwrap(),
        bridge: bridge(network).parse().unwrap(),
        mtu: 1500.try_into().unwrap(),
        mac: mac(number).parse().unwrap(),
        addresses: addresses(number),
        binding,
    }
}

pub(crate) fn tap() -> PortBinding {
    PortBinding::Tap
}

pub(crate) fn veth(netns: &str) -> PortBinding {
    PortBinding::Veth { netns: netns.parse().unwrap(), guest_device: "eth0".parse().unwrap() }
}

pub(crate) fn device(number: u8) -> String {
    format!("tap{number:08x}-00")
}

pub(crate) fn bridge(network: u8) -> String {
    format!("brq{network:08x}-00")
}

pub(crate) fn mac(number: u8) -> String {
    format!("fa:16:3e:00:00:{number:02x}")
}

pub(crate) fn addresses(number: u8) -> Vec<IpAddr> {
    vec![[10, 0, 0, number].into(), [0xfd00, 0, 0, 0, 0, 0, 0, u16::from(number)].into()]
}

/// Packets that the filter table has dropped for this reason.
pub(crate) fn counter(reason: &str) -> u64 {
    let listing: Value =
        serde_json::from_str(&nft(&["-j", "list", "counter", "bridge", "lepton", reason])).unwrap();
    listing["nftables"][1]["counter"]["packets"].as_u64().unwrap()
}

pub(crate) fn nft(arguments: &[&str]) -> String {
    run("nft", arguments)
}

pub(crate) fn ip(arguments: &[&str]) -> String {
    run("ip", arguments)
}

/// What `ip -d -j` says of the one thing that it is asked about.
pub(crate) fn ip_json(arguments: &[&str]) -> Value {
    let all: Value = serde_json::from_str(&run("ip", &[&["-d", "-j"], arguments].concat())).unwrap();
    all[0].clone()
}

/// Runs a program to its end and answers with what it prints; it must work.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}
