//! What every target is bound by.
//!
//! libFuzzer bounds an input's time (`-timeout`) and the memory of the process (`-rss_limit_mb`); how much a single input takes it
//! can only tell with a sanitizer, which stable compilers have not. So the allocator tells.

use std::alloc::System;

use cap::Cap;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Most bytes that an input may take at once: many times the largest request, since a ledger is made anew within.
const MOST_BYTES: usize = 64 << 20;

/// Does with an input what a target does. Whatever takes more memory than it may ends the process, as a panic does.
pub fn bounded(run: fn(&[u8]), input: &[u8]) {
    let most = ALLOCATOR.allocated() + MOST_BYTES;
    ALLOCATOR.set_limit(most).expect("it is more than what is there");
    run(input);
}
