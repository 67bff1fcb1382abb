//! `lepton`, the operators' command line for `leptond`.
//!
//! ```text
//!  arguments ─▶ command_line ─▶ network │ instance │ …  ─▶ client ──gRPC──▶ leptond
//!               settings ───────────────────▲   │             │
//!                                               ▼             ▼
//!                                    stdout ◀─ output       error ─▶ stderr, exit code
//! ```
//!
//! Each noun (`network`, `instance`) turns its flags into one request of `proto/lepton/v1` and the answer into a view,
//! which `output` prints as a table, JSON or YAML. Nothing that the server validates is validated here: what is refused
//! and why is the server's word, `error` only says it in the words of the command line.
//!
//! Only what a program around the command line needs is public: [`run`] it, [`understand`] it and a file of settings
//! ([`understand_file`]), and its [`reference()`].

mod audit;
mod blame;
mod change;
mod client;
mod command_line;
mod dhcp;
mod dns;
mod duration;
mod endpoint;
mod error;
mod event;
mod explain;
mod fixed;
mod floating;
mod follow;
mod hints;
mod history;
mod host;
mod instance;
mod mac_range;
mod moment;
mod network;
mod number;
mod output;
mod pages;
mod port;
mod quota;
mod reference;
mod retry;
mod route;
mod settings;
mod subnet;
mod subnet_options;
mod version;

pub use command_line::{run, understand};
pub use reference::reference;
pub use settings::understand_file;
