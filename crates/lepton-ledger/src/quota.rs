//! Quotas: what a project has of each resource is counted in the transaction in which it gets or gives it back.
//!
//! A unit's owner is the row that it counts, a network, a port, an address, and it comes back when that row ends. What is
//! nobody's, such as a global network, is not counted. Lowering a limit below what is used takes nothing away.

use lepton_types::{Amounts, Limit, ProjectId, Quota, Resource};
use serde::{Deserialize, Serialize};

use crate::{Command, Key, Refusal, Scope, Stop, View, page};

impl View {
    /// Counts `count` more of the resource as the project's.
    ///
    /// # Errors
    ///
    /// [`Refusal::QuotaExceeded`] when it may not have so much.
    pub(crate) fn spend(
        &mut self,
        project: &ProjectId,
        resource: Resource,
        count: usize,
    ) -> Result<(), Stop> {
        if count == 0 {
            return Ok(());
        }
        let mut quota = self.with_room_for(project, resource, count)?;
        *quota.used.of_mut(resource) += count as u64;
        self.replace(quota);
        Ok(())
    }

    /// What the project has and may have, if it may have `count` more of the resource. Who spends in several steps asks for all at once
    /// before, so that a refusal tells of all that was asked for.
    ///
    /// # Errors
    ///
    /// [`Refusal::QuotaExceeded`] when it may not have so much.
    pub(crate) fn with_room_for(
        &mut self,
        project: &ProjectId,
        resource: Resource,
        count: usize,
    ) -> Result<Quota, Stop> {
        let quota = self.quota(project)?;
        let (used, wanted) = (*quota.used.of(resource), count as u64);
        let limit = quota.limits.of(resource).unwrap_or(*self.default_limits().of(resource));
        if limit.allows(used + wanted) {
            Ok(quota)
        } else {
            Err(Refusal::QuotaExceeded { project: project.clone(), resource, limit, used, wanted }.into())
        }
    }

    /// Counts `count` less of the resource as the project's.
    pub(crate) fn refund(
        &mut self,
        project: &ProjectId,
        resource: Resource,
        count: usize,
    ) -> Result<(), Stop> {
        if count == 0 {
            return Ok(());
        }
        let mut quota = self.quota(project)?;
        let used = quota.used.of_mut(resource);
        // Below zero is a fault of ours, which the table's constraint would turn into one that nothing can end.
        *used = used.saturating_sub(count as u64);
        self.replace(quota);
        Ok(())
    }

    /// What the project has, and may have.
    pub(crate) fn quota(&mut self, project: &ProjectId) -> Result<Quota, Stop> {
        self.need([Key::Quota(project.clone())])?;
        Ok(self.row(project).cloned().unwrap_or_else(|| Quota::new(project.clone())))
    }

    /// Counts a network for its new owner and no more for its old one.
    pub(crate) fn move_network_unit(
        &mut self,
        from: Option<&ProjectId>,
        to: Option<&ProjectId>,
    ) -> Result<(), Stop> {
        if from == to {
            return Ok(());
        }
        self.need([from, to].into_iter().flatten().cloned().map(Key::Quota))?;
        if let Some(to) = to {
            self.spend(to, Resource::Networks, 1)?;
        }
        if let Some(from) = from {
            self.refund(from, Resource::Networks, 1)?;
        }
        Ok(())
    }
}

/// What a project has and may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaState {
    /// The project's row, or what stands for one that is not there.
    pub quota: Quota,
    /// What it may have, the defaults included.
    pub limits: Amounts<Limit>,
}

/// Shows what a project has and may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetQuota {
    /// Which project; none: the caller's own.
    pub project: Option<ProjectId>,
    /// What the caller may see.
    pub scope: Scope,
}

impl Command for GetQuota {
    type Answer = QuotaState;

    const NAME: &'static str = "GetQuota";

    fn decide(&self, ledger: &mut View) -> Result<QuotaState, Stop> {
        let project = self.scope.acting_for(self.project.as_ref())?;
        let project = project.ok_or_else(|| Refusal::invalid_field("project_id", "is required"))?;
        let quota = ledger.quota(&project)?;
        Ok(state(ledger, quota))
    }
}

/// Sets what a project may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetQuota {
    /// Which project.
    pub project: ProjectId,
    /// What it may have of each resource; none: as it is, `Some(None)`: the default of the configuration.
    pub limits: Amounts<Option<Option<Limit>>>,
}

impl Command for SetQuota {
    type Answer = QuotaState;

    const NAME: &'static str = "SetQuota";

    fn keys(&self) -> Vec<Key> {
        vec![Key::Quota(self.project.clone())]
    }

    fn decide(&self, ledger: &mut View) -> Result<QuotaState, Stop> {
        let mut quota = ledger.quota(&self.project)?;
        for resource in Resource::ALL {
            if let Some(limit) = *self.limits.of(resource) {
                *quota.limits.of_mut(resource) = limit;
            }
        }
        let is_there = ledger.row::<Quota>(&self.project).is_some();
        if is_there || quota != Quota::new(self.project.clone()) {
            ledger.replace(quota.clone());
        }
        Ok(state(ledger, quota))
    }
}

/// Shows what projects have and may have: those that have or had something, or whose limits an admin has set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuotas {
    /// Only projects behind this one.
    pub after: Option<ProjectId>,
    /// Most quotas to show; not zero.
    pub limit: u16,
}

/// A page of quotas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaPage {
    /// The quotas, in the order of their projects.
    pub quotas: Vec<QuotaState>,
    /// The project behind which the next page starts; none on the last page.
    pub next: Option<ProjectId>,
}

impl Command for ListQuotas {
    type Answer = QuotaPage;

    const NAME: &'static str = "ListQuotas";

    fn decide(&self, ledger: &mut View) -> Result<QuotaPage, Stop> {
        let mut quotas = ledger.quota_page(self.after.as_ref(), page::looks(self.limit))?;
        let next = page::cut(&mut quotas, self.limit, |quota| quota.project.clone());
        let quotas = quotas.into_iter().map(|quota| state(ledger, quota)).collect();
        Ok(QuotaPage { quotas, next })
    }
}

fn state(ledger: &View, quota: Quota) -> QuotaState {
    let defaults = ledger.default_limits();
    let limit = |resource| quota.limits.of(resource).unwrap_or(*defaults.of(resource));
    let limits = Amounts {
        networks: limit(Resource::Networks),
        ports: limit(Resource::Ports),
        fixed_ips: limit(Resource::FixedIps),
        floating_ips: limit(Resource::FloatingIps),
    };
    QuotaState { quota, limits }
}

#[cfg(test)]
mod tests;
