//! [`PanicWatch`]: whatever panics in a run fails it, also what the store, a task or tonic catches and at best writes to a log.

use std::{cell::RefCell, panic, sync::Once};

use crate::check::Checker;

thread_local! {
    /// Who is told of a panic in this thread.
    static CHECKER: RefCell<Option<Checker>> = const { RefCell::new(None) };
}

/// As long as it lives, what panics in this thread is what its run has failed of. A run has one thread, and a thread one run.
pub(crate) struct PanicWatch(());

impl PanicWatch {
    pub(crate) fn begin(checker: &Checker) -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let others = panic::take_hook();
            panic::set_hook(Box::new(move |fault| {
                CHECKER.with_borrow(|checker| {
                    if let Some(checker) = checker {
                        checker.fail(format_args!("{fault}"));
                    }
                });
                others(fault);
            }));
        });
        CHECKER.set(Some(checker.clone()));
        Self(())
    }
}

impl Drop for PanicWatch {
    fn drop(&mut self) {
        CHECKER.set(None);
    }
}
