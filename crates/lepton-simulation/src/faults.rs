//! [`Faults`]: how much goes wrong in a run, drawn from its seed, until it is calm.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    chance::Chance,
    mishap::{Mishap, Mishaps, Mortal},
};

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// How much goes wrong. Some runs have none of a kind, so that others are seen alone.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    chance: Chance,
    rates: Rates,
    is_calm: Arc<AtomicBool>,
    trick: Option<Trick>,
    mishaps: Mishaps,
}

/// A fault that Lepton cannot cope with, to see whether a run finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trick {
    /// Kernels say that they have removed what they keep.
    KernelKeeps,
    /// Managers forget at once what they have answered under which request id.
    AnswersAreForgotten,
    /// Agents panic where they look at their hosts for the first time.
    AgentsPanic,
}

/// How often something goes wrong, in a thousand times that it could.
#[derive(Clone, Copy, Debug, Default)]
struct Rates {
    lost: u32,
    doubled: u32,
    late: u32,
    refused: u32,
    unheard: u32,
    slow: u32,
    plug: u32,
}

/// How a message, or an answer, travels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Journey {
    /// How long it takes; none: for ever.
    pub(crate) takes: Option<Duration>,
    /// After how long it arrives once more.
    pub(crate) doubled: Option<Duration>,
}

impl Faults {
    /// What goes wrong in the run that has this chance.
    pub(crate) fn draw(chance: &Chance, trick: Option<Trick>) -> Self {
        let rate = |most: usize| {
            let is_absent = chance.strikes(400);
            let rate = u32::try_from(chance.number(1..most)).expect("small");
            if is_absent { 0 } else { rate }
        };
        let rates = Rates {
            lost: rate(60),
            doubled: rate(80),
            late: rate(60),
            refused: rate(40),
            unheard: rate(40),
            slow: rate(30),
            plug: rate(80),
        };
        Self { chance: chance.fork(), rates, is_calm: Arc::default(), trick, mishaps: Mishaps::default() }
    }

    /// Nothing, but for what goes wrong at a step that was chosen.
    pub(crate) fn chosen(chance: &Chance, mishaps: Mishaps) -> Self {
        let (rates, is_calm) = (Rates::default(), Arc::default());
        Self { chance: chance.fork(), rates, is_calm, trick: None, mishaps }
    }

    /// What goes wrong at this step, of those that are chosen.
    pub(crate) fn mishap(&self, step: fmt::Arguments<'_>) -> Option<Mishap> {
        self.mishaps.at(step)
    }

    /// Somebody dies, and comes back later.
    pub(crate) fn dies(&self, who: Mortal) {
        self.mishaps.dies(who);
    }

    /// Whether this is what goes wrong.
    pub(crate) fn is(&self, trick: Trick) -> bool {
        self.trick == Some(trick)
    }

    /// From now on nothing goes wrong.
    pub(crate) fn calm(&self) {
        self.is_calm.store(true, Ordering::Relaxed);
    }

    /// Whether nothing goes wrong any more.
    pub(crate) fn is_calm(&self) -> bool {
        self.is_calm.load(Ordering::Relaxed)
    }

    /// How the next message travels.
    pub(crate) fn journey(&self) -> Journey {
        let usual = self.chance.time(ms(0)..ms(4));
        let takes = if self.strikes(self.rates.lost) {
            None
        } else if self.strikes(self.rates.late) {
            Some(self.chance.time(ms(50)..ms(20_000)))
        } else {
            Some(usual)
        };
        let doubled = self.strikes(self.rates.doubled).then(|| self.chance.time(ms(0)..ms(30_000)));
        Journey { takes, doubled }
    }

    /// How long a disk takes.
    pub(crate) fn disk_takes(&self) -> Duration {
        let usual = self.chance.time(ms(0)..ms(3));
        if self.strikes(self.rates.slow) { self.chance.time(ms(100)..ms(5_000)) } else { usual }
    }

    /// Whether a disk refuses what it is told to write.
    pub(crate) fn disk_refuses(&self) -> bool {
        self.strikes(self.rates.refused)
    }

    /// Whether nobody hears that a disk has done what it was told.
    pub(crate) fn disk_is_unheard(&self) -> bool {
        self.strikes(self.rates.unheard)
    }

    /// Whether a host does not do what it is told.
    pub(crate) fn plug_fails(&self) -> bool {
        self.strikes(self.rates.plug)
    }

    /// How long a host takes for one action.
    pub(crate) fn plug_takes(&self) -> Duration {
        self.chance.time(ms(0)..ms(5))
    }

    fn strikes(&self, per_mille: u32) -> bool {
        !self.is_calm() && self.chance.strikes(per_mille)
    }
}
