//! What every store must do, run on each of them.

mod checkpoint;
mod dhcp;
mod dns;
mod durable;
mod events;
mod find;
mod fixed_ips;
mod floating_ips;
mod harness;
mod history;
mod hosts;
mod indexes;
mod instances;
mod locks;
mod macs;
mod meeting;
mod migrations;
mod modified;
mod network_info;
mod networks;
mod parallel;
mod patience;
mod pools;
mod ports;
mod positions;
mod postgres;
mod quarantine;
mod queue;
mod quotas;
mod requests;
mod sound;
mod sqlite;
mod statements;
mod subnets;

use harness::each_store;
