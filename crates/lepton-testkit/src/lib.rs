//! What tests need of the world: a private PostgreSQL server, a kernel of their own, and a caller that stalls.
//!
//! [`PrivatePostgres`] starts a server from the installed binaries, out of reach of any other one, and leaves nothing
//! behind, however the test ends; [`LossyPostgres`] is a way to it that loses answers when told to. [`kernel_test!`] runs
//! a test in namespaces of its own, where it may do with devices and filters what it likes. [`Stalled`] is the body of a request
//! that never arrives whole. Tests and benchmarks use this crate, the programs never do.

mod namespace;
mod postgres;
mod stalled;

pub use namespace::{isolated, isolated_beside};
pub use postgres::{Durability, LossyPostgres, PostgresError, PrivatePostgres};
pub use stalled::Stalled;
