//! [`Mishap`]: what goes wrong at one step that was chosen, while nothing else does.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lepton_types::HostId;
use tokio::sync::mpsc;

/// What goes wrong at a step: a question and its answer, a batch of a manager (what it reads, writes or drops), or what a kernel is told
/// to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// The question is lost, the disk refuses the batch, the kernel does not act.
    FailsBefore,
    /// It is done, and nobody hears of it.
    FailsAfter,
    /// Who is to do it dies before.
    DiesBefore,
    /// Who has done it dies before it can say so.
    DiesAfter,
    /// It is done, and once more. A batch is not: who writes it once more is asked once more.
    Twice,
}

impl Mishap {
    /// All that can go wrong at a step.
    pub const ALL: [Self; 5] =
        [Self::FailsBefore, Self::FailsAfter, Self::DiesBefore, Self::DiesAfter, Self::Twice];
}

/// Who can die.
#[derive(Clone, Debug)]
pub(crate) enum Mortal {
    /// A manager, by number.
    Manager(usize),
    /// A host's agent.
    Agent(HostId),
}

/// Counts steps, and says at which one something goes wrong. Clones are the same. As it begins it counts nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mishaps {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    is_counting: bool,
    steps: Vec<String>,
    chosen: Option<(usize, Mishap)>,
    dead: Option<mpsc::UnboundedSender<Mortal>>,
}

impl Mishaps {
    /// That something goes wrong at a step, counted from 0; and who hears of who has died.
    pub(crate) fn new(chosen: Option<(usize, Mishap)>) -> (Self, mpsc::UnboundedReceiver<Mortal>) {
        let (dead, deaths) = mpsc::unbounded_channel();
        let state = State { chosen, dead: Some(dead), ..State::default() };
        (Self { state: Arc::new(Mutex::new(state)) }, deaths)
    }

    /// Steps count from now on.
    pub(crate) fn count(&self) {
        self.state().is_counting = true;
    }

    /// No more steps count.
    pub(crate) fn stop(&self) {
        self.state().is_counting = false;
    }

    /// The steps there were.
    pub(crate) fn steps(&self) -> Vec<String> {
        self.state().steps.clone()
    }

    /// What goes wrong at this step.
    pub(crate) fn at(&self, step: fmt::Arguments<'_>) -> Option<Mishap> {
        let mut state = self.state();
        if !state.is_counting {
            return None;
        }
        let number = state.steps.len();
        state.steps.push(step.to_string());
        state.chosen.filter(|(chosen, _)| *chosen == number).map(|(_, mishap)| mishap)
    }

    /// Somebody dies.
    pub(crate) fn dies(&self, who: Mortal) {
        if let Some(dead) = &self.state().dead {
            // Nobody hears of it when the run is over.
            let _ = dead.send(who);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
