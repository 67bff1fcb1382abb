//! Loads and writes the ledger: memory, SQLite, PostgreSQL. The only crate that knows SQL.
