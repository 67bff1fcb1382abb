//! [`Scope`]: what of the ledger a caller may see and change. What is out of scope does not exist for it.

use lepton_types::{Network, ProjectId};

/// What of the ledger a caller may see and change. Follows from its credentials, so it is no part of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Whatever there is: operators and services, which act for every project.
    #[default]
    Everything,
    /// What belongs to one project; of the global networks, that they are there.
    Project(ProjectId),
}

impl Scope {
    /// Whether the caller may change what belongs to `owner`; what is nobody's is an operator's.
    pub fn owns(&self, owner: Option<&ProjectId>) -> bool {
        match self {
            Self::Everything => true,
            Self::Project(project) => owner == Some(project),
        }
    }

    /// Whether the caller may see the network: its own, or a global one.
    pub fn sees(&self, network: &Network) -> bool {
        network.project.is_none() || self.owns(network.project.as_ref())
    }

    /// The only project that the caller acts for, if there is only one.
    pub fn project(&self) -> Option<&ProjectId> {
        match self {
            Self::Everything => None,
            Self::Project(project) => Some(project),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{made, network};

    fn project(name: &str) -> ProjectId {
        name.parse().unwrap()
    }

    #[test]
    fn a_project_owns_its_own_things_and_an_operator_all() {
        let (own, other) = (project("p1"), project("p2"));
        let scope = Scope::Project(own.clone());
        assert_eq!([Some(&own), Some(&other), None].map(|owner| scope.owns(owner)), [true, false, false]);
        assert_eq!([Some(&own), None].map(|owner| Scope::Everything.owns(owner)), [true, true]);
    }

    #[test]
    fn a_project_sees_its_own_networks_and_the_global_ones() {
        let mut ledger = crate::example::empty();
        let network = |project: Option<ProjectId>, label: &str, cidr: &str, ledger: &mut crate::View| {
            made(ledger, crate::NetworkSpec { project, ..network(label, &[cidr]) }).network
        };
        let own = network(Some(project("p1")), "own", "10.1.0.0/24", &mut ledger);
        let global = network(None, "global", "10.2.0.0/24", &mut ledger);
        let foreign = network(Some(project("p2")), "foreign", "10.3.0.0/24", &mut ledger);
        let scope = Scope::Project(project("p1"));
        assert_eq!([&own, &global, &foreign].map(|network| scope.sees(network)), [true, true, false]);
        assert!(Scope::Everything.sees(&foreign));
    }
}
