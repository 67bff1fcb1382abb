//! The service over real sockets and a real SQLite file: what each call answers, and that a refusal changes nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod arguments;
mod audits;
mod catalogue;
mod changed;
mod dhcp;
mod dns;
mod dry_run;
mod events;
mod explain;
mod find;
mod fixed_ips;
mod floating_ips;
mod forms;
mod history;
mod hosts;
mod instance_names;
mod long_input;
mod mac_ranges;
mod malformed;
mod members;
mod migrations;
mod networks;
mod nova;
mod pages;
mod plans;
mod ports;
mod problem;
mod quotas;
mod records;
mod refusals;
mod release;
mod repeating;
mod server;
mod subnets;
mod unavailable;
mod vocabulary;
mod waiting;
mod watched;
