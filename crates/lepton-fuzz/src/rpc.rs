//! The target `rpc`: any body to any call of the API, by any caller that may make it.
//!
//! The call goes to the very service that leptond serves, over a ledger in memory that has some of everything ([`World`]). It is
//! answered, or refused with a reason; a ledger that it changed is sound, and is so after the same call once more.

mod answer;
mod call;
mod examples;
mod world;

use std::cell::Cell;

use self::{
    call::{CHOICE, Call},
    world::World,
};
use crate::Seed;

thread_local! {
    /// A ledger that nobody has changed since it was made.
    static UNTOUCHED: Cell<Option<World>> = const { Cell::new(None) };
}

/// Makes a call.
pub(crate) fn run(input: &[u8]) {
    let Some(call) = Call::read(input) else { return };
    let world = UNTOUCHED.take().unwrap_or_else(World::new);
    world.begin();
    world.ask(&call).assert_proper();
    if world.is_touched() {
        world.assert_sound();
        // Under a request id it is the same call, and is answered from what was kept; without one it is another.
        world.ask(&call).assert_proper();
        world.assert_sound();
    } else {
        UNTOUCHED.set(Some(world));
    }
}

/// The mark of the call that an input is for.
pub(crate) fn mark(input: &[u8]) -> Option<[u8; 2]> {
    CHOICE.exact(input)
}

/// An example of each call, as somebody who may make it would.
pub(crate) fn seeds() -> Vec<Seed> {
    let world = World::new();
    examples::of(world.named()).into_iter().map(|example| example.seed()).collect()
}

#[cfg(test)]
mod tests;
