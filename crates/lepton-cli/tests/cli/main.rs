//! The binary `lepton` against a server that plays a script: what it asks, what it prints, how it ends.
//!
//! What it prints is pinned in `snapshots/`; `INSTA_UPDATE=always cargo test -p lepton-cli` accepts what is printed now.

#![expect(clippy::unwrap_used, reason = "allow-unwrap-in-tests does not reach what tests share")]

mod audit;
mod connection;
mod dhcp;
mod dns;
mod event;
mod explain;
mod fixed;
mod fixtures;
mod floating;
mod history;
mod host;
mod instance;
mod mac_range;
mod network;
mod plan;
mod port;
mod quota;
mod refusals;
mod route;
mod server;
mod settings;
mod subnet;
mod terminal;
mod tls;
mod words;
