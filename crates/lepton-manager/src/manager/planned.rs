//! [`Wanted`]: a command, and the plan that it is to be carried out by, if there is one.

use lepton_ledger::{ApplyPlan, Command, Envelope, PlanHash, PlannedRequest, Reply};
use lepton_store::SubmitError;

use super::{Manager, ManagerError};

/// A command, and the plan that it is to be carried out by, if there is one.
#[derive(Clone, Debug)]
pub(crate) struct Wanted<C> {
    pub(crate) command: C,
    pub(crate) plan: Option<(PlannedRequest, PlanHash)>,
}

impl<C> From<C> for Wanted<C> {
    fn from(command: C) -> Self {
        Self { command, plan: None }
    }
}

impl Manager {
    /// Carries it out, or says what it would answer.
    pub(crate) async fn submit_wanted<C: Command>(
        &self,
        wanted: Wanted<C>,
        envelope: Envelope,
        validate_only: bool,
    ) -> Result<C::Answer, ManagerError> {
        if validate_only {
            Ok(self.rehearse(wanted, envelope).await?)
        } else {
            Ok(self.carry_out(wanted, envelope).await?.answer)
        }
    }

    /// Carries it out.
    pub(super) async fn carry_out<C: Command>(
        &self,
        Wanted { command, plan }: Wanted<C>,
        envelope: Envelope,
    ) -> Result<Reply<C::Answer>, SubmitError> {
        match plan {
            None => self.inner.store.submit(command, envelope).await,
            Some((request, plan)) => {
                self.inner.store.submit(ApplyPlan { command, request, plan }, envelope).await
            }
        }
    }

    /// Says what it would answer.
    async fn rehearse<C: Command>(
        &self,
        Wanted { command, plan }: Wanted<C>,
        envelope: Envelope,
    ) -> Result<C::Answer, SubmitError> {
        match plan {
            None => self.inner.store.rehearse(command, envelope).await,
            Some((request, plan)) => {
                self.inner.store.rehearse(ApplyPlan { command, request, plan }, envelope).await
            }
        }
    }
}
