//! [`Stage`]: which actions go to the kernel together, and a run of them through it.

use lepton_plan::{Action, HostState, Role};
use lepton_types::IfName;

use crate::PlugError;

use super::{Linux, Outcome, limit::Limit};

/// What one call to the kernel, or one run of `nft`, can do together. Actions of a plan come in runs of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Load,
    Filters,
    Unplugs,
    Bridges,
    Devices,
    Deletions,
}

impl Linux {
    /// Applies a run of actions of one stage: refuses those whose precondition does not hold, and does the rest together.
    pub(super) async fn apply_run(&mut self, stage: Stage, run: &[Action], limit: Limit) -> Vec<Outcome> {
        let mut expected = self.known.clone();
        let mut outcomes: Vec<Outcome> = run.iter().map(|action| check(&mut expected, action)).collect();
        let (places, actions): (Vec<usize>, Vec<&Action>) =
            run.iter().enumerate().filter(|(place, _)| outcomes[*place].is_ok()).unzip();
        let done = match stage {
            Stage::Load => self.load(&actions).await,
            Stage::Filters => self.change_filters(&actions, limit).await,
            Stage::Unplugs => self.delete(&actions, limit).await,
            Stage::Bridges => self.make_bridges(&actions, limit).await,
            Stage::Devices => self.make_devices(&actions, limit).await,
            Stage::Deletions => self.delete_bridges(&actions, limit).await,
        };
        for ((place, action), outcome) in places.into_iter().zip(actions).zip(done) {
            if outcome.is_ok() {
                // Refused only when an earlier one of the run failed in the kernel; the next observation tells.
                let _ = self.known.apply(action);
            }
            outcomes[place] = outcome;
        }
        outcomes
    }
}

impl Stage {
    pub(super) fn of(action: &Action) -> Self {
        match action {
            Action::LoadFilters { .. } => Self::Load,
            Action::SetFilter { .. } | Action::RemoveFilter { .. } => Self::Filters,
            Action::Unplug { .. } => Self::Unplugs,
            Action::CreateBridge { .. } | Action::SetBridge { .. } => Self::Bridges,
            Action::Plug { .. } | Action::SetDevice { .. } => Self::Devices,
            Action::DeleteBridge { .. } => Self::Deletions,
        }
    }
}

/// Whether `action` can be done where `expected` is what its predecessors have led to; then it has been done there.
/// Names that are not ours go no further: the rest of this back end may write them into an nft text as they are.
fn check(expected: &mut HostState, action: &Action) -> Outcome {
    let mut names: Vec<&IfName> = action.subject().into_iter().collect();
    if let Action::LoadFilters { filters } = action {
        names.extend(filters.keys());
    }
    if let Some(name) = names.into_iter().find(|name| Role::of(name).is_none()) {
        return Err(PlugError::new("touch", name, "the name is not one of ours"));
    }
    expected.apply(action).map_err(|refusal| PlugError::refused(action, &refusal))
}
