//! What fuzzing does with an input, and what it takes for a fault: a panic, whoever catches it.
//!
//! ```text
//!  libFuzzer ─▶ tests/fuzz ────────┐                ┌─ rpc    any body to any call of the API, over a ledger that has everything
//!                                  ├─▶ a [`Target`] ┼─ text   any text to any parser of texts; what it reads it reads again
//!  the seeds, as a test ───────────┘                └─ bytes  any bytes to whatever reads the ledger's, the kernel's or a file's
//! ```
//!
//! An input begins with a mark that says for which call or parser it is ([`Choice`]); the rest is what that is given. An input does
//! the same whenever it is run: the ledger that it meets is as every other one, and what is drawn for it begins anew. What takes too long
//! or too much memory is for those to say who run a target: `tests/fuzz/` and `cargo xtask fuzz`. `docs/fuzzing.md` says how to use it.

#![expect(
    clippy::unwrap_used,
    reason = "where it panics something is not as it must be, and that is what callers ask"
)]

mod bytes;
mod callers;
mod choice;
mod rpc;
mod scratch;
mod seed;
mod text;
mod told;

pub use choice::Choice;
pub use seed::Seed;

/// Something that can be fuzzed.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of the program, and of the folder of its seeds.
    pub name: &'static str,
    /// Does with an input what there is to do.
    pub run: fn(&[u8]),
    /// The mark of what an input is for ([`Choice::exact`]).
    pub mark: fn(&[u8]) -> Option<[u8; 2]>,
    /// The seeds that are made here: one for each call or parser at least, so that none is found by chance only.
    pub seeds: fn() -> Vec<Seed>,
}

/// Any body to any call of the API.
pub const RPC: Target = Target { name: "rpc", run: rpc::run, mark: rpc::mark, seeds: rpc::seeds };

/// Any text to any parser of texts.
pub const TEXT: Target = Target { name: "text", run: text::run, mark: text::mark, seeds: text::seeds };

/// Any bytes to whatever reads bytes.
pub const BYTES: Target = Target { name: "bytes", run: bytes::run, mark: bytes::mark, seeds: bytes::seeds };

/// All of them.
pub const TARGETS: [Target; 3] = [RPC, TEXT, BYTES];
