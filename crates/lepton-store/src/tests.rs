//! What every store must do, run on each of them.

mod harness;
mod instances;

use harness::each_store;
