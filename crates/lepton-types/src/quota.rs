//! [`Quota`]: how much of each [`Resource`] a project has, and may have.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{ProjectId, Shown};

/// What a project may have only so much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Networks that it owns.
    Networks,
    /// Ports, until their hosts have unplugged them.
    Ports,
    /// Addresses that its ports have.
    FixedIps,
    /// Floating IPs.
    FloatingIps,
}

/// A text that names no resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no resource (expected {known})", known = Resource::ALL.map(Resource::as_str).join(", "))]
pub struct ResourceError(Shown);

/// How much a project may have of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// As much as there is.
    Unlimited,
    /// At most so much.
    AtMost(u32),
}

/// One value for each resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts<T> {
    /// Of [`Resource::Networks`].
    pub networks: T,
    /// Of [`Resource::Ports`].
    pub ports: T,
    /// Of [`Resource::FixedIps`].
    pub fixed_ips: T,
    /// Of [`Resource::FloatingIps`].
    pub floating_ips: T,
}

/// What a project has, and what an admin has said that it may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// The project.
    pub project: ProjectId,
    /// What it may have; none: the default of the configuration.
    pub limits: Amounts<Option<Limit>>,
    /// What it has.
    pub used: Amounts<u64>,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Networks, Self::Ports, Self::FixedIps, Self::FloatingIps];

    /// Its name in the API and the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Networks => "networks",
            Self::Ports => "ports",
            Self::FixedIps => "fixed_ips",
            Self::FloatingIps => "floating_ips",
        }
    }
}

impl FromStr for Resource {
    type Err = ResourceError;

    fn from_str(text: &str) -> Result<Self, ResourceError> {
        let found = Self::ALL.into_iter().find(|resource| resource.as_str() == text);
        found.ok_or_else(|| ResourceError(Shown::new(text)))
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Limit {
    /// Whether so much is still allowed.
    pub fn allows(self, amount: u64) -> bool {
        match self {
            Self::Unlimited => true,
            Self::AtMost(most) => amount <= u64::from(most),
        }
    }
}

impl fmt::Display for Limit {
    /// A number; -1 when there is no limit, as Nova writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("-1"),
            Self::AtMost(most) => most.fmt(f),
        }
    }
}

impl<T> Amounts<T> {
    /// The value of a resource.
    pub fn of(&self, resource: Resource) -> &T {
        match resource {
            Resource::Networks => &self.networks,
            Resource::Ports => &self.ports,
            Resource::FixedIps => &self.fixed_ips,
            Resource::FloatingIps => &self.floating_ips,
        }
    }

    /// The value of a resource.
    pub fn of_mut(&mut self, resource: Resource) -> &mut T {
        match resource {
            Resource::Networks => &mut self.networks,
            Resource::Ports => &mut self.ports,
            Resource::FixedIps => &mut self.fixed_ips,
            Resource::FloatingIps => &mut self.floating_ips,
        }
    }
}

impl Amounts<Limit> {
    /// What a project may have whose limits nobody has set: ten floating IPs, as in Nova, and as much as there is of all else.
    pub const DEFAULT: Self = Self {
        networks: Limit::Unlimited,
        ports: Limit::Unlimited,
        fixed_ips: Limit::Unlimited,
        floating_ips: Limit::AtMost(10),
    };
}

impl Quota {
    /// The quota of a project that has nothing, and whose limits nobody has set.
    pub fn new(project: ProjectId) -> Self {
        Self { project, limits: Amounts::default(), used: Amounts::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_read_by_its_name() {
        for resource in Resource::ALL {
            assert_eq!(resource.to_string().parse(), Ok(resource));
        }
        let error = "shoes".parse::<Resource>().unwrap_err().to_string();
        assert!(
            error.contains("shoes") && error.contains("networks, ports, fixed_ips, floating_ips"),
            "{error}"
        );
    }
}
