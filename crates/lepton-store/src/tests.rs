//! What every store must do, run on each of them.

mod fixed_ips;
mod harness;
mod instances;
mod pools;
mod quarantine;
mod requests;
mod sound;

use harness::each_store;
