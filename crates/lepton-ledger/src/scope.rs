//! [`Scope`]: what of the ledger a caller may see and change. What is out of scope does not exist for it.

use lepton_types::{Network, ProjectId};

use crate::Refusal;

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

    /// Whether the caller may see the network: its own, or a global one. A pool of floating IPs is no network to anybody who asks
    /// for networks.
    pub fn sees(&self, network: &Network) -> bool {
        !network.is_external && (network.project.is_none() || self.owns(network.project.as_ref()))
    }

    /// The only project that the caller acts for, if there is only one.
    pub fn project(&self) -> Option<&ProjectId> {
        match self {
            Self::Everything => None,
            Self::Project(project) => Some(project),
        }
    }

    /// Whose things a list shows that asks for those of a project, or of any: none at all for a tenant that asks for another's.
    pub(crate) fn narrowed<'a>(&'a self, asked: Option<&'a ProjectId>) -> Option<Option<&'a ProjectId>> {
        match (asked, self.project()) {
            (Some(asked), Some(own)) if asked != own => None,
            (asked, own) => Some(asked.or(own)),
        }
    }

    /// The project that a request is for which `named` one, or none. A tenant may leave its own out.
    pub(crate) fn acting_for(&self, named: Option<&ProjectId>) -> Result<Option<ProjectId>, Refusal> {
        if named.is_some() {
            self.may_change(named)?;
        }
        Ok(named.or(self.project()).cloned())
    }

    /// Refuses a change of what the caller sees and does not own.
    pub(crate) fn may_change(&self, owner: Option<&ProjectId>) -> Result<(), Refusal> {
        match self {
            Self::Project(allowed) if !self.owns(owner) => {
                Err(Refusal::ProjectNotAllowed { project: owner.cloned(), allowed: allowed.clone() })
            }
            Self::Everything | Self::Project(_) => Ok(()),
        }
    }

    /// Refuses what is an operator's to set, if a tenant has set it.
    pub(crate) fn may_set(&self, field: impl Into<String>, is_set: bool) -> Result<(), Refusal> {
        match self {
            Self::Project(_) if is_set => Err(Refusal::FieldNotAllowed { field: field.into() }),
            Self::Everything | Self::Project(_) => Ok(()),
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
    fn a_tenant_acts_for_its_own_project_whether_it_says_so_or_not() {
        let (own, other) = (project("p1"), project("p2"));
        let scope = Scope::Project(own.clone());
        assert_eq!(scope.acting_for(None), Ok(Some(own.clone())));
        assert_eq!(scope.acting_for(Some(&own)), Ok(Some(own.clone())));
        let refusal = Refusal::ProjectNotAllowed { project: Some(other.clone()), allowed: own };
        assert_eq!(scope.acting_for(Some(&other)), Err(refusal));
        assert_eq!(Scope::Everything.acting_for(None), Ok(None));
        assert_eq!(Scope::Everything.acting_for(Some(&other)), Ok(Some(other)));
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
