//! What tests need of the world: a private PostgreSQL server.
