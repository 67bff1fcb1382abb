//! [`Network`]: one layer-2 network.

use serde::{Deserialize, Serialize};

use crate::{HostId, IfName, Mtu, Name, NetworkId, ProjectId, Timestamp};

/// One layer-2 network; its subnets are rows of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Identity.
    pub id: NetworkId,
    /// The owner; a network without one is global, visible to every project.
    pub project: Option<ProjectId>,
    /// What people call it; need not be unique.
    pub label: Name,
    /// Where its vNIC stands among an instance's vNICs: smaller first.
    pub priority: i32,
    /// What its bridge and ports carry.
    pub mtu: Mtu,
    /// Position in the order of creation, unique over all networks; breaks ties of priority and pages the list.
    pub sequence: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// The host whose router its traffic goes through; none: each instance's own host.
    pub host: Option<HostId>,
    /// Whether compute agents write the guest's network configuration into its disk.
    #[serde(default)]
    pub is_injected: bool,
    /// Whether it is a pool of floating IPs: no vNIC is plugged into it, and its label is unique among its kind.
    #[serde(default)]
    pub is_external: bool,
    /// How often it, or the set of its subnets, was changed; whoever changes it raises it.
    #[serde(default)]
    pub version: u64,
}

impl Network {
    /// Name of the network's bridge on every host: `brq` and the id's first 11 characters, as OpenStack's operators know it.
    pub fn bridge(&self) -> IfName {
        let id = self.id.to_string();
        format!("brq{}", &id[..11])
            .parse()
            .expect("14 hexadecimal digits, letters and hyphens are a device name")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bridge_is_named_after_the_network() {
        let network = Network {
            id: "11111111-2222-4333-8444-555555555555".parse().unwrap(),
            project: None,
            label: "private".parse().unwrap(),
            priority: 0,
            mtu: Mtu::ETHERNET,
            sequence: 1,
            created_at: Timestamp::default(),
            host: None,
            is_injected: false,
            is_external: false,
            version: 0,
        };
        assert_eq!(network.bridge().as_str(), "brq11111111-22");
    }
}
