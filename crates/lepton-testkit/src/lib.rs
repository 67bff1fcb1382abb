//! What tests need of the world: a private PostgreSQL server.
//!
//! [`PrivatePostgres`] starts one from the installed binaries, out of reach of any other server, and leaves nothing
//! behind, however the test ends. [`LossyPostgres`] is a way to it that loses answers when told to. Tests and benchmarks use this crate, the programs never do.

mod postgres;

pub use postgres::{Durability, LossyPostgres, PostgresError, PrivatePostgres};
